//! The usage page: figures with links to their entries and back; nothing is offered that the viewer may not see, and
//! missing data is named.

use std::sync::Arc;

use axum::http::StatusCode;
use mcp_audit_log::Event;
use mcp_audit_log::event::{self, Failure, OutcomeDetail};
use mcp_audit_log::time::{Clock, DAY, HOUR, ManualClock, SECOND, SystemClock, Timestamp};

use crate::support::{Caller, World, call};

fn failed(user: &str, tool: &str) -> Event {
    let failure = Failure { kind: "tool_error".into(), message: "No.".into(), code: None };
    Event { detail: OutcomeDetail::ToolError, failure: Some(failure), ..call(user, tool) }
}

async fn filled() -> World {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let world = World::at(&clock);
    let model = event::ModelUsage::of("one", "small").tokens(1_000, 5).cost_micros(12_300);
    for event in [call("ada", "search"), failed("ada", "search"), call("bob", "search"), call("bob", "ask").used(model)]
    {
        world.record(Event { duration_us: Some(83_000), ..event }).await;
    }
    // The hour is over, so that viewers of figures alone see it as well.
    clock.advance(HOUR);
    world
}

/// The page at a path, which must exist.
async fn page(caller: &Caller<'_>, path: &str) -> String {
    let page = caller.get(path).await;
    assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
    page.text
}

/// The target of the link with this text: the first one after `mark`.
fn link(page: &str, mark: &str, text: &str) -> String {
    let rest = page.split_once(mark).unwrap_or_else(|| panic!("no {mark} in {page}")).1;
    let before = rest.split_once(&format!("\">{text}</a>")).unwrap_or_else(|| panic!("no {text} in {rest}")).0;
    let address = before.rsplit_once("href=\"").expect("an address").1;
    address.split('"').next().unwrap_or_default().replace("&#38;", "&")
}

/// How many entries the linked list has.
async fn listed(caller: &Caller<'_>, path: &str) -> usize {
    page(caller, path).await.matches("<tr role=\"row\"><td").count()
}

#[tokio::test]
async fn figures_link_to_entries_and_back() {
    let world = filled().await;
    let admin = world.browser("root", &["admin"]).await;
    let usage = page(&admin, "/usage?range=7d").await;
    for (mark, text, entries) in [
        (">Requests</h3>", "4", 4),
        (">Success</h3>", "75.0 %", 3),
        ("<dt>Errors</dt>", "1 (25.0 %)", 1),
        (">P95</h3>", "83 ms", 4),
        ("<dt>in</dt>", "1\u{202f}000", 1),
        (">Cost</h3>", "0.0123", 1),
        ("id=\"by-user\"", "2", 2),
        ("<summary>Show as a table", "4", 4),
    ] {
        assert_eq!(listed(&admin, &link(&usage, mark, text)).await, entries, "{mark} {text}");
    }
    let down = link(&usage, "id=\"by-tool\"", "search");
    assert_eq!(down, "/usage?range=7d&tool=search");
    let search = page(&admin, &down).await;
    let list = page(&admin, &link(&search, ">Requests</h3>", "3")).await;
    let back = link(&list, "class=\"tools\"", "Usage of these entries");
    assert!(back.starts_with("/usage?tool=search&from=") && !back.contains("domain"), "{back}");
    let again = page(&admin, &back).await;
    assert_eq!(listed(&admin, &link(&again, ">Requests</h3>", "3")).await, 3);
    let lifted = link(&search, "aria-label=\"Filters\"", "Clear all");
    assert_eq!(lifted, "/usage?range=7d");
}

#[tokio::test]
async fn the_address_holds_the_whole_view() {
    let world = filled().await;
    let admin = world.browser("root", &["admin"]).await;
    let usage = page(&admin, "/usage?q=user%3Abob&by=tool&sort=cost&range=30d&step=week").await;
    for on in ["30 days", "Cost", "Week", "Tool"] {
        assert!(usage.contains(&format!("aria-current=\"true\">{on}</a>")), "{on} is not chosen: {usage}");
    }
    assert_eq!(usage.matches("class=\"card breakdown\"").count(), 1);
    assert!(usage.contains("name=\"q\" value=\"user:bob\""), "{usage}");
    assert!(usage.contains("<input type=\"hidden\" name=\"range\" value=\"30d\">"), "the form keeps the range");
    let (first, second) = (usage.find(">ask</a>").expect("a row"), usage.find(">search</a>").expect("a row"));
    assert!(first < second, "the dearest is not first");
    assert_eq!(link(&usage, "Range", "7 days"), "/usage?q=user%3Abob&by=tool&sort=cost&step=week&range=7d");
    // Typed moments override a named range.
    let typed = page(&admin, "/usage?range=30d&from=-2h&to=").await;
    assert!(!typed.contains("name=\"range\"") && typed.contains("name=\"from\" value=\"-2h\""), "{typed}");
    let csv = admin.get(&link(&usage, "id=\"by-tool\"", "CSV<span class=\"hidden\"> by Tool</span>")).await;
    assert!(csv.header("content-type").starts_with("text/csv") && csv.text.contains("ask,1,1,0"), "{}", csv.text);
}

