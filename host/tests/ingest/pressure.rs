//! Many senders at once, a recorder that is too slow, and senders that disconnect before the answer.

use std::sync::mpsc;

use axum::http::StatusCode;
use mcp_audit_log::AuditLog;
use mcp_audit_log::recorder::QueueLimits;
use serde_json::{Value, json};

use crate::item;
use crate::support::World;

/// Holds the recorder's thread until it is dropped.
struct BudgetShare {
    _release: mpsc::Sender<()>,
}

fn hold(log: &AuditLog) -> BudgetShare {
    let (holding, held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let hold = move || {
        let _ = holding.send(());
        let _ = released.recv();
        Vec::new()
    };
    log.record_later(0, hold).expect("taken");
    held.recv().expect("held");
    BudgetShare { _release: release }
}

#[tokio::test]
async fn a_full_queue_accepts_all_of_a_request_or_nothing() {
    let world = World::with_queue(QueueLimits { items: 2, bytes: 64 << 20 });
    let service = world.bearer("platform", &["service"]);
    let items: Vec<Value> = (0..50).map(|_| item()).collect();
    let held = hold(&world.log);
    // Until the queue has no room, even after the log's own events.
    while world.log.record_later(0, Vec::new).is_ok() {}
    let full = service.events(&json!(items)).await;
    full.problem(503, "nothing was recorded");
    assert!(!full.header("retry-after").is_empty());
    drop(held);
    // A change of settings waits for room.
    world.keep_payloads().await;
    let admin = world.bearer("root", &["admin"]);
    assert_eq!(admin.entries("channel=api").await.len(), 0);
    let gaps = admin.entries("action=log.gap").await;
    let [gap] = gaps.as_slice() else { panic!("one gap: {gaps:?}") };
    let gap = admin.get(&format!("/api/v1/entries/{}", gap["id"].as_str().expect("an id"))).await.json();
    assert_eq!(gap["details"]["dropped"], 1, "what filled the queue last, and nothing of whoever was told: {gap}");
    let again = service.events(&json!(items)).await;
    assert_eq!((again.status, &again.json()["stored"]), (StatusCode::OK, &50.into()));
}

#[tokio::test]
async fn too_many_bytes_fill_the_queue_too() {
    let world = World::with_queue(QueueLimits { items: 100, bytes: 2_000 });
    let items: Vec<Value> = (0..50).map(|_| item()).collect();
    let service = world.bearer("platform", &["service"]);
    service.events(&json!(items)).await.problem(503, "nothing was recorded");
    assert_eq!(service.events(&items[0]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_closed_log_accepts_nothing() {
    let world = World::new();
    world.log.close();
    world.bearer("platform", &["service"]).events(&item()).await.problem(503, "nothing was recorded");
}

/// The sender hangs up before the answer, and sends again.
#[tokio::test]
async fn after_a_lost_answer_a_retry_neither_loses_nor_duplicates() {
    let world = World::new();
    let service = world.bearer("platform", &["service"]);
    let items: Vec<Value> = (0..20).map(|_| item()).collect();
    let held = hold(&world.log);
    let body = json!(items);
    let waiting = world.log.recorder().gauges().waiting.load(std::sync::atomic::Ordering::Relaxed);
    {
        let mut sending = std::pin::pin!(service.events(&body));
        // Until it is in the queue; then the sender hangs up.
        while world.log.recorder().gauges().waiting.load(std::sync::atomic::Ordering::Relaxed) == waiting {
            tokio::select! {
                biased;
                answer = &mut sending => panic!("nothing can be stored yet: {}", answer.text),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    drop(held);
    let again = service.events(&body).await.json();
    assert_eq!((&again["stored"], &again["duplicate"]), (&0.into(), &20.into()));
    assert_eq!(world.bearer("root", &["admin"]).entries("channel=api").await.len(), 20);
}

/// Several senders send the same and different events at once: each id is stored once, and exactly one sender gets
/// `stored`.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_senders_store_an_id_once() {
    let world = World::new();
    let shared: Vec<Value> = (0..200).map(|_| item()).collect();
    let service = world.bearer("platform", &["service"]);
    let senders = (0..6).map(|sender| {
        let (service, mut items) = (&service, shared.clone());
        items.rotate_left(sender * 30);
        items.extend((0..50).map(|_| item()));
        async move {
            let (mut stored, mut duplicate) = (0, 0);
            for part in items.chunks(25) {
                let answer = service.events(&json!(part)).await.json();
                stored += answer["stored"].as_u64().expect("a count");
                duplicate += answer["duplicate"].as_u64().expect("a count");
            }
            (stored, duplicate)
        }
    });
    let told = futures_util::future::join_all(senders).await;
    let (stored, duplicate) = told.iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    assert_eq!((stored, duplicate), (200 + 6 * 50, 5 * 200));
    assert_eq!(world.bearer("root", &["admin"]).entries("channel=api&limit=500").await.len(), 500);
}
