//! Times as viewers of several zones see them: what a day is, over both changes of the clocks, at every door.

use std::sync::Arc;

use axum::http::StatusCode;
use mcp_audit_log::Event;
use mcp_audit_log::time::{ManualClock, Timestamp};
use serde_json::{Value, json};

use crate::support::{Caller, World, call};

/// When the entries began: around both changes of the clocks in Vienna and on Lord Howe Island.
const BEGUN: [&str; 14] = [
    "2026-03-28T23:30:00Z",
    "2026-03-29T21:30:00Z",
    "2026-04-04T12:59:00Z",
    "2026-04-04T14:45:00Z",
    "2026-04-04T15:15:00Z",
    "2026-04-05T13:29:00Z",
    "2026-04-05T13:30:00Z",
    "2026-10-03T13:29:00Z",
    "2026-10-03T13:30:00Z",
    "2026-10-04T12:59:00Z",
    "2026-10-25T00:30:00Z",
    "2026-10-25T01:30:00Z",
    "2026-10-25T22:30:00Z",
    "2026-10-25T23:30:00Z",
];

/// Days of a zone, where they begin and end, and how many of the entries are in them.
const DAYS: [(&str, &str, &str, &str, usize); 13] = [
    ("UTC", "2026-03-29", "2026-03-29", "2026-03-30", 1),
    ("Europe/Vienna", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 2),
    ("America/New_York", "2026-03-29", "2026-03-29T04:00:00Z", "2026-03-30T04:00:00Z", 1),
    ("Asia/Kolkata", "2026-03-29", "2026-03-28T18:30:00Z", "2026-03-29T18:30:00Z", 1),
    ("UTC", "2026-04-05", "2026-04-05", "2026-04-06", 2),
    // The clocks change by half an hour.
    ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z", 3),
    ("Asia/Kolkata", "2026-04-05", "2026-04-04T18:30:00Z", "2026-04-05T18:30:00Z", 2),
    ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z", 2),
    ("Asia/Kolkata", "2026-10-04", "2026-10-03T18:30:00Z", "2026-10-04T18:30:00Z", 1),
    ("UTC", "2026-10-25", "2026-10-25", "2026-10-26", 4),
    ("Europe/Vienna", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 3),
    ("America/New_York", "2026-10-25", "2026-10-25T04:00:00Z", "2026-10-26T04:00:00Z", 2),
    ("Asia/Kolkata", "2026-10-25", "2026-10-24T18:30:00Z", "2026-10-25T18:30:00Z", 2),
];

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// A log with these entries. It is the fifth of November.
async fn filled() -> World {
    let world = World::at(&Arc::new(ManualClock::new(at("2026-11-05T12:00:00Z"))));
    for begun in BEGUN {
        let mut event = Event { occurred_at: at(begun), duration_us: Some(1_000), ..call("ada", "search") };
        event.client.session = Some("s-1".into());
        world.record(event).await;
    }
    world
}

/// The browser of a viewer in this zone.
async fn viewer<'w>(world: &'w World, times: &str) -> Caller<'w> {
    let browser = world.browser("root", &["admin"]).await;
    let cookie = format!("{}; mcp-audit-log-times={times}", browser.cookie());
    browser.header("cookie", &cookie)
}

async fn page(caller: &Caller<'_>, path: &str) -> String {
    let page = caller.get(path).await;
    assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
    page.text
}

fn rows(page: &str) -> usize {
    page.matches("<tr role=\"row\"><td").count()
}

