//! Usage: what is counted of requests, kept by hour and by day, and longer than the entries.
//!
//! When a large block of the index is closed, its requests are folded into a *run*: for each cut ([`cuts`]) a *part* of
//! cells by day, and for most by hour ([`cells`]). A cut that has the user beside another dimension has about as many
//! cells as there are requests, so that it is divided by users into several parts, of which one answers what somebody
//! did. What the cleanup is about to remove is folded before. A run is about a range of places and is never changed, so
//! that it counts each entry once, however late it came, and can be made again as long as its entries are there. What no
//! run has yet, and the parts of hours at the ends of a range, are counted from the entries ([`entries`]).

mod answer;
mod breakdown;
mod cells;
mod cuts;
mod durations;
mod entries;
mod fold;
mod gone;
mod keep;
mod lot;
mod measures;
mod question;
mod ragged;
mod runs;
mod seen;
mod slots;
mod source;
mod span;
mod sums;
mod tally;
mod users;

use super::Doing;
use mcp_audit_log_model::time::HOUR;

pub(super) use answer::usage;
pub(super) use keep::{fold_before, keep_up, mend, prune, used};

/// When the `unit` of time began that `micros` is in.
fn floor(micros: i64, unit: i64) -> i64 {
    micros.div_euclid(unit).saturating_mul(unit)
}

/// When the next one begins, unless `micros` is a beginning.
fn ceil(micros: i64, unit: i64) -> i64 {
    let start = floor(micros, unit);
    if start == micros { micros } else { start.saturating_add(unit) }
}
