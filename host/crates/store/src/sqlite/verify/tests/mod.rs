//! What verification finds: every change of every column, every row that is gone, forged, swapped or put elsewhere.

mod flips;
mod rows;
mod support;
