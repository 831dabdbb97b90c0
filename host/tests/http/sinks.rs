//! Sinks in the metrics and on the integrity page: how far they are, and why one fails.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use mcp_audit_log::http::metrics_router;
use mcp_audit_log::sink::{EntryBatch, Sink, SinkError, SinkOptions};
use mcp_audit_log::{Right, Viewer};

use crate::support::{World, call};

/// A destination that is away.
struct Away;

impl Sink<EntryBatch> for Away {
    fn put(&mut self, _: &EntryBatch) -> Result<(), SinkError> {
        Err(SinkError::Failed("no route to <b>siem</b>".to_owned()))
    }
}

#[tokio::test]
async fn lag_and_failures_of_a_sink_are_metrics_and_on_the_page() {
    let options = SinkOptions::new("siem", Viewer::new("sink:siem", ["admin"])).destination("webhook at siem:8443");
    let world = World::with_sink(options, Away);
    world.record(call("ada", "search")).await;
    while world.log.sinks()[0].status.failures == 0 {
        tokio::task::yield_now().await;
    }
    let request = Request::get("/metrics").body(Body::empty()).expect("a request");
    let text = world.ask_router(metrics_router(world.log.clone()), request).await.text;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("mcp_audit_log_{name}{{sink=\"siem\"}} ")));
        line.unwrap_or_else(|| panic!("no {name}: {text}")).parse::<f64>().expect("a number")
    };
    assert!(value("sink_waiting_entries") >= 2.0 && value("sink_lag_seconds") > 0.0, "{text}");
    assert_eq!(value("sink_failing"), 1.0);
    assert!(value("sink_failures_total") >= 1.0);
    assert_eq!(value("sink_refused_entries_total"), 0.0);

    let page = world.browser("otto", &["auditor"]).await.get("/integrity").await;
    assert_eq!(page.status, StatusCode::OK);
    for words in
        ["Some sinks fail; see below.", "<dt>siem</dt>", "entries wait, the oldest recorded", "webhook at siem:8443"]
    {
        assert!(page.text.contains(words), "no {words:?} in {}", page.text);
    }
    assert!(page.text.contains("no route to &#60;b&#62;siem"), "{}", page.text);
    let access = world.log.view().access(&Viewer::new("otto", ["auditor"]).instance("acme"));
    assert!(access.may(Right::Verify));
    assert!(world.log.integrity(&access).expect("read").sinks.is_empty(), "a tenant learns nothing of sinks");
}

#[tokio::test]
async fn a_log_without_sinks_has_no_metrics_and_no_section_of_them() {
    let world = World::new();
    let request = Request::get("/metrics").body(Body::empty()).expect("a request");
    let text = world.ask_router(metrics_router(world.log.clone()), request).await.text;
    assert!(!text.contains("_sink_"), "{text}");
    let page = world.browser("otto", &["auditor"]).await.get("/integrity").await;
    assert!(!page.text.contains("Sinks"), "{}", page.text);
}
