//! Legal holds through the API and the settings page: rights, refusals, and their entries.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{GROUPS, World};

const HOLDS: &str = "/api/v1/holds";

fn may_change(groups: &[&str]) -> bool {
    groups.iter().any(|group| ["admin", "owner", "super-admin"].contains(group))
}

/// Places a hold, and returns its id.
async fn place(world: &World) -> String {
    let hold = world.bearer("root", &["admin"]).post(HOLDS, r#"{"from":"2026-01-01","reason":"case 7"}"#).await;
    assert_eq!(hold.status, StatusCode::CREATED, "{}", hold.text);
    hold.json()["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn each_group_places_and_releases_only_the_holds_it_may() {
    let world = World::new();
    for groups in GROUPS {
        let ada = world.bearer("ada", groups);
        let may = may_change(groups);
        let status = |done| if may { done } else { StatusCode::FORBIDDEN };
        let placed = ada.post(HOLDS, r#"{"from":"2026-01-01","reason":"case 7"}"#).await;
        assert_eq!(placed.status, status(StatusCode::CREATED), "{groups:?}");
        assert_eq!(ada.post(HOLDS, "nonsense").await.status == StatusCode::FORBIDDEN, !may, "{groups:?}");
        let release = format!("{HOLDS}/{}/release", place(&world).await);
        assert_eq!(ada.post(&release, r#"{"reason":"over"}"#).await.status, status(StatusCode::OK), "{groups:?}");
        let browser = world.browser("ada", groups).await;
        let placed = browser.form("/settings/holds", "from=2026-01-01&to=&reason=case").await;
        assert_eq!(placed.status, status(StatusCode::SEE_OTHER), "{groups:?}");
        let form = format!("id={}&reason=over", place(&world).await);
        let released = browser.form("/settings/holds/release", &form).await;
        assert_eq!(released.status, status(StatusCode::SEE_OTHER), "{groups:?}");
        let page = browser.get("/settings").await.text;
        assert_eq!(page.contains(">Place hold<") && page.contains(">Release<"), may, "{groups:?}");
    }
}

#[tokio::test]
async fn a_hold_is_returned_with_its_effect() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    let empty = admin.get(HOLDS).await.json();
    assert_eq!((&empty["holds"], &empty["cleanup_stops_at"]), (&json!([]), &json!(null)));
    let wanted = r#"{"from":"2026-02-01T08:00:00Z","to":"2026-03-01","reason":" case 7 "}"#;
    let hold = admin.post(HOLDS, wanted).await.json();
    assert_eq!((&hold["reason"], &hold["placed_by"]), (&json!("case 7"), &json!("root")));
    // The day is included.
    assert_eq!((&hold["to"], &hold["released"]), (&json!("2026-03-02T00:00:00.000000Z"), &json!(null)));
    let told = world.bearer("eve", &["auditor"]).get(HOLDS).await.json();
    assert_eq!((&told["holds"][0], &told["cleanup_stops_at"]), (&hold, &json!("2026-02-01T08:00:00.000000Z")));
    assert!(told["note"].as_str().is_some_and(|note| note.contains("after the end of the hold stay as well")));
    let browser = world.browser("eve", &["auditor"]).await;
    let page = browser.get("/settings").await.text;
    for text in ["case 7", "from 2026-02-01 08:00:00 UTC until 2026-03-01", "<strong>in force</strong>", "stay as well"]
    {
        assert!(page.contains(text), "the page lacks {text:?}");
    }
    let release = format!("{HOLDS}/{}/release", hold["id"].as_str().expect("an id"));
    let released = admin.post(&release, r#"{"reason":"closed"}"#).await.json();
    assert_eq!((&released["released"]["by"], &released["released"]["reason"]), (&json!("root"), &json!("closed")));
    admin.post(&release, r#"{"reason":"closed"}"#).await.problem(422, "already");
    assert!(admin.get(HOLDS).await.json()["cleanup_stops_at"].is_null());
    assert!(!browser.get("/settings").await.text.contains("<strong>in force"));
    for action in ["hold.placed", "hold.released"] {
        let entries = admin.entries(&format!("action={action}")).await;
        assert_eq!((entries.len(), &entries[0]["user"]), (1, &json!("root")), "{action}");
    }
}

#[tokio::test]
async fn an_invalid_hold_is_refused() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    let long = format!(r#"{{"from":"2026-01-01","reason":"{}"}}"#, "x".repeat(501));
    for (body, status, word) in [
        (r#"{"from":"yesterday","reason":"x"}"#, 422, "2026-01-31"),
        (r#"{"from":"","reason":"x"}"#, 422, "from"),
        (r#"{"from":"2026-01-02","to":"2026-01-01","reason":"x"}"#, 422, "ends before it starts"),
        (r#"{"from":"2026-01-02","to":"never","reason":"x"}"#, 422, "to"),
        (r#"{"from":"2026-01-02","reason":"  "}"#, 422, "reason"),
        (&long, 422, "500"),
        (r#"{"from":"2026-01-02"}"#, 400, "reason"),
        (r#"{"from":"2026-01-02","reason":"x","until":"x"}"#, 400, "until"),
        (r#"{"from":1,"reason":"x"}"#, 400, "from"),
        ("[", 400, "not JSON"),
    ] {
        admin.post(HOLDS, body).await.problem(status, word);
    }
    admin.send("POST", HOLDS, "text/plain", "{}").await.problem(415, "application/json");
    for id in ["01930000-0000-7000-8000-000000000000", "nonsense", "%ff"] {
        admin.post(&format!("{HOLDS}/{id}/release"), r#"{"reason":"x"}"#).await.problem(404, "No such hold");
    }
    admin.delete(HOLDS).await.problem(405, "Allow");
    assert_eq!(admin.get(HOLDS).await.json()["holds"], json!([]));
    let page = world.browser("root", &["admin"]).await.form("/settings/holds", "from=x&reason=y").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("give a date such as"), "{}", page.text);
}
