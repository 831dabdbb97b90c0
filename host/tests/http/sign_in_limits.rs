//! Limits of the sign-in: ended sessions stay ended, bodies have a time limit, and a link from another site has no
//! effect.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use mcp_audit_log::Event;
use mcp_audit_log::http::{Site, router};
use mcp_audit_log::identity::Identity;
use mcp_audit_log::time::{Clock, HOUR, ManualClock, SECOND, SystemClock, Timestamp};
use serde_json::json;

use crate::serving::endless;
use crate::support::{Caller, World, call, call_with};

/// The time limit of a test if something is wrong.
const WATCHDOG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_signed_out_session_stays_ended_after_a_restart() {
    let world = World::new();
    let browser = world.browser("ada", &["user"]).await;
    let elsewhere = world.browser("ada", &["user"]).await;
    assert_eq!(browser.form("/sign-out", "").await.status, StatusCode::SEE_OTHER);
    // The memory of a process ends with it.
    let again = Site::new(world.log.clone(), Identity::new(world.tokens.clone()), world.links.clone());
    let again = router(again);
    for (cookie, expected) in [(browser.cookie(), StatusCode::UNAUTHORIZED), (elsewhere.cookie(), StatusCode::OK)] {
        let request = Request::get("/api/v1/me").header("cookie", cookie).body(Body::empty()).expect("a request");
        assert_eq!(world.ask_router(again.clone(), request).await.status, expected);
    }
}

