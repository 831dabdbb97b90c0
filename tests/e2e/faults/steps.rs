//! A cleanup that is killed at each of its steps: the log still verifies, and the next run finishes the cleanup.

use std::path::Path;

use mcp_audit_log_tests::fault::{Dice, Oracle, Seen, Shim, Steps, Subject, verified};
use tempfile::TempDir;

use crate::each::{each_step, everything};
use crate::old::{copy, fill};

/// The number of old entries: three chunks of the cleanup.
const OLD: usize = 1_300;
const YOUNG: usize = 40;
/// The number of steps at which the cleanup is killed, spread evenly. With `FAULT_STEPS` set, it is killed at each step
/// and at each write.
const MOST: u64 = 40;

/// A log whose cleanup is due, and the `seq` of the entries that must stay.
struct Due {
    folder: TempDir,
    young: Vec<u64>,
    kind: Steps,
}

#[test]
fn a_cleanup_killed_at_any_step_is_consistent_and_finished() {
    let folder = tempfile::tempdir().expect("a folder");
    let young = fill(folder.path(), OLD, YOUNG);
    let kind = if everything() { Steps::Writes } else { Steps::Syncs };
    let due = Due { folder, young, kind };
    each_step(&mut Dice::new("steps"), due.steps(), MOST, |step| due.killed_at(step));
}

impl Due {
    /// How many steps the cleanup has.
    fn steps(&self) -> u64 {
        let (copy, shim) = (copy(self.folder.path()), Shim::new());
        self.runs(copy.path(), &shim, 0);
        let steps = shim.steps();
        assert!(steps > 20, "it commits several times: {steps}");
        steps
    }

    /// Kills it at a step, and checks what the next run does.
    fn killed_at(&self, step: u64) {
        let copy = copy(self.folder.path());
        let ended = self.runs(copy.path(), &Shim::new(), step).is_none();
        assert!(ended, "it has step {step} as well");
        verified(copy.path());
        let after = self.runs(copy.path(), &Shim::new(), 0).expect("it lives");
        verified(copy.path());
        self.judge(&after, step);
    }

    /// Runs the due cleanup; `None`: the process was killed meanwhile.
    fn runs(&self, folder: &Path, shim: &Shim, kill_at: u64) -> Option<Vec<Seen>> {
        let mut subject = Subject::faulty(folder, shim);
        // It is open once it has answered, and steps count from here on.
        subject.does("hello", &mut Oracle::default()).expect("it lives");
        shim.kill_at(self.kind, kill_at);
        let said = subject.does("due", &mut Oracle::default())?;
        assert!(!said.iter().any(|line| line.starts_with("not run")), "{said:?}");
        let seen = subject.entries()?;
        subject.begins("close");
        // The end has steps as well.
        subject.ended(&mut Oracle::default()).success().then_some(seen)
    }

    fn judge(&self, seen: &[Seen], step: u64) {
        let of_user = |user: &str| seen.iter().rev().filter(|seen| seen.user == user).map(|seen| seen.seq).collect();
        let young: Vec<_> = of_user("young");
        assert_eq!(young, self.young, "what is younger is there, once, at its place, after step {step}");
        assert!(!seen.iter().any(|seen| seen.user.starts_with("old-")), "what is older is gone, after step {step}");
        let told = |method: &str| seen.iter().filter(|seen| seen.method == method).count();
        assert_eq!(told("retention.completed"), 1, "and told once, after step {step}");
        assert!((1..=2).contains(&told("retention.started")), "after step {step}");
        assert_eq!(told("retention.failed"), 0, "after step {step}");
    }
}
