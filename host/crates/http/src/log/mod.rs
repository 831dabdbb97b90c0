//! The log: its list, groups and values, as API and as page, and the live tail.

pub(crate) mod api;
pub(crate) mod columns_form;
pub(crate) mod facets;
pub(crate) mod filter_panel;
pub(crate) mod filter_sentence;
pub(crate) mod groups;
pub(crate) mod groups_api;
pub(crate) mod overview;
pub(crate) mod overview_api;
pub(crate) mod page;
pub(crate) mod table;
pub(crate) mod tail;
pub(crate) mod token_calls_api;
pub(crate) mod values_api;
pub(crate) mod view;
pub(crate) mod views_api;
