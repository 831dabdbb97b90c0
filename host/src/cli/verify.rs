//! `mcp-audit verify`: a whole log held against its ledger, offline.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mcp_audit::store::{NOT_PROVED, Verified, VerifyError, verify};

use super::Outcome;
use super::check_bundle;
use super::common::{note, say};

/// Something in the log is wrong or missing.
pub(super) const WRONG: u8 = 1;
/// The log could not be read, so nothing is known about it.
pub(super) const UNREAD: u8 = 2;

/// Reads all of the log and changes nothing; a server may go on recording meanwhile.
///
/// Ends with 0 if everything fits, with 1 if something is wrong or missing, with 2 if the log cannot be read.
#[derive(Args)]
pub(super) struct Verify {
    /// The folder of the log.
    #[arg(long, value_name = "DIR", default_value = "mcp-audit-data", env = "MCP_AUDIT_DATA")]
    data: PathBuf,
    /// Check this bundle, and no log.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    bundle: Option<PathBuf>,
    /// A key of the log that is trusted for the bundle, as `key list` shows it (repeatable).
    #[arg(long = "key", value_name = "VKEY")]
    keys: Vec<String>,
}

impl Verify {
    pub(super) fn run(self) -> Outcome {
        if let Some(bundle) = &self.bundle {
            return check_bundle::check(bundle, &self.keys);
        }
        if !self.keys.is_empty() {
            return Err(
                "--key is for a bundle: name one with --bundle. A whole log is checked with the keys in it".into()
            );
        }
        let progress = Progress::default();
        let found = verify(&self.data, &|check, done, all| progress.tell(check, done, all));
        progress.clear();
        match found {
            Ok(verified) => whole(&verified).map(|()| ExitCode::SUCCESS).map_err(Into::into),
            Err(VerifyError::Wrong(wrong)) => {
                say(format_args!("WRONG  {wrong}"))?;
                say("Keep this folder as it is: it is evidence. What comes after this was not looked at.")?;
                Ok(ExitCode::from(WRONG))
            }
            Err(error) => {
                note(format_args!("mcp-audit: nothing was verified: {error}"));
                Ok(ExitCode::from(UNREAD))
            }
        }
    }
}

fn whole(verified: &Verified) -> io::Result<()> {
    let (size, first) = (verified.head.size, verified.first);
    say(format_args!("WHOLE  {} entries, from place {first} to before {size}", size - first))?;
    say(format_args!("size   {size}"))?;
    say(format_args!("root   {}", verified.head.root))?;
    for (check, looked) in &verified.checks {
        say(format_args!("       {check}: {looked} looked at"))?;
    }
    say("Not proved by this:")?;
    NOT_PROVED.iter().try_for_each(|what| say(format_args!("     - {what}")))
}

/// How far it is, on standard error: a line that changes, where somebody is looking.
#[derive(Default)]
struct Progress {
    shown: Cell<usize>,
}

impl Progress {
    fn tell(&self, check: &str, done: u64, all: u64) {
        let text = match (done, all) {
            (0, _) => format!("checking {check} …"),
            (done, 0) => format!("checking {check}: {done}"),
            (done, all) => format!("checking {check}: {done} of {all}"),
        };
        self.show(&text);
    }

    fn clear(&self) {
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
