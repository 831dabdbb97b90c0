//! The timeline of entries that belong together: their order, numbers and nesting, its pages, the ways to it, and what
//! a viewer may not see of it.

use axum::http::StatusCode;
use mcp_audit_log::Event;
use mcp_audit_log::event::{Channel, Failure, Kind, OutcomeDetail};
use mcp_audit_log::time::{Clock, HOUR, SECOND, SystemClock, Timestamp};

use crate::support::{Caller, World, call};

/// When a run of an agent began. Entries are recorded when they end, so their order is another one.
fn begun() -> Timestamp {
    SystemClock.now().start_of_hour().plus(-2 * HOUR)
}

/// A call of an agent's run, some milliseconds after its beginning.
fn step(run: &str, millis: i64, tool: &str) -> Event {
    let mut event = Event { occurred_at: begun().plus(millis * SECOND / 1_000), ..call("ada", tool) };
    event.caller.agent_instance = Some(run.to_owned());
    event.duration_us = Some(40_000);
    event
}

fn failed(event: Event, message: &str) -> Event {
    let failure = Failure { kind: "tool_error".into(), message: message.into(), code: None };
    Event { detail: OutcomeDetail::ToolError, failure: Some(failure), ..event }
}

async fn page(caller: &Caller<'_>, path: &str) -> String {
    let answer = caller.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    answer.text
}

/// The rows as `#1 +0.000 s search at0`.
fn rows(page: &str) -> Vec<String> {
    let between = |text: &str, from: &str, to: &str| {
        text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map(|(found, _)| found.to_owned())
    };
    let row = |row: &str| {
        let number = between(row, "", "\"")?;
        let offset = between(row, "class=\"num start\"", "</td>")?.split_once('>')?.1.to_owned();
        let depth = between(row, "class=\"what ", "\"")?;
        let target = between(row, "<b>", "</b>").unwrap_or_default();
        Some(format!("#{number} {offset} {target} {depth}"))
    };
    page.split("<tr id=\"n").skip(1).filter_map(row).collect()
}

/// The bars as `#1 beginning length`.
fn drawn(page: &str) -> Vec<String> {
    let row = |row: &str| {
        let number = row.split_once('"')?.0;
        let (x, rest) = row.split_once(" x=\"")?.1.split_once("\" width=\"")?;
        Some(format!("#{number} {x} {}", rest.split_once('"')?.0))
    };
    page.split("<tr id=\"n").skip(1).filter_map(row).collect()
}

/// The texts between the rows.
fn between(page: &str) -> Vec<&str> {
    let texts = page.split("<tr class=\"between\"><td colspan=\"6\">").skip(1);
    texts.filter_map(|text| text.split_once("</td>")).map(|(text, _)| text).collect()
}

/// The address of the link with this text.
fn link(page: &str, text: &str) -> String {
    let before = page.split_once(&format!(">{text}</a>")).unwrap_or_else(|| panic!("no {text} in {page}")).0;
    let href = before.rsplit_once("href=\"").and_then(|(_, rest)| rest.split_once('"')).expect("an address").0;
    href.replace("&#38;", "&")
}

/// An hour-long stream, a request to an API that called four tools, a failure among them, and an answer that came late.
async fn run(world: &World) -> String {
    let stream = Event { kind: Kind::Stream, duration_us: Some(3_600_000_000), ..step("run-7", 0, "") };
    let stream = Event { method: Some("GET".into()), target: None, ..stream };
    let request =
        Event { channel: Channel::Api, method: Some("POST".into()), target: None, ..step("run-7", 1_000, "") };
    let parts = [(1_010, "first"), (1_020, "second"), (1_030, "third"), (1_040, "fourth")];
    let parts = parts.map(|(millis, tool)| Event { parent: Some(request.id), ..step("run-7", millis, tool) });
    let [first, second, third, fourth] = parts;
    let third = failed(third, "The period 2026-10 is closed.");
    let slow = step("run-7", 2_000, "slow");
    let late = Event { kind: Kind::LateAnswer, parent: Some(slow.id), ..step("run-7", 65_000, "slow") };
    let id = third.id.to_string();
    for event in [fourth, third, second, first, request, slow, late, step("run-8", 5_000, "other"), stream] {
        world.record(event).await;
    }
    id
}

