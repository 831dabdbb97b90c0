//! The effect of hostile readers on MCP callers: the most expensive searches that one user can make, and half-sent
//! forms, while calls pass through the proxy.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mcp_audit_log::capture::proxy::{self, SignIn};
use mcp_audit_log::capture::upstream::Upstream;
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::http::{self, SignInLinks, Site};
use mcp_audit_log::identity::Identity;
use mcp_audit_log::reader::{GroupBy, GroupSort};
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::tokens::Tokens;
use mcp_audit_log::{AuditLog, Viewer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

use crate::site::trivial_upstream;
use crate::support::{Outcome, World, folder};
use crate::table::{Sample, Table, figure};
use crate::traffic::Traffic;

/// Calls through the proxy without readers, and with many searches and half-sent forms.
#[derive(Args)]
pub(crate) struct Siege {
    /// Entries of the log before.
    #[arg(long, default_value_t = 200_000)]
    entries: usize,
    /// Searches at once, all of one user.
    #[arg(long, default_value_t = 600)]
    searches: usize,
    /// Half-sent forms.
    #[arg(long, default_value_t = 520)]
    forms: usize,
    /// Seconds of each part.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// A run of a second; its figures mean nothing.
    #[arg(long)]
    small: bool,
}

const AGENT: &str = "agent";
const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"}}}"#;
/// Patterns that need much backtracking, on every field with texts.
const PATHS: [&str; 3] = [
    "/api/v1/entries?q=%22%25a%25e%25i%25o%25_x%22&limit=500",
    "/api/v1/groups?by=user&q=%21%22%25e%25r%25_%25s%25q%22",
    "/?q=%22%25s%25a%25l%25_%25z%22",
];

#[derive(Default)]
struct Counts {
    served: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    halves: AtomicU64,
}

impl Siege {
    pub(crate) fn run(self) -> Outcome {
        let (entries, searches, forms, part) = match self.small {
            true => (2_000, 24, 20, Duration::from_millis(300)),
            false => (self.entries, self.searches, self.forms, Duration::from_secs(self.seconds)),
        };
        open_many_files();
        let folder = folder()?;
        let world = World::open(folder.path())?;
        world.feed(Traffic::new(entries as u64, 30).take(entries).collect())?;
        let tokens = Tokens::open(folder.path())?;
        let [agent, mallory] = [AGENT, "mallory"].map(|user| {
            let viewer = Viewer::new(user, ["user"]);
            tokens.create(&viewer, "bench", SystemClock.now()).map(|(secret, _)| format!("Bearer {secret}"))
        });
        let (agent, mallory) = (agent?, mallory?);
        let servers = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let address = servers.block_on(serve(&world.log, tokens))?;
        let (calls, enemies) = (
            Builder::new_current_thread().enable_all().build()?,
            Builder::new_multi_thread().worker_threads(1).enable_all().build()?,
        );
        let mut idle = calls.block_on(call_for(address, &agent, part))?;
        let (counts, over) = (Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)));
        for at in 0..searches {
            enemies.spawn(search(
                address,
                mallory.clone(),
                PATHS[at % PATHS.len()],
                Arc::clone(&counts),
                Arc::clone(&over),
            ));
        }
        for _ in 0..forms {
            enemies.spawn(half(address, Arc::clone(&counts), Arc::clone(&over)));
        }
        // Under way are all of them before the first call is measured.
        while counts.halves.load(Ordering::Relaxed) < forms as u64 || counts.served.load(Ordering::Relaxed) == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut besieged = calls.block_on(call_for(address, &agent, part))?;
        over.store(true, Ordering::Relaxed);
        drop(enemies);
        report(&mut idle, &mut besieged, &counts);
        let made = (idle.len() + besieged.len()) as u64;
        // After everything that was enqueued before.
        world.feed(Traffic::new(1, 1).take(1).collect())?;
        let recorded = recorded(&world)?;
        let tried = counts.served.load(Ordering::Relaxed) + counts.refused.load(Ordering::Relaxed);
        match (recorded == made, counts.served.load(Ordering::Relaxed) > 0, counts.failed.load(Ordering::Relaxed)) {
            (false, ..) => Err(format!("{made} calls were made, and {recorded} recorded").into()),
            (_, false, _) => Err(format!("of {tried} searches none was served").into()),
            (.., failed @ 1..) => Err(format!("{failed} searches were neither served nor told to wait").into()),
            _ => Ok(()),
        }
    }
}

