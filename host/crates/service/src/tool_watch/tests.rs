//! Entries about definitions in a real log: restarts, texts, rights, and the end of the log.

use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use serde_json::json;

use super::*;
use crate::Options;

fn grant(log: &AuditLog, groups: &[&str]) -> Grant {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    log.view().access(&Viewer { user: "root".into(), groups, instance: None })
}

/// A listing of one tool with this description.
fn listing(log: &AuditLog, description: &str) -> ToolListing {
    let tools = json!([{ "name": "add", "description": description, "inputSchema": { "type": "object" } }]);
    ToolListing {
        server: "calc".into(),
        viewer: "anna's".into(),
        user: Some("anna".into()),
        entry: new_id(log.view().now()),
        at: log.view().now(),
        tools: tools.to_string().into(),
        cursor: None,
        next: None,
        is_seeded: false,
    }
}

/// The entries about definitions, oldest first.
fn entries(log: &AuditLog) -> Vec<Entry> {
    let access = grant(log, &["admin"]);
    let page = log.view().reader(&access).page(Domain::equals(Field::Tool, "add"), None, 100).expect("a page");
    page.entries.into_iter().rev().collect()
}

fn detail<'a>(entry: &'a Entry, name: &str) -> &'a str {
    entry.details.get(name).and_then(serde_json::Value::as_str).unwrap_or_default()
}

#[test]
fn a_changed_definition_is_an_entry_after_a_restart_too_and_has_no_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Options::new(folder.path()).own_schedule().open().expect("a log");
    let log = open();
    log.tool_watch().compare(&listing(&log, "Adds two numbers"));
    log.close();
    let log = open();
    let changed = listing(&log, "Adds secretly");
    log.tool_watch().compare(&changed);
    log.tool_watch().compare(&changed);
    let entries = entries(&log);
    let actions: Vec<_> = entries.iter().map(|entry| entry.text(Field::Action).unwrap_or_default()).collect();
    assert_eq!(actions, ["tool.definition_learned", "tool.definition_changed"]);
    let [before, after] = [&entries[0], &entries[1]];
    assert_eq!(detail(before, "hash"), detail(after, "hash_before"));
    assert_ne!(detail(after, "hash"), detail(after, "hash_before"));
    assert_eq!(detail(after, "entry_before"), before.id.to_string());
    assert_eq!(detail(after, "listed_by"), "anna");
    assert_eq!((after.parent, after.text(Field::Server)), (Some(changed.entry), Some("calc")));
    let changes = after.details["changes"].as_array().expect("changes");
    assert_eq!((changes.len(), changes[0]["field"].as_str()), (1, Some("description")));
    assert!(changes[0]["old"].as_str().is_some_and(|old| old.starts_with("18 bytes, ")), "{changes:?}");
    assert!(!after.has_payload && !after.details.iter().any(|(_, value)| value.to_string().contains("secretly")));
    let known = log.known_tools(&grant(&log, &["auditor"])).expect("read");
    assert_eq!((known.len(), known[0].entry, known[0].hash()), (1, after.id, detail(after, "hash")));
    assert_eq!(known[0].definitions.len(), 2);
}

#[test]
fn with_payload_logging_an_auditor_reads_both_texts() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).own_schedule().open().expect("a log");
    let on = json!({ "log_payloads": true });
    log.change_settings(&grant(&log, &["admin"]), on.as_object().expect("an object")).expect("changed");
    log.tool_watch().compare(&listing(&log, "Adds two numbers"));
    log.tool_watch().compare(&listing(&log, "Adds secretly"));
    let changed = entries(&log).pop().expect("an entry");
    let (_, payload) = log.read_payload(&grant(&log, &["auditor"]), changed.id).expect("read").expect("kept");
    assert!(payload.request.is_some_and(|before| before.contains("Adds two numbers")));
    assert!(payload.response.is_some_and(|after| after.contains("Adds secretly")));
    assert!(log.read_payload(&grant(&log, &["admin"]), changed.id).is_err());
}

#[test]
fn known_tools_are_for_viewers_who_oversee_all_tenants() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).own_schedule().open().expect("a log");
    let seen = |groups: &[&str], instance: Option<&str>| {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let viewer = Viewer { user: "root".into(), groups, instance: instance.map(str::to_owned) };
        log.known_tools(&log.view().access(&viewer)).is_ok()
    };
    assert!(seen(&["admin"], None) && seen(&["auditor"], None));
    assert!(!seen(&["user"], None) && !seen(&[], None) && !seen(&["admin"], Some("acme")));
}

#[test]
fn listings_in_the_queue_are_compared_before_the_log_closes() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).own_schedule().open().expect("a log");
    let (watch, queued) = (log.tool_watch(), listing(&log, "Adds two numbers"));
    let job = move || {
        watch.offer(queued);
        Vec::new()
    };
    log.record_later(0, job).expect("taken");
    log.close();
    let log = Options::new(folder.path()).own_schedule().open().expect("a log");
    assert_eq!(entries(&log).len(), 1);
}
