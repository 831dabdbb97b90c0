//! The first command of a new user: a log that fills, and a link for each role.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

use mcp_audit_log_tests::{Api, Demo, assert_plain, listed, text};

#[test]
fn the_demo_shows_a_log_that_fills() {
    let mut demo = Demo::start(&["--for", "8"]);
    let page_behind = |link: &str| {
        let page = demo.signed_in(link).get("/");
        assert_eq!(page.status, 200, "{page:?}");
        page.text
    };
    let pages = demo.links().map(page_behind);
    assert_eq!(pages.iter().collect::<HashSet<_>>().len(), 3, "three people see three pages");

    the_questions_have_the_documented_answers(&demo.signed_in(demo.links()[0]));

    let end = demo.wait();
    assert!(end.success(), "it ended with {end}: {}", demo.output());
    assert_plain(&demo.output());
    three_users_with_successes_and_failures(&demo.data());
}

/// The answers of docs/demo.md.
fn the_questions_have_the_documented_answers(admin: &Api) {
    let told = |entry: &Value, names: &[&str]| {
        names.iter().map(|name| entry[name].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>().join(" ")
    };
    let of_customer = admin.entries("q=record:4711");
    let of_customer: Vec<_> =
        of_customer.iter().map(|entry| told(entry, &["tool", "outcome", "agent", "session"])).collect();
    let expected =
        ["delete_customer success", "merge_customers error", "get_customer success", "search_customers success"];
    assert_eq!(of_customer, expected.map(|call| format!("{call} night-shift s-night")));
    let merged = admin.entries("tool=merge_customers&outcome=success&agent=night-shift");
    assert_eq!(merged.len(), 1, "the last good one");
    let blocked = admin.entries("q=tool:delete_*&outcome=denied");
    let blocked: Vec<_> = blocked.iter().map(|entry| told(entry, &["user", "policy"])).collect();
    assert_eq!(blocked, ["uma no-deletes"]);
    let dear = admin.get("/api/v1/usage?range=30d&by=user,llm_model&sort=cost&limit=1").json();
    assert_eq!(told(&dear["breakdowns"][0]["rows"][0], &["key", "second_key"]), "karl large");
    let slow = admin.get("/api/v1/usage?range=30d&by=server&sort=p95&limit=1").json();
    assert_eq!(told(&slow["breakdowns"][0]["rows"][0], &["key"]), "crm");
    let days = admin.get("/api/v1/groups?server=crm&by=day&sort=p95&limit=40").json();
    let slowest = days["groups"][0]["keys"]["day"].as_str().expect("a day").to_owned();
    let mut all: Vec<_> = days["groups"].as_array().expect("days").iter().collect();
    all.sort_by_key(|day| std::cmp::Reverse(day["keys"]["day"].to_string()));
    let begun = admin.entries("q=agent_instance:run-2041")[0]["occurred_at"].as_str().expect("a time")[..10].to_owned();
    let at = |day: &str| all.iter().position(|one| one["keys"]["day"].as_str().is_some_and(|key| key.starts_with(day)));
    assert_eq!(at(&slowest), at(&begun).map(|place| place + 2), "six days ago, the run being four days ago: {days}");
    let refused = admin.get("/api/v1/groups?q=error:revoked_credential&by=connection").json();
    assert_eq!((&refused["groups"][0]["keys"]["connection"], &refused["entries"]), (&"ci-runner".into(), &10.into()));
    let run = admin.get("/api/v1/groups?agent_instance=run-2041&by=session").json();
    assert_eq!(run["found"], 3, "{run}");
    let changed = &admin.entries("q=action:tool.definition_changed")[0];
    assert_eq!(told(changed, &["server", "tool"]), "crm get_customer");
    let since =
        format!("tool=get_customer&action=tool.called&from={}", changed["occurred_at"].as_str().expect("a time"));
    let callers: Vec<_> = admin.entries(&since).iter().map(|entry| told(entry, &["user"])).collect();
    assert_eq!(callers.iter().map(String::as_str).collect::<HashSet<_>>(), ["uma", "otto"].into());
    assert_eq!(callers.len(), 4, "{callers:?}");
    let alerts = admin.get("/api/v1/alerts").json();
    assert!(alerts["alerts"][0]["raised_at"].is_string(), "{alerts}");
    let seeded = &admin.entries("q=record:4711")[0];
    let entry = admin.get(&format!("/api/v1/entries/{}", seeded["id"].as_str().expect("an id"))).json();
    assert_eq!(entry["details"]["seeded"], true, "{entry}");
    assert!(entry["recorded_at"].as_str() > entry["occurred_at"].as_str(), "recorded now, and not backdated");
}

fn three_users_with_successes_and_failures(data: &Path) {
    // Seeded entries have no path.
    let is_live = |entry: &Value| text(entry, "channel") == "mcp" && !["", "-"].contains(&text(entry, "path"));
    let calls: Vec<_> = listed(data).into_iter().filter(is_live).collect();
    let users: HashSet<_> = calls.iter().map(|entry| text(entry, "user")).filter(|user| *user != "-").collect();
    assert!(users.len() >= 3, "{users:?}");
    for outcome in ["success", "error"] {
        let found =
            calls.iter().any(|entry| text(entry, "outcome") == outcome && text(entry, "method") == "tools/call");
        assert!(found, "no call ended in {outcome}: {calls:#?}");
    }
}