#[tokio::test]
async fn a_day_is_a_day_of_the_viewers_zone_at_every_door() {
    let world = filled().await;
    let program = world.bearer("root", &["admin"]);
    for (zone, day, begins, ends, count) in DAYS {
        let browser = viewer(&world, zone).await;
        let range = format!("tool=search&from={day}&to={day}");
        for query in
            [range.clone(), format!("tool=search&q=since:{day}+until:{day}"), format!("tool=search&q=at:{day}")]
        {
            assert_eq!(rows(&page(&browser, &format!("/?{query}")).await), count, "{zone} {day}: the list, {query}");
            let tz = format!("{query}&tz={}", zone.replace('/', "%2F"));
            assert_eq!(program.entries(&format!("{tz}&limit=50")).await.len(), count, "{zone} {day}: the API, {query}");
            let named = world.browser("root", &["admin"]).await;
            assert_eq!(rows(&page(&named, &format!("/?{tz}")).await), count, "{zone} {day}: an address, {query}");
        }
        let file = page(&browser, &format!("/export?{range}&format=jsonl")).await;
        assert_eq!(file.lines().count(), count, "{zone} {day}: the export");

        let tz = zone.replace('/', "%2F");
        let groups = program.get_json(format!("/api/v1/groups?tool=search&by=day&tz={tz}")).await;
        let groups = groups["groups"].as_array().expect("groups").clone();
        let of_day = groups.iter().find(|group| group["keys"]["day"] == day).expect("the day");
        assert_eq!(of_day["count"], json!(count), "{zone} {day}: groups");
        let list = format!("/api/v1/entries{}", of_day["query"].as_str().expect("a query"));
        assert_eq!(
            program.get_json(list).await["entries"].as_array().map(Vec::len),
            Some(count),
            "{zone} {day}: its link"
        );
        let shown = page(&browser, "/?tool=search&by=day").await;
        assert!(shown.contains(&format!("/?tool=search&#38;from={day}&#38;to={day}")), "{zone} {day}: {shown}");

        let usage = program.get_json(format!("/api/v1/usage?{range}&tz={tz}")).await;
        assert_eq!(usage["totals"]["requests"], json!(count), "{zone} {day}: usage");
        let around = "from=2026-03-20&to=2026-11-01";
        let usage = program.get_json(format!("/api/v1/usage?tool=search&{around}&step=day&tz={tz}")).await;
        let point = |point: &&Value| point["from"].as_str().map(at) == Some(at(begins));
        let points = usage["series"].as_array().expect("a series");
        let of_day = points.iter().find(point).map(|point| (&point["requests"], point["to"].as_str().map(at)));
        assert_eq!(of_day, Some((&json!(count), Some(at(ends)))), "{zone} {day}: usage by day");
        let overview = program.get_json(format!("/api/v1/overview?{range}&tz={tz}")).await;
        assert_eq!(overview["entries"], json!(count), "{zone} {day}: the overview");
        let steps = page(&browser, &format!("/timeline?session=s-1&from={day}&to={day}")).await;
        assert_eq!(steps.matches("<tr id=\"n").count(), count, "{zone} {day}: the timeline");
        let bundle = page(&browser, &format!("/bundle?{range}")).await;
        assert_eq!(bundle.matches("\"tool\":\"search\"").count(), count, "{zone} {day}: the bundle");
    }
}

#[tokio::test]
async fn a_hold_until_a_day_includes_that_day() {
    let world = filled().await;
    let program = world.bearer("root", &["admin"]);
    for (zone, day, begins, ends, _) in DAYS {
        let browser = viewer(&world, zone).await;
        let placed = browser.form("/settings/holds", &format!("from={day}&to={day}&reason=case")).await;
        assert_eq!(placed.status, StatusCode::SEE_OTHER, "{zone} {day}: {}", placed.text);
        let holds = program.get_json("/api/v1/holds".to_owned()).await["holds"].clone();
        let is_that = |hold: &Value| {
            ["from", "to"].map(|end| hold[end].as_str().map(at)) == [begins, ends].map(|end| Some(at(end)))
        };
        assert!(holds.as_array().expect("holds").iter().any(is_that), "{zone} {day}: the form: {holds}");
        let shown = page(&browser, "/settings").await;
        assert!(shown.contains(&format!("from {day} until {day}</dd>")), "{zone} {day}: {shown}");
        let named = format!("/api/v1/holds?tz={}", zone.replace('/', "%2F"));
        let placed = program.post(&named, &json!({ "from": day, "to": day, "reason": "case" }).to_string()).await;
        assert_eq!(placed.json()["to"].as_str().map(at), Some(at(ends)), "{zone} {day}: the API: {}", placed.text);
    }
}

