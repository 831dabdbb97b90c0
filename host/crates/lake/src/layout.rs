//! The names of objects in a lake.
//!
//! `log=ORIGIN/day=YYYY-MM-DD/FIRST-END.parquet`, `log=ORIGIN/manifests/FIRST-END.json`, and
//! `log=ORIGIN/removed/FIRST-END.json` for a segment that was removed. Numbers have twenty digits, so
//! that listings are sorted. The origin is percent-encoded, as Hive does it.

use std::ops::Range;

use mcp_audit_log_model::time::{DAY, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The most entries of a segment. Segments end at its multiples at the latest, so that a full one is a complete subtree.
pub const SEGMENT_ENTRIES: u64 = 65_536;
/// The seconds of a day. A segment never has entries of two days.
pub const DAY_SECONDS: u32 = 86_400;

/// What stays readable in a name.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// What an object is, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// The rows of a segment.
    Rows(Range<u64>),
    /// The manifest of a segment.
    Manifest(Range<u64>),
    /// The record of a segment that was removed.
    Removed(Range<u64>),
    /// A file that is not complete yet, or was given up.
    Partial,
    /// Something else.
    Other,
}

/// The folder of a log.
pub(crate) fn log_folder(origin: &str) -> String {
    format!("log={}", utf8_percent_encode(origin, ESCAPED))
}

/// The rows of a segment whose entries were recorded on the day of `recorded`.
pub(crate) fn rows(origin: &str, seqs: &Range<u64>, recorded: Timestamp) -> String {
    format!("{}/day={}/{}.parquet", log_folder(origin), day(recorded), range(seqs))
}

/// The manifest of a segment.
pub(crate) fn manifest(origin: &str, seqs: &Range<u64>) -> String {
    format!("{}/manifests/{}.json", log_folder(origin), range(seqs))
}

/// The record of a segment that was removed.
pub(crate) fn removed(origin: &str, seqs: &Range<u64>) -> String {
    format!("{}/removed/{}.json", log_folder(origin), range(seqs))
}

/// The origin in the name of an object, and what it is.
pub(crate) fn parse(name: &str) -> Option<(String, Named)> {
    let (folder, rest) = name.split_once('/')?;
    let origin = percent_decode_str(folder.strip_prefix("log=")?).decode_utf8().ok()?.into_owned();
    let named = match rest.split_once('/') {
        Some((_, file)) if file.ends_with(PARTIAL) => Named::Partial,
        Some(("manifests", file)) => {
            file.strip_suffix(".json").and_then(read_range).map_or(Named::Other, Named::Manifest)
        }
        Some(("removed", file)) => file.strip_suffix(".json").and_then(read_range).map_or(Named::Other, Named::Removed),
        Some((_, file)) => file.strip_suffix(".parquet").and_then(read_range).map_or(Named::Other, Named::Rows),
        None => Named::Other,
    };
    Some((origin, named))
}

/// The ending of a file that is not complete.
pub(crate) const PARTIAL: &str = ".partial";

fn day(moment: Timestamp) -> String {
    let start = Timestamp::from_micros(moment.as_micros().div_euclid(DAY) * DAY);
    start.to_string().chars().take("2026-01-01".len()).collect()
}

fn range(seqs: &Range<u64>) -> String {
    format!("{:020}-{:020}", seqs.start, seqs.end)
}

fn read_range(text: &str) -> Option<Range<u64>> {
    let (first, end) = text.split_once('-')?;
    let seqs = first.parse().ok()?..end.parse().ok()?;
    (range(&seqs) == text).then_some(seqs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let origin = "mcp-audit-log/über=5% x";
        let (seqs, at) = (65_536..65_540, Timestamp::from_micros(1_764_547_199_999_999));
        let rows = rows(origin, &seqs, at);
        assert_eq!(
            rows,
            "log=mcp-audit-log%2F%C3%BCber%3D5%25%20x/day=2025-11-30/00000000000000065536-00000000000000065540.parquet"
        );
        assert_eq!(parse(&rows), Some((origin.to_owned(), Named::Rows(seqs.clone()))));
        let manifest = manifest(origin, &seqs);
        assert_eq!(parse(&manifest), Some((origin.to_owned(), Named::Manifest(seqs))));
        for other in ["log=a/x", "log=a/manifests/1-2.json", "log=a/day=1/00000000000000000001.parquet"] {
            assert_eq!(parse(other), Some(("a".to_owned(), Named::Other)), "{other}");
        }
        assert_eq!(parse("log=a/day=1/x.parquet.partial"), Some(("a".to_owned(), Named::Partial)));
        assert_eq!(parse("README"), None);
        assert_eq!(parse("other/manifests/x.json"), None);
    }
}
