//! (short: a table of the addon) The scheduled jobs.

use crate::contract::Cron;

/// Daily, at a quiet hour, and off the full hour when most jobs start.
pub(crate) fn declared() -> Vec<Cron> {
    vec![Cron {
        name: "MCP: Cleanup Old Audit Logs".to_owned(),
        schedule: "17 3 * * *".to_owned(),
        job: "retention".to_owned(),
    }]
}
