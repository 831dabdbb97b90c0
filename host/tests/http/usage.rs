//! Usage over HTTP: the record rule applies to every figure, and each figure links to the entries that it counts.

use std::sync::Arc;

use axum::http::StatusCode;
use mcp_audit_log::Event;
use mcp_audit_log::event::{self, Failure, OutcomeDetail};
use mcp_audit_log::time::{Clock, HOUR, ManualClock, SystemClock};
use serde_json::{Value, json};

use crate::support::{Caller, GROUPS, World, call};

fn failed(user: &str, tool: &str) -> Event {
    let failure = Failure { kind: "tool_error".into(), message: "No.".into(), code: None };
    Event { detail: OutcomeDetail::ToolError, failure: Some(failure), ..call(user, tool) }
}

fn with_model(user: &str, model: &str, tokens: u64) -> Event {
    call(user, "ask").used(event::ModelUsage::of("one", model).tokens(tokens, 5).api_key("key-1").cost_micros(70))
}

async fn filled() -> World {
    let began = SystemClock.now();
    let clock = Arc::new(ManualClock::new(began));
    let world = World::at(&clock);
    for event in [
        call("ada", "search"),
        failed("ada", "search"),
        call("ada", "read"),
        call("bob", "search"),
        call("bob", "secret_tool"),
        with_model("bob", "small", 100),
        with_model("ada", "large", 1_000),
    ] {
        world.record(event).await;
    }
    // The hour is over, so that viewers of figures alone see it as well.
    clock.advance(HOUR);
    world
}

/// The rows of a breakdown as `key requests errors users`.
fn rows(usage: &Value, at: usize) -> Vec<String> {
    let rows = usage["breakdowns"][at]["rows"].as_array().expect("rows");
    let row = |row: &Value| format!("{} {} {} {}", row["key"], row["requests"], row["errors"], row["users"]);
    rows.iter().map(|one| row(one).replace('"', "")).collect()
}

/// How many entries a figure's link lists.
async fn listed(caller: &Caller<'_>, link: &Value) -> usize {
    let answer = caller.get_json(format!("/api/v1/entries{}", link.as_str().expect("a link"))).await;
    answer["entries"].as_array().expect("entries").len()
}

#[tokio::test]
async fn each_viewer_sees_figures_of_visible_requests() {
    let world = filled().await;
    for groups in GROUPS {
        let ada = world.bearer("ada", groups);
        let counts = |names: &[&str]| groups.iter().any(|group| names.contains(group));
        let all = counts(&["admin", "owner", "super-admin", "auditor", "billing-admin"]);
        if !all && !counts(&["user", "power-user", "power-user-plus"]) {
            ada.get("/api/v1/usage").await.problem(403, "see usage");
            continue;
        }
        let usage = ada.get_json("/api/v1/usage?by=tool&by=user&compare=previous".to_owned()).await;
        let (requests, errors, tokens) = if all { (7, 1, 1_100) } else { (4, 1, 1_000) };
        let totals = &usage["totals"];
        assert_eq!(
            (&totals["requests"], &totals["errors"], &totals["input_tokens"]),
            (&json!(requests), &json!(errors), &json!(tokens)),
            "{groups:?}"
        );
        assert_eq!(totals["unique"]["user"], if all { 2 } else { 1 });
        assert_eq!(usage.to_string().contains("secret_tool"), all, "{groups:?}");
        let tools = if all {
            vec!["search 3 1 2", "ask 2 0 2", "read 1 0 1", "secret_tool 1 0 1"]
        } else {
            vec!["search 2 1 1", "ask 1 0 1", "read 1 0 1"]
        };
        let mut found = rows(&usage, 0);
        found.sort();
        let mut expected = tools;
        expected.sort_unstable();
        assert_eq!(found, expected, "{groups:?}");
        let pairs = ada.get_json("/api/v1/usage?by=user,tool".to_owned()).await;
        let pairs = pairs["breakdowns"][0]["rows"].as_array().expect("rows").iter();
        let mut pairs: Vec<_> = pairs
            .map(|row| format!("{} {} {}", row["key"], row["second_key"], row["requests"]).replace('"', ""))
            .collect();
        pairs.sort();
        let mut expected = vec!["ada ask 1", "ada read 1", "ada search 2"];
        expected.extend(if all { &["bob ask 1", "bob search 1", "bob secret_tool 1"][..] } else { &[] });
        assert_eq!(pairs, expected, "{groups:?}");
        let only_figures = counts(&["billing-admin"]);
        assert_eq!(totals["entries"].is_null(), only_figures, "{groups:?}");
        assert_eq!((&usage["complete"], &usage["previous"]["requests"]), (&json!(true), &json!(0)));
    }
}

