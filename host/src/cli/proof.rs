//! `mcp-audit-log proof`: what the ledger can prove, as JSON for a verifier.

use std::process::ExitCode;

use clap::Subcommand;
use mcp_audit_log::ledger::{ConsistencyProof, InclusionProof};
use uuid::Uuid;

use super::Outcome;
use super::advice::{Advised, entry_id, no_entry};
use super::common::{LogOptions, ViewerOptions, say};

#[derive(Subcommand)]
pub(super) enum Proof {
    /// Prove that an entry is in the log.
    Entry {
        /// The entry's id, as `list` shows it.
        #[arg(value_parser = entry_id)]
        id: Uuid,
        /// Prove it for the tree of this many entries instead of the current one.
        #[arg(long)]
        size: Option<u64>,
        #[command(flatten)]
        log: LogOptions,
        #[command(flatten)]
        viewer: ViewerOptions,
    },
    /// Prove that the log of this many entries is the beginning of a later one.
    Consistency {
        /// The size of the older tree.
        from: u64,
        /// The size of the newer one; the current one by default.
        to: Option<u64>,
        #[command(flatten)]
        log: LogOptions,
        #[command(flatten)]
        viewer: ViewerOptions,
    },
}

impl Proof {
    pub(super) fn run(self) -> Outcome {
        match self {
            Self::Entry { id, size, log, viewer } => {
                let (log, viewer) = (log.view()?, viewer.viewer());
                let found = log.reader(&log.access(&viewer)).inclusion(id, size).advised(&log)?;
                let proof = found.ok_or_else(|| no_entry(id, &viewer))?;
                say(serde_json::to_string_pretty(&InclusionProof::from(&proof))?)?;
            }
            Self::Consistency { from, to, log, viewer } => {
                let (log, viewer) = (log.view()?, viewer.viewer());
                let proof = log.reader(&log.access(&viewer)).consistency(from, to).advised(&log)?;
                say(serde_json::to_string_pretty(&ConsistencyProof::from(&proof))?)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
