//! `mcp-audit-log verify --proof`: the proof of one entry checked without the log that it came from, and the entry
//! shown.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use mcp_audit_log::ledger::{ProofFile, ProofFileError, ProvedEntry, VerifierKey};
use mcp_audit_log::time::Timestamp;
use mcp_audit_log::value::Value;

use super::Outcome;
use super::advice::unreadable;
use super::check_bundle::when;
use super::common::{note, say};
use super::verify::{WRONG, unread};

/// The longest file that is read, in bytes. An entry is far shorter.
const LONGEST: u64 = 64 << 20;

/// Checks the proof in a file with these keys, and prints the entry. The exit codes are those of `verify`.
pub(super) fn check(path: &Path, keys: &[String]) -> Outcome {
    if keys.is_empty() {
        return unread(
            "a proof needs the log's keys: name them with --key, as `key list` prints them on the log's \
                       machine",
        );
    }
    let keys = match keys.iter().map(|key| VerifierKey::parse(key)).collect::<Result<Vec<_>, _>>() {
        Ok(keys) => keys,
        Err(error) => return unread(error),
    };
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => return unread(unreadable(path, "--proof")(error)),
    };
    match proved(&text, &keys) {
        Ok((file, entry)) => {
            tell(&file, &entry)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            say(format_args!("WRONG  {error}"))?;
            Ok(ExitCode::from(WRONG))
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

fn proved(text: &str, keys: &[VerifierKey]) -> Result<(ProofFile, ProvedEntry), ProofFileError> {
    let file = ProofFile::parse(text)?;
    let entry = file.verify_entry(keys)?;
    Ok((file, entry))
}

fn tell(file: &ProofFile, entry: &ProvedEntry) -> io::Result<()> {
    let (checkpoint, seq, when) = (file.checkpoint.checkpoint(), entry.leaf.seq, when(entry.time));
    say(format_args!(
        "PROVED  this is the entry with seq {seq} of the log {}, unchanged, as signed {when} with {} entries.",
        checkpoint.origin, checkpoint.size
    ))?;
    say(format_args!("recorded_at  {}", Timestamp::from_micros(entry.leaf.recorded_at)))?;
    for (name, value) in entry.content.shown() {
        let value = match value {
            Value::Integer(micros) if name == "occurred_at" => Timestamp::from_micros(micros).to_string(),
            // Quoted, so that no character moves the cursor or starts another line.
            Value::Text(text) => format!("{text:?}"),
            other => other.to_json().to_string(),
        };
        say(format_args!("{name}  {value}"))?;
    }
    note("Not proved: that the recorded data is true, and that everything that happened was recorded.");
    Ok(())
}
