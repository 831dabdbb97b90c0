//! What a sink has not got yet holds the cleanup back, and not for ever.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mcp_audit_log::sink::{EntryBatch, Sink, SinkError, SinkOptions};
use mcp_audit_log::time::{Clock, DAY};
use mcp_audit_log::{AuditLog, Options, Viewer};

use crate::support::{CLEANUP, access, clock, has_tool, of_action, record};

/// A destination that can be away.
#[derive(Clone, Default)]
struct Receiver {
    is_away: Arc<AtomicBool>,
    seqs: Arc<Mutex<Vec<u64>>>,
}

impl Sink<EntryBatch> for Receiver {
    fn put(&mut self, batch: &EntryBatch) -> Result<(), SinkError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(SinkError::Failed("it is away".to_owned()));
        }
        self.seqs.lock().expect("no panic").extend(batch.entries.iter().map(|entry| entry.seq));
        Ok(())
    }
}

fn until(log: &AuditLog, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{:?}", log.sinks());
        std::thread::yield_now();
    }
}

fn has_everything(log: &AuditLog) {
    until(log, || log.sinks()[0].status.arrived == Some(*log.appended().borrow()));
}

#[tokio::test]
async fn entries_stay_for_a_sink_that_is_away_up_to_the_bound_and_then_a_gap_names_them() {
    let (folder, clock, receiver) = (tempfile::tempdir().expect("a folder"), clock(), Receiver::default());
    let sink = SinkOptions::new("siem", Viewer::new("sink:siem", ["admin"])).hold_days(20);
    let log = Options::new(folder.path())
        .clock(Arc::clone(&clock) as Arc<dyn Clock>)
        .own_schedule()
        .believe_clock()
        .sink(sink, receiver.clone())
        .open()
        .expect("a log");
    let admin = access(&log, "admin");
    record(&log, "delivered").await;
    has_everything(&log);
    let before = *log.appended().borrow();
    until(&log, || log.view().stored_sink("siem").expect("read").is_some_and(|sink| sink.watermark == before));
    receiver.is_away.store(true, Ordering::Relaxed);
    record(&log, "waiting").await;
    clock.advance(91 * DAY);
    record(&log, "today").await;
    let clean = || log.run_cron(&admin, CLEANUP).expect("run").last_message.expect("a message");
    let message = clean();
    assert_eq!(["delivered", "waiting", "today"].map(|tool| has_tool(&log, tool)), [false, true, true], "{message}");
    assert!(message.contains("entries stay that the sink siem has not got yet"), "{message}");
    assert_eq!(of_action(&log, "retention.completed")[0].details["kept_for_sink"], "siem");

    clock.advance(20 * DAY);
    let message = clean();
    assert!(!has_tool(&log, "waiting"), "the bound is reached: {message}");
    receiver.is_away.store(false, Ordering::Relaxed);
    has_everything(&log);
    let gaps = of_action(&log, "sink.gap");
    let first = gaps[0].details["first"].as_u64().expect("a seq");
    assert_eq!((gaps.len(), first), (1, before));
    let last = gaps[0].details["last"].as_u64().expect("a seq");
    has_everything(&log);
    let seqs = receiver.seqs.lock().expect("no panic").clone();
    let expected = (0..before).chain(last + 1..*log.appended().borrow());
    assert!(seqs.into_iter().eq(expected), "what is not named as a gap has arrived");
}
