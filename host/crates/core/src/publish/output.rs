//! Writes checkpoints to standard output, for a collector of process output.

use std::io::Write;

use super::{Place, Published, PutError};

pub(super) struct Output;

impl Place for Output {
    /// The note as it is, followed by an empty line.
    fn put(&mut self, published: &Published) -> Result<(), PutError> {
        let mut output = std::io::stdout().lock();
        let put = writeln!(output, "{}", published.note).and_then(|()| output.flush());
        put.map_err(|error| PutError::Failed(format!("cannot write to standard output: {error}")))
    }
}
