//! A writer that ignores holds: the requests that reach it must respect them already.

use std::sync::{Arc, Mutex};

use uuid::Uuid;

use mcp_audit_log_store::SqliteWriter;

use super::*;
use crate::recorder::{ActivePolicy, QueueLimits, RecorderParts, SharedPolicy, StateChange};
use mcp_audit_log_contract::hold::{Hold, HoldChange};
use mcp_audit_log_index::{Batch, Removal, Stored, Writer};
use mcp_audit_log_model::time::{Clock, DAY, SystemClock};
use mcp_audit_log_sandbox::Limits;

/// Records the requests to remove, and removes nothing.
struct Careless {
    inner: SqliteWriter,
    asked: Arc<Mutex<Vec<Plan>>>,
}

impl Writer for Careless {
    fn commit(&mut self, batch: &Batch) -> Result<Vec<Stored>, StoreError> {
        self.inner.commit(batch)
    }

    fn prune(&mut self, removal: Removal) -> Result<Pruned, StoreError> {
        self.asked.lock().expect("a lock").push(removal.plan);
        Ok(Pruned::default())
    }
}

#[test]
fn no_policy_plan_bypasses_a_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, inner) = mcp_audit_log_store::open(folder.path()).expect("a log");
    let (now, asked) = (SystemClock.now(), Arc::<Mutex<Vec<Plan>>>::default());
    let policy = Arc::new(Policy::builtin(Limits::default(), now).expect("the default policy"));
    let settings = Arc::new(Settings::load(&policy.manifest().settings, &Default::default()));
    let parts = RecorderParts {
        active: SharedPolicy::new(ActivePolicy {
            policy: Arc::clone(&policy),
            settings: Arc::clone(&settings),
            configured: None,
            since: Some(0),
        }),
        probation: None,
        files: files.clone(),
        writer: Box::new(Careless { inner, asked: Arc::clone(&asked) }),
        clock: Arc::new(SystemClock),
        prices: Default::default(),
    };
    let recorder = Recorder::start(parts, QueueLimits::default()).expect("a thread");
    let run = || {
        let intent = plan(&policy, &settings, &files, now).expect("a plan");
        let mut run = CleanupRun::begin(intent, &recorder);
        while run.step(&files, &recorder).expect("a step").is_some() {}
        run.report()
    };
    run();
    let from = now.plus(-200 * DAY);
    let (reason, placed_by) = ("case 7".to_owned(), "anna".to_owned());
    let hold = Hold { id: Uuid::nil(), from, to: None, reason, placed_by, placed_at: now, released: None };
    let change = StateChange { holds: vec![HoldChange::Place(hold)], ..StateChange::default() };
    recorder.change(change, Vec::new()).expect("placed");
    let report = run();
    let before: Vec<_> = asked.lock().expect("a lock").iter().map(|plan| plan.entries_before).collect();
    assert_eq!(before, [Some(now.plus(-90 * DAY)), Some(from)]);
    assert!(report.message().contains("a legal hold keeps"), "{}", report.message());
}
