//! The settings page beyond its form: the last change, why a viewer may not change, and refused holds.

use std::sync::Arc;

use axum::http::StatusCode;
use mcp_audit_log::time::{Clock, DAY, HOUR, ManualClock, SystemClock};

use crate::support::{World, call};

#[tokio::test]
async fn each_setting_shows_its_last_change() {
    let world = World::new();
    let anna = world.browser("anna", &["admin"]).await;
    let before = anna.get("/settings").await.text;
    assert!(!before.contains("Last changed"), "{before}");
    for (user, days) in [("anna", 60), ("otto", 7)] {
        let form = format!("log_payloads=false&retention_days={days}");
        assert_eq!(world.browser(user, &["admin"]).await.form("/settings", &form).await.status, StatusCode::SEE_OTHER);
    }
    for groups in [&["admin"][..], &["auditor"]] {
        let page = world.browser("root", groups).await.get("/settings").await.text;
        assert_eq!(page.matches("Last changed").count(), 1, "{page}");
        assert!(page.contains("</a> by otto.") && !page.contains("by anna"), "{page}");
        let link =
            page.split("Last changed <a href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
        let entry = world.browser("root", groups).await.get(link).await.text;
        assert!(entry.contains("<del>60</del>") && entry.contains("<ins>7</ins>"), "{entry}");
    }
}

#[tokio::test]
async fn a_viewer_who_may_not_change_is_told_why() {
    let world = World::new();
    let one = world.bearer_in("acme", "ina", &["admin"]).get("/settings").await;
    assert_eq!(one.status, StatusCode::OK, "{}", one.text);
    assert!(one.text.contains("only administrators without a tenant may change them"), "{}", one.text);
    let auditor = world.browser("otto", &["auditor"]).await.get("/settings").await;
    assert!(auditor.text.contains("only administrators may change them."), "{}", auditor.text);
    for page in [&one.text, &auditor.text] {
        let page = page.split("<main").nth(1).and_then(|rest| rest.split("</main>").next()).expect("the page itself");
        for control in ["action=\"/settings", "Run now", "Place hold", "<input"] {
            assert!(!page.contains(control), "{control} is offered: {page}");
        }
    }
    world.browser("root", &["admin"]).await.form("/settings/holds", "from=2026-01-01&reason=case+seven").await;
    let held = world.bearer_in("acme", "ina", &["admin"]).get("/settings").await.text;
    assert!(!held.contains("case seven"), "a hold of the whole log is told to one instance: {held}");
}

#[tokio::test]
async fn a_refused_hold_keeps_its_input() {
    let world = World::new();
    let admin = world.browser("root", &["admin"]).await;
    for (form, words) in [
        ("from=2026-02-02&to=2026-01-01&reason=case+7", "ends before it starts"),
        ("from=soon&to=2026-01-01&reason=case+7", "From: give a date"),
        ("from=2026-02-02&to=2026-01-01&reason=case%1B7", "role=\"alert\""),
    ] {
        let page = admin.form("/settings/holds", form).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        assert!(page.text.contains(words) && page.text.contains("value=\"2026-01-01\""), "{form}: {}", page.text);
        assert!(page.text.contains("value=\"case"), "{form}: {}", page.text);
        assert!(!page.text.contains("Nothing was saved"), "no setting was refused: {}", page.text);
    }
    assert!(
        admin.get("/settings").await.text.contains("Days are those of your time zone, UTC. The last day is included")
    );
    admin.form("/settings/holds", "from=2026-02-02&reason=case+7").await;
    let holds = world.bearer("root", &["admin"]).get("/api/v1/holds").await.json();
    let id = holds["holds"][0]["id"].as_str().expect("a hold");
    let page = admin.form("/settings/holds/release", &format!("id={id}&reason=over%1B")).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.text);
    assert!(page.text.contains("name=\"reason\" value=\"over"), "{}", page.text);
    assert!(page.text.contains("<strong>in force</strong>"), "{}", page.text);
}