#[tokio::test]
async fn a_run_is_numbered_and_nested_in_the_order_of_time() {
    let world = World::new();
    let failed = run(&world).await;
    let admin = world.browser("root", &["admin"]).await;
    let timeline = page(&admin, "/timeline?agent_instance=run-7").await;
    let expected = [
        "#1 +0.000 s  at0",
        "#2 +1.000 s  at0",
        "#3 +1.010 s first at1",
        "#4 +1.020 s second at1",
        "#5 +1.030 s third at1",
        "#6 +1.040 s fourth at1",
        "#7 +2.000 s slow at0",
        "#8 +1 min 05 s slow at1",
    ];
    assert_eq!(rows(&timeline), expected);
    assert!(timeline.contains("<b>8 entries</b>") && timeline.contains(">1 error</span>"), "{timeline}");
    // The reason of the failure is on the page, and its entry is one click away.
    assert!(timeline.contains("class=\"reason\">tool_error"), "{timeline}");
    assert!(timeline.contains(&format!("href=\"/entries/{failed}\"")), "{timeline}");
    assert!(timeline.contains("<span class=\"mark\">late answer</span>"), "{timeline}");
    assert!(timeline.contains("<span class=\"mark\">stream</span>"), "{timeline}");
    // An hour-long stream and a pause of a minute hide no call.
    let bars =
        ["#1 0 1000", "#2 0 231", "#3 57 232", "#4 115 232", "#5 173 232", "#6 231 231", "#7 500 231", "#8 768 232"];
    assert_eq!(drawn(&timeline), bars);
    assert_eq!(link(&timeline, "#5"), "/timeline?agent_instance=run-7&page=1#n5");
    assert_eq!(link(&timeline, "List the entries"), "/?agent_instance=run-7");
}

#[tokio::test]
async fn a_timeline_is_reached_from_an_entry_and_from_a_search() {
    let world = World::new();
    let failed = run(&world).await;
    let admin = world.browser("root", &["admin"]).await;
    let entry = page(&admin, &format!("/entries/{failed}")).await;
    let there = link(&entry, "agent run");
    assert_eq!(there, format!("/timeline?agent_instance=run-7&entry={failed}#here"));
    let timeline = page(&admin, there.trim_end_matches("#here")).await;
    let here = timeline.split_once("class=\"here\"").expect("the entry is marked").1;
    assert!(here.contains("<span id=\"here\"></span>#5</td>"), "{here}");
    for search in ["/?agent_instance=run-7&outcome=error", "/?q=agent_instance:run-7"] {
        let list = page(&admin, search).await;
        assert_eq!(link(&list, "Timeline of this agent run"), "/timeline?agent_instance=run-7", "{search}");
    }
    assert!(!page(&admin, "/?outcome=error").await.contains("Timeline of this"));
}

#[tokio::test]
async fn a_long_timeline_has_pages_and_each_is_small() {
    let world = World::new();
    for at in 0..320 {
        let mut event = step("long", at * 100, &format!("a_tool_with_a_long_name_{at}"));
        event.server = Some(format!("server-of-department-{at}"));
        world.record(if at == 200 { failed(event, &"why ".repeat(100)) } else { event }).await;
    }
    let admin = world.browser("root", &["admin"]).await;
    let first = page(&admin, "/timeline?agent_instance=long").await;
    assert!(first.len() < 100_000, "{} bytes", first.len());
    assert!(first.contains("1 – 150 of 320") && !first.contains("rel=\"prev\""), "{first}");
    let wrong = link(&first, "#201");
    assert_eq!(wrong, "/timeline?agent_instance=long&page=2#n201");
    assert_eq!(link(&first, "Later"), "/timeline?agent_instance=long&page=2");
    let second = page(&admin, "/timeline?agent_instance=long&page=2").await;
    assert!(second.contains("<tr id=\"n201\"") && second.contains("151 – 300 of 320"), "{second}");
    assert_eq!(rows(&second)[0], "#151 +15.000 s a_tool_with_a_long_name_150 at0", "offsets count from the beginning");
    let last = page(&admin, &link(&second, "Later")).await;
    assert!(last.contains("301 – 320 of 320") && !last.contains("rel=\"next\""), "{last}");
    let id = admin.entries("agent_instance=long&tool=a_tool_with_a_long_name_310").await[0]["id"].clone();
    let around = format!("/timeline?agent_instance=long&entry={}", id.as_str().expect("an id"));
    assert!(page(&admin, &around).await.contains("301 – 320 of 320"), "the page of the entry");
}