#[tokio::test]
async fn a_table_has_two_fields() {
    let world = filled().await;
    let admin = world.browser("root", &["admin"]).await;
    let by_user = page(&admin, "/usage?by=user&range=7d").await;
    let both = link(&by_user, "aria-label=\"and by\"", "Tool");
    assert_eq!(both, "/usage?range=7d&by=user%2Ctool");
    let usage = page(&admin, &both).await;
    assert!(usage.contains("<h2>User and Tool</h2>") && usage.contains("<th scope=\"col\">Tool</th>"), "{usage}");
    for on in ["User", "Tool"] {
        assert!(usage.contains(&format!("aria-current=\"true\">{on}</a>")), "{on} is not chosen: {usage}");
    }
    assert!(usage.contains(">bob</a>") && usage.contains("<td class=\"name\">ask</td>"), "{usage}");
    assert_eq!(link(&usage, "aria-label=\"and by\"", "Nothing"), "/usage?range=7d&by=user");
    let csv =
        admin.get(&link(&usage, "id=\"by-user-tool\"", "CSV<span class=\"hidden\"> by User and Tool</span>")).await;
    assert!(csv.text.contains(",complete,user,tool,users,"), "{}", csv.text);
}

#[tokio::test]
async fn percentiles_and_a_heat_map_have_tables_beside_them() {
    let world = filled().await;
    let admin = world.browser("root", &["admin"]).await;
    let usage = page(&admin, "/usage?range=7d&sort=p95").await;
    assert_eq!(link(&page(&admin, "/usage?range=7d").await, "Rank by", "P95"), "/usage?range=7d&sort=p95");
    for text in [
        "<h2>Durations by day</h2>",
        "median</span>",
        "99th percentile</span>",
        "<th scope=\"col\" class=\"num\">P50</th>",
    ] {
        assert!(usage.contains(text), "no {text}: {usage}");
    }
    let heat = usage.split_once("<h2>Requests by duration</h2>").expect("a heat map").1;
    // All of them took 83 ms, between 66 and 131 ms.
    assert!(heat.contains("<li>≥ 66 ms</li>") && heat.contains("class=\"shade5\" d=\"M"), "{heat}");
    let table = heat.split_once("<table").expect("a table").1.split_once("</table>").expect("its end").0;
    assert!(table.contains("<th scope=\"col\" class=\"num\">≥ 66 ms</th>"), "{table}");
    assert_eq!(table.matches("<td class=\"num\">4</td>").count(), 1, "{table}");
    assert!(!page(&admin, "/usage?range=7d").await.contains("Requests by duration"), "it is not asked for");
}

/// A page has figures and links for each of its points, and stays small however many there are.
#[tokio::test]
async fn a_page_of_very_many_points_is_small() {
    let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-11-21T12:00:00Z").expect("a time")));
    let world = World::at(&clock);
    let model = event::ModelUsage::of("one", "small").tokens(1_000, 5).cost_micros(12_300);
    let mut events = Vec::new();
    for hour in 0..90 * 24 {
        let at = clock.now().plus(-hour * HOUR);
        let took = Some(1_000 << (hour % 17));
        events.push(Event { occurred_at: at, duration_us: took, ..call("ada", "search").used(model.clone()) });
        events.push(Event { occurred_at: at, duration_us: took, ..failed("bob", "ask") });
    }
    for batch in events.chunks(250) {
        world.log.record_all(batch.to_vec(), 0).await.expect("recorded");
    }
    let admin = world.browser("root", &["admin"]).await;
    for query in
        ["from=-47h&step=hour", "range=7d&step=hour", "range=90d", "range=90d&step=hour", "from=-50d", "range=30d"]
    {
        for sort in ["requests", "p95"] {
            let usage = page(&admin, &format!("/usage?{query}&sort={sort}")).await;
            assert!(usage.len() < 100_000, "{query} by {sort}: {} bytes", usage.len());
        }
    }
    let dense = page(&admin, "/usage?range=90d&step=hour").await;
    let heat = page(&admin, "/usage?range=90d&step=hour&sort=p95").await;
    assert!(heat.contains("Too many points to show."), "{heat}");
    let heat = page(&admin, "/usage?from=-50d&sort=duration").await;
    assert!(heat.contains("The 31 points with the most requests are listed."), "{heat}");
    assert!(dense.contains("<path class=\"soft\"") && dense.contains("The 31 highest points are listed"), "{dense}");
}

