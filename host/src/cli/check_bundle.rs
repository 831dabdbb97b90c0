//! `mcp-audit verify --bundle`: a bundle checked without the log that it came from.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use mcp_audit::ledger::{BundleCheck, Checked, VerifierKey};
use mcp_audit::time::{SECOND, Timestamp};

use super::common::{Failure, note, say};

/// The longest line that is read, in bytes: an entry with its payload is far below.
const LONGEST: u64 = 64 << 20;

/// Checks the bundle in a file, and says what is proved and what is not.
pub(super) fn check(path: &Path, keys: &[String]) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let keys = keys.iter().map(|key| VerifierKey::parse(key)).collect::<Result<Vec<_>, _>>()?;
    let mut lines = BufReader::new(File::open(path).map_err(|error| wrong(&error))?);
    let head = line(&mut lines)?.unwrap_or_default();
    let mut check = BundleCheck::begin(&head, &keys).map_err(|error| wrong(&error))?;
    while let Some(line) = line(&mut lines)? {
        check.entry(&line).map_err(|error| wrong(&error))?;
    }
    Ok(tell(&check.end().map_err(|error| wrong(&error))?)?)
}

fn tell(checked: &Checked) -> std::io::Result<()> {
    let Checked { origin, time, size, first, end, shown, own_keys } = checked;
    let seconds = time.and_then(|time| i64::try_from(time).ok());
    let when = seconds.map_or_else(
        || "at a time that no trusted key says".to_owned(),
        |seconds| format!("on {}", Timestamp::EPOCH.plus(seconds.saturating_mul(SECOND))),
    );
    say(format_args!(
        "Proved: these are entries {first} to {} of the log {origin}, unchanged and without a gap, as it was signed {when} with \
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
    let Some(whole) = line.strip_suffix('\n') else { return Err("the last line of the file is not whole".into()) };
    Ok(Some(whole.to_owned()))
}
