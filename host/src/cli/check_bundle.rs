//! `mcp-audit-log verify --bundle`: a bundle checked without the log that it came from, and its judgements made again.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek};
use std::path::Path;
use std::process::ExitCode;

use mcp_audit_log::ledger::{BundleCheck, BundleEntry, CheckedBundle, VerifierKey};
use mcp_audit_log::time::{Clock, SECOND, SystemClock, Timestamp};
use mcp_audit_log_policy_tools::rejudge::{Rejudge, RejudgeParts};

use super::Outcome;
use super::advice::unreadable;
use super::common::{note, say};
use super::print::json_line;
use super::rejudge::RejudgeOptions;
use super::verify::{UNPROVED, WRONG, unread};

/// The longest line that is read, in bytes. An entry with its payload is far shorter.
const LONGEST: u64 = 64 << 20;
/// How a line behind the entries begins.
const JUDGEMENT: &str = "{\"judgement\":";

/// What was read of a bundle.
struct Read {
    checked: CheckedBundle,
    parts: RejudgeParts,
    /// How many lines it has behind its entries.
    judgement_lines: u64,
}

/// Checks the bundle in a file, and prints what is proved and what is not; and makes its judgements again, if that is
/// wanted. The exit codes are those of `verify`.
pub(super) fn check(path: &Path, keys: &[String], options: &RejudgeOptions) -> Outcome {
    let keys = match keys.iter().map(|key| VerifierKey::parse(key)).collect::<Result<Vec<_>, _>>() {
        Ok(keys) => keys,
        Err(error) => return unread(error),
    };
    let unreadable = |error| unread(unreadable(path, "--bundle")(error));
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return unreadable(error),
    };
    let read = match read(&mut file, &keys, |_| {}) {
        Ok(Ok(read)) => read,
        Ok(Err(wrong)) => return is_wrong(&wrong, options),
        Err(error) => return unreadable(error),
    };
    if !options.judge {
        let code = tell(&read.checked)?;
        if read.judgement_lines > 0 {
            note("It carries what judged its entries: --judge makes their judgements again.");
        }
        return Ok(code);
    }
    if read.parts.is_empty() {
        return unread(format_args!(
            "{} does not have what judged its entries; make a bundle with `mcp-audit-log bundle --with-judgement`",
            path.display()
        ));
    }
    let viewer = options.viewer();
    let mut again = Rejudge::new(&read.parts, read.checked.first, viewer.as_ref(), SystemClock.now());
    // The components come behind the entries, so the entries are read once more, and proved once more.
    match file.rewind().and_then(|()| self::read(&mut file, &keys, |entry| again.take(entry))) {
        Ok(Ok(_)) => {}
        Ok(Err(wrong)) => return is_wrong(&wrong, options),
        Err(error) => return unreadable(error),
    }
    if !options.json {
        tell(&read.checked)?;
    }
    Ok(options.print(&read.checked, &again.finish())?)
}

fn is_wrong(wrong: &str, options: &RejudgeOptions) -> Outcome {
    match options.json {
        true => json_line(&serde_json::json!({ "wrong": wrong }))?,
        false => say(format_args!("WRONG  {wrong}"))?,
    }
    Ok(ExitCode::from(WRONG))
}

/// Reads and checks a whole bundle; `each` gets its entries, before they are proved.
fn read(file: &mut File, keys: &[VerifierKey], mut each: impl FnMut(&BundleEntry)) -> io::Result<Result<Read, String>> {
    let mut lines = BufReader::new(file);
    let mut check = match BundleCheck::begin(&line(&mut lines)?.unwrap_or_default(), keys) {
        Ok(check) => check,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let (mut parts, mut judgement_lines) = (RejudgeParts::default(), 0);
    while let Some(line) = line(&mut lines)? {
        let taken = if check.has_all_entries() && line.starts_with(JUDGEMENT) {
            judgement_lines += 1;
            check.judgement(&line).map_err(|error| error.to_string()).and_then(|part| parts.add(part))
        } else {
            let entry = check.entry(&line).map_err(|error| error.to_string());
            entry.map(|entry| {
                parts.add_shown(&entry);
                each(&entry);
            })
        };
        if let Err(wrong) = taken {
            return Ok(Err(wrong));
        }
    }
    let checked = check.end().map_err(|error| error.to_string());
    Ok(checked.map(|checked| Read { checked, parts, judgement_lines }))
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
