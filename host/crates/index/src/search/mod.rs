//! From a filter to entries, groups and values. Closed blocks are searched by their columns, and the open block by its
//! rows.

pub(crate) mod axis;
pub(crate) mod block_counts;
pub(crate) mod block_scan;
pub(crate) mod blocks;
pub(crate) mod groups;
pub(crate) mod keyed_counts;
pub(crate) mod overview;
pub(crate) mod pages;
pub(crate) mod plan;
pub(crate) mod rows;
pub(crate) mod seqs;
mod text_condition;
pub(crate) mod time_bars;
pub(crate) mod timeline;
pub(crate) mod total;
pub(crate) mod values;
