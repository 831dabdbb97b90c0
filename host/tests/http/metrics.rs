//! Metrics: they count what happened, contain no names, and are not public.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use mcp_audit_log::http::metrics_router;
use mcp_audit_log::time::{ManualClock, Timestamp};

use crate::support::{Answer, World, call};

async fn scrape(world: &World) -> Answer {
    scrape_as(world, "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1").await
}

async fn scrape_as(world: &World, accept: &str) -> Answer {
    let request = Request::builder().uri("/metrics").header("accept", accept);
    let request = request.body(Body::empty()).expect("a request");
    world.ask_router(metrics_router(world.log.clone()), request).await
}

/// The value of a line that has no labels.
fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is missing in {text}")).parse().expect("a number")
}

#[tokio::test]
async fn metrics_count_recorded_events() {
    // Nothing is signed meanwhile, which is a commit too.
    let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-01-01T12:00:00Z").expect("a time")));
    let world = World::at(&clock);
    let before = scrape(&world).await.text;
    for tool in ["secret_tool", "search", "search"] {
        world.record(call("ada", tool)).await;
    }
    let answer = scrape(&world).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    let text = answer.text;
    let grown = |name: &str| value(&text, name) - value(&before, name);
    for (name, by) in [
        ("mcp_audit_log_entries_stored_total", 3.0),
        ("mcp_audit_log_commits_total", 3.0),
        ("mcp_audit_log_commit_duration_seconds_count", 3.0),
        ("mcp_audit_log_commit_entries_sum", 3.0),
        ("mcp_audit_log_commit_entries_bucket{le=\"1.0\"}", 3.0),
        ("mcp_audit_log_commit_entries_bucket{le=\"+Inf\"}", 3.0),
        ("mcp_audit_log_policy_events_total", 3.0),
        ("mcp_audit_log_policy_cache_hits_total", 1.0),
        ("mcp_audit_log_policy_cache_misses_total", 2.0),
        ("mcp_audit_log_entries", 3.0),
        ("mcp_audit_log_events_dropped_total", 0.0),
        ("mcp_audit_log_commits_failed_total", 0.0),
        ("mcp_audit_log_policy_faults_total", 0.0),
    ] {
        assert_eq!(grown(name), by, "{name}");
    }
    assert!(
        grown("mcp_audit_log_policy_judge_seconds_total") > 0.0
            && grown("mcp_audit_log_commit_duration_seconds_sum") > 0.0
    );
    assert!(
        value(&text, "mcp_audit_log_database_bytes") > 0.0 && value(&text, "mcp_audit_log_start_time_seconds") > 1e9
    );
    assert_eq!(value(&text, "mcp_audit_log_queue_limit_items"), 16_384.0);
    assert_eq!(value(&text, "mcp_audit_log_ready"), 1.0);
    let build = text.lines().find(|line| line.starts_with("mcp_audit_log_build_info{")).expect("the build");
    assert!(build.contains(&world.log.view().policy_digest()) && build.contains(env!("CARGO_PKG_VERSION")), "{build}");
    assert!(text.ends_with("# EOF\n"));
    for word in ["ada", "secret_tool", "crm"] {
        assert!(!text.contains(word), "{word} is in {text}");
    }
}

#[tokio::test]
async fn metrics_report_the_cleanup() {
    let world = World::new();
    assert!(!scrape(&world).await.text.contains("cleanup_last_run"), "it never ran");
    let admin = world.bearer("root", &["admin"]);
    let name =
        admin.get("/api/v1/crons").await.json()["crons"][0]["name"].as_str().expect("a cron").replace(' ', "%20");
    let started = admin.send("POST", &format!("/api/v1/crons/{name}/run"), "", "").await;
    assert_eq!(started.status, StatusCode::ACCEPTED);
    world.idle().await;
    let text = scrape(&world).await.text;
    assert!(value(&text, "mcp_audit_log_cleanup_last_run_timestamp_seconds") > 1e9);
    assert_eq!(value(&text, "mcp_audit_log_cleanup_last_success"), 1.0);
    assert_eq!(value(&text, "mcp_audit_log_cleanup_running"), 0.0);
    assert_eq!(value(&text, "mcp_audit_log_cleanup_entries_removed_total"), 0.0);
}

#[tokio::test]
async fn metrics_report_losses() {
    let world = World::new();
    let bug = || -> Vec<mcp_audit_log::Event> { panic!("a parser that fails") };
    world.log.record_later(0, bug).expect("taken");
    world.record(call("ada", "search")).await;
    world.record(call("ada", "search")).await;
    let text = scrape(&world).await.text;
    assert_eq!(value(&text, "mcp_audit_log_events_dropped_total"), 1.0);
    assert_eq!(value(&text, "mcp_audit_log_gap_entries_total"), 1.0);
}

#[tokio::test]
async fn the_public_router_has_no_metrics() {
    let world = World::new();
    for path in ["/metrics", "/api/v1/metrics"] {
        for caller in [world.bearer("root", &["admin", "super-admin"]), world.stranger()] {
            let answer = caller.get(path).await;
            assert!(!answer.status.is_success() && !answer.text.contains("mcp_audit_log_"), "{path}: {}", answer.text);
        }
    }
}

/// Whether a sample's name fits its family, for this type of metric.
fn is_of(sample: &str, family: &str, kind: &str) -> bool {
    match kind {
        "histogram" => ["_bucket", "_sum", "_count"].iter().any(|end| sample.strip_suffix(end) == Some(family)),
        "counter" => sample == family && family.ends_with("_total"),
        _ => sample == family,
    }
}

/// As promtool checks it: each sample follows the type of a family with its name, and there is nothing else.
#[tokio::test]
async fn without_openmetrics_the_older_format_is_returned() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    for accept in ["text/plain;version=0.0.4", "*/*", "application/openmetrics-text;q=0, text/plain", ""] {
        let answer = scrape_as(&world, accept).await;
        assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"), "{accept}");
        let (mut family, mut kinds, mut samples) = (("", ""), std::collections::BTreeSet::new(), 0);
        let mut helped = "";
        for line in answer.text.lines() {
            match line.splitn(4, ' ').collect::<Vec<_>>()[..] {
                ["#", "HELP", name, help] => {
                    assert!(!help.is_empty());
                    helped = name;
                }
                ["#", "TYPE", name, kind] => {
                    assert_eq!(helped, name, "each family says what it is");
                    assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                    assert!(kinds.insert(name), "{name} is there twice");
                    family = (name, kind);
                }
                _ => {
                    assert!(!line.starts_with('#'), "{line}");
                    let name = line.split(['{', ' ']).next().expect("a name");
                    assert!(is_of(name, family.0, family.1), "{line} below {family:?}");
                    line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).expect("a number");
                    samples += 1;
                }
            }
        }
        assert!(samples > 20 && kinds.contains("mcp_audit_log_entries_stored_total"), "{}", answer.text);
        assert!(answer.text.contains("# TYPE mcp_audit_log_build_info gauge\n"), "{}", answer.text);
    }
}
