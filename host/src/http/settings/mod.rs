//! Settings, holds, scheduled jobs, tokens and the size of the log, as API and as page.

pub(in crate::http) mod api;
pub(in crate::http) mod cron;
pub(in crate::http) mod crons_api;
pub(in crate::http) mod hold;
pub(in crate::http) mod holds_api;
pub(in crate::http) mod manifest_api;
pub(in crate::http) mod page;
pub(in crate::http) mod setting_history;
pub(in crate::http) mod size_api;
pub(in crate::http) mod tokens_api;
