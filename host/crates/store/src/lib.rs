//! The log in SQLite: the only crate with SQL. It implements the store seam of `mcp-audit-log-index`.
//!
//! The recorder holds the only [`SqliteWriter`]. All reading goes through the `Reader` of the crates above, which holds
//! the [`StoreReader`](mcp_audit_log_index::StoreReader) that [`open`] returns. Tokens are in a separate file, since
//! the command line creates them beside a running server.

mod private;
mod sqlite;
mod tokens;
mod verified;

pub use sqlite::{
    CHECKS, SqliteStore, SqliteWriter, Upgraded, VerifyProgress, copy_databases, lock, old_log, open, open_to_read,
    show_columns, verify,
};
pub use tokens::{NewToken, Token, TokenError, Tokens};
pub use tokens::{Outbox, PREFIX as TOKEN_PREFIX, PendingAction, TokenAction};
pub use tokens::{PROVIDER_SESSION_PREFIX, ProviderSession};
pub use verified::{ExternalCheckpoint, NOT_PROVED, Verified, VerifyError, VerifyFinding};
