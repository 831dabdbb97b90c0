//! The overview above the list and its API: bars that narrow the range, the number of matches, and values with counts,
//! all of them of visible entries only.

use axum::http::StatusCode;
use mcp_audit_log::Event;
use mcp_audit_log::event::{Failure, OutcomeDetail};
use mcp_audit_log::time::{Clock, HOUR, SystemClock};
use serde_json::Value;

use crate::support::{Caller, GROUPS, World, call};

/// A call some hours ago.
fn earlier(hours: i64, user: &str, tool: &str) -> Event {
    Event { occurred_at: SystemClock.now().plus(-hours * HOUR), ..call(user, tool) }
}

fn failed(hours: i64, user: &str, tool: &str) -> Event {
    let failure = Failure { kind: "tool_error".into(), message: "No.".into(), code: None };
    Event { detail: OutcomeDetail::ToolError, failure: Some(failure), ..earlier(hours, user, tool) }
}

/// Three calls of yesterday that succeeded, and two of this morning that failed; one of them bob's.
async fn filled() -> World {
    let world = World::new();
    for event in [
        earlier(30, "ada", "search"),
        earlier(30, "ada", "search"),
        earlier(30, "bob", "secret_tool"),
        failed(3, "ada", "search"),
        failed(2, "ada", "ask"),
    ] {
        world.record(event).await;
    }
    world
}

async fn page(caller: &Caller<'_>, path: &str) -> String {
    let answer = caller.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    answer.text
}

/// The links of the bars with their titles.
fn bars(page: &str) -> Vec<(String, String)> {
    let part = page.split_once("class=\"timebars\"").and_then(|(_, rest)| rest.split_once("</svg>"));
    let Some((part, _)) = part else { return Vec::new() };
    let bar = |link: &str| {
        let (href, rest) = link.split_once('"')?;
        let title = rest.split_once("<title>")?.1.split_once("</title>")?.0;
        Some((href.replace("&#38;", "&"), title.to_owned()))
    };
    part.split("<a href=\"").skip(1).filter_map(bar).collect()
}

fn entries(page: &str) -> usize {
    page.matches("<tr role=\"row\"><td").count()
}

/// The address of the link that follows `mark`.
fn link_after(page: &str, mark: &str) -> String {
    let rest = page.split_once(mark).unwrap_or_else(|| panic!("no {mark} in {page}")).1;
    let href = rest.split_once("href=\"").and_then(|(_, rest)| rest.split_once('"')).expect("a link").0;
    href.replace("&#38;", "&")
}

#[tokio::test]
async fn bars_narrow_the_range_to_their_entries() {
    let world = filled().await;
    let admin = world.browser("root", &["admin"]).await;
    let list = page(&admin, "/?method=tools/call&limit=7").await;
    assert!(list.contains("<b>5 entries</b>") && list.contains(">2 errors</span>"), "{list}");
    let bars = bars(&list);
    let titles: Vec<_> = bars.iter().map(|(_, title)| title.split_once(": ").expect("a title").1).collect();
    assert_eq!(titles, ["3 entries", "1 entry, 1 error", "1 entry, 1 error"]);
    for ((href, title), found) in bars.iter().zip([3, 1, 1]) {
        assert!(href.starts_with("/?method=tools%2Fcall&limit=7&from="), "the search stays: {href}");
        assert_eq!(entries(&page(&admin, href).await), found, "{title}");
    }
    let first = link_after(&list, "first error</span>");
    assert_eq!(first, bars[1].0);
    // A bar is narrowed again, down to its entries.
    let within = page(&admin, &bars[0].0).await;
    assert!(within.contains("<b>3 entries</b>") && !within.contains("errors are below"), "{within}");
    let nothing = page(&admin, "/?tool=nothing").await;
    assert!(!nothing.contains("class=\"overview\""), "{nothing}");
}

#[tokio::test]
async fn a_search_with_a_range_keeps_its_ends() {
    let world = filled().await;
    let admin = world.browser("root", &["admin"]).await;
    let list = page(&admin, "/?method=tools/call&q=since:4h&from=-5h&by=tool").await;
    assert!(list.contains("<b>2 entries</b>"), "groups have an overview as well: {list}");
    let bars = bars(&list);
    assert_eq!(bars.len(), 2);
    assert!(bars[0].0.contains("&q=since%3A4h") || bars[0].0.contains("q=since%3A4h&"), "{bars:?}");
    assert!(bars[0].0.contains("by=tool"), "{bars:?}");
    assert!(!bars[0].0.contains("-5h"), "the range is replaced: {bars:?}");
}

