//! Groups, values, and pages in both directions: the record rule applies to every figure, and each group links to its
//! entries.

use axum::http::StatusCode;
use mcp_audit_log::event::{Event, Failure, OutcomeDetail};
use mcp_audit_log::field::Field;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, GROUPS, World, call};

fn sees_all(groups: &[&str]) -> bool {
    groups.iter().any(|group| ["admin", "owner", "super-admin", "auditor"].contains(group))
}

fn reads(groups: &[&str]) -> bool {
    groups.iter().any(|group| group.contains("user")) || sees_all(groups)
}

/// A call that took some milliseconds.
fn timed(user: &str, tool: &str, millis: u64) -> Event {
    Event { duration_us: Some(millis * 1_000), ..call(user, tool) }
}

/// The same, but it failed.
fn failed(user: &str, tool: &str, millis: u64) -> Event {
    let failure = Failure { kind: "tool_error".into(), message: "No.".into(), code: None };
    Event { detail: OutcomeDetail::ToolError, failure: Some(failure), ..timed(user, tool, millis) }
}

/// Groups as `keys count errors`, in order.
fn lines(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let groups = answer.json()["groups"].as_array().expect("groups").clone();
    let keys = |group: &Value| {
        let keys = group["keys"].as_object().expect("keys").values();
        keys.map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_owned)).collect::<Vec<_>>().join("/")
    };
    groups.iter().map(|group| format!("{} {} {}", keys(group), group["count"], group["errors"])).collect()
}

async fn grouped(caller: &Caller<'_>, query: &str) -> Vec<String> {
    lines(&caller.get(&format!("/api/v1/groups?{query}")).await)
}

#[tokio::test]
async fn groups_and_values_count_only_visible_entries() {
    let world = World::new();
    for (user, tool) in [("ada", "search"), ("ada", "search"), ("bob", "search"), ("bob", "secret_tool")] {
        world.record(call(user, tool)).await;
    }
    for groups in GROUPS {
        let ada = world.bearer("ada", groups);
        let browser = world.browser("ada", groups).await;
        if !reads(groups) {
            ada.get("/api/v1/groups?by=tool").await.problem(403, "read entries");
            ada.get("/api/v1/values/tool").await.problem(403, "read entries");
            assert_eq!(browser.get("/?by=tool").await.status, StatusCode::FORBIDDEN, "{groups:?}");
            continue;
        }
        let (all, own) = (vec!["search 3 0", "secret_tool 1 0"], vec!["search 2 0"]);
        let expected = if sees_all(groups) { all } else { own };
        assert_eq!(grouped(&ada, "by=tool&method=tools/call").await, expected, "{groups:?}");
        let values = |field: &'static str| ada.get_json(format!("/api/v1/values/{field}"));
        let tools = if sees_all(groups) { json!(["search", "secret_tool"]) } else { json!(["search"]) };
        assert_eq!(values("tool").await, json!({"field": "tool", "values": tools, "more": false}), "{groups:?}");
        assert_eq!(values("user").await["values"].as_array().expect("users").contains(&"bob".into()), sees_all(groups));
        for page in ["/", "/?by=tool", "/?by=user&by=tool&sort=key", "/?tool=nothing"] {
            // The inputs offer it also on pages that list none of it.
            assert_eq!(browser.get(page).await.text.contains("secret_tool"), sees_all(groups), "{groups:?} {page}");
        }
    }
}

/// No parameter bypasses the record rule in a figure.
#[tokio::test]
async fn a_filter_never_counts_entries_of_others() {
    let world = World::new();
    world.record(call("bob", "secret_tool")).await;
    world.record(call("ada", "search")).await;
    let ada = world.bearer("ada", &["user"]);
    for (query, entries) in [
        ("by=user", 1),
        ("by=user&user=bob", 0),
        ("by=tool&tool=secret_tool", 0),
        ("by=tool&q=secret", 0),
        ("by=user&by=tool&domain=%5B%22%7C%22,%5B%22user%22,%22=%22,%22bob%22%5D,%5B1,%22=%22,1%5D%5D", 1),
        ("by=day&domain=%5B%22!%22,%5B%22user%22,%22=%22,%22ada%22%5D%5D", 0),
    ] {
        let found = ada.get_json(format!("/api/v1/groups?{query}")).await;
        assert_eq!((&found["entries"], &found["found"]), (&json!(entries), &json!(entries)), "{query}: {found}");
    }
}

