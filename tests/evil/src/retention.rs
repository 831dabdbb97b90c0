//! (short: one file per function) Plans deletions: none, of all current data, or of all data that will ever exist.

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