#[tokio::test]
async fn the_same_entry_has_the_viewers_time_and_utc() {
    let world = filled().await;
    let entries =
        world.bearer("root", &["admin"]).entries("tool=search&from=2026-10-25T01:30:00Z&to=2026-10-25T01:31:00Z").await;
    let path = format!("/entries/{}", entries[0]["id"].as_str().expect("an id"));
    let utc = "2026-10-25 01:30:00.000 UTC";
    for (zone, local) in [
        ("UTC", utc.to_owned()),
        ("Europe/Vienna", format!("2026-10-25 02:30:00.000 CET · {utc}")),
        ("America/New_York", format!("2026-10-24 21:30:00.000 EDT · {utc}")),
        ("Asia/Kolkata", format!("2026-10-25 07:00:00.000 IST · {utc}")),
        ("Australia/Lord_Howe", format!("2026-10-25 12:30:00.000 +11 · {utc}")),
    ] {
        let browser = viewer(&world, zone).await;
        let list = page(&browser, "/?tool=search").await;
        assert!(list.contains(&format!("title=\"{local}\"")), "{zone}: {list}");
        assert!(list.contains(&format!(">{zone}</a>")), "the header names the zone: {list}");
        let entry = page(&browser, &path).await;
        assert!(entry.contains(&format!(">{local}</span>")), "{zone}: {entry}");
    }
    let list = page(&viewer(&world, "Europe/Vienna~exact").await, "/?tool=search").await;
    for shown in ["2026-10-25 02:30:00.000 CEST</time>", "2026-10-25 02:30:00.000 CET</time>"] {
        assert!(list.contains(shown), "the hour that occurs twice is told apart: {list}");
    }
    let there = page(&viewer(&world, "Australia/Lord_Howe~exact").await, "/?tool=search").await;
    for shown in ["2026-04-05 01:45:00.000 +11</time>", "2026-04-05 01:45:00.000 +1030</time>"] {
        assert!(there.contains(shown), "the half hour that occurs twice is told apart: {there}");
    }
    assert!(list.contains("value=\"relative\""), "the way back: {list}");
    assert!(
        list.contains("entries/tail?tool=search&#38;tz=Europe%2FVienna"),
        "the tail asks about the same days: {list}"
    );
}

#[tokio::test]
async fn a_viewer_chooses_zone_and_form_and_returns() {
    let world = filled().await;
    let browser = viewer(&world, "Asia/Tokyo").await;
    let form = browser.header("referer", "http://audit.example/?tool=search&by=user");
    let shown = page(&form, "/times").await;
    assert!(shown.contains("<option selected>Asia/Tokyo</option>"), "{shown}");
    assert!(shown.contains("name=\"back\" value=\"/?tool=search&#38;by=user\""), "{shown}");
    let chosen = form.form("/times", "tz=Europe%2FVienna&times=exact&back=%2F%3Ftool%3Dsearch").await;
    assert_eq!((chosen.status, chosen.header("location")), (StatusCode::SEE_OTHER, "/?tool=search"));
    let cookie = "mcp-audit-log-times=Europe/Vienna~exact; Path=/; Max-Age=31536000; SameSite=Lax";
    assert_eq!(chosen.header("set-cookie"), cookie);
    let switched = form.form("/times", "times=exact&back=%2Fusage").await;
    assert!(switched.header("set-cookie").starts_with("mcp-audit-log-times=Asia/Tokyo~exact;"), "the zone stays");
    for elsewhere in ["https://evil.example/", "//evil.example", "/\\evil.example", "/times", "x"] {
        let answer = form.form("/times", &format!("times=exact&back={}", elsewhere.replace('\\', "%5C"))).await;
        assert_eq!(answer.header("location"), "/", "{elsewhere}");
    }
    form.form("/times", "tz=Mars&back=%2F").await.problem_page(400, "is not a time zone");
    world
        .bearer("root", &["admin"])
        .get("/api/v1/entries?tz=Mars")
        .await
        .problem(400, "use a name such as Europe/Vienna");
}
