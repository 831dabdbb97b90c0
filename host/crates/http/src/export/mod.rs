//! An export over HTTP, for API and pages.
//!
//! The file is sent as it is made. A slow client holds one piece; a client that hangs up ends the work. An incomplete
//! file never ends cleanly: its end is sent only after the entry about it is durable.

pub(crate) mod api;
mod file;
pub(crate) mod form;
mod run;
mod wanted;

use std::sync::{Arc, Mutex};

use axum::Extension;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::Site;
use super::export::run::Run;
use super::problem::Problem;
use super::query::search::Pairs;
use super::server::serve::Ending;
use super::session::auth::Visitor;

pub(crate) use super::export::file::File;

/// How many exports run at once: each occupies a processor while its client reads.
const TURNS: usize = 4;

/// The exports of a site.
#[derive(Debug)]
pub(crate) struct Exports(Arc<Semaphore>);

/// The kind of query that asks for an export.
pub(crate) struct Exporting;

impl Default for Exports {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TURNS)))
    }
}

impl Exports {
    fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| Problem::too_many_exports())
    }
}

/// Begins the export that `pairs` ask for; the entry about it is durable when this answers.
pub(crate) async fn begin(visitor: Visitor, pairs: Pairs, ending: Option<Extension<Ending>>) -> Result<File, Problem> {
    let site: &Site = &visitor.site;
    // Before there is a turn to wait for, and whatever is asked for.
    site.log.allow(&visitor.access, mcp_audit_log_contract::access::Right::Export, "export.started")?;
    let turn = site.exports.turn()?;
    let begun = visitor.search(move |log, access| {
        let wanted = wanted::read(&pairs, log, access)?;
        let format = wanted.format;
        Ok((format, log.begin_export(access, wanted)?))
    });
    let (format, export) = begun.await?;
    let (pieces, body) = mpsc::channel(1);
    let file = File::new(format, export.manifest(), &site.base, body);
    let ending = ending.map(|Extension(ending)| ending);
    let run = Run::new(visitor, Arc::new(Mutex::new(export)), pieces, ending, turn);
    tokio::spawn(run.finish());
    Ok(file)
}
