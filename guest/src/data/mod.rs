//! The records that this policy brings along, one file a kind, as an addon's `data/` folder does.

pub(crate) mod actions;
pub(crate) mod crons;
pub(crate) mod filters;
pub(crate) mod settings;
