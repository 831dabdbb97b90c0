//! The integrity page: the state of the log, and verification on demand, for auditors only.

use axum::http::StatusCode;
use mcp_audit_log::event::Event;
use mcp_audit_log::recorder::QueueLimits;
use serde_json::Value;

use crate::support::{Caller, World, call};

async fn page(caller: &Caller<'_>, path: &str) -> String {
    let page = caller.get(path).await;
    assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
    page.text
}

/// The line of the first table that begins with this text, without its tags.
fn health_line(page: &str, label: &str) -> String {
    let rest = page.split_once(&format!(">{label}</a></th>")).unwrap_or_else(|| panic!("no {label} in {page}")).1;
    let cells = rest.split_once("</tr>").expect("a row").0;
    let text = cells.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text);
    text.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The log's newest own entry with this method, once it exists.
async fn told(world: &World, method: &str) -> Value {
    let admin = world.bearer("root", &["admin"]);
    loop {
        let entries = admin.entries(&format!("q=kind%3Asystem%20method%3A{method}")).await;
        if let Some(entry) = entries.first() {
            return entry.clone();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_page_shows_the_state_of_the_log() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    world.log.sign().expect("signed");
    let auditor = world.browser("otto", &["auditor"]).await;
    let integrity = page(&auditor, "/integrity").await;
    for (label, words) in [
        ("Recording", "OK Entries reach the disk."),
        ("Published", "Needs attention Checkpoints are not published: a user who can write"),
        ("Verification", "Pending Never verified here."),
        ("Losses", "OK No losses in 30 days."),
        ("Stops", "OK Every stop was clean in 30 days."),
        ("Policy", "OK The policy judged every event"),
        ("Cleanup", "Pending Not run yet."),
    ] {
        assert!(health_line(&integrity, label).starts_with(words), "{label}: {}", health_line(&integrity, label));
    }
    assert!(health_line(&integrity, "Checkpoint").starts_with("OK Signed "), "{integrity}");
    let head = world.bearer("root", &["admin"]).get_json("/api/v1/checkpoints".to_owned()).await;
    let key = head["keys"][0].as_str().expect("a key").replace('+', "&#43;");
    let plain = key.replace("&#43;", "+");
    assert!(integrity.contains(&key) || integrity.contains(&plain), "{key} is not named: {integrity}");
    assert!(integrity.contains(&world.log.view().policy_digest()), "{integrity}");
}

#[tokio::test]
async fn losses_are_counted_and_listed() {
    let world = World::with_queue(QueueLimits { items: 4, ..QueueLimits::default() });
    let busy = world.log.clone();
    // Nothing is taken while the recorder's thread works this out.
    let (begun, waits) = std::sync::mpsc::channel();
    let (go, goes) = std::sync::mpsc::channel::<()>();
    let work = move || {
        begun.send(()).expect("somebody waits");
        goes.recv().expect("the word to go on");
        Vec::<Event>::new()
    };
    busy.record_later(0, work).expect("taken");
    waits.recv().expect("begun");
    let lost = (0..9).filter(|_| busy.record(call("ada", "search")).is_err()).count();
    go.send(()).expect("gone on");
    assert!(lost > 0, "nothing was lost");
    told(&world, "log.gap").await;
    let integrity = page(&world.browser("root", &["admin"]).await, "/integrity").await;
    let line = format!("Needs attention {lost} events lost in 30 days, reported by 1 entry.");
    assert_eq!(health_line(&integrity, "Losses"), line);
    assert!(integrity.contains(&format!("</a> {lost} events lost")), "{integrity}");
    assert!(integrity.contains("href=\"/?q=kind%3Asystem%20method%3Alog.gap&#38;from=-30d\""), "{integrity}");
}

#[tokio::test]
async fn a_button_starts_a_verification_that_is_recorded() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    let auditor = world.browser("otto", &["auditor"]).await;
    assert!(page(&auditor, "/integrity").await.contains("action=\"/integrity/verify\""));
    let started = auditor.form("/integrity/verify", "").await;
    assert_eq!(started.status, StatusCode::SEE_OTHER);
    assert_eq!(started.header("location"), "/integrity?verification=began#verification");
    let last = world.verified().await;
    assert_eq!((&last["result"], &last["by"]), (&"whole".into(), &"otto".into()), "{last}");
    let entry = told(&world, "log.verified").await;
    assert_eq!((&entry["user"], &entry["outcome"], &entry["id"]), (&"otto".into(), &"success".into(), &last["entry"]));
    let integrity = page(&auditor, "/integrity?verification=began").await;
    assert!(integrity.contains("class=\"outcome success\">whole</span>"), "{integrity}");
    assert!(integrity.contains(last["root"].as_str().expect("a root")), "{integrity}");
    for word in ["Not proved by this", "a sender can withhold or invent events", "<summary>Checks</summary>"] {
        assert!(integrity.contains(word), "{word} is missing: {integrity}");
    }
    assert!(health_line(&integrity, "Verification").starts_with("OK The log matched its ledger"), "{integrity}");
}

#[tokio::test]
async fn a_log_that_was_changed_is_found_wrong() {
    let world = World::new();
    let id = world.record(call("ada", "search")).await;
    let raw = rusqlite::Connection::open(world.folder.path().join("mcp-audit-log.db")).expect("the log");
    mcp_audit_log_store::show_columns(&raw).expect("a view");
    let id = id.replace('-', "");
    let change =
        format!("DROP TRIGGER entry_no_update; UPDATE entries SET duration_us = 7 WHERE hex(id) = upper('{id}')");
    raw.execute_batch(&change).expect("changed");
    let trigger = "CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry BEGIN
    SELECT RAISE(ABORT, 'entries are immutable');
END";
    raw.execute_batch(trigger).expect("nobody saw it");
    drop(raw);
    let admin = world.browser("root", &["admin"]).await;
    assert_eq!(admin.form("/integrity/verify", "").await.status, StatusCode::SEE_OTHER);
    let last = world.verified().await;
    assert_eq!(last["result"], "wrong", "{last}");
    let integrity = page(&admin, "/integrity").await;
    assert!(integrity.contains("class=\"outcome error\">wrong</span>"), "{integrity}");
    assert!(integrity.contains("Keep this folder unchanged: it is evidence."), "{integrity}");
    assert!(
        health_line(&integrity, "Verification").starts_with("Needs attention The log did not match its ledger"),
        "{integrity}"
    );
}

#[tokio::test]
async fn the_page_needs_the_right_to_verify() {
    let world = World::new();
    for groups in [&["user"][..], &["billing-admin"], &["service"], &[]] {
        let caller = world.browser("ada", groups).await;
        for answer in [caller.get("/integrity").await, caller.form("/integrity/verify", "").await] {
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{groups:?}");
            assert!(answer.text.contains("ask an administrator"), "{groups:?}: {}", answer.text);
            assert!(!answer.text.contains("href=\"/integrity"), "{groups:?}: {}", answer.text);
        }
    }
    // Entries are stored in order, so earlier events are stored when this one is.
    world.record(call("ada", "search")).await;
    let refused = world.bearer("root", &["admin"]).entries("q=method%3Alog.verified&outcome=denied").await;
    assert_eq!(refused.len(), 4, "each try is an entry: {refused:?}");
    let foreign = world.browser("otto", &["auditor"]).await.header("sec-fetch-site", "cross-site");
    assert_eq!(foreign.form("/integrity/verify", "").await.status, StatusCode::FORBIDDEN);
    let one = world.bearer_in("acme", "ina", &["admin"]).get("/integrity").await;
    assert_eq!(one.status, StatusCode::OK, "{}", one.text);
    assert!(one.text.contains("Only users without a tenant see the holds of the whole log"), "{}", one.text);
}
