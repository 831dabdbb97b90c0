//! Checkpoints on standard output, for whatever collects the output of processes.

use std::io::Write;

use super::{Place, Published};

pub(super) struct Output;

impl Place for Output {
    /// The note as it is, and an empty line behind it.
    fn put(&mut self, published: &Published) -> Result<(), String> {
        let mut output = std::io::stdout().lock();
        let put = writeln!(output, "{}", published.note).and_then(|()| output.flush());
        put.map_err(|error| format!("standard output cannot be written: {error}"))
    }
}
