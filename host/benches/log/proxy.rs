//! The cost of capture for a call through the proxy.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::{Builder, Runtime};

use crate::site::{Everything, Proxies, trivial_upstream};
use crate::support::{Outcome, World, folder};
use crate::table::{Sample, Table, figure, rate};
use crate::traffic::Traffic;

/// Tool calls without a proxy, through the bare proxy, with capture, and with strict recording, by turns.
#[derive(Args)]
pub(crate) struct Proxying {
    /// Turns of a second for each row.
    #[arg(long, default_value_t = 10)]
    turns: u32,
    /// A short run; its figures mean nothing.
    #[arg(long)]
    small: bool,
}

const CLIENTS: [usize; 2] = [1, 16];
const WAYS: [&str; 4] = ["no proxy", "proxy, capture off", "proxy, capture on", "proxy, strict"];
const RECORDED: usize = 2;
const STRICT: usize = 3;

impl Proxying {
    pub(crate) fn run(self) -> Outcome {
        let (turns, turn) = if self.small { (1, 50) } else { (self.turns, 1_000) };
        let servers = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let native = servers.block_on(trivial_upstream())?;
        measure("a trivial server in this process", native, &servers, turns, Duration::from_millis(turn))?;
        match Everything::start() {
            Some(server) => measure("server-everything", server.address, &servers, turns, Duration::from_millis(turn)),
            None => {
                println!("\nproxy: without Node.js and `npm ci` in tests/npm nothing is said of server-everything");
                Ok(())
            }
        }
    }
}

fn measure(name: &str, upstream: SocketAddr, servers: &Runtime, turns: u32, turn: Duration) -> Outcome {
    let folder = folder()?;
    let world = World::open(folder.path())?;
    let proxies = servers.block_on(Proxies::before(upstream, &world.log, folder.path()))?;
    let addresses = [
        (upstream, "/mcp"),
        (proxies.unrecorded, "/mcp/it"),
        (proxies.recorded, "/mcp/it"),
        (proxies.strict, "/mcp/it"),
    ];
    let columns = ["clients", "way", "calls/s", "median µs", "p99 µs", "median added µs", "throughput"];
    let mut table = Table::new(&columns);
    let (before, mut recorded) = (world.stored(), 0);
    for clients in CLIENTS {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut rows = [const { None }; 4].map(|_: Option<()>| (Sample::default(), Duration::ZERO));
        // The first turn only warms up.
        for at in 0..=turns {
            for (way, (address, path)) in addresses.iter().enumerate() {
                let begun = Instant::now();
                let sample = runtime.block_on(calls(*address, path, clients, turn))?;
                if way == RECORDED {
                    // Each client begins with `initialize`.
                    recorded += (sample.len() + clients) as u64;
                }
                if way == STRICT {
                    // An intent and an end each.
                    recorded += 2 * (sample.len() + clients) as u64;
                }
                if at > 0 {
                    rows[way].0.extend(sample);
                    rows[way].1 += begun.elapsed();
                }
            }
        }
        add(&mut table, clients, rows);
    }
    table.print(&format!("proxy: tools/call before {name}"));
    world.feed(Traffic::new(1, 1).take(1).collect())?;
    println!(
        "\n{} entries for {recorded} recorded messages; what is missing was dropped by a full queue",
        world.stored() - before - 1
    );
    Ok(())
}

/// Adds a row for each way, with its ratio to the row above.
fn add(table: &mut Table, clients: usize, rows: [(Sample, Duration); 4]) {
    let mut above: Option<(f64, f64)> = None;
    for (way, (mut sample, took)) in WAYS.iter().zip(rows) {
        let (calls, middle) = (rate(sample.len() as u64, took), sample.median());
        let (added, throughput) = above.map_or((String::new(), String::new()), |(before, median)| {
            (figure(middle - median), format!("{:.0} %", 100.0 * calls / before))
        });
        let figures = [figure(calls), figure(middle), figure(sample.percentile(99.0)), added, throughput];
        table.row([clients.to_string(), (*way).to_owned()].into_iter().chain(figures));
        above = Some((calls, middle));
    }
}

/// The duration of each call while this many clients send calls for some time.
async fn calls(address: SocketAddr, path: &str, clients: usize, turn: Duration) -> Outcome<Sample> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let client = Caller::begin(address, path).await?;
        tasks.spawn(client.call_for(turn));
    }
    let mut all = Sample::default();
    while let Some(sample) = tasks.join_next().await {
        all.extend(sample?.map_err(|error| error.to_string())?);
    }
    Ok(all)
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// An MCP client with its own session.
struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    url: hyper::Uri,
    session: Option<hyper::header::HeaderValue>,
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"}}}"#;

impl Caller {
    async fn begin(address: SocketAddr, path: &str) -> Outcome<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let mut caller = Self { client, url: format!("http://{address}{path}").parse()?, session: None };
        let response = caller.post(INITIALIZE).await.map_err(|error| error.to_string())?;
        caller.session = response.headers().get("mcp-session-id").cloned();
        Ok(caller)
    }

    async fn call_for(self, turn: Duration) -> Result<Sample, Failure> {
        let mut sample = Sample::default();
        let until = Instant::now() + turn;
        while Instant::now() < until {
            let begun = Instant::now();
            let response = self.post(CALL).await?;
            sample.add(begun.elapsed());
            if !response.status().is_success() {
                return Err(format!("a call was answered with the status {}", response.status()).into());
            }
        }
        Ok(sample)
    }

    /// Sends a message and reads the answer to its end.
    async fn post(&self, message: &'static str) -> Result<hyper::Response<()>, Failure> {
        let request = Request::post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-06-18");
        let session = self.session.iter().fold(request, |request, session| request.header("mcp-session-id", session));
        let response = self.client.request(session.body(Full::new(Bytes::from_static(message.as_bytes())))?).await?;
        let (parts, body) = response.into_parts();
        body.collect().await?;
        Ok(hyper::Response::from_parts(parts, ()))
    }
}
