//! `mcp-audit verify --bundle`: a bundle checked without the log that it came from.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use mcp_audit::ledger::{BundleCheck, BundleError, Checked, VerifierKey};
use mcp_audit::time::{SECOND, Timestamp};

use super::Outcome;
use super::common::{Failure, note, say};
use super::verify::{UNREAD, WRONG};

/// The longest line that is read, in bytes: an entry with its payload is far below.
const LONGEST: u64 = 64 << 20;

/// Checks the bundle in a file, and says what is proved and what is not. The exit codes are those of a log's verification.
pub(super) fn check(path: &Path, keys: &[String]) -> Outcome {
    let keys = keys.iter().map(|key| VerifierKey::parse(key)).collect::<Result<Vec<_>, _>>()?;
    let mut lines = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) => {
            note(format_args!("mcp-audit: nothing was verified: {} cannot be read: {error}", path.display()));
            return Ok(ExitCode::from(UNREAD));
        }
    };
    match checked(&mut lines, &keys)? {
        Ok(checked) => tell(&checked).map(|()| ExitCode::SUCCESS).map_err(Into::into),
        Err(error) => {
            say(format_args!("WRONG  {error}"))?;
            Ok(ExitCode::from(WRONG))
        }
    }
}

fn checked(lines: &mut impl BufRead, keys: &[VerifierKey]) -> Result<Result<Checked, BundleError>, Failure> {
    let mut check = match BundleCheck::begin(&line(lines)?.unwrap_or_default(), keys) {
        Ok(check) => check,
        Err(error) => return Ok(Err(error)),
    };
    while let Some(line) = line(lines)? {
        if let Err(error) = check.entry(&line) {
            return Ok(Err(error));
        }
    }
    Ok(check.end())
}

fn tell(checked: &Checked) -> std::io::Result<()> {
    let Checked { origin, time, size, first, end, shown, own_keys } = checked;
    let seconds = time.and_then(|time| i64::try_from(time).ok());
    let when = seconds.map_or_else(
        || "at a time that no trusted key says".to_owned(),
        |seconds| format!("on {}", Timestamp::EPOCH.plus(seconds.saturating_mul(SECOND))),
    );
    say(format_args!(
        "PROVED  these are entries {first} to {} of the log {origin}, unchanged and without a gap, as it was signed {when} with \
         {size} entries.",
        end - 1
    ))?;
    if *shown < end - first {
        say(format_args!("Of them {shown} are shown; of the others only place and time of recording."))?;
    }
    if *own_keys {
        note(
            "Not proved: whose log it is, as the keys are the bundle's own. Have them from elsewhere and name them with --key.",
        );
    }
    note("Not proved: that what was recorded is true, and that it was all that happened.");
    Ok(())
}

/// The next line without its newline.
fn line(lines: &mut impl BufRead) -> Result<Option<String>, Failure> {
    let mut line = String::new();
    let mut lines = lines.take(LONGEST);
    if lines.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    // What lacks its newline is not whole, and no line of a bundle.
    Ok(Some(line.strip_suffix('\n').unwrap_or_default().to_owned()))
}
