//! Checkpoints on standard output, for whatever collects the output of processes.

use std::io::Write;

use super::{Place, Published, PutError};

pub(super) struct Output;

impl Place for Output {
    /// The note as it is, and an empty line behind it.
    fn put(&mut self, published: &Published) -> Result<(), PutError> {
        let mut output = std::io::stdout().lock();
        let put = writeln!(output, "{}", published.note).and_then(|()| output.flush());
        put.map_err(|error| PutError::Failed(format!("cannot write to standard output: {error}")))
    }
}
