//! From a filter to entries, groups and values: what is found, over columns where blocks are closed and rows where not.

pub(crate) mod axis;
pub(crate) mod block_scan;
pub(crate) mod blocks;
pub(crate) mod groups;
pub(crate) mod keyed_counts;
pub(crate) mod pages;
pub(crate) mod plan;
pub(crate) mod rows;
pub(crate) mod seqs;
mod text_condition;
pub(crate) mod total;
pub(crate) mod values;
