//! (short: one file per fault) A log that is killed at each of its first steps, from creating its files to its first
//! checkpoint: the next start continues from what exists.

use mcp_audit_log_tests::fault::{Dice, Oracle, Shim, Steps, Subject, verified};

use crate::each::{each_step, everything};

/// More than the number of steps on files other than the database's. SQLite protects the database file itself.
const MOST: u64 = 60;

#[test]
fn a_log_killed_at_any_first_step_opens_at_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (shim, mut oracle) = (Shim::new(), Oracle::default());
    assert!(lives(folder.path(), &shim, 0, &mut oracle));
    each_step(&mut Dice::new("birth"), shim.steps(), MOST, |step| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut oracle = Oracle::default();
        assert!(!lives(folder.path(), &Shim::new(), step, &mut oracle), "it has step {step} as well");
        assert!(lives(folder.path(), &Shim::new(), 0, &mut oracle), "it lives after step {step}");
        verified(folder.path());
    });
}

/// Opens the log, records, signs and closes. `false`: the process was killed meanwhile.
fn lives(folder: &std::path::Path, shim: &Shim, kill_at: u64, oracle: &mut Oracle) -> bool {
    shim.kill_at(if everything() { Steps::Writes } else { Steps::Beside }, kill_at);
    let mut subject = Subject::faulty(folder, shim);
    for order in ["send 3", "sign", "send 3"] {
        if subject.does(order, oracle).is_none() {
            return false;
        }
    }
    if let Some(seen) = subject.entries() {
        oracle.judge(&seen);
    }
    subject.begins("close");
    subject.ended(oracle).success()
}
