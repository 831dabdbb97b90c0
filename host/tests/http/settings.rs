//! Rights to see and to change settings and jobs, and what is refused.

use std::sync::Arc;

use axum::http::StatusCode;
use mcp_audit_log::time::{DAY, ManualClock, Timestamp};
use serde_json::json;

use crate::support::{GROUPS, World, call};

const JOB: &str = "/api/v1/crons/MCP%3A%20Cleanup%20Old%20Audit%20Logs/run";

fn may_change(groups: &[&str]) -> bool {
    groups.iter().any(|group| ["admin", "owner", "super-admin"].contains(group))
}

fn may_look(groups: &[&str]) -> bool {
    may_change(groups) || groups.contains(&"auditor")
}

#[tokio::test]
async fn each_group_reads_changes_and_runs_only_what_its_rights_allow() {
    let world = World::new();
    for groups in GROUPS {
        let ada = world.bearer("ada", groups);
        for path in ["/api/v1/settings", "/api/v1/crons", "/api/v1/extent", "/api/v1/holds"] {
            let status = if may_look(groups) { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(ada.get(path).await.status, status, "{groups:?} {path}");
        }
        let status = if may_change(groups) { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(ada.patch("/api/v1/settings", r#"{"retention_days":30}"#).await.status, status, "{groups:?}");
        assert_eq!(
            ada.patch("/api/v1/settings", "nonsense").await.status == StatusCode::FORBIDDEN,
            !may_change(groups)
        );
        let started = if may_change(groups) { StatusCode::ACCEPTED } else { StatusCode::FORBIDDEN };
        assert_eq!(ada.send("POST", JOB, "", "").await.status, started, "{groups:?}");
        world.idle().await;
        let browser = world.browser("ada", groups).await;
        let page = browser.get("/settings").await;
        assert_eq!(page.status == StatusCode::OK, may_look(groups), "{groups:?}");
        assert_eq!(page.text.contains("Run now"), may_change(groups), "{groups:?}");
        assert_eq!(page.text.contains(">Save<"), may_change(groups), "{groups:?}");
        let status = if may_change(groups) { StatusCode::SEE_OTHER } else { StatusCode::FORBIDDEN };
        assert_eq!(browser.form("/settings", "retention_days=31").await.status, status, "{groups:?}");
        assert_eq!(browser.form("/settings/crons", "name=MCP%3A+Cleanup+Old+Audit+Logs").await.status, status);
        // The next group must not find this run in progress.
        world.idle().await;
    }
}

#[tokio::test]
async fn a_change_is_in_force_and_recorded() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    let before = admin.get("/api/v1/settings").await.json();
    assert_eq!(
        before,
        json!({"digest_bodies": false, "log_payloads": false, "payload_retention_days": 0, "retention_days": 90, "usage_retention_days": 400})
    );
    let after = admin.patch("/api/v1/settings", r#"{"retention_days":7,"log_payloads":true}"#).await.json();
    assert_eq!((&after["retention_days"], &after["log_payloads"]), (&json!(7), &json!(true)));
    assert!(world.log.keeps_payloads());
    let changes = admin.entries("method=settings.updated").await;
    assert_eq!(changes.len(), 2);
    let opened = admin.get(&format!("/api/v1/entries/{}", changes[0]["id"].as_str().expect("an id"))).await.json();
    assert!(opened["details"]["changes"][0]["old"].is_boolean() || opened["details"]["changes"][0]["old"] == 90);
    let page = world.browser("root", &["admin"]).await;
    let page = page.get(&format!("/entries/{}", changes[0]["id"].as_str().expect("an id"))).await;
    assert!(page.text.contains("<del>") && page.text.contains("<ins>"), "{}", page.text);
}

#[tokio::test]
async fn body_digests_are_off_until_an_admin_turns_them_on() {
    let world = World::new();
    let page = world.browser("root", &["admin"]).await.get("/settings").await.text;
    assert!(page.contains("Keep keyed digests of requests and responses"), "{page}");
    assert!(!world.log.digests_bodies());
    let admin = world.bearer("root", &["admin"]);
    let after = admin.patch("/api/v1/settings", r#"{"digest_bodies":true}"#).await.json();
    assert_eq!((&after["digest_bodies"], &after["log_payloads"]), (&json!(true), &json!(false)));
    assert!(world.log.digests_bodies() && !world.log.keeps_payloads());
    let told = admin.entries("method=settings.updated").await;
    let told = admin.get(&format!("/api/v1/entries/{}", told[0]["id"].as_str().expect("an id"))).await.json();
    assert_eq!(told["details"]["changes"], json!([{"field": "digest_bodies", "old": false, "new": true}]));
}

#[tokio::test]
async fn an_invalid_value_is_refused_with_the_allowed_ones() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    for value in ["0", "-1", "\"x\"", "1.5", "null", "36501", "true", "\"30\"", "[30]"] {
        let answer = admin.patch("/api/v1/settings", &format!(r#"{{"retention_days":{value}}}"#)).await;
        answer.problem(422, "a whole number from 1 to 36500");
    }
    admin.patch("/api/v1/settings", r#"{"log_payloads":"yes"}"#).await.problem(422, "true or false");
    admin.patch("/api/v1/settings", r#"{"retention":1}"#).await.problem(422, "retention_days");
    admin.patch("/api/v1/settings", "[1]").await.problem(400, "object");
    admin.patch("/api/v1/settings", "{").await.problem(400, "not JSON");
    admin.send("PATCH", "/api/v1/settings", "text/plain", "{}").await.problem(415, "application/json");
    admin.patch("/api/v1/settings", &" ".repeat(70_000)).await.problem(413, "64 KiB");
    assert_eq!(admin.get("/api/v1/settings").await.json()["retention_days"], 90);
}

#[tokio::test]
async fn the_page_keeps_the_input_and_shows_the_allowed_values() {
    let world = World::new();
    let browser = world.browser("root", &["admin"]).await;
    for (typed, shown) in
        [("0", "0"), ("-1", "-1"), ("x", "x"), ("1.5", "1.5"), ("%22%3E%3Cb%3E", "&#34;&#62;&#60;b&#62;"), ("", "")]
    {
        let page = browser.form("/settings", &format!("retention_days={typed}&log_payloads=true")).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{typed}");
        assert!(page.text.contains("Enter a whole number from 1 to 36500."), "{typed}");
        assert!(page.text.contains(&format!("value=\"{shown}\" inputmode")), "{typed}: {}", page.text);
    }
    assert!(!world.log.keeps_payloads(), "nothing is saved when one value is wrong");
    let saved = browser.form("/settings", "log_payloads=false&log_payloads=true&retention_days=+14+").await;
    assert_eq!((saved.status, saved.header("location")), (StatusCode::SEE_OTHER, "/settings?saved=true"));
    assert!(world.log.keeps_payloads());
    let page = browser.get("/settings?saved=true").await;
    assert!(page.text.contains("Saved.") && page.text.contains("value=\"14\""));
}

#[tokio::test]
async fn a_job_runs_on_demand_and_reports_its_result() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    let crons = admin.get("/api/v1/crons").await.json();
    assert_eq!(crons["crons"][0]["name"], "MCP: Cleanup Old Audit Logs");
    assert!(crons["crons"][0]["next_run"].is_string() && crons["crons"][0]["last_run"].is_null());
    let started = admin.send("POST", JOB, "", "").await;
    assert_eq!((started.status, &started.json()["name"]), (StatusCode::ACCEPTED, &crons["crons"][0]["name"]));
    let state = world.idle().await;
    assert_eq!((&state["last_succeeded"], &state["running"]), (&json!(true), &json!(null)), "{state}");
    assert_eq!(admin.entries("action=retention.completed").await.len(), 1);
    admin
        .send("POST", "/api/v1/crons/nope/run", "", "")
        .await
        .problem(404, "; the jobs are MCP: Cleanup Old Audit Logs");
    admin.get(JOB).await.problem(405, "Allow");
    let page = world.browser("root", &["admin"]).await.get("/settings").await;
    assert!(
        page.text.contains("<span class=\"outcome success\">OK</span>") && page.text.contains("s ago"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn a_running_job_is_shown_and_not_started_twice() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    let browser = world.browser("root", &["admin"]).await;
    let (release, released) = std::sync::mpsc::channel::<()>();
    // The job cannot record its start until the recorder continues.
    let hold = move || {
        let _ = released.recv();
        Vec::new()
    };
    world.log.record_later(0, hold).expect("taken");
    let meanwhile = async {
        while admin.get("/api/v1/crons").await.json()["crons"][0]["running"].is_null() {
            tokio::task::yield_now().await;
        }
        admin.send("POST", JOB, "", "").await.problem(409, "already running");
        let again = browser.form("/settings/crons", "name=MCP%3A+Cleanup+Old+Audit+Logs").await;
        let address = "/settings?runs=MCP%3A%20Cleanup%20Old%20Audit%20Logs#jobs";
        assert_eq!((again.status, again.header("location")), (StatusCode::SEE_OTHER, address));
        let page = browser.get(address.trim_end_matches("#jobs")).await.text;
        assert!(page.contains("is already running") && page.contains("0 entries and 0 payloads removed, started"));
        release.send(()).expect("released");
    };
    let (started, ()) = tokio::join!(admin.send("POST", JOB, "", ""), meanwhile);
    assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text);
    assert_eq!(world.idle().await["last_succeeded"], true);
}

#[tokio::test]
async fn the_size_shows_growth_and_the_size_of_the_period() {
    let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-01-01").expect("a time")));
    let world = World::at(&clock);
    let root = world.bearer("root", &["admin"]);
    let extent = root.get("/api/v1/extent").await.json();
    assert_eq!((&extent["entries"], &extent["oldest"]), (&json!(1), &json!("2026-01-01T00:00:00.000000Z")));
    assert!(extent["bytes"].as_u64() > Some(0), "{extent}");
    assert!(extent["growth_a_day"].is_null() && extent["at_retention"].is_null(), "too young: {extent}");
    for at in 0..19 {
        world.record(call("ada", &format!("tool_{at}"))).await;
    }
    clock.advance(2 * DAY);
    let extent = root.get("/api/v1/extent").await.json();
    assert_eq!(extent["growth_a_day"]["entries"], 10, "{extent}");
    let held = &extent["at_retention"];
    assert_eq!((&held["days"], &held["entries"]), (&json!(90), &json!(900)), "{extent}");
    assert_eq!(held["bytes"].as_u64(), extent["growth_a_day"]["bytes"].as_u64().map(|bytes| bytes * 90));
    let page = world.browser("root", &["admin"]).await.get("/settings").await.text;
    for text in ["about 10 entries, ", " a day, from the last 7 days", "about 900 entries, "] {
        assert!(page.contains(text), "the page lacks {text:?}");
    }
}
