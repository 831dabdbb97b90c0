//! The log in SQLite: the only place that knows SQL. `mcp-audit-log-index` says what a store is and does with it.
//!
//! The recorder holds the one [`SqliteWriter`]; everybody who reads goes through the `Reader` of the crates above, which
//! holds the [`StoreReader`](mcp_audit_log_index::StoreReader) that [`open`] returns. Tokens live in a file of their own,
//! since the command line creates them beside a running server.

mod private;
mod sqlite;
mod tokens;
mod verified;

pub use sqlite::{CHECKS, SqliteStore, SqliteWriter, VerifyProgress, lock, open, open_to_read, verify};
pub use tokens::{NewToken, Token, TokenError, Tokens};
pub use tokens::{Outbox, PREFIX as TOKEN_PREFIX, PendingAction, TokenAction};
pub use verified::{ExternalCheckpoint, NOT_PROVED, Verified, VerifyError, VerifyFinding};
