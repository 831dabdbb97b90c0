//! `mcp-audit-log verify --bundle`: a bundle checked without the log that it came from.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use mcp_audit_log::ledger::{BundleCheck, BundleError, CheckedBundle, VerifierKey};
use mcp_audit_log::time::{SECOND, Timestamp};

use super::Outcome;
use super::advice::unreadable;
use super::common::{note, say};
use super::verify::{UNPROVED, WRONG, unread};

/// The longest line that is read, in bytes. An entry with its payload is far shorter.
const LONGEST: u64 = 64 << 20;

/// Checks the bundle in a file, and prints what is proved and what is not. The exit codes are those of `verify`.
pub(super) fn check(path: &Path, keys: &[String]) -> Outcome {
    let keys = match keys.iter().map(|key| VerifierKey::parse(key)).collect::<Result<Vec<_>, _>>() {
        Ok(keys) => keys,
        Err(error) => return unread(error),
    };
    let found = File::open(path).and_then(|file| checked(&mut BufReader::new(file), &keys));
    match found {
        Err(error) => unread(unreadable(path, "--bundle")(error)),
        Ok(Err(error)) => {
            say(format_args!("WRONG  {error}"))?;
            Ok(ExitCode::from(WRONG))
        }
        Ok(Ok(checked)) => Ok(tell(&checked)?),
    }
}

fn checked(lines: &mut impl BufRead, keys: &[VerifierKey]) -> io::Result<Result<CheckedBundle, BundleError>> {
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

fn tell(checked: &CheckedBundle) -> io::Result<ExitCode> {
    let CheckedBundle { origin, time, size, first, end, shown, own_keys, .. } = checked;
    let when = when(*time);
    let last = end - 1;
    if *own_keys {
        say(format_args!(
            "UNPROVED  the entries from seq {first} to {last} match each other and a checkpoint of {size} entries, signed {when} \
             with the keys in this file. A bundle like this can be forged in the name of {origin}: get the log's \
             keys from another source and name them with --key.",
        ))?;
    } else {
        say(format_args!(
            "PROVED  these are the entries from seq {first} to {last} of the log {origin}, unchanged and without a gap, as signed \
             {when} with {size} entries.",
        ))?;
    }
    if *shown < end - first {
        say(format_args!("{shown} of them are shown; the others only by seq and time of recording."))?;
    }
    note("Not proved: that the recorded data is true, and that everything that happened was recorded.");
    Ok(if *own_keys { ExitCode::from(UNPROVED) } else { ExitCode::SUCCESS })
}

/// The time of signing as a phrase.
pub(super) fn when(time: Option<u64>) -> String {
    let seconds = time.and_then(|time| i64::try_from(time).ok());
    seconds.map_or_else(
        || "at a time that no trusted key confirms".to_owned(),
        |seconds| format!("on {}", Timestamp::EPOCH.plus(seconds.saturating_mul(SECOND))),
    )
}

/// The next line without its newline.
fn line(lines: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    let mut lines = lines.take(LONGEST);
    if lines.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    // What lacks its newline is not whole, and no line of a bundle.
    Ok(Some(line.strip_suffix('\n').unwrap_or_default().to_owned()))
}
