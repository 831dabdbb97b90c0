//! `mcp-audit-log checkpoint`: the newest signed checkpoint, or all that stay, as outsiders keep them.

use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::evidence::StoredCheckpoint;

use super::Outcome;
use super::advice::{Advised, Failure};
use super::common::{LogOptions, ViewerOptions, say};

/// The number of checkpoints that are read at once.
const STEP: usize = 500;

#[derive(Args)]
pub(super) struct Checkpoint {
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    viewer: ViewerOptions,
    /// Print the archived checkpoints, the first of each day, newest first: one JSON object per line, with the note and
    /// the consistency proof from the previous one.
    #[arg(long)]
    all: bool,
}

impl Checkpoint {
    pub(super) fn run(self) -> Outcome {
        let log = self.log.view()?;
        let access = log.access(&self.viewer.viewer());
        if self.all {
            let mut before = None;
            loop {
                let step = log.archived_checkpoints(&access, before, STEP).advised(&log)?;
                step.iter().try_for_each(tell)?;
                before = step.last().map(|last| last.number);
                if step.len() < STEP {
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
        let newest = log.checkpoint(&access).advised(&log)?;
        let newest = newest
            .ok_or("no checkpoint is signed yet; `mcp-audit-log serve` signs one within a second of its start")?;
        // The note ends with its own newline.
        say(newest.checkpoint.note.trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}

fn tell(StoredCheckpoint { number, checkpoint }: &StoredCheckpoint) -> Result<(), Failure> {
    let link: Vec<_> = checkpoint.link.iter().flatten().map(ToString::to_string).collect();
    let (size, signed_at) = (checkpoint.size, checkpoint.signed_at.to_string());
    let line = serde_json::json!({
        "number": number, "size": size, "signed_at": signed_at, "note": checkpoint.note, "link": link,
    });
    Ok(say(line)?)
}
