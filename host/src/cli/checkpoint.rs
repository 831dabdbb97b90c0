//! `mcp-audit checkpoint`: the newest signed checkpoint, as outsiders keep it. `mcp-audit key`: what checks it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use mcp_audit::signer;

use super::Outcome;
use super::common::{LogOptions, ViewerOptions, note, say};

#[derive(Args)]
pub(super) struct Checkpoint {
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    viewer: ViewerOptions,
}

impl Checkpoint {
    pub(super) fn run(self) -> Outcome {
        let log = self.log.view()?;
        let newest = log.checkpoint(&log.access(&self.viewer.viewer()))?;
        let newest = newest.ok_or("nothing was signed yet: `mcp-audit serve` signs within a second after its start")?;
        // The note ends with a newline of its own.
        say(newest.checkpoint.note.trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Subcommand)]
pub(super) enum Key {
    /// Print the keys that check the log's signatures, the oldest first.
    List(List),
    /// Make new signing keys; the next start uses them. The last one goes on signing beside them until the next time.
    Rotate(Rotate),
}

#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    log: LogOptions,
}

#[derive(Args)]
pub(super) struct Rotate {
    /// The key file [default: signing.key in the log's folder].
    #[arg(long, value_name = "FILE", env = "MCP_AUDIT_SIGNING_KEY_FILE")]
    signing_key: Option<PathBuf>,
    /// The folder of the log.
    #[arg(long, value_name = "DIR", default_value = "mcp-audit-data", env = "MCP_AUDIT_DATA")]
    data: PathBuf,
}

impl Key {
    pub(super) fn run(self) -> Outcome {
        match self {
            Self::List(List { log }) => {
                for key in log.view()?.verifier_keys()? {
                    say(key)?;
                }
            }
            Self::Rotate(Rotate { signing_key, data }) => {
                let path = signing_key.unwrap_or_else(|| data.join(signer::KEY_FILE));
                for key in signer::rotate(&path)? {
                    say(key)?;
                }
                note("Restart the server, and give these keys to those who check the log.");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