#[tokio::test]
async fn counts_are_shown_on_request_and_add_a_condition() {
    let world = filled().await;
    let admin = world.browser("root", &["admin"]).await;
    let list = page(&admin, "/?method=tools/call").await;
    assert!(!list.contains("class=\"counts\""), "{list}");
    let toggle = link_after(&list, "class=\"end\"");
    assert_eq!(toggle, "/?method=tools%2Fcall&counts=shown");
    let list = page(&admin, &toggle).await;
    let tools = list.split_once(">Tool</a></h2>").expect("tools").1;
    assert!(tools.contains(">search</a> <span class=\"num\">3</span>"), "{tools}");
    let href = link_after(tools, "<ul>");
    assert_eq!(href, "/?method=tools%2Fcall&counts=shown&tool=search", "the counts stay");
    assert_eq!(entries(&page(&admin, &href).await), 3);
    let not = link_after(tools, "class=\"not\"");
    let others = page(&admin, &not).await;
    assert!(not.starts_with("/?method=tools%2Fcall&counts=shown&domain="), "{not}");
    assert!(entries(&others) == 2 && others.contains("Tool is not search"), "{others}");
    let by = link_after(&list[list.find("class=\"counts\"").expect("counts")..], "<section>");
    assert_eq!(by, "/?method=tools%2Fcall&by=outcome");
    let form = "name=\"counts\" value=\"shown\"";
    assert!(list.contains(form), "the form passes it on: {list}");
    assert_eq!(link_after(&list, "class=\"end\""), "/?method=tools%2Fcall");
    for tool in 0..9 {
        world.record(call("ada", &format!("tool_{tool}"))).await;
    }
    let list = page(&admin, "/?method=tools/call&counts=shown").await;
    let tools = list.split_once(">Tool</a></h2>").expect("tools").1.split_once("</section>").expect("an end").0;
    assert_eq!(tools.matches("<li>").count(), 7, "six, and the way to the others: {tools}");
    assert!(tools.contains("href=\"/?method=tools%2Fcall&#38;by=tool\">6 more</a>"), "{tools}");
    let wrong = admin.get("/?counts=all").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text.contains("counts: unknown value &#34;all&#34;; use shown"), "{}", wrong.text);
}

/// No figure and no link reveals what the viewer may not see.
#[tokio::test]
async fn an_overview_counts_only_visible_entries() {
    let world = filled().await;
    for groups in GROUPS {
        let sees_all = groups.iter().any(|group| ["admin", "owner", "super-admin", "auditor"].contains(group));
        let reads = sees_all || groups.iter().any(|group| group.contains("user"));
        let (api, browser) = (world.bearer("ada", groups), world.browser("ada", groups).await);
        let path = "/api/v1/overview?method=tools/call";
        if !reads {
            api.get(path).await.problem(403, "read entries");
            continue;
        }
        let (expected, found) = (if sees_all { 5 } else { 4 }, api.get_json(path.to_owned()).await);
        assert_eq!((found["entries"].as_u64(), found["errors"].as_u64()), (Some(expected), Some(2)), "{groups:?}");
        let values = found["values"].to_string();
        assert_eq!(values.contains("secret_tool"), sees_all, "{groups:?} {values}");
        let page = page(&browser, "/?method=tools/call&counts=shown&user=bob&user=ada").await;
        assert!(page.contains(&format!("<b>{expected} entries</b>")), "{groups:?} {page}");
        assert_eq!(page.contains("secret_tool"), sees_all, "{groups:?}");
    }
}

#[tokio::test]
async fn the_api_counts_and_links_to_what_it_counted() {
    let world = filled().await;
    let admin = world.bearer("root", &["admin"]);
    let found = admin.get_json("/api/v1/overview?method=tools/call&limit=1&columns=tool&counts=shown".to_owned()).await;
    let bars = found["bars"].as_array().expect("bars");
    assert!(!bars.is_empty() && bars.len() <= 60, "{found}");
    let sum = |name: &str| bars.iter().filter_map(|bar| bar[name].as_u64()).sum::<u64>();
    assert_eq!((sum("entries"), sum("errors")), (5, 2), "{found}");
    for bar in bars.iter().filter(|bar| bar["entries"] != 0) {
        let query = bar["query"].as_str().expect("a query");
        let listed = admin.entries(query.trim_start_matches('?')).await.len() as u64;
        assert_eq!(bar["entries"].as_u64(), Some(listed), "{bar}");
    }
    let field = |name: &str| found["values"].as_array().expect("fields").iter().find(|one| one["field"] == name);
    let tools: &Value = field("tool").expect("tools");
    assert_eq!((tools["found"].as_u64(), tools["values"].as_array().map(Vec::len)), (Some(3), Some(1)), "{tools}");
    assert_eq!(tools["values"][0]["value"], "search");
    assert_eq!(
        admin.entries(tools["values"][0]["query"].as_str().expect("a query").trim_start_matches('?')).await.len(),
        3
    );
    let none = admin.get_json("/api/v1/overview?tool=nothing".to_owned()).await;
    assert_eq!((none["entries"].as_u64(), none["bars"].as_array().map(Vec::len)), (Some(0), Some(0)), "{none}");
    let page = admin.get_json("/api/v1/entries?limit=1".to_owned()).await;
    let cursor = page["next"].as_str().expect("a cursor");
    admin.get(&format!("/api/v1/overview?cursor={cursor}")).await.problem(400, "the overview has no pages");
    admin.get("/api/v1/overview?by=tool").await.problem(400, "Unknown parameter");
}