#[tokio::test]
async fn viewers_with_usage_rights_only_are_offered_only_usage() {
    let world = filled().await;
    let billing = world.browser("bill", &["billing-admin"]).await;
    let start = billing.get("/").await;
    assert_eq!((start.status, start.header("location")), (StatusCode::SEE_OTHER, "/usage"));
    let other = billing.get("/?tool=search").await;
    assert_eq!(other.status, StatusCode::FORBIDDEN);
    assert!(other.text.contains("To the usage figures"), "{}", other.text);
    let usage = page(&billing, "/usage").await;
    assert!(usage.contains(">search</a>") && usage.contains("You see usage but not entries"), "{usage}");
    for other in ["href=\"/?", "href=\"/settings", "href=\"/integrity", ">Log</a>"] {
        assert!(!usage.contains(other), "{other} in {usage}");
    }
    let refused = billing.get("/usage?q=session%3Ax").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("role=\"alert\">You see usage but not entries, so"), "{}", refused.text);
    assert!(refused.text.contains("value=\"session:x\""), "what was typed is gone: {}", refused.text);
}

#[tokio::test]
async fn users_see_only_their_own_usage_figures() {
    let world = filled().await;
    let user = world.browser("ada", &["user"]).await;
    let usage = page(&user, "/usage").await;
    assert!(usage.contains("usage of your own requests") && !usage.contains("bob"), "{usage}");
    assert_eq!(listed(&user, &link(&usage, ">Requests</h3>", "2")).await, 2);
    let service = world.browser("svc", &["service"]).await.get("/usage").await;
    assert_eq!(service.status, StatusCode::FORBIDDEN);
    assert!(service.text.contains("ask an administrator") && !service.text.contains("href=\"/usage"));
}

#[tokio::test]
async fn empty_and_invalid_queries_get_advice() {
    let world = World::new();
    let admin = world.browser("root", &["admin"]).await;
    assert!(page(&admin, "/usage").await.contains("send a first MCP request"));
    assert!(page(&admin, "/usage?tool=x").await.contains("remove a filter"));
    for (query, word) in [
        ("from=soon&q=tool%3Ax", "from: "),
        ("from=2026-11-21&to=2026-11-20", "swap its ends"),
        ("range=1y", "24h, 7d"),
        ("by=method", "llm_model"),
    ] {
        let answer = admin.get(&format!("/usage?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.text.contains("role=\"alert\"") && answer.text.contains(word), "{query}: {}", answer.text);
    }
    let wrong = admin.get("/usage?from=soon&q=tool%3Ax").await.text;
    assert!(wrong.contains("value=\"tool:x\"") && wrong.contains("aria-invalid=\"true\""), "{wrong}");
}

#[tokio::test]
async fn an_empty_chart_says_that_it_is_empty() {
    let world = filled().await;
    let admin = world.browser("root", &["admin"]).await;
    let drawn = page(&admin, "/usage?sort=cost&q=user%3Abob").await;
    assert!(drawn.contains("<svg class=\"bars\"") && !drawn.contains("in this range;"), "{drawn}");
    let empty = page(&admin, "/usage?sort=cost&q=user%3Aada").await;
    assert!(!empty.contains("<svg class=\"bars\"") && empty.contains("No cost in this range;"), "{empty}");
    assert!(empty.contains("Show as a table"), "{empty}");
}

#[tokio::test]
async fn missing_data_in_figures_is_named() {
    let clock = Arc::new(ManualClock::new(SystemClock.now().start_of_day().plus(-3 * DAY)));
    let world = World::at(&clock);
    let began = clock.now();
    for _ in 0..4 {
        clock.advance(600 * SECOND);
        world.record(Event { occurred_at: clock.now(), ..call("ada", "search") }).await;
    }
    clock.advance(HOUR);
    world.log.sign().expect("signed");
    clock.advance(2 * DAY);
    world.log.sign().expect("signed");
    let admin = world.browser("root", &["admin"]).await;
    let api = world.bearer("root", &["admin"]);
    assert_eq!(api.patch("/api/v1/settings", r#"{"retention_days":1}"#).await.status, StatusCode::OK);
    let job = world.cleanup();
    assert_eq!(api.post(&format!("/api/v1/crons/{job}/run"), "").await.status, StatusCode::ACCEPTED);
    world.idle().await;
    let from = |at: Timestamp| at.to_string().replace(':', "%3A");
    let whole = page(&admin, &format!("/usage?from={}", from(began))).await;
    assert!(whole.contains(">4</a>") && !whole.contains("note warn"), "{whole}");
    let part = page(&admin, &format!("/usage?from={}", from(began.plus(700 * SECOND)))).await;
    assert!(part.contains("note warn\">Some entries at the ends of the range are deleted"), "{part}");
    let filtered = page(&admin, &format!("/usage?outcome=success&from={}", from(began))).await;
    assert!(filtered.contains("note warn\">Entries of this range are deleted"), "{filtered}");
}