#[tokio::test]
async fn groups_sort_by_every_measure_and_link_to_their_entries() {
    let world = World::new();
    for event in [
        timed("ada", "quick", 1),
        timed("ada", "quick", 1),
        timed("bob", "quick", 1),
        failed("ada", "broken & bent", 5),
        failed("ada", "broken & bent", 5),
        timed("ada", "slow", 900),
    ] {
        world.record(event).await;
    }
    let admin = world.bearer("root", &["admin"]);
    let first = async |sort: &str| grouped(&admin, &format!("by=tool&method=tools/call&sort={sort}")).await.remove(0);
    assert_eq!(first("count").await, "quick 3 0");
    assert_eq!(first("errors").await, "broken & bent 2 2");
    assert_eq!((first("average").await, first("p95").await), ("slow 1 0".into(), "slow 1 0".into()));
    assert_eq!(first("key").await, "broken & bent 2 2");
    let limited = admin.get_json("/api/v1/groups?by=tool&method=tools/call&limit=1".into()).await;
    assert_eq!((&limited["found"], &limited["entries"]), (&json!(3), &json!(6)));
    assert_eq!(limited["groups"][0]["average_us"], 1_000);

    for by in
        ["by=tool", "by=tool&by=user", "by=outcome_detail&by=day", "by=kind", "by=agent", "by=status_code&by=path"]
    {
        let asked = format!("{by}&q=&from=-1h&domain=%5B%22!%22,%5B%22user%22,%22=%22,%22nobody%22%5D%5D");
        for group in admin.get_json(format!("/api/v1/groups?{asked}")).await["groups"].as_array().expect("groups") {
            let query = group["query"].as_str().expect("a query").trim_start_matches('?');
            assert_eq!(admin.entries(query).await.len() as u64, group["count"].as_u64().expect("a count"), "{group}");
        }
    }
}

#[tokio::test]
async fn runs_of_an_agent_are_grouped_together_or_alone() {
    let world = World::new();
    for (agent, run) in [("planner", "run-1"), ("planner", "run-1"), ("planner", "run-2"), ("scout", "run-3")] {
        let mut event = call("ada", "search");
        event.caller.agent = Some(agent.into());
        event.caller.agent_instance = Some(run.into());
        world.record(event).await;
    }
    let admin = world.bearer("root", &["admin"]);
    assert_eq!(admin.entries("agent=planner").await.len(), 3);
    let one = admin.entries("agent_instance=run-2").await;
    assert_eq!((one.len(), &one[0]["agent"], &one[0]["agent_instance"]), (1, &json!("planner"), &json!("run-2")));
    assert_eq!(grouped(&admin, "by=agent&agent=planner&agent=scout").await, ["planner 3 0", "scout 1 0"]);
    let runs = grouped(&admin, "by=agent&by=agent_instance&agent=planner").await;
    assert_eq!(runs, ["planner/run-1 2 0", "planner/run-2 1 0"]);
    let values = admin.get_json("/api/v1/values/agent_instance".into()).await;
    assert_eq!(values["values"], json!(["run-1", "run-2", "run-3"]));
    let page = world.browser("root", &["admin"]).await.get("/?by=agent_instance&agent=planner").await.text;
    assert!(page.contains("run-1") && page.contains("run-2") && !page.contains(">run-3<"), "{page}");
    let opened = world.browser("root", &["admin"]).await;
    let opened = opened.get(&format!("/entries/{}", one[0]["id"].as_str().expect("an id"))).await.text;
    assert!(opened.contains("?agent_instance=run-2"), "an entry leads to the others of its run");
}

