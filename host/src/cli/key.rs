//! `mcp-audit-log key`: the verification keys and the signing keys.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use mcp_audit_log::rotate_keys;
use mcp_audit_log::signer::{Resume, SignerOptions};

use super::Outcome;
use super::common::{LogOptions, Signing, note, say};

#[derive(Subcommand)]
pub(super) enum Key {
    /// Print the verification keys, oldest first.
    List(List),
    /// Create new signing keys; the next start uses them. The previous keys also sign until the next rotation.
    Rotate(Rotate),
    /// Resume signing after `signing.last` was lost. An entry records the operator and the reason.
    Resume(Resuming),
}

#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    log: LogOptions,
}

#[derive(Args)]
pub(super) struct Rotate {
    #[command(flatten)]
    signing: Signing,
    /// The folder of the log; no process may have it open.
    #[arg(long, value_name = "DIR", default_value = "mcp-audit-log-data", env = "MCP_AUDIT_LOG_DATA")]
    data: PathBuf,
}

#[derive(Args)]
pub(super) struct Resuming {
    /// Why `signing.last` was lost, and how you know that the log is whole; the log records it.
    #[arg(long)]
    reason: String,
    /// Record this user as the operator.
    #[arg(long = "as", value_name = "USER", default_value = "operator", env = "USER", hide_env_values = true)]
    by: String,
    #[command(flatten)]
    log: LogOptions,
}

impl Key {
    pub(super) fn run(self) -> Outcome {
        match self {
            Self::List(List { log }) => {
                for key in log.view()?.verifier_keys()? {
                    say(key)?;
                }
            }
            Self::Rotate(Rotate { signing, data }) => {
                for key in rotate_keys(&data, &signing.options())? {
                    say(key)?;
                }
                note(
                    "Start the server and give these keys to the auditors of the log: the first key verifies what \
                     was signed, the",
                );
                note("key that ends in /time verifies when.");
            }
            Self::Resume(resuming) => resuming.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Resuming {
    fn run(self) -> Result<(), super::advice::Failure> {
        let Self { reason, by, log } = self;
        if reason.trim().is_empty() {
            return Err("give a --reason to resume signing; it is recorded in the log".into());
        }
        let signer = SignerOptions { resume: Some(Resume { by, reason }), ..log.signing.options() };
        let log = log.options()?.signer(signer).own_schedule().open()?;
        log.sign()?;
        log.close();
        note("Signing is resumed. Compare older checkpoints with this log: mcp-audit-log verify");
        note("--checkpoint FILE.");
        Ok(())
    }
}
