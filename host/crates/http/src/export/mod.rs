//! Exports and bundles over HTTP, for API and pages.
//!
//! The file is sent as it is made. A slow client holds one piece; a client that hangs up ends the work. An incomplete
//! file never ends cleanly: its end is sent only after the entry about it is durable.

pub(crate) mod api;
pub(crate) mod bundle;
mod file;
pub(crate) mod form;
mod run;
mod wanted;

use axum::Extension;

use self::run::Run;
use crate::problem::Problem;
use crate::query::search::Pairs;
use crate::server::serve::Ending;
use crate::session::auth::Visitor;
use crate::site::Site;

pub(crate) use self::file::File;

/// The query of an export.
pub(crate) struct Exporting;

/// Begins the export that `pairs` describe. When it returns, the entry about the export is durable.
pub(crate) async fn begin(visitor: Visitor, pairs: Pairs, ending: Option<Extension<Ending>>) -> Result<File, Problem> {
    let site: &Site = &visitor.site;
    // The right is checked first, before a turn is taken and before the parameters are read.
    site.log.allow(&visitor.access, mcp_audit_log_contract::access::Right::Export, "export.started")?;
    let turn = site.turns.export()?;
    let begun = visitor.search(move |log, access| {
        let wanted = wanted::read(&pairs, log, access)?;
        let format = wanted.format;
        Ok((format, log.begin_export(access, wanted)?))
    });
    let (format, export) = begun.await?;
    let (manifest, base) = (export.manifest().clone(), site.base.clone());
    let pieces = Run::begin(visitor, export, ending.map(|Extension(ending)| ending), turn);
    Ok(File::new(format, &manifest, &base, pieces))
}
