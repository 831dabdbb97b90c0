//! The dictionary of repeated texts: the cache of readers, the scan for patterns, and the writer that numbers texts.

mod reader;
mod scan;
mod writer;

pub use reader::Texts;
pub(crate) use writer::DictionaryWriter;
pub use writer::most;
