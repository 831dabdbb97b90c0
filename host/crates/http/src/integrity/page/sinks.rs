//! The sinks of entries: how far each is, and whether it fails.

use mcp_audit_log_model::format::count;
use mcp_audit_log_service::SinkProgress;

use super::health::{HealthLine, line};
use crate::session::page_clock::PageClock;
use crate::ui::text::Shown;

/// A sink.
pub(crate) struct SinkLine {
    pub(crate) name: Shown,
    pub(crate) destination: Shown,
    /// `None` before its first delivery.
    pub(crate) well: Option<bool>,
    pub(crate) text: Shown,
}

impl SinkLine {
    pub(crate) fn new(sink: &SinkProgress, clock: PageClock) -> Self {
        let SinkProgress { status, destination, waiting, oldest, .. } = sink;
        let lag = match (waiting, oldest) {
            (0, _) | (_, None) => "it has every entry".to_owned(),
            (waiting, Some(oldest)) => {
                format!("{} entries wait, the oldest recorded {}", count(*waiting), clock.ago(*oldest))
            }
        };
        let (well, text) = match &status.failing {
            Some(why) => (Some(false), format!("{why}; {lag}")),
            None if status.is_waiting() => (None, lag),
            None => (Some(true), lag),
        };
        let refused = match status.refused {
            0 => String::new(),
            refused => format!("; {} refused for good since the start", count(refused)),
        };
        Self {
            name: Shown::line(&status.name),
            destination: Shown::line(destination),
            well,
            text: Shown::line(&format!("{text}{refused}")),
        }
    }
}

/// All of them in one line; `None` if there are none.
pub(super) fn health(sinks: &[SinkLine]) -> Option<HealthLine> {
    let part = |well: Option<bool>, text: &str| Some(line("Sinks", "#sinks", well, text));
    match (sinks.first(), sinks.iter().any(|sink| sink.well == Some(false))) {
        (None, _) => None,
        (Some(_), true) => part(Some(false), "Some sinks fail; see below."),
        (Some(_), false) => part(Some(true), "Entries reach every sink."),
    }
}