#[tokio::test]
async fn each_figure_links_to_its_entries_and_lists_link_back() {
    let world = filled().await;
    let admin = world.bearer("root", &["admin"]);
    for query in [
        "",
        "?by=tool&by=llm_model",
        "?tool=search&by=user",
        "?q=user:ada&by=server",
        "?outcome=success&by=tool",
        "?by=user,tool",
        "?by=tool,server&by=user",
    ] {
        let usage = admin.get_json(format!("/api/v1/usage{query}")).await;
        let breakdowns = usage["breakdowns"].as_array().expect("breakdowns");
        let rows = breakdowns.iter().flat_map(|one| one["rows"].as_array().expect("rows"));
        let series = usage["series"].as_array().expect("points").iter().filter(|point| point["requests"] != 0);
        for counted in rows.clone().chain(series).chain([&usage["totals"]]) {
            assert_eq!(listed(&admin, &counted["entries"]).await, counted["requests"], "{query}: {counted}");
            assert_eq!(listed(&admin, &counted["error_entries"]).await, counted["errors"], "{query}: {counted}");
        }
        for row in rows {
            let down = admin.get_json(format!("/api/v1/usage{}", row["usage"].as_str().expect("a link"))).await;
            assert_eq!(down["totals"]["requests"], row["requests"], "{query}: {row}");
        }
    }
    for list in ["entries?tool=search&from=-1h", "groups?tool=search&by=user&by=day&from=-1h"] {
        let list = admin.get_json(format!("/api/v1/{list}")).await;
        let usage = admin.get_json(format!("/api/v1/usage{}", list["usage"].as_str().expect("a link"))).await;
        assert_eq!(usage["totals"]["requests"], 3);
    }
}

#[tokio::test]
async fn requests_are_counted_by_their_duration() {
    let world = World::new();
    for micros in [Some(1_023), Some(1_024), Some(2_047), Some(5_000_000), None] {
        world.record(Event { duration_us: micros, ..call("ada", "search") }).await;
    }
    let admin = world.bearer("root", &["admin"]);
    let usage = admin.get_json("/api/v1/usage?durations=counts&step=day".to_owned()).await;
    let (durations, series) = (&usage["durations"], usage["series"].as_array().expect("a series"));
    let limits: Vec<_> = durations["limits_us"].as_array().expect("limits").iter().filter_map(Value::as_u64).collect();
    assert_eq!((limits[0], limits[1], limits.len()), (1_024, 2_048, 19));
    let counts = durations["counts"].as_array().expect("counts");
    assert_eq!(counts.len(), series.len());
    let mut sums = vec![0; limits.len() + 1];
    for point in counts {
        for (sum, count) in sums.iter_mut().zip(point.as_array().expect("classes")) {
            *sum += count.as_u64().expect("a number");
        }
    }
    let at = limits.iter().position(|limit| *limit > 5_000_000).expect("a class");
    assert_eq!((sums[0], sums[1], sums[at], sums.iter().sum::<u64>()), (1, 2, 1, 4));
    assert!(admin.get_json("/api/v1/usage".to_owned()).await["durations"].is_null());
}