#[tokio::test]
async fn errors_in_queries_for_groups_and_values_are_named() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    let admin = world.bearer("root", &["admin"]);
    let browser = world.browser("root", &["admin"]).await;
    let cursor = admin.get_json("/api/v1/entries?limit=1".into()).await["next"].as_str().expect("a cursor").to_owned();
    let with_cursor = format!("by=tool&cursor={cursor}");
    let long = format!("by={}", "x".repeat(5_000));
    for (query, word) in [
        ("", "by: required; use one of: day, channel"),
        ("by=", "by: required"),
        ("sort=p95", "by: required"),
        ("by=nonsense", "by: \"nonsense\" is not a field to group by; use one of: day, "),
        ("by=request_id", "is not a field to group by"),
        ("by=details", "is not a field to group by"),
        ("by=tool&by=tool", "by: tool is given twice"),
        ("by=tool&by=user&by=server", "at most 2 levels"),
        ("by=tool&sort=nonsense", "sort: \"nonsense\" is not a sort order; use one of: count, errors"),
        ("by=tool&sort=count&sort=key", "sort: give it only once"),
        ("by=tool&limit=501", "1 to 500"),
        ("by=tool&limit=0", "1 to 500"),
        ("by=tool&cursor=nonsense", "cursor"),
        (&with_cursor, "groups have no pages"),
        ("by=tool&outcome=great", "outcome"),
        ("by=tool&domain=nonsense", "domain"),
        ("by=tool&group=user", "\"group\""),
        ("by=%27;DROP%20TABLE%20entry", "is not a field to group by"),
        (&long, "is not a field to group by"),
    ] {
        let answer = admin.get(&format!("/api/v1/groups?{query}")).await;
        answer.problem(400, word);
        assert!(answer.text.len() < 2_000, "{query} is echoed at length");
        // Without anything to group by, the page is the list.
        let wrong = !["", "by=", "sort=p95"].contains(&query);
        let page = browser.get(&format!("/?{query}")).await;
        assert_eq!(page.status == StatusCode::BAD_REQUEST, wrong, "{query}");
        assert_eq!(page.text.contains("role=\"alert\""), wrong, "{query}");
    }
    for (path, word) in [
        ("nonsense", "The values of \"nonsense\" are not listed; use one of: channel, kind, action"),
        ("request_id", "are not listed"),
        ("status_code", "are not listed"),
        ("fault", "are not listed"),
        ("%00", "are not listed"),
        ("%ff", "are not listed"),
        ("tool?limit=0", "1 to 500"),
        ("tool?limit=2&limit=3", "once"),
        ("tool?q=x", "use one of: limit"),
    ] {
        admin.get(&format!("/api/v1/values/{path}")).await.problem(400, word);
    }
    for path in ["/api/v1/groups?by=tool", "/api/v1/values/tool"] {
        for method in ["PUT", "PATCH", "DELETE", "POST"] {
            admin.send(method, path, "application/json", "{}").await.problem(405, "Entries never change");
        }
        world.stranger().get(path).await.problem(401, "token");
    }
}

#[tokio::test]
async fn values_stop_at_the_limit_and_report_it() {
    let world = World::new();
    for tool in ["a", "b", "c"] {
        world.record(call("ada", tool)).await;
    }
    let values = world.bearer("root", &["admin"]).get_json("/api/v1/values/tool?limit=2".into()).await;
    assert_eq!((values["values"].as_array().map(Vec::len), &values["more"]), (Some(2), &json!(true)));
    assert_eq!(values["field"], Field::Tool.name());
}

#[tokio::test]
async fn pages_link_in_both_directions() {
    let world = World::new();
    for at in 0..7 {
        world.record(call("ada", &format!("tool_{at}"))).await;
    }
    let admin = world.bearer("root", &["admin"]);
    let page = async |cursor: &Value| {
        let cursor = cursor.as_str().unwrap_or_default();
        let page = admin.get_json(format!("/api/v1/entries?filter=tool_calls&limit=3&cursor={cursor}")).await;
        let tools: Vec<_> =
            page["entries"].as_array().expect("entries").iter().map(|entry| entry["tool"].clone()).collect();
        (tools, page["previous"].clone(), page["next"].clone())
    };
    let (newest, none, next) = page(&Value::Null).await;
    assert_eq!((newest.as_slice(), none), (&[json!("tool_6"), json!("tool_5"), json!("tool_4")][..], Value::Null));
    let (middle, back, next) = page(&next).await;
    assert_eq!(middle, ["tool_3", "tool_2", "tool_1"]);
    let (oldest, to_middle, end) = page(&next).await;
    assert_eq!((oldest.as_slice(), end), (&[json!("tool_0")][..], Value::Null));
    let (again, to_newest, _) = page(&to_middle).await;
    assert_eq!(again, middle);
    assert_eq!((page(&back).await.0, page(&to_newest).await.0), (newest.clone(), newest));
}