/// In a small log the write-ahead log is most of the disk usage. It must not count as growth.
#[tokio::test]
async fn growth_excludes_the_write_ahead_log() {
    let clock = Arc::new(ManualClock::new(SystemClock.now().plus(-2 * DAY)));
    let world = World::at(&clock);
    for _ in 0..200 {
        world.record(mcp_audit_log::Event { occurred_at: clock.now(), ..call("ada", "search") }).await;
    }
    clock.advance(2 * HOUR);
    let extent = world.bearer("root", &["admin"]).get("/api/v1/extent").await.json();
    let number = |name: &str| extent[name].as_u64().expect("a number");
    assert!(number("journal_bytes") > number("bytes"), "the log is not small: {extent}");
    let entries = extent["growth_a_day"]["entries"].as_u64().expect("a number");
    let a_day = extent["growth_a_day"]["bytes"].as_u64().expect("a number");
    assert!(a_day <= number("bytes") * entries / number("entries") + 1, "{extent}");
    let page = world.browser("root", &["admin"]).await.get("/settings").await.text;
    assert!(page.contains("of write-ahead log, which does not grow with the entries"), "{page}");
}

/// The address and the inputs of the form that asks, as it is sent.
fn question(page: &str) -> (String, String) {
    let form = page.split_once("class=\"card narrow\"").expect("a question").1;
    let between = |text: &str, from: &str| {
        text.split_once(from).and_then(|(_, rest)| rest.split_once('"')).expect("an attribute").0.to_owned()
    };
    let inputs = form.split("<input type=\"hidden\"").skip(1);
    let inputs: Vec<_> = inputs
        .map(|input| format!("{}={}", between(input, "name=\""), between(input, "value=\"").replace(' ', "+")))
        .collect();
    (between(form, "action=\""), inputs.join("&"))
}

#[tokio::test]
async fn a_shorter_period_and_a_cleanup_ask_before_they_delete() {
    let clock = Arc::new(ManualClock::new(SystemClock.now().plus(-60 * DAY)));
    let world = World::at(&clock);
    for _ in 0..3 {
        world.record(mcp_audit_log::Event { occurred_at: clock.now(), ..call("ada", "search") }).await;
    }
    clock.advance(40 * DAY);
    let admin = world.browser("root", &["admin"]).await;
    let retention =
        || async { world.bearer("root", &["admin"]).get("/api/v1/settings").await.json()["retention_days"].clone() };
    // 50 days keep everything, 30 days nothing of it.
    assert_eq!(admin.form("/settings", "retention_days=50").await.status, StatusCode::SEE_OTHER);
    let asked = admin.form("/settings", "log_payloads=false&retention_days=30").await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
    assert!(asked.text.contains("The cleanup deletes up to 4 entries, recorded before 20"), "{}", asked.text);
    assert_eq!(retention().await, 50, "nothing is saved before the answer");
    let (action, form) = question(&asked.text);
    assert_eq!((action.as_str(), form.as_str()), ("/settings", "log_payloads=false&retention_days=30&confirmed=true"));
    assert_eq!(admin.form(&action, &form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(retention().await, 30);
    // A longer period asks nothing, and neither does the same one.
    assert_eq!(admin.form("/settings", "retention_days=30").await.status, StatusCode::SEE_OTHER);
    let job = "name=MCP%3A+Cleanup+Old+Audit+Logs";
    let asked = admin.form("/settings/crons", job).await;
    assert!(asked.text.contains("<h1>Delete now?</h1>") && asked.text.contains("up to 4 entries"), "{}", asked.text);
    assert_eq!(world.idle().await["last_run"], serde_json::Value::Null, "nothing has run");
    let (action, form) = question(&asked.text);
    let started = admin.form(&action, &form.replace(':', "%3A")).await;
    assert!(started.header("location").starts_with("/settings?ran="), "{}", started.text);
    assert_eq!(world.idle().await["last_succeeded"], true);
}
