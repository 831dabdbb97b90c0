//! The export of the list: its form, which a timeline uses for its bundle too, and the download.

use axum::Extension;
use axum::extract::Query;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_export::Format;
use mcp_audit_log_model::field::Field;

use super::{File, bundle};
use crate::export;
use crate::problem::Problem;
use crate::query::columns::Column;
use crate::query::grouping;
use crate::query::search::Pairs;
use crate::server::serve::Ending;
use crate::session::auth::Visitor;
use crate::ui::frame;

/// The form, for viewers who may export.
pub(crate) struct Form {
    /// The parameters of the list's search.
    pub(crate) kept: Pairs,
    /// Value and label.
    pub(crate) formats: [(&'static str, &'static str); 3],
    /// The list's columns under their export names, if there is a list.
    pub(crate) shown: Option<String>,
    /// Whether payloads are offered.
    pub(crate) payloads: bool,
    /// How large a bundle may be.
    pub(crate) bundle_limits: String,
}

impl Form {
    /// The form that exports the results of `pairs`. The list shows them in these columns, unless it shows groups.
    pub(crate) fn new(pairs: &Pairs, access: &Grant, columns: Option<&[Column]>) -> Option<Self> {
        let kept =
            pairs.iter().filter(|(name, value)| !grouping::SHOWING.contains(&name.as_str()) && !value.is_empty());
        let formats = Format::ALL.map(|format| (format.name(), format.label()));
        access.may(Right::Export).then(|| Self {
            kept: kept.cloned().collect(),
            formats,
            shown: columns.map(names),
            payloads: access.may(Right::ExportPayloads),
            bundle_limits: bundle::limits(),
        })
    }
}

/// The export columns for these list columns. The id comes first, because it leads back to the entry.
fn names(columns: &[Column]) -> String {
    let mut names = vec![Field::Id.name()];
    for field in columns.iter().flat_map(Column::fields) {
        if !names.contains(&field.name()) {
            names.push(field.name());
        }
    }
    names.join(",")
}

/// `GET /export`: the same as the API's route, but problems are pages.
pub(crate) async fn download(
    visitor: Visitor,
    Query(pairs): Query<Pairs>,
    ending: Option<Extension<Ending>>,
    uri: Uri,
) -> Result<Response, Problem> {
    if visitor.may_be_sent_by_others() {
        let what = "This link exports entries to a file. The log records that you did.";
        return Ok(frame::confirm(&visitor, &uri, what));
    }
    export::begin(visitor, pairs, ending).await.map(File::into_response)
}
