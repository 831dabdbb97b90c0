//! The export of the list: its form, and the download.

use axum::Extension;
use axum::extract::Query;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};

use super::confirm;
use crate::access::{Access, Right};
use crate::export::Format;
use crate::field::Field;
use crate::http::auth::Visitor;
use crate::http::columns::Column;
use crate::http::export::{self, File};
use crate::http::grouping;
use crate::http::problem::Problem;
use crate::http::search::Pairs;
use crate::http::serve::Ending;

/// The form, for viewers who may export.
pub(super) struct Form {
    /// The search as the list has it.
    pub(super) kept: Pairs,
    /// Value and label.
    pub(super) formats: [(&'static str, &'static str); 3],
    /// The columns of the list as an export names them, where there is a list.
    pub(super) shown: Option<String>,
    /// Whether payloads are offered.
    pub(super) payloads: bool,
}

impl Form {
    /// The form to export what `pairs` find, which is shown in these columns unless it is shown in groups.
    pub(super) fn new(pairs: &Pairs, access: &Access, columns: Option<&[Column]>) -> Option<Self> {
        let kept =
            pairs.iter().filter(|(name, value)| !grouping::SHOWING.contains(&name.as_str()) && !value.is_empty());
        let label = |format| match format {
            Format::Csv => "CSV, for spreadsheets",
            Format::JsonLines => "JSON Lines",
            Format::Parquet => "Parquet, for analysis",
        };
        let formats = Format::ALL.map(|format| (format.name(), label(format)));
        access.may(Right::Export).then(|| Self {
            kept: kept.cloned().collect(),
            formats,
            shown: columns.map(names),
            payloads: access.may(Right::ExportPayloads),
        })
    }
}

/// What these columns show, after the id, by which each row leads back to its entry.
fn names(columns: &[Column]) -> String {
    let mut names = vec![Field::Id.name()];
    for field in columns.iter().flat_map(Column::fields) {
        if !names.contains(&field.name()) {
            names.push(field.name());
        }
    }
    names.join(",")
}

/// `GET /export`: the same as the API's, with problems as pages.
pub(super) async fn download(
    visitor: Visitor,
    Query(pairs): Query<Pairs>,
    ending: Option<Extension<Ending>>,
    uri: Uri,
) -> Result<Response, Problem> {
    if visitor.may_be_sent_by_others() {
        let what = "This link exports entries to a file. The log records that you did.";
        return Ok(confirm::page(&visitor, &uri, what));
    }
    export::begin(visitor, pairs, ending).await.map(File::into_response)
}
