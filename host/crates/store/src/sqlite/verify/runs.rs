//! Runs: `log.stopped` records how many events the run received, how many of them were dropped, and how many were
//! duplicates. All others must have entries between the start and the stop.

use super::state_entries::{StateEntry, state_entries};
use super::{Fault, Subject, wrong};

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let entries = state_entries(subject, ["log.started", "log.stopped", "log.stopped"])?;
    let mut done = 0;
    for pair in entries.windows(2) {
        let [start, stop] = pair else { continue };
        let Some(least) = least(start, stop) else { continue };
        let found = stop.seq - start.seq + 1;
        if found < least {
            let what = format!("{least} events of this run were stored, but {found} entries of it exist");
            return Err(wrong("entry", Some(start.seq), what));
        }
        done += 1;
    }
    Ok(done)
}

/// The least number of entries of a run, by the counts in its last entry; `None` if the two entries are not a start and
/// its stop. It is a lower limit: if a commit failed but was stored, some stored events count as duplicates.
fn least(start: &StateEntry, stop: &StateEntry) -> Option<u64> {
    if (start.method.as_str(), stop.method.as_str()) != ("log.started", "log.stopped") {
        return None;
    }
    let not_stored = stop.number("dropped")?.saturating_add(stop.number("repeated")?);
    Some(stop.number("events")?.saturating_sub(not_stored))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_what_was_neither_dropped_nor_there_already() {
        let entry = |method: &str, events: u64| {
            let details = serde_json::json!({ "events": events, "dropped": 3, "repeated": 2 });
            let details = details.as_object().cloned().unwrap_or_default();
            StateEntry { seq: 0, method: method.to_owned(), by: None, at: 0, details }
        };
        let (start, stop) = (entry("log.started", 0), entry("log.stopped", 15));
        assert_eq!(least(&start, &stop), Some(10));
        assert_eq!(least(&start, &start), None, "a start behind a start was no clean stop");
        assert_eq!(least(&stop, &stop), None);
    }
}
