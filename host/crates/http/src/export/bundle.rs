//! `/api/v1/bundle`: the matching entries with all that an outsider needs to check them, without the log.

use axum::Extension;
use axum::extract::Query;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_export::Format;
use mcp_audit_log_model::format::count;
use mcp_audit_log_service::{AuditLog, BundleExport, BundleRequest};
use serde_json::json;

use super::run::{Making, Run};
use super::{File, wanted};
use crate::openapi::{Operation, Output};
use crate::problem::Problem;
use crate::query::documentation::describe_filter;
use crate::query::extractor::{Parameters, ParsedQuery};
use crate::query::search::Pairs;
use crate::server::serve::Ending;
use crate::session::auth::Visitor;
use crate::site::Site;
use crate::ui::frame;

/// The most entries from the first match to the last. A browser checks so many in some ten seconds.
const MOST: u64 = 200_000;
/// The most bytes.
const BYTES: usize = 64 << 20;

/// The query of a bundle.
pub(crate) struct Bundling;

/// A bundle as a file.
pub(crate) struct BundleFile(File);

/// A bundle in progress.
struct Bounded {
    bundle: BundleExport,
    /// How many bytes are left.
    left: usize,
}

/// The file.
pub(crate) async fn download(
    visitor: Visitor,
    asked: ParsedQuery<Bundling>,
    ending: Option<Extension<Ending>>,
) -> Result<BundleFile, Problem> {
    visitor.require_own_will()?;
    begin(visitor, asked.pairs, ending).await.map(BundleFile)
}

/// `GET /bundle`: the same, but problems are pages.
pub(crate) async fn from_page(
    visitor: Visitor,
    Query(pairs): Query<Pairs>,
    ending: Option<Extension<Ending>>,
    uri: Uri,
) -> Result<Response, Problem> {
    if visitor.may_be_sent_by_others() {
        let what = "This link exports entries to a file that proves them. The log records that you did.";
        return Ok(frame::confirm(&visitor, &uri, what));
    }
    begin(visitor, pairs, ending).await.map(File::into_response)
}

/// The limits of a bundle, in words.
pub(crate) fn limits() -> String {
    format!("A bundle has at most {} entries from the first match to the last, and 64 MB.", count(MOST))
}

async fn begin(visitor: Visitor, pairs: Pairs, ending: Option<Extension<Ending>>) -> Result<File, Problem> {
    let site: &Site = &visitor.site;
    // The right is checked first, before a turn is taken and before the parameters are read.
    site.log.allow(&visitor.access, Right::Export, "bundle.exported")?;
    let turn = site.turns.export()?;
    let begun = visitor.search(move |log, access| {
        let domain = wanted::domain(&[wanted::PAYLOADS], &pairs, log, access)?;
        let request = BundleRequest { payloads: wanted::payloads(&pairs)?, ..BundleRequest::new(domain) };
        Ok(log.begin_bundle(access, request, MOST)?)
    });
    let bundle = begun.await?;
    let name = Format::JsonLines.file_name(site.log.view().now()).replace(".jsonl", ".bundle.jsonl");
    let making = Bounded { bundle, left: BYTES };
    let pieces = Run::begin(visitor, making, ending.map(|Extension(ending)| ending), turn);
    Ok(File::named(&name, Format::JsonLines.media_type(), pieces))
}

impl Making for Bounded {
    fn step(&mut self, log: &AuditLog, access: &Grant) -> Result<Option<Vec<u8>>, Problem> {
        let piece = self.bundle.step(log.view(), access)?;
        let length = piece.as_ref().map_or(0, Vec::len);
        let is_too_long = || Problem::query(format!("{} Choose a shorter time.", limits()));
        self.left = self.left.checked_sub(length).ok_or_else(is_too_long)?;
        Ok(piece)
    }

    fn end(&mut self, _: &AuditLog, _: &Grant) -> Result<(), Problem> {
        Ok(())
    }

    fn abort(&mut self, log: &AuditLog, access: &Grant, why: &str) {
        log.break_bundle(access, &self.bundle, why);
    }
}

impl IntoResponse for BundleFile {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl Output for BundleFile {
    fn describe(operation: &mut Operation<'_>) {
        let description = "A bundle: one JSON object per line, the first with the signed checkpoint.";
        operation.saved(StatusCode::OK, [(Format::JsonLines.media_type(), json!({ "description": description }))]);
    }
}

impl Parameters for Bundling {
    fn describe(operation: &mut Operation<'_>) {
        let payloads = "Whether the bundle shows payloads, with the right to export them.";
        operation.query(wanted::PAYLOADS, payloads, json!({ "type": "boolean", "default": false }));
        describe_filter(operation);
    }
}