#[tokio::test]
async fn ten_thousand_sign_outs_restore_no_session() {
    let world = World::new();
    let browser = world.browser("ada", &["user"]).await;
    browser.form("/sign-out", "").await;
    let (_, other) = world.token("otto", &["user"]);
    let now = SystemClock.now();
    (0..10_100).for_each(|at| world.tokens.end_session(&other.id, now.plus(HOUR + at), now).expect("ended"));
    let copy = world.stranger().header("cookie", &browser.cookie());
    assert_eq!(copy.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_missing_body_times_out() {
    let world = World::with(|site| site.patience(Duration::ZERO));
    let secret = world.token("root", &["admin"]).0;
    let send = async |method: &str, path: &str, kind: &str| {
        let request = Request::builder().method(method).uri(path).header("host", "log.example");
        let request = request.header("content-type", kind).header("origin", "https://log.example");
        let request = request.header("authorization", format!("Bearer {secret}"));
        let answer = world.begin(request.body(endless()).expect("a request"));
        world.read(tokio::time::timeout(WATCHDOG, answer).await.expect("an answer in time")).await
    };
    for (method, path) in [("PATCH", "/api/v1/settings"), ("POST", "/api/v1/tokens"), ("PUT", "/api/v1/views/0")] {
        send(method, path, "application/json").await.problem(408, "nothing was done");
    }
    for path in ["/sign-in", "/settings", "/settings/holds", "/views"] {
        let page = send("POST", path, "application/x-www-form-urlencoded").await;
        assert_eq!(page.status, StatusCode::REQUEST_TIMEOUT, "{path}: {}", page.text);
        assert!(page.text.contains("<html") && page.text.contains("nothing was done"), "{path}");
    }
    // A body that is sent at once is in time.
    let browser = world.stranger().header("sec-fetch-site", "same-origin");
    assert_eq!(browser.form("/sign-in", &format!("token={secret}")).await.status, StatusCode::SEE_OTHER);
}

async fn readings(admin: &Caller<'_>) -> (usize, usize) {
    let count = async |method: &str| admin.entries(&format!("method={method}")).await.len();
    (count("payload.read").await, count("export.started").await)
}

#[tokio::test]
async fn a_link_from_another_site_reads_no_payload_and_exports_nothing() {
    let world = World::new();
    world.keep_payloads().await;
    let id = world.record(call_with("ada", "the question", "the answer")).await;
    let admin = world.bearer("root", &["admin"]);
    let cookie = world.browser("eve", &["auditor"]).await.cookie();
    let came = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .fold(world.stranger().header("cookie", &cookie), |caller, (name, value)| caller.header(name, value))
    };
    let pages = [format!("/entries/{id}?show=payload"), "/export?format=csv".to_owned()];
    for from in [
        &[("sec-fetch-site", "cross-site"), ("referer", "https://log.example/")][..],
        &[("sec-fetch-site", "same-site")],
        &[("referer", "https://evil.example/x")],
        &[("origin", "https://evil.example")],
        &[],
    ] {
        let browser = came(from);
        for path in &pages {
            let page = browser.get(path).await;
            assert_eq!(page.status, StatusCode::OK);
            let button = format!("<form method=\"post\" action=\"{}\"", path.replace('&', "&#38;"));
            assert!(page.text.contains(&button) && !page.text.contains("the answer"), "{from:?}: {}", page.text);
            assert_eq!(
                browser.send("POST", path, "", "").await.status,
                StatusCode::FORBIDDEN,
                "no button was pressed here"
            );
        }
        browser.get(&format!("/api/v1/entries/{id}")).await.problem(403, "nothing was done");
        browser.get("/api/v1/export?format=csv").await.problem(403, "nothing was done");
        assert_eq!(browser.get(&format!("/entries/{id}")).await.status, StatusCode::OK, "what leaves no trace is open");
        assert_eq!(browser.get("/?tool=search").await.status, StatusCode::OK);
    }
    assert_eq!(readings(&admin).await, (0, 0));
    let mut expected = (0, 0);
    for (method, from) in [
        ("GET", &[("sec-fetch-site", "same-origin")][..]),
        ("GET", &[("sec-fetch-site", "none")]),
        ("GET", &[("referer", "http://log.example/entries/x")]),
        ("POST", &[("sec-fetch-site", "same-origin")]),
        ("POST", &[("origin", "http://log.example")]),
    ] {
        let browser = came(from);
        let [entry, export] = [0, 1].map(|at: usize| browser.send(method, &pages[at], "", ""));
        assert!(entry.await.text.contains("the answer"), "{method} {from:?}");
        let file = export.await;
        assert!(file.header("content-type").starts_with("text/csv"), "{method} {from:?}: {}", file.text);
        expected = (expected.0 + 1, expected.1 + 1);
        assert_eq!(readings(&admin).await, expected, "{method} {from:?}");
    }
    // A program sends a token; it is not a browser.
    let program = world.bearer("eve", &["auditor"]).header("sec-fetch-site", "cross-site");
    assert!(program.get(&format!("/api/v1/entries/{id}")).await.text.contains("the answer"));
}

#[tokio::test]
async fn many_refused_changes_are_counted() {
    let world = World::new();
    let uma = world.bearer("uma", &["user"]);
    for _ in 0..60 {
        uma.patch("/api/v1/settings", r#"{"retention_days":1}"#).await.problem(403, "not allowed");
    }
    let otto = world.bearer("otto", &["user"]);
    otto.patch("/api/v1/settings", r#"{"retention_days":1}"#).await.problem(403, "not allowed");
    let admin = world.bearer("root", &["admin"]);
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < WATCHDOG, "the number was not recorded");
        let told = admin.entries("method=settings.updated&limit=500").await;
        let (numbers, alone): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|entry| entry["error_type"] == "too_many_refusals");
        if !numbers.is_empty() {
            let of = |user: &str| alone.iter().filter(|entry| entry["user"] == user).count();
            assert!(of("uma") >= 10 && of("uma") < 60, "{}", of("uma"));
            assert_eq!(of("otto"), 1, "one does not silence another");
            assert_eq!(numbers[0]["outcome"], "denied");
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// A call at this moment.
fn at(moment: Timestamp) -> Event {
    let mut event = call("ada", "search");
    event.occurred_at = moment;
    event
}

#[tokio::test]
async fn viewers_with_usage_rights_only_see_full_hours() {
    let noon = Timestamp::parse("2026-03-04T12:00:00Z").expect("a time");
    let clock = Arc::new(ManualClock::new(noon));
    let world = World::at(&clock);
    let counted = async |groups: &[&str]| {
        let usage = world.bearer("eve", groups).get_json("/api/v1/usage?from=2026-03-04".to_owned()).await;
        usage["totals"]["requests"].clone()
    };
    let minute = 60 * SECOND;
    for at_minute in [10, 20, 30] {
        clock.advance(10 * minute);
        world.record(at(noon.plus(at_minute * minute))).await;
        assert_eq!(counted(&["billing-admin"]).await, json!(0), "one more request shows nowhere");
    }
    clock.advance(minute);
    assert_eq!(counted(&["admin"]).await, json!(3), "whoever may read them sees them at once");
    clock.advance(29 * minute);
    assert_eq!(counted(&["billing-admin"]).await, json!(3));
    // A delayed one is not the only one of its kind either.
    clock.advance(5 * minute);
    world.record(at(noon.plus(40 * minute))).await;
    assert_eq!((counted(&["billing-admin"]).await, counted(&["admin"]).await), (json!(3), json!(4)));
    clock.advance(55 * minute);
    assert_eq!(counted(&["billing-admin"]).await, json!(4));
}
