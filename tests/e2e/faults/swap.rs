//! A swap of the policy that is killed at each of its steps: afterwards one of the two judges, and no entry is lost.

use std::path::Path;

use mcp_audit_log::Options;
use mcp_audit_log_tests::fault::{Dice, Oracle, Shim, Steps, Subject, verified};

use crate::each::{each_step, everything};
use crate::old::copy;

/// How many of the steps are killed at, spread evenly; with `FAULT_STEPS` set, each, and each write as well.
const MOST: u64 = 12;

#[test]
fn a_swap_killed_at_any_step_leaves_one_of_the_two_policies() {
    let folder = tempfile::tempdir().expect("a folder");
    Options::new(folder.path()).own_schedule().open().expect("a log").close();
    let kind = if everything() { Steps::Writes } else { Steps::Syncs };
    let shim = Shim::new();
    let whole = copy(folder.path());
    let steps = swapped(whole.path(), &shim, (kind, 0)).expect("nothing kills it");
    assert!(steps > 3, "a component and an entry: {steps}");
    assert!(!is_default(whole.path()), "the other one judges");
    each_step(&mut Dice::new("swap"), steps, MOST, |step| {
        let copy = copy(folder.path());
        assert_eq!(swapped(copy.path(), &Shim::new(), (kind, step)), None, "it has step {step} as well");
        verified(copy.path());
        let is_default = is_default(copy.path());
        verified(copy.path());
        // It can be swapped to the one, or back to it.
        let again = Shim::new();
        assert_eq!(swapped(copy.path(), &again, (kind, 0)).is_some(), is_default, "after step {step}");
    });
}

/// Swaps the policy in a process of its own; gives the number of steps. `None`: it was killed meanwhile, or the policy
/// was active already.
fn swapped(folder: &Path, shim: &Shim, (kind, kill_at): (Steps, u64)) -> Option<u64> {
    let mut subject = Subject::faulty(folder, shim);
    // It is open once it has answered, and steps count from here on.
    subject.does("hello", &mut Oracle::default())?;
    shim.kill_at(kind, kill_at);
    let said = subject.does("swap", &mut Oracle::default())?;
    let steps = shim.steps();
    shim.kill_at(kind, 0);
    subject.close(&mut Oracle::default());
    said.is_empty().then_some(steps)
}

/// Whether the default policy judges after a start. An entry about the swap is there if and only if it does not.
fn is_default(folder: &Path) -> bool {
    let mut oracle = Oracle::default();
    let mut subject = Subject::start(folder);
    subject.does("send 3", &mut oracle).expect("it records");
    let said = subject.does("judges", &mut oracle).expect("it lives");
    let seen = subject.entries().expect("it lives");
    subject.close(&mut oracle);
    let told = seen.iter().filter(|seen| seen.method == "policy.activated").count();
    let is_default = said == ["default"];
    assert_eq!(told, usize::from(!is_default), "{said:?}");
    is_default
}
