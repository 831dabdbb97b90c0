//! Advice on errors, shared by all subcommands.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use mcp_audit_log::access::Denied;
use mcp_audit_log::export::ExportError;
use mcp_audit_log::reader::ReadError;
use mcp_audit_log::time::{SPAN_UNITS, parse_span};
use mcp_audit_log::{ChangeError, EvidenceError, LogView, PayloadError, Right, Viewer};
use uuid::Uuid;

/// An error for a user.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// An error of a log, with advice.
pub(super) trait Advised<T> {
    /// If the viewer lacks a right: the groups that have it.
    fn advised(self, log: &LogView) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Advised<T> for Result<T, E> {
    fn advised(self, log: &LogView) -> Result<T, Failure> {
        self.map_err(|error| {
            let error = error.into();
            match refused(&error) {
                Some(right) => format!("{error}; {}", who_may(log, right)).into(),
                None => error,
            }
        })
    }
}

/// The missing right, if that is the error.
fn refused(error: &Failure) -> Option<Right> {
    let read = |error: &ReadError| match error {
        ReadError::Denied(denied) => Some(denied.0),
        _ => None,
    };
    let nested = |error: &Failure| match (error.downcast_ref(), error.downcast_ref(), error.downcast_ref()) {
        (Some(EvidenceError::Read(error)), ..)
        | (_, Some(ExportError::Read(error)), _)
        | (.., Some(PayloadError::Read(error))) => read(error),
        _ => None,
    };
    let changed = |error: &Failure| match error.downcast_ref() {
        Some(ChangeError::Denied(denied)) => Some(denied.0),
        _ => None,
    };
    let plain = |error: &Failure| error.downcast_ref().map(|denied: &Denied| denied.0);
    plain(error).or_else(|| error.downcast_ref().and_then(read)).or_else(|| nested(error)).or_else(|| changed(error))
}

/// The groups with a right, and how to act as one of them. A user who can read the log's files may choose any group.
fn who_may(log: &LogView, right: Right) -> String {
    let has = |name: &str| {
        let viewer = Viewer::new("operator", [name]);
        log.access(&viewer).may(right)
    };
    let manifest = log.manifest();
    let groups = manifest.groups.iter().map(|group| group.name.as_str());
    let groups: Vec<_> = groups.filter(|name| has(name)).collect();
    match groups.is_empty() {
        true => "no group of the policy has the right".to_owned(),
        false => format!("the groups with the right are {}; name one with --group (repeatable)", groups.join(", ")),
    }
}

/// The id of an entry.
pub(super) fn entry_id(text: &str) -> Result<Uuid, String> {
    Uuid::try_parse(text).map_err(|_| {
        "not the id of an entry; copy one from the column ID of `mcp-audit-log list`, such as \
         01913c5e-7d2a-7000-8000-6a1b2c3d4e5f"
            .to_owned()
    })
}

/// The error for an entry that this viewer cannot see.
pub(super) fn no_entry(id: Uuid, viewer: &Viewer) -> Failure {
    format!(
        "no entry {id} that {} may see; `mcp-audit-log list` shows the ids of visible entries, and --as, --group and \
         --instance choose the viewer",
        viewer.user
    )
    .into()
}

/// The error for a named file that cannot be read.
pub(super) fn unreadable(path: &Path, option: &str) -> impl FnOnce(std::io::Error) -> String {
    let path = path.display().to_string();
    let option = option.to_owned();
    move |error| format!("{path} cannot be read: {error}; check the path that {option} names")
}

/// A span of time: a number of seconds, or a span as filters have it.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let seconds = || Duration::try_from_secs_f64(text.parse().ok()?).ok();
    let span = || parse_span(text).map(|micros| Duration::from_micros(micros.unsigned_abs()));
    span().or_else(seconds).ok_or_else(|| {
        format!(
            "not a number of seconds, such as 30 or 0.5, and not a span, such as 500ms or 5m; units are {SPAN_UNITS}"
        )
    })
}

/// Whole seconds of a limit.
pub(super) fn seconds(text: &str) -> Result<u32, String> {
    let span = span(text)?;
    let whole = u32::try_from(span.as_secs()).ok().filter(|_| span.subsec_nanos() == 0);
    whole.ok_or_else(|| "not whole seconds; write 30 or 5m, or 0 for no limit".to_owned())
}
