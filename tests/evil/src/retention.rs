//! (short: one file per function) Plans deletions: none, all that there is, or all that there will ever be.

use crate::contract::RetentionPlan;
use crate::fault;
use crate::mode::Mode;

/// The plan.
pub(crate) fn plan(mode: Mode, now: i64) -> RetentionPlan {
    fault::run(mode);
    let before = match mode {
        Mode::FutureRetention => Some(i64::MAX),
        Mode::EarlyRetention => Some(now),
        _ => None,
    };
    RetentionPlan { entries_before: before, payloads_before: before, usage_before: before }
}
