//! The server's time for a page, from the request to the last byte of HTML.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::Request;
use axum::{Router, body};
use clap::Args;
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::http::{Site, router};
use mcp_audit_log::time::{DAY, ManualClock};
use mcp_audit_log::{AuditLog, Options, Viewer};
use tower_service::Service;

use crate::kept::Which;
use crate::support::Outcome;
use crate::table::{Sample, Table, figure};
use crate::traffic::{Traffic, beginning};

/// Pages over a log of a given size.
#[derive(Args)]
pub(crate) struct Opening {
    #[command(flatten)]
    which: Which,
    /// How often each page is opened.
    #[arg(long, default_value_t = 40)]
    times: u32,
}

const PAGES: [(&str, &str); 10] = [
    ("the log", "/"),
    ("the log, errors", "/?outcome=error"),
    ("the log, one user", "/?user=user0001@example.com"),
    ("the log, free text", "/?q=invoice"),
    ("the log, counts by value", "/?counts=shown"),
    ("the log, counts by value, 7 days", "/?counts=shown&from=-7d"),
    ("groups by tool, 30 days", "/?by=tool&from=-30d&sort=p95"),
    ("groups by server and tool, 30 days", "/?by=server&by=tool&from=-30d"),
    ("usage, 30 days, all breakdowns", "/usage?from=-30d"),
    ("integrity", "/integrity"),
];

impl Opening {
    pub(crate) fn run(self) -> Outcome {
        let kept = self.which.open_as("usage", |entries| Traffic::new(entries, 90).with_models())?;
        let clock = Arc::new(ManualClock::new(beginning().plus(91 * DAY)));
        let log = Options::new(&kept.folder).clock(clock).own_schedule().open()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let mut table = Table::new(&["page", "as", "kB of HTML", "median ms", "p99 ms"]);
        let timeline = format!("/timeline?session={}", session(&log)?);
        for (user, group) in [("nobody", "admin"), ("user0000@example.com", "user")] {
            let mut site = site(&log, user, group);
            let pages = PAGES.into_iter().filter(|(_, path)| group == "admin" || *path != "/integrity");
            for (name, path) in pages.chain([("the timeline of a session", timeline.as_str())]) {
                let (mut sample, mut length) = (Sample::default(), 0);
                for _ in 0..self.times {
                    let begun = Instant::now();
                    length = runtime.block_on(open(&mut site, path))?;
                    sample.add(begun.elapsed());
                }
                let times = [50.0, 99.0].map(|percent| figure(sample.percentile(percent) / 1_000.0));
                let cells = [name.to_owned(), group.to_owned(), figure(length as f64 / 1_000.0)];
                table.row(cells.into_iter().chain(times));
            }
        }
        table.print(&format!("pages: {} entries", figure(kept.entries as f64)));
        log.close();
        Ok(())
    }
}

fn site(log: &AuditLog, user: &str, group: &str) -> Router {
    let viewer = Viewer::new(user, [group]).instance("main");
    router(Site::embedded(log.clone(), move |_| std::future::ready(Some(viewer.clone()))))
}

/// A session in the middle of the log.
fn session(log: &AuditLog) -> Outcome<String> {
    let admin = log.view().access(&Viewer::new("nobody", ["admin"]).instance("main"));
    let reader = log.view().reader(&admin);
    let middle = reader.extent()?.entries / 2;
    let page = reader.page(Domain::TRUE, Some(middle), 100)?;
    let session = page.entries.iter().find_map(|entry| entry.text(Field::Session));
    Ok(session.ok_or("the log has no session")?.to_owned())
}

/// How many bytes the page has.
async fn open(site: &mut Router, path: &str) -> Outcome<usize> {
    let request = Request::get(path).header("host", "localhost").body(Body::empty())?;
    let response = site.call(request).await?;
    let status = response.status();
    let html = body::to_bytes(response.into_body(), 1 << 24).await?;
    if !status.is_success() {
        return Err(format!("{path}: {status}").into());
    }
    Ok(html.len())
}
