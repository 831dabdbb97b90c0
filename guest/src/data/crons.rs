//! (short: a table of the addon) The scheduled jobs.

use crate::contract::Cron;
use crate::sdk::declare::cleanup;

/// One a day.
pub(crate) fn declared() -> Vec<Cron> {
    vec![cleanup("MCP: Cleanup Old Audit Logs")]
}
