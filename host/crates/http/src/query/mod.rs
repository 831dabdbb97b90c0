//! Queries in a URL: filters, groups, usage, columns and cursors.

pub(crate) mod columns;
pub(crate) mod counts;
pub(crate) mod cursor;
pub(crate) mod documentation;
pub(crate) mod extractor;
pub(crate) mod grouping;
pub(crate) mod overview_query;
pub(crate) mod search;
pub(crate) mod usage_query;
