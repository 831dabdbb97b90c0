//! Actions on the log: the entry names actor, connection, address and program; and a refused attempt is an entry too.

use serde_json::{Value, json};

use crate::support::{Caller, World, call_with};

const JOB: &str = "/api/v1/crons/MCP%3A%20Cleanup%20Old%20Audit%20Logs/run";
const HOLD: &str = r#"{"from":"2026-01-01","reason":"case 7"}"#;
const TOKEN: &str = r#"{"user":"uma","groups":["user"]}"#;
const VIEW: &str = r#"{"name":"errors","query":"outcome=error","shared":true}"#;

/// Every action on the log: a request with its status, and the action of its entry.
async fn deeds(by: &Caller<'_>, hold: &str, token: &str, payload: &str) -> Vec<(&'static str, u16)> {
    let release = format!("/api/v1/holds/{hold}/release");
    vec![
        ("settings.updated", by.patch("/api/v1/settings", r#"{"retention_days":31}"#).await.status.as_u16()),
        ("hold.placed", by.post("/api/v1/holds", HOLD).await.status.as_u16()),
        ("hold.released", by.post(&release, r#"{"reason":"over"}"#).await.status.as_u16()),
        ("retention.started", by.send("POST", JOB, "", "").await.status.as_u16()),
        ("api_key.created", by.post("/api/v1/tokens", TOKEN).await.status.as_u16()),
        ("api_key.revoked", by.delete(&format!("/api/v1/tokens/{token}")).await.status.as_u16()),
        ("export.started", by.get("/api/v1/export?format=csv").await.status.as_u16()),
        ("payload.read", by.get(&format!("/api/v1/entries/{payload}")).await.status.as_u16()),
    ]
}

async fn prepared(world: &World) -> (String, String, String) {
    world.keep_payloads().await;
    let root = world.bearer("root", &["admin"]);
    let hold = root.post("/api/v1/holds", HOLD).await.json()["id"].as_str().expect("an id").to_owned();
    let token = world.token("bob", &["user"]).1.id;
    (hold, token, world.record(call_with("bob", "question", "answer")).await)
}

fn of_user<'a>(entries: &'a [Value], user: &str) -> Vec<&'a Value> {
    entries.iter().filter(|entry| entry["user"] == user).collect()
}

#[tokio::test]
async fn an_action_names_actor_connection_address_and_program() {
    let world = World::new();
    let (hold, token, payload) = prepared(&world).await;
    let ada = world.bearer("ada", &["admin", "auditor"]).header("user-agent", "curl/8");
    for (action, status) in deeds(&ada, &hold, &token, &payload).await {
        assert!((200..300).contains(&status), "{action}: {status}");
    }
    assert_eq!(ada.post("/api/v1/views", VIEW).await.status.as_u16(), 201);
    world.idle().await;
    for action in [
        "settings.updated",
        "hold.placed",
        "hold.released",
        "retention.started",
        "retention.completed",
        "api_key.created",
        "api_key.revoked",
        "export.started",
        "export.completed",
        "payload.read",
        "view.shared",
    ] {
        let entries = ada.entries(&format!("action={action}")).await;
        let own = of_user(&entries, "ada");
        let [entry] = own[..] else { panic!("{action}: {own:?}") };
        let told = [&entry["connection"], &entry["ip"], &entry["user_agent"], &entry["outcome"]];
        assert_eq!(told, [&json!("test"), &json!("203.0.113.7"), &json!("curl/8"), &json!("success")], "{entry}");
    }
}

#[tokio::test]
async fn a_refused_attempt_is_recorded() {
    let world = World::new();
    let (hold, token, payload) = prepared(&world).await;
    let uma = world.bearer("uma", &["user"]);
    let root = world.bearer("root", &["admin"]);
    for (action, status) in deeds(&uma, &hold, &token, &payload).await {
        if action == "payload.read" {
            // Bob's entry does not exist for her, so there was nothing that could be refused.
            assert_eq!(status, 404);
            continue;
        }
        assert_eq!(status, 403, "{action}");
        // Enqueued after the refusal, so that the refusal is stored when this is.
        world.record(call_with("bob", "question", "answer")).await;
        let entries = root.entries(&format!("action={action}&outcome=denied")).await;
        let [entry] = of_user(&entries, "uma")[..] else { panic!("{action}: {entries:?}") };
        assert_eq!((&entry["error_type"], &entry["ip"]), (&json!("denied"), &json!("203.0.113.7")), "{entry}");
        assert!(entry["error_message"].as_str().is_some_and(|why| why.starts_with("Refused: you are not allowed to")));
    }
}

#[tokio::test]
async fn a_viewer_of_a_tenant_changes_nothing_for_the_whole_log() {
    let world = World::new();
    let (hold, token, payload) = prepared(&world).await;
    let root = world.bearer_in("eu", "root", &["super-admin"]);
    let statuses: Vec<_> = deeds(&root, &hold, &token, &payload).await;
    let expected = [403, 403, 403, 403, 201, 404, 200, 404];
    assert_eq!(statuses.iter().map(|(_, status)| *status).collect::<Vec<_>>(), expected, "{statuses:?}");
    assert_eq!(root.get("/api/v1/settings").await.status.as_u16(), 200, "who verifies the log may look");
}
