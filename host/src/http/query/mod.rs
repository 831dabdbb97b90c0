//! Queries in a URL: filters, groups, usage, columns and cursors.

pub(in crate::http) mod columns;
pub(in crate::http) mod cursor;
pub(in crate::http) mod documentation;
pub(in crate::http) mod extractor;
pub(in crate::http) mod grouping;
pub(in crate::http) mod search;
pub(in crate::http) mod usage_query;
