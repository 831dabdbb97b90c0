//! `/api/v1/export`: the matching entries as a file; `/api/v1/exports/{id}`: the manifest of such a file.
//!
//! The manifest is a separate resource and not part of the file: as a last line or in an archive, common tools could
//! not open the file, and it would be unclear what a hash of the file covers.

use axum::{Extension, Json};
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_export::ExportManifest;

use super::{Exporting, File};
use crate::export;
use crate::openapi::extractors::Id;
use crate::problem::Problem;
use crate::query::extractor::ParsedQuery;
use crate::server::serve::Ending;
use crate::session::auth::Visitor;

/// The file.
pub(crate) async fn download(
    visitor: Visitor,
    asked: ParsedQuery<Exporting>,
    ending: Option<Extension<Ending>>,
) -> Result<File, Problem> {
    visitor.require_own_will()?;
    export::begin(visitor, asked.pairs, ending).await
}

/// The manifest of a complete export.
pub(crate) async fn show(visitor: Visitor, id: Id) -> Result<Json<ExportManifest>, Problem> {
    let manifest = visitor.search(move |log, access| {
        access.require(Right::Export)?;
        log.view().export_manifest(access, id.of("export")?)?.ok_or_else(|| {
            Problem::missing(
                "export, or the export is not \
                                                                                       complete",
            )
        })
    });
    manifest.await.map(Json)
}
