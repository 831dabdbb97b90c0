//! The log: its list, groups and values, as API and as page, and the live tail.

pub(in crate::http) mod api;
pub(in crate::http) mod columns_form;
pub(in crate::http) mod facets;
pub(in crate::http) mod filter_panel;
pub(in crate::http) mod filter_sentence;
pub(in crate::http) mod groups;
pub(in crate::http) mod groups_api;
pub(in crate::http) mod page;
pub(in crate::http) mod row;
pub(in crate::http) mod table;
pub(in crate::http) mod tail;
pub(in crate::http) mod token_calls_api;
pub(in crate::http) mod values_api;
pub(in crate::http) mod view;
pub(in crate::http) mod views_api;
