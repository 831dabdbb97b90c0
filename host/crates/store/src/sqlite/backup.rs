//! (short: one job) Copies of the log's databases, each of one moment, beside a process that may be writing them.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::files::existing;
use super::{SqlContext, connection};
use crate::private;
use crate::tokens::TOKENS_FILE;
use mcp_audit_log_index::StoreError;

/// The pause before another try, where a database is locked.
const PAUSE: Duration = Duration::from_millis(50);

/// Copies the log and the tokens of `folder` into the folder `into`. Each copy is of one moment; that of the log is the
/// later one. Writers go on meanwhile. Durable when this returns.
///
/// # Errors
/// There is no log, or a copy cannot be written.
pub fn copy_databases(folder: &Path, into: &Path) -> Result<(), StoreError> {
    let log = existing(folder)?;
    let tokens = folder.join(TOKENS_FILE);
    for from in [tokens, log].iter().filter(|path| path.is_file()) {
        let path = into.join(from.file_name().unwrap_or_default());
        let unusable = |reason| StoreError::Folder { path: into.to_owned(), reason };
        private::file(&path).map_err(unusable)?;
        let source = connection::verifier(from)?;
        let mut copy = Connection::open(&path).context("opening the copy of the log")?;
        {
            // All pages in one step: with more, a writer in between would make it begin again.
            let backup = Backup::new(&source, &mut copy).context("copying the log")?;
            backup.run_to_completion(i32::MAX, PAUSE, None).context("copying the log")?;
        }
        copy.close().map_err(|(_, error)| error).context("copying the log")?;
    }
    Ok(())
}
