//! Settings, holds, scheduled jobs, tokens and the size of the log, as API and as page.

pub(crate) mod api;
mod confirm;
pub(crate) mod cron;
pub(crate) mod crons_api;
pub(crate) mod hold;
pub(crate) mod holds_api;
pub(crate) mod manifest_api;
pub(crate) mod page;
pub(crate) mod setting_history;
pub(crate) mod size_api;
