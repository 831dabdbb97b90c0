//! The dictionary of repeated texts: what readers remember of it, what patterns go through, how the writer numbers texts.

mod reader;
mod scan;
mod writer;

pub use reader::Texts;
pub(crate) use writer::DictionaryWriter;
pub use writer::most;
