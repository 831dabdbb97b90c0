//! The cost of the layer around a vendor's own API, for one request.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::routing::get;
use clap::Args;
use http_body_util::BodyExt;
use mcp_audit_log::Event;
use mcp_audit_log::capture::ApiLayer;
use mcp_audit_log::event::{Channel, Kind, OutcomeDetail};
use tokio::runtime::{Builder, Runtime};
use tower_service::Service;

use crate::support::{Outcome, World, folder};
use crate::table::{Sample, Table, figure, rate};

/// Requests to a handler in this process with the layer and without, by turns: alone, and as many as the queue holds.
#[derive(Args)]
pub(crate) struct Layering {
    /// Turns for each row.
    #[arg(long, default_value_t = 20)]
    turns: u32,
    /// A short run; its figures mean nothing.
    #[arg(long)]
    small: bool,
}

/// The pause between two requests at a steady pace.
const PACE: Duration = Duration::from_micros(200);
/// Requests of a turn: fewer than the queue holds.
const TURN: usize = 5_000;
const WAYS: [&str; 2] = ["without", "with the layer"];

impl Layering {
    pub(crate) fn run(self) -> Outcome {
        let (turns, turn) = if self.small { (1, 200) } else { (self.turns, TURN) };
        let folder = folder()?;
        let world = World::open(folder.path())?;
        let bare = Router::new().route("/invoices/{id}", get(invoice));
        let apis = [bare.clone(), bare.layer(ApiLayer::new(world.log.clone(), "erp"))];
        let runtime = Builder::new_current_thread().build()?;
        let mut table = Table::new(&["requests", "way", "requests/s", "median µs", "p99 µs", "median added µs"]);
        let before = world.stored();
        let pace = if self.small { Duration::ZERO } else { PACE };
        measure(
            &mut table,
            &format!("one every {} µs", PACE.as_micros()),
            &world,
            &runtime,
            &apis,
            (turns, turn, pace),
        )?;
        measure(&mut table, "one after the other", &world, &runtime, &apis, (turns, turn, Duration::ZERO))?;
        table.print("layer: a request to a vendor's API");
        // Each measurement warms up with one turn, and each turn ends with an event that waits for the others.
        let sent = 2 * u64::from(turns + 1) * (turn as u64 + 2);
        println!("\n{} entries for {sent} requests and markers; what is missing was dropped", world.stored() - before);
        Ok(())
    }
}

/// The work of a small handler of a vendor: a path, a number, some JSON.
async fn invoice(Path(id): Path<u32>) -> (StatusCode, [(&'static str, &'static str); 1], String) {
    (StatusCode::OK, [("content-type", "application/json")], format!(r#"{{"id":{id},"amount":"1250.00","paid":true}}"#))
}

fn measure(
    table: &mut Table,
    name: &str,
    world: &World,
    runtime: &Runtime,
    apis: &[Router; 2],
    (turns, turn, pace): (u32, usize, Duration),
) -> Outcome {
    let mut rows = [(Sample::default(), Duration::ZERO), (Sample::default(), Duration::ZERO)];
    // The first turn only warms up.
    for at in 0..=turns {
        for (row, api) in rows.iter_mut().zip(apis) {
            let (sample, took) = runtime.block_on(requests(api.clone(), turn, pace))?;
            if at > 0 {
                row.0.extend(sample);
                row.1 += took;
            }
            world.record_durably(Event::new(
                world.log.view().now(),
                Channel::System,
                Kind::System,
                OutcomeDetail::Ok,
            ))?;
        }
    }
    let mut bare = None;
    for (way, (mut sample, took)) in WAYS.iter().zip(rows) {
        let middle = sample.median();
        let added = bare.replace(middle).map_or_else(String::new, |bare| figure(middle - bare));
        let figures = [rate(sample.len() as u64, took), middle, sample.percentile(99.0)].map(figure);
        table.row([name.to_owned(), (*way).to_owned()].into_iter().chain(figures).chain([added]));
    }
    Ok(())
}

/// The duration of each request, and of all together. Each answer is read to its end.
async fn requests(mut api: Router, count: usize, pace: Duration) -> Outcome<(Sample, Duration)> {
    let (mut sample, begun) = (Sample::default(), Instant::now());
    let mut due = begun;
    for number in 0..count {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        due += pace;
        let request = Request::get(format!("/invoices/{number}")).header("user-agent", "bench/1").body(Body::empty())?;
        let at = Instant::now();
        let response = api.call(request).await?;
        response.into_body().collect().await?;
        sample.add(at.elapsed());
    }
    Ok((sample, begun.elapsed()))
}
