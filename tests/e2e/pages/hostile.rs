//! Hostile values in every field: they have no effect, are visible, and do not break the layout.

use mcp_audit_log_tests::{Browser, Scripts};
use serde_json::{Map, Value, json};

use crate::support::World;

/// A text that would run, load or fetch something if it were not shown as text.
const SCRIPT: &str =
    "<script>window.hurt=1</script><img src=x onerror=\"window.hurt=2\">'\"><svg onload=window.hurt=3>";

/// Fields whose texts a sender may choose, except `prompt` and `resource_uri`, which are alternatives to `tool`.
const FIELDS: [&str; 27] = [
    "method",
    "tool",
    "server",
    "http_method",
    "path",
    "protocol_version",
    "user",
    "connection",
    "agent",
    "agent_instance",
    "client_name",
    "client_version",
    "session",
    "request_id",
    "user_agent",
    "resource_type",
    "resource_id",
    "resource_name",
    "model",
    "record_id",
    "provider",
    "llm_model",
    "api_key",
    "policy",
    "error_type",
    "error_message",
    "trace_id",
];

fn values() -> [(&'static str, String); 5] {
    [
        ("script", SCRIPT.to_owned()),
        ("bidi", "user\u{202e}nimda\u{202c}\u{2066}x\u{2069}".to_owned()),
        ("long", "x".repeat(10_000)),
        ("emoji", "👩‍👩‍👧‍👦🏳️‍🌈🧨 ﷽ Z̷̧̢̛̛̺a̷̢̡l̸̨g̴̢o".to_owned()),
        ("control", "a\u{1}b\u{7f}c\td\u{1b}[31m\u{85}".to_owned()),
    ]
}

#[tokio::test]
async fn hostile_values_are_harmless_and_break_no_layout() {
    let world = World::lively();
    for (name, value) in values() {
        let mut event = Map::from_iter([
            ("channel".to_owned(), json!("mcp")),
            ("kind".to_owned(), json!("request")),
            ("outcome".to_owned(), json!("error")),
        ]);
        event.extend(FIELDS.map(|field| (field.to_owned(), Value::from(value.clone()))));
        event.insert("payload".to_owned(), json!({ "request": value, "response": { value.as_str(): [value] } }));
        accepted(&world, event, name);
    }
    let browser = world.visitor("auditor", Scripts::On).await;
    let entries = world.server.api("auditor").entries("outcome=error&channel=mcp&from=-1m");
    let ids: Vec<_> = entries.iter().filter_map(|entry| entry["id"].as_str()).collect();
    assert!(ids.len() >= values().len(), "{ids:?}");
    let pages =
        ["/?from=-1m", "/?by=tool&by=user", "/?by=server&by=session", "/usage?by=tool", "/usage?by=user", "/integrity"];
    let entries = ids.iter().map(|id| format!("/entries/{id}?show=payload"));
    for path in pages.into_iter().map(str::to_owned).chain(entries) {
        for width in [1280, 390] {
            browser.on_a_screen(width, 900, false).await;
            browser.open(&format!("{}{path}", world.server.address())).await;
            unharmed(&browser, &path).await;
            assert!(browser.fits().await, "{path} is wider than {width} pixels");
        }
    }
}

/// Sends what the API accepts of the event: a text that is too long for its field is truncated, and a field that
/// accepts no such value is left out.
fn accepted(world: &World, mut event: Map<String, Value>, name: &str) {
    for _ in 0..2 * FIELDS.len() {
        let answer = world.server.api("service").post("/api/v1/events", Value::from(event.clone()).to_string());
        if answer.status == 200 {
            assert!(event.contains_key("tool"), "{name}: a tool may be called anything");
            return;
        }
        let told: Value = serde_json::from_str(&answer.text).expect("JSON");
        let refused = &told["results"][0];
        let field = refused["field"].as_str().unwrap_or_else(|| panic!("{name}: {told}"));
        let reason = refused["reason"].as_str().unwrap_or_default();
        let most = reason.split_once("at most ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
        match (most, event.remove(field)) {
            (Some(most), Some(Value::String(text))) => {
                event.insert(field.to_owned(), text.chars().take(most).collect::<String>().into());
            }
            _ => println!("{name}: {reason}"),
        }
    }
    panic!("{name}: nothing of it is taken");
}

async fn unharmed(browser: &Browser, path: &str) {
    let hurt = browser.runs("return window.hurt ?? null").await;
    assert_eq!(hurt, Value::Null, "a value ran as a script on {path}");
    let strangers = browser.runs("return [...document.querySelectorAll('main script, main img, main iframe')].length");
    assert_eq!(strangers.await, 0, "a value became an element on {path}");
}