#[tokio::test]
async fn a_session_of_5_000_messages_is_read_by_pages() {
    let world = World::new();
    let in_session = |at: i64| {
        let mut event = step("long", at * 100, "a_tool");
        event.client.session = Some("s-long".into());
        if at % 100 == 99 { failed(event, "why") } else { event }
    };
    for batch in (0..5_000).map(in_session).collect::<Vec<_>>().chunks(250) {
        world.log.record_all(batch.to_vec(), 0).await.expect("recorded");
    }
    let admin = world.browser("root", &["admin"]).await;
    let first = page(&admin, "/timeline?session=s-long").await;
    for text in ["<b>5\u{202f}000 entries</b>", ">50 errors</span>", "and more", "1 – 150 of 5\u{202f}000"] {
        assert!(first.contains(text), "no {text}: {first}");
    }
    let mut address = link(&first, "#2000").replace("#n2000", "");
    assert_eq!(address, "/timeline?session=s-long&page=14", "the last of the errors that are listed");
    let (mut pages, mut seen) = (0, Vec::new());
    loop {
        let shown = page(&admin, &address).await;
        assert!(shown.len() < 100_000, "{} bytes", shown.len());
        seen.extend(rows(&shown));
        pages += 1;
        if !shown.contains(">Later</a>") {
            break;
        }
        address = link(&shown, "Later");
    }
    assert_eq!(pages, 21, "from page 14 to page 34");
    assert_eq!((seen[0].as_str(), seen.len()), ("#1951 +3 min 15 s a_tool at0", 3_050));
    assert_eq!(seen[3_049], "#5000 +8 min 19 s a_tool at0");
    let around = page(&admin, "/timeline?session=s-long&page=35").await;
    assert!(around.contains("No entries."), "behind the last page: {around}");
}

/// A request of an API that called four servers at once, over three sessions of one run, with an answer that came late.
#[tokio::test]
async fn a_run_over_three_sessions_names_them_and_its_pauses() {
    let world = World::new();
    for session in 0..3 {
        let at = |millis: i64| session * 1_200_000 + millis;
        let of = |millis: i64, tool: &str, took: u64| {
            let mut event = step("run-9", at(millis), tool);
            (event.client.session, event.duration_us) = (Some(format!("s-{session}")), Some(took));
            event
        };
        let request = Event { channel: Channel::Api, method: Some("POST".into()), target: None, ..of(0, "", 900_000) };
        let parts = [100, 110, 120, 130].map(|millis| {
            let tool = format!("part_{millis}");
            Event { parent: Some(request.id), ..of(millis, &tool, 5_000 * millis.unsigned_abs()) }
        });
        let asked = Event { detail: OutcomeDetail::Deferred, ..of(1_000, "slow", 5_000) };
        let late = Event { kind: Kind::LateAnswer, parent: Some(asked.id), ..of(9_000, "slow", 1_000) };
        for event in parts.into_iter().chain([request, late, asked]) {
            world.record(event).await;
        }
    }
    let admin = world.browser("root", &["admin"]).await;
    let timeline = page(&admin, "/timeline?agent_instance=run-9").await;
    let first = [
        "#1 +0.000 s  at0",
        "#2 +0.100 s part_100 at1",
        "#3 +0.110 s part_110 at1",
        "#4 +0.120 s part_120 at1",
        "#5 +0.130 s part_130 at1",
        "#6 +1.000 s slow at0",
        "#7 +9.000 s slow at1",
    ];
    let rows = rows(&timeline);
    assert_eq!(rows[..7], first);
    assert_eq!((rows.len(), rows[7].as_str()), (21, "#8 +20 min 00 s  at0"));
    let pause = "after 19 min 50 s without entries";
    assert_eq!(between(&timeline), ["session s-0", &format!("session s-1, {pause}"), &format!("session s-2, {pause}")]);
    // The parts of the request lie within it, side by side.
    let bars = drawn(&timeline);
    assert_eq!(bars[..5], ["#1 0 252", "#2 28 140", "#3 30 155", "#4 33 169", "#5 36 183"]);
    let alone = page(&admin, "/timeline?session=s-1").await;
    assert!(between(&alone).is_empty() && alone.contains("<b>7 entries</b>"), "{alone}");
}

#[tokio::test]
async fn a_timeline_shows_only_what_its_viewer_may_see() {
    let world = World::new();
    run(&world).await;
    let mut others = step("run-7", 3_000, "secret_tool");
    others.caller.user = Some("bob".into());
    world.record(others).await;
    let ada = world.browser("ada", &["user"]).await;
    let timeline = page(&ada, "/timeline?agent_instance=run-7").await;
    assert!(timeline.contains("<b>8 entries</b>") && !timeline.contains("secret_tool"), "{timeline}");
    let uma = world.browser("uma", &["user"]).await;
    assert!(page(&uma, "/timeline?agent_instance=run-7").await.contains("No entries."));
    let biller = world.browser("ada", &["billing-admin"]).await;
    assert_eq!(biller.get("/timeline?agent_instance=run-7").await.status, StatusCode::FORBIDDEN);
    let admin = world.browser("root", &["admin"]).await;
    for (path, reason) in [
        ("/timeline", "A timeline needs one of: session, agent_instance, trace_id, connection."),
        ("/timeline?session=a&connection=b", "A timeline needs one of"),
        ("/timeline?session=a&page=0", "page: give a number from 1 on."),
        ("/timeline?session=a&tool=b", "Unknown parameter"),
    ] {
        admin.get(path).await.problem_page(400, reason);
    }
}