async fn serve(log: &AuditLog, tokens: Tokens) -> Outcome<SocketAddr> {
    let upstream = Upstream::new("it", &format!("http://{}/mcp", trivial_upstream().await?))?;
    let identity = Identity::new(tokens);
    let site = Site::new(log.clone(), identity.clone(), SignInLinks::default());
    let router = proxy::router(log.clone(), vec![upstream], SignIn::Tokens(identity)).merge(http::router(site));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(http::serve(listener, router, std::future::pending()));
    Ok(address)
}

type Http = Client<HttpConnector, Full<Bytes>>;

async fn call_for(address: SocketAddr, bearer: &str, part: Duration) -> Outcome<Sample> {
    let client: Http = Client::builder(TokioExecutor::new()).build_http();
    let mut sample = Sample::default();
    let until = Instant::now() + part;
    while Instant::now() < until {
        let request = Request::post(format!("http://{address}/mcp/it"))
            .header("authorization", bearer)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(Full::new(Bytes::from_static(CALL.as_bytes())))?;
        let begun = Instant::now();
        let response = client.request(request).await?;
        let status = response.status();
        response.into_body().collect().await?;
        sample.add(begun.elapsed());
        if !status.is_success() {
            return Err(format!("a call was answered with the status {status}").into());
        }
        // As an agent does, and so that a part is not a measure of throughput.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(sample)
}

/// Sends searches again and again, without pauses.
async fn search(address: SocketAddr, bearer: String, path: &'static str, counts: Arc<Counts>, over: Arc<AtomicBool>) {
    let client: Http = Client::builder(TokioExecutor::new()).build_http();
    while !over.load(Ordering::Relaxed) {
        let request = Request::builder().method(Method::GET).uri(format!("http://{address}{path}"));
        let Ok(request) = request.header("authorization", &bearer).body(Full::default()) else { return };
        let answer = async {
            let response = client.request(request).await.ok()?;
            let status = response.status().as_u16();
            response.into_body().collect().await.ok()?;
            Some(status)
        };
        let count = match answer.await {
            Some(200) => &counts.served,
            Some(429) => &counts.refused,
            // The search took longer than it may.
            Some(503) => &counts.refused,
            other => {
                eprintln!("{path} was answered with {other:?}");
                &counts.failed
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends a part of a form, waits as long as the server permits, and begins again.
async fn half(address: SocketAddr, counts: Arc<Counts>, over: Arc<AtomicBool>) {
    const HALF: &[u8] = b"POST /sign-in HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 90\r\n\r\ntoken=mcpa";
    while !over.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(address).await else { continue };
        let sent = stream.write_all(HALF).await;
        counts.halves.fetch_add(1, Ordering::Relaxed);
        if sent.is_ok() {
            let _ = stream.read(&mut [0; 512]).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn report(idle: &mut Sample, besieged: &mut Sample, counts: &Counts) {
    let mut table = Table::new(&["while", "calls", "median µs", "p99 µs", "p99 ÷ idle"]);
    let before = idle.percentile(99.0);
    for (name, sample) in [("without readers", idle), ("besieged", besieged)] {
        let (calls, middle, late) = (sample.len() as f64, sample.median(), sample.percentile(99.0));
        table.row([name.to_owned(), figure(calls), figure(middle), figure(late), format!("{:.1}", late / before)]);
    }
    table.print("siege: a call through the proxy");
    let [served, refused, halves] =
        [&counts.served, &counts.refused, &counts.halves].map(|count| count.load(Ordering::Relaxed));
    println!("\n{served} searches were served, {refused} told to come again; {halves} halves of forms were sent");
}

/// How many of the agent's calls are entries.
fn recorded(world: &World) -> Outcome<u64> {
    let access = world.access("admin");
    let domain = Domain::equals(Field::User, AGENT).and(Domain::equals(Field::Tool, "echo"));
    let groups =
        world.log.view().reader(&access).groups(domain, &[GroupBy::Field(Field::User)], GroupSort::Count, 10)?;
    Ok(groups.entries)
}

/// Both ends of all connections are in this process.
fn open_many_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
            println!("siege: this process may not open more files: {error}");
        }
    }
}
