//! Plans deletions: none, or all that there will ever be.

use crate::contract::RetentionPlan;
use crate::fault;
use crate::mode::Mode;

/// The plan, whatever the time is.
pub(crate) fn plan(mode: Mode) -> RetentionPlan {
    fault::run(mode);
    let before = (mode == Mode::FutureRetention).then_some(i64::MAX);
    RetentionPlan { entries_before: before, payloads_before: before, usage_before: before }
}