/// A viewer of figures only cannot infer entries by narrowing queries.
#[tokio::test]
async fn usage_figures_reveal_no_single_entry() {
    let world = filled().await;
    let billing = world.bearer("ada", &["billing-admin"]);
    for query in ["q=session:x", "ip=127.0.0.1", "domain=%5B%5B%22record_id%22,%22=%22,%221%22%5D%5D", "q=laptop"] {
        billing.get(&format!("/api/v1/usage?{query}")).await.problem(403, "may not read all");
    }
    billing.get("/api/v1/entries").await.problem(403, "read entries");
    let usage = billing.get_json("/api/v1/usage?tool=search&outcome=error&from=-3690s".to_owned()).await;
    assert_eq!(usage["totals"]["requests"], 1);
    for end in ["from", "to"] {
        let moment = usage["covered"][end].as_str().expect("a moment");
        assert!(moment.ends_with(":00:00.000000Z"), "{moment} is within an hour");
    }
}

#[tokio::test]
async fn usage_is_available_as_csv() {
    let world = filled().await;
    world.record(call("ada", "=SUM(A1)")).await;
    let admin = world.bearer("root", &["admin"]);
    let answer = admin.get("/api/v1/usage?format=csv&by=tool&sort=errors").await;
    assert_eq!((answer.status, answer.header("content-type").split(';').next()), (StatusCode::OK, Some("text/csv")));
    let lines: Vec<_> = answer.text.lines().collect();
    assert!(lines[0].starts_with("\u{feff}from,to,complete,tool,users,requests,errors,success_ratio,"), "{}", lines[0]);
    assert!(lines[1].contains(",true,search,2,3,1,0.666667,"), "{}", lines[1]);
    assert!(answer.text.contains(",'=SUM(A1),") && !answer.text.contains(",=SUM"), "{}", answer.text);
    let pairs = admin.get("/api/v1/usage?format=csv&by=tool,user&tool=search").await.text;
    assert!(pairs.starts_with("\u{feff}from,to,complete,tool,user,users,requests,"), "{pairs}");
    assert!(pairs.contains(",true,search,ada,1,2,1,") && pairs.contains(",true,search,bob,1,1,0,"), "{pairs}");
    let series = admin.get("/api/v1/usage?format=csv&step=day").await;
    assert!(
        series.text.lines().count() >= 2 && series.text.starts_with("\u{feff}from,to,complete,requests"),
        "{}",
        series.text
    );
}

#[tokio::test]
async fn errors_in_usage_queries_are_named() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    for (query, word) in [
        ("by=method", "llm_model"),
        ("by=tool&by=tool", "twice"),
        ("by=tool,tool", "pair of two fields"),
        ("by=tool,method", "pair of two fields"),
        ("by=tool,user,server", "pair of two fields"),
        ("by=tool,user&by=user,server", "one table by two fields"),
        ("range=1y", "24h, 7d, 30d"),
        ("range=7d&from=-1d", "give either range, or from and to"),
        ("step=minute", "hour, day, week"),
        ("sort=p50", "requests, errors"),
        ("by=model", "Use llm_model"),
        ("compare=x", "previous"),
        ("durations=x", "counts"),
        ("format=csv&durations=counts", "no counts by duration"),
        ("format=xml", "json, csv"),
        ("format=csv&by=tool&by=user", "one breakdown"),
        ("format=csv&compare=previous", "previous period"),
        ("from=2026-11-21&to=2026-11-20", "swap its ends"),
        ("from=2999-01-01", "swap its ends"),
        ("q=since:1h&to=-2h", "swap its ends"),
        ("from=1970-01-01&to=2026-11-21", "2,400 weeks"),
        ("cursor=x", "cursor"),
        ("days=7", "\"days\""),
    ] {
        admin.get(&format!("/api/v1/usage?{query}")).await.problem(400, word);
    }
}
