//! `/integrity`: the state of the log's integrity, for auditors; and verification on demand.

mod checkpoint;
pub(crate) mod health;
mod sinks;
mod verification;

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_model::format::count;
use mcp_audit_log_service::Integrity;
use mcp_audit_log_service::{AuditLog, StartError};
use serde::Deserialize;

use super::page::checkpoint::{Checkpoint, DestinationLine};
use super::page::health::HealthLine;
use super::page::health::{FAULTS, LOSSES, RecentEntries, STOPS};
use super::page::sinks::SinkLine;
use super::page::verification::Verification;
use crate::problem::Problem;
use crate::session::auth::Visitor;
use crate::session::page_clock::PageClock;
use crate::settings::cron::Cron;
use crate::settings::hold::Hold;
use crate::site::Site;
use crate::ui::draw;
use crate::ui::frame::Frame;
use crate::ui::text::Shown;

#[derive(Template)]
#[template(path = "integrity.html")]
struct Page {
    frame: Frame,
    notice: Option<&'static str>,
    health: Vec<HealthLine>,
    verification: Verification,
    checkpoint: Option<Checkpoint>,
    places: Vec<DestinationLine>,
    sinks: Vec<SinkLine>,
    state: Vec<(&'static str, String)>,
    /// Losses, stops and faults, if the viewer may read entries.
    lately: Option<[RecentEntries; 3]>,
    /// Whether the viewer belongs to a tenant, and so sees only part of the log's own entries.
    of_instance: bool,
    policy: Policy,
    holds: Option<Vec<Hold>>,
    crons: Vec<Cron>,
}

/// The loaded policy.
struct Policy {
    name: Shown,
    version: Shown,
    digest: Shown,
}

/// The action that the viewer just took.
#[derive(Deserialize)]
pub(crate) struct Done {
    #[serde(default)]
    verification: String,
}

/// The log's data for the page.
struct Found {
    integrity: Integrity,
    verification: Verification,
    lately: Option<[RecentEntries; 3]>,
    crons: Vec<Cron>,
}

/// `GET`: the page.
pub(crate) async fn show(visitor: Visitor, Query(done): Query<Done>) -> Result<Response, Problem> {
    let site = std::sync::Arc::clone(&visitor.site);
    let found = visitor.search(move |log, access| Found::read(log, access, &site)).await?;
    let notice = match done.verification.as_str() {
        "began" => Some("The verification has started. Recording continues."),
        "runs" => Some("A verification is already running; see below."),
        _ => None,
    };
    Ok(draw(StatusCode::OK, &Page::new(&visitor, found, notice)))
}

/// `POST /integrity/verify`: starts a verification and redirects to the page, which shows its progress.
pub(crate) async fn verify(visitor: Visitor) -> Result<Redirect, Problem> {
    let start = visitor.change(|log, access| match log.start_verification(access) {
        Ok(()) => Ok("began"),
        Err(StartError::Running) => Ok("runs"),
        Err(error) => Err(error.into()),
    });
    let done = start.await?;
    Ok(Redirect::to(&format!("{}/integrity?verification={done}#verification", visitor.site.base)))
}

impl Found {
    fn read(log: &AuditLog, access: &Grant, site: &Site) -> Result<Self, Problem> {
        let integrity = log.integrity(access)?;
        let find = |wanted: &health::Wanted<'_>| wanted.find(log, access, &site.base, site.home());
        let lately = match access.may(Right::Read) {
            true => Some([find(&LOSSES)?, find(&STOPS)?, find(&FAULTS)?]),
            false => None,
        };
        let crons = log
            .crons(access)?
            .into_iter()
            .map(|cron| Cron::new(cron, PageClock::new(log.view().now(), access)))
            .collect();
        Ok(Self { integrity, verification: Verification::find(log, access, &site.base)?, lately, crons })
    }
}

impl Page {
    fn new(visitor: &Visitor, found: Found, notice: Option<&'static str>) -> Self {
        let (log, clock) = (&visitor.site.log, visitor.clock());
        let Found { integrity, verification, lately, crons } = found;
        let of_instance = visitor.access.viewer().instance.is_some();
        let newest = integrity.checkpoint.as_ref().map(|signed| signed.stored.number);
        let place = |status| DestinationLine::new(status, newest, !of_instance);
        let manifest = log.view().manifest();
        let page = Self {
            frame: Frame::new(&visitor.site, Some(visitor), "/integrity", "Integrity"),
            notice,
            health: Vec::new(),
            checkpoint: Checkpoint::new(&integrity, clock),
            places: integrity.published.iter().map(place).collect(),
            sinks: integrity.sinks.iter().map(|sink| SinkLine::new(sink, clock)).collect(),
            state: state(&integrity, clock),
            of_instance,
            policy: Policy {
                name: Shown::line(&manifest.name),
                version: Shown::line(&manifest.version),
                digest: Shown::line(&log.view().policy_digest()),
            },
            holds: integrity.holds.as_ref().map(|holds| holds.iter().map(|hold| Hold::new(hold, clock)).collect()),
            verification,
            lately,
            crons,
        };
        Self { health: HealthLine::all(&page, &integrity, clock.now), ..page }
    }
}

/// The sizes of the log, as labels and values.
fn state(integrity: &Integrity, clock: PageClock) -> Vec<(&'static str, String)> {
    let (extent, places) = (&integrity.extent, &integrity.places);
    let mut state = vec![("Entries", count(extent.entries))];
    if extent.entries > 0 {
        state.extend([
            ("First seq", format!("{}, because the cleanup removed older entries", places.start)),
            ("Last seq", (places.end - 1).to_string()),
        ]);
        if places.start == 0 {
            state[1].1 = "0, nothing was removed".to_owned();
        }
    }
    state.extend(extent.oldest.map(|at| ("Oldest entry", clock.exact(at))));
    state.extend(extent.newest.map(|at| ("Newest entry", clock.exact(at))));
    state
}
