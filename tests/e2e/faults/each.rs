//! (short: shared by faults) Runs a test at each of many steps, several at a time.

use std::sync::atomic::{AtomicU64, Ordering};

use mcp_audit_log_tests::fault::Dice;

/// The number of concurrent tests: as many as a small machine has processors.
const AT_ONCE: usize = 2;

/// Calls `at` for `most` of the steps, spread evenly from a random one on; with `FAULT_STEPS` set, for each.
pub(crate) fn each_step(dice: &mut Dice, steps: u64, most: u64, at: impl Fn(u64) + Sync) {
    let stride = if everything() { 1 } else { steps.div_ceil(most) };
    let next = AtomicU64::new(1 + dice.below(stride));
    let one_by_one = || {
        loop {
            match next.fetch_add(stride, Ordering::Relaxed) {
                step if step <= steps => at(step),
                _ => return,
            }
        }
    };
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(one_by_one))));
}

/// Whether every step is tested.
pub(crate) fn everything() -> bool {
    std::env::var_os("FAULT_STEPS").is_some()
}
