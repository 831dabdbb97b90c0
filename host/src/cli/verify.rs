//! `mcp-audit-log verify`: checks a whole log against its ledger, offline.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::evidence::{ExternalCheckpoint, NOT_PROVED, Verified, VerifyError};
use mcp_audit_log::ledger::SignedCheckpoint;
use mcp_audit_log::verify_log;

use super::advice::unreadable;
use super::common::{Signing, note, say};
use super::rejudge::RejudgeOptions;
use super::{Outcome, check_bundle, check_lake, check_proof};

/// Something in the log is wrong or missing.
pub(super) const WRONG: u8 = 1;
/// The log could not be read, so nothing is known about it.
pub(super) const UNREAD: u8 = 2;
/// Nothing is wrong, but a requested part is not proved.
pub(super) const UNPROVED: u8 = 3;

/// Reads the whole log and changes nothing; a server may keep recording.
///
/// Exits with 0 if everything matches, 1 if something is wrong or missing, 2 if something cannot be read or a checkpoint
/// is not of this log, and 3 if nothing is wrong but not all is proved: a bundle was checked with its own keys, a
/// judgement could not be made again or nothing proves what judged, a lake was checked with its own keys or begins where
/// nothing in it says why, or a checkpoint is older than the oldest entry.
#[derive(Args)]
pub(super) struct Verify {
    /// The folder of the log.
    #[arg(long, value_name = "DIR", default_value = "mcp-audit-log-data", env = "MCP_AUDIT_LOG_DATA")]
    data: PathBuf,
    #[command(flatten)]
    signing: Signing,
    /// A checkpoint of this log, kept elsewhere, that the log must still contain (repeatable).
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// Check this bundle instead of a log.
    #[arg(long, value_name = "FILE", conflicts_with = "checkpoints")]
    bundle: Option<PathBuf>,
    /// Check this proof of one entry (a .tlog-proof file) instead of a log.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["checkpoints", "bundle"])]
    proof: Option<PathBuf>,
    /// Check this lake instead of a log: a folder, as [lake] in the configuration file names it.
    #[arg(long, value_name = "URL", conflicts_with_all = ["checkpoints", "bundle", "proof"])]
    lake: Option<String>,
    /// A trusted key of the log for the bundle, the proof or the lake, as `key list` prints it (repeatable): the first verifies
    /// what was signed, the one that ends in /time verifies when.
    #[arg(long = "key", value_name = "VKEY")]
    keys: Vec<String>,
    #[command(flatten)]
    rejudge: RejudgeOptions,
}

impl Verify {
    pub(super) fn run(self) -> Outcome {
        if let Some(bundle) = &self.bundle {
            return check_bundle::check(bundle, &self.keys, &self.rejudge);
        }
        if let Some(proof) = &self.proof {
            return check_proof::check(proof, &self.keys);
        }
        if let Some(lake) = &self.lake {
            return check_lake::check(lake, &self.keys);
        }
        if !self.keys.is_empty() {
            return unread(
                "--key works only with --bundle, --proof or --lake; a whole log is checked with its own keys",
            );
        }
        let kept = match self.checkpoints.iter().map(|path| kept(path)).collect::<Result<_, _>>() {
            Ok(kept) => kept,
            Err(error) => return unread(error),
        };
        let progress = Progress::default();
        let tell = |check: &str, done, all| progress.tell(check, done, all);
        let found = verify_log(&self.data, &self.signing.options(), kept, &tell);
        progress.clear();
        match found {
            Ok(verified) => Ok(whole(&verified)?),
            Err(VerifyError::Wrong(wrong)) => {
                say(format_args!("WRONG  {wrong}"))?;
                say(
                    "Keep this folder unchanged: it is evidence. The verification stopped here; later parts were not \
                     checked.",
                )?;
                Ok(ExitCode::from(WRONG))
            }
            Err(error) => unread(error),
        }
    }
}

/// Reports that nothing was verified, and the reason.
pub(super) fn unread(why: impl Display) -> Outcome {
    note(format_args!("mcp-audit-log: nothing was verified: {why}"));
    Ok(ExitCode::from(UNREAD))
}

pub(super) fn kept(path: &Path) -> Result<ExternalCheckpoint, String> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(unreadable(path, "--checkpoint"))?;
    let note = SignedCheckpoint::parse(&bytes).map_err(|error| format!("{name} is not a checkpoint: {error}"))?;
    Ok(ExternalCheckpoint { name, note })
}

fn whole(verified: &Verified) -> io::Result<ExitCode> {
    let (size, first) = (verified.head.size, verified.first);
    // A consistent log may still not be the one of a given checkpoint.
    for what in &verified.uncompared {
        say(format_args!("NOT COMPARED  {what}"))?;
    }
    let whole = if verified.uncompared.is_empty() { "WHOLE" } else { "otherwise whole:" };
    say(format_args!("{whole}  {} entries, from seq {first} to before {size}", size - first))?;
    say(format_args!("size   {size}"))?;
    say(format_args!("root   {}", verified.head.root))?;
    if let Some(signed) = verified.signed {
        let behind = size.saturating_sub(signed);
        say(format_args!("signed {signed}; {behind} newer entries are not signed yet"))?;
    }
    for (check, looked) in &verified.checks {
        say(format_args!("       {check}: {looked} checked"))?;
    }
    say("Not proved by this:")?;
    NOT_PROVED.iter().try_for_each(|what| say(format_args!("     - {what}")))?;
    Ok(if verified.uncompared.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(UNPROVED) })
}

/// The progress on standard error: one line that is updated, on a terminal.
#[derive(Default)]
pub(super) struct Progress {
    shown: Cell<usize>,
}

impl Progress {
    pub(super) fn tell(&self, check: &str, done: u64, all: u64) {
        let text = match (done, all) {
            (0, _) => format!("checking {check} …"),
            (done, 0) => format!("checking {check}: {done}"),
            (done, all) => format!("checking {check}: {done} of {all}"),
        };
        self.show(&text);
    }

    pub(super) fn clear(&self) {
        self.show("");
    }

    fn show(&self, text: &str) {
        let mut screen = io::stderr().lock();
        if screen.is_terminal() {
            let width = self.shown.replace(text.chars().count());
            let _ = write!(screen, "\r{text:width$}\r{text}");
            let _ = screen.flush();
        } else if !text.is_empty() && text.ends_with('…') {
            let _ = writeln!(screen, "{text}");
        }
    }
}
