//! The question before something is deleted: a shorter period, or a cleanup that is started now.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use mcp_audit_log_core::retention::CleanupPreview;
use mcp_audit_log_model::format::counted;
use mcp_audit_log_model::time_zone::TimeZone;
use serde_json::{Map, Value as Json};

use crate::problem::Problem;
use crate::query::search::Pairs;
use crate::session::auth::Visitor;
use crate::ui::draw;
use crate::ui::frame::Frame;

/// The input of a form that was confirmed.
const CONFIRMED: &str = "confirmed";

#[derive(Template)]
#[template(path = "confirm_cleanup.html")]
struct Page {
    frame: Frame,
    sentences: Vec<String>,
    action: String,
    pairs: Pairs,
    button: &'static str,
}

/// Removes the confirmation from a form's inputs; whether it was there.
pub(super) fn is_confirmed(pairs: &mut Pairs) -> bool {
    let before = pairs.len();
    pairs.retain(|(name, _)| name != CONFIRMED);
    pairs.len() < before
}

/// What the next cleanup removes with these settings, if it is more than with those in force. If that cannot be found
/// out, a cleanup fails for the same reason and removes nothing.
///
/// # Errors
/// Too many searches wait, so that it could not be looked at now.
pub(super) async fn more_is_removed(
    visitor: &Visitor,
    wanted: Map<String, Json>,
) -> Result<Option<CleanupPreview>, Problem> {
    let found = visitor.search(move |log, access| {
        let preview = |wanted| log.cleanup_preview(access, wanted).ok();
        let all = |preview: &CleanupPreview| preview.entries.saturating_add(preview.payloads);
        let (before, after) = (preview(&Map::new()), preview(&wanted));
        Ok(before.zip(after).filter(|(before, after)| after.entries > before.entries || all(after) > all(before)))
    });
    Ok(found.await?.map(|(_, after)| after))
}

/// What a cleanup removes now, if it is anything.
///
/// # Errors
/// As for [`more_is_removed`].
pub(super) async fn anything_is_removed(visitor: &Visitor) -> Result<Option<CleanupPreview>, Problem> {
    let found = visitor.search(|log, access| Ok(log.cleanup_preview(access, &Map::new()).ok())).await?;
    Ok(found.filter(|preview| preview.entries > 0 || preview.payloads > 0))
}

/// The page that asks before a changed period is saved.
pub(super) fn save(visitor: &Visitor, preview: &CleanupPreview, pairs: Pairs) -> Response {
    let action = format!("{}/settings", visitor.site.base);
    draw(StatusCode::OK, &Page::new(visitor, "Shorten what is kept?", preview, action, pairs, "Save"))
}

/// The page that asks before a cleanup is started.
pub(super) fn run(visitor: &Visitor, preview: &CleanupPreview, name: &str) -> Response {
    let (action, pairs) = (format!("{}/settings/crons", visitor.site.base), vec![("name".to_owned(), name.to_owned())]);
    draw(StatusCode::OK, &Page::new(visitor, "Delete now?", preview, action, pairs, "Delete now"))
}

impl Page {
    fn new(
        visitor: &Visitor,
        title: &str,
        preview: &CleanupPreview,
        action: String,
        mut pairs: Pairs,
        button: &'static str,
    ) -> Self {
        pairs.push((CONFIRMED.to_owned(), "true".to_owned()));
        let frame = Frame::new(&visitor.site, Some(visitor), "/settings", title);
        Self { frame, sentences: sentences(preview, visitor.access.zone()), action, pairs, button }
    }
}

fn sentences(preview: &CleanupPreview, zone: TimeZone) -> Vec<String> {
    let mut sentences = Vec::new();
    if let (1.., Some(before)) = (preview.entries, preview.before) {
        let entries = counted(preview.entries, "entry", "entries");
        let before = zone.moment(before);
        sentences.push(format!("The cleanup deletes up to {entries}, recorded before {before}, with their payloads."));
    }
    if preview.payloads > 0 {
        let entries = counted(preview.payloads, "entry", "entries");
        sentences.push(format!("It erases the payloads of up to {entries} more; the entries themselves stay."));
    }
    sentences.push("Nothing of this can be restored. What a legal hold covers stays.".to_owned());
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_model::time::Timestamp;

    #[test]
    fn a_preview_is_told_in_sentences() {
        let before = Some(Timestamp::parse("2026-08-31T13:00:00Z").expect("a moment"));
        let told = sentences(&CleanupPreview { entries: 1_234, payloads: 1, before }, TimeZone::UTC);
        assert_eq!(
            told[0],
            "The cleanup deletes up to 1\u{202f}234 entries, recorded before 2026-08-31 13:00:00 UTC, with their \
             payloads."
        );
        assert_eq!(told[1], "It erases the payloads of up to 1 entry more; the entries themselves stay.");
        assert_eq!(sentences(&CleanupPreview::default(), TimeZone::UTC).len(), 1);
    }
}
