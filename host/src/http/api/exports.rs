//! `/api/v1/export`: the matching entries as a file; `/api/v1/exports/{id}`: the manifest of such a file.
//!
//! The manifest is a separate resource and not part of the file: as a last line or in an archive, common tools could
//! not open the file, and it would be unclear what a hash of the file covers.

use axum::{Extension, Json};

use super::super::asked::Asked;
use super::super::auth::Visitor;
use super::super::export::{self, Exporting, File};
use super::super::problem::Problem;
use super::super::serve::Ending;
use super::segment::Id;
use crate::access::Right;
use crate::export::Manifest;

/// The file.
pub(super) async fn download(
    visitor: Visitor,
    asked: Asked<Exporting>,
    ending: Option<Extension<Ending>>,
) -> Result<File, Problem> {
    visitor.require_own_will()?;
    export::begin(visitor, asked.pairs, ending).await
}

/// The manifest of one that is complete.
pub(super) async fn show(visitor: Visitor, id: Id) -> Result<Json<Manifest>, Problem> {
    let manifest = visitor.search(move |log, access| {
        access.require(Right::Export)?;
        log.export_manifest(access, id.of("export")?)?.ok_or_else(|| {
            Problem::missing(
                "export, or the export is not \
                                                                                       complete",
            )
        })
    });
    manifest.await.map(Json)
}
