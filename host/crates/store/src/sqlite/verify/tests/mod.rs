//! Verification finds every change of every column, and every removed, forged, swapped or moved row.

mod flips;
mod rows;
mod support;
