//! The dictionary of repeated texts: what readers remember of it, what patterns go through, how the writer numbers texts,
//! and how those leave that no entry has any more.

mod gc;
mod reader;
mod scan;
mod writer;

pub(crate) use gc::Sweep;
pub use reader::Texts;
pub(crate) use writer::Terms;
pub use writer::most;
