//! What judges, what judged before, and another policy in its place or on trial: as API and as page.

pub(crate) mod api;
mod health;
mod history;
pub(crate) mod page;
mod record;
mod shadow;
mod swap;
mod trial;
mod trial_report;
mod upload;
