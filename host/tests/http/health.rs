//! `healthz` and `readyz`: not ready while entries cannot become durable, and ready again when they can.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use axum::http::StatusCode;
use mcp_audit_log::recorder::QueueLimits;

use crate::support::{World, call};

async fn ready(world: &World) -> (StatusCode, String) {
    let answer = world.stranger().get("/readyz").await;
    assert_eq!(world.stranger().get("/healthz").await.status, StatusCode::OK, "the process is alive all the same");
    (answer.status, answer.text)
}

/// Polls until the answer has `word`; another thread causes the change.
async fn until(world: &World, word: &str) {
    let asking = async {
        while !ready(world).await.1.contains(word) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.expect("an answer within a minute");
}

/// The files are moved away under the running log: on Unix all writes still succeed, into deleted files.
#[cfg(unix)]
#[tokio::test]
async fn a_log_with_missing_files_is_not_ready_until_they_are_back() {
    let world = World::new();
    assert_eq!(ready(&world).await, (StatusCode::OK, "ready\n".to_owned()));
    let (here, away) = (world.folder.path().to_owned(), world.folder.path().with_extension("away"));
    fs::rename(&here, &away).expect("moved");
    let event = call("ada", "kept");
    world.log.record(event).expect("taken");
    until(&world, "store-failing").await;
    assert_eq!(ready(&world).await.0, StatusCode::SERVICE_UNAVAILABLE);
    fs::rename(&away, &here).expect("moved back");
    until(&world, "ready\n").await;
    world.record(call("ada", "after")).await;
    assert_eq!(ready(&world).await.0, StatusCode::OK);
    assert_eq!(world.bearer("root", &["admin"]).entries("tool=kept").await.len(), 1, "what waited is stored, once");
}

#[tokio::test]
async fn a_log_that_drops_events_is_not_ready_until_the_gap_is_recorded() {
    // Wide enough that what the log itself enqueues at its start is far below half.
    let world = World::with_queue(QueueLimits { items: 64, bytes: 1 << 20 });
    let (holding, held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let hold = move || {
        let _ = holding.send(());
        let _ = released.recv();
        Vec::new()
    };
    world.log.record_later(0, hold).expect("taken");
    held.recv().expect("the recorder is held");
    let enqueue = |events: usize| (0..events).for_each(|_| world.log.record(call("ada", "search")).expect("room"));
    enqueue(16);
    assert_eq!(ready(&world).await, (StatusCode::OK, "ready\n".to_owned()), "less than half of the queue waits");
    enqueue(24);
    assert_eq!(ready(&world).await, (StatusCode::SERVICE_UNAVAILABLE, "not ready: queue-behind\n".to_owned()));
    while world.log.record(call("ada", "search")).is_ok() {}
    assert_eq!(ready(&world).await, (StatusCode::SERVICE_UNAVAILABLE, "not ready: queue-full\n".to_owned()));
    release.send(()).expect("released");
    until(&world, "ready\n").await;
    world.record(call("ada", "after")).await;
    assert_eq!(ready(&world).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_log_that_is_closed_is_not_ready() {
    let world = World::new();
    world.log.close();
    assert_eq!(ready(&world).await, (StatusCode::SERVICE_UNAVAILABLE, "not ready: recorder-stopped\n".to_owned()));
}
