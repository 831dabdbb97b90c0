//! (short: a table of the addon) The saved filters that the search panel offers.

use crate::contract::{Comparison, Domain, SavedFilter};
use crate::sdk::declare::filter;
use crate::sdk::domain::{among, compare, is, own};

/// All saved filters, in the order of the panel. The host resolves relative times and the viewer.
pub(crate) fn declared() -> Vec<SavedFilter> {
    vec![
        filter("mine", "My entries", own()),
        filter("success", "Success", is("outcome", "success")),
        // A denial is one; what is not over yet is none.
        filter("errors", "Errors", among("outcome", &["error", "denied"])),
        filter("today", "Today", since("today")),
        filter("last_7_days", "Last 7 days", since("-7d")),
        filter("last_30_days", "Last 30 days", since("-30d")),
        // By action, so that calls that came through a tunnel are found as well.
        filter("tool_calls", "Tool calls", is("action", "tool.called")),
        filter("oauth_events", "OAuth events", is("channel", "oauth")),
    ]
}

fn since(time: &str) -> Domain {
    compare("at", Comparison::GreaterOrEqual, time)
}
