//! `mcp-audit serve`: proxy, API and pages in one process.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use axum::Router;
use clap::Args;
use mcp_audit::AuditLog;
use mcp_audit::capture::proxy::{self, SignIn};
use mcp_audit::capture::upstream::Upstream;
use mcp_audit::http::{self, SignInLinks, Site};
use mcp_audit::identity::Identity;
use mcp_audit::store::Tokens;
use tokio::net::TcpListener;

use super::Outcome;
use super::common::{Failure, GRACE, LogOptions, listen, say, serve_until_end, stop_signal};

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    log: LogOptions,
    /// Where to listen.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8700", env = "MCP_AUDIT_LISTEN")]
    listen: SocketAddr,
    /// An MCP server to put at /mcp/NAME (repeatable).
    #[arg(long = "upstream", value_name = "NAME=URL", value_parser = Upstream::parse)]
    upstreams: Vec<Upstream>,
    /// Tell figures to a monitoring system under http://ADDR/metrics. There is no sign-in, so keep the address to
    /// yourself.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:9464", env = "MCP_AUDIT_METRICS")]
    metrics: Option<SocketAddr>,
    /// Let MCP requests in without a token: for a gateway in front that does its own sign-in. API and pages still need
    /// a token.
    #[arg(long)]
    open: bool,
}

impl Serve {
    pub(super) fn run(self) -> Outcome {
        serve_until_end(GRACE, self.serve())?;
        Ok(ExitCode::SUCCESS)
    }

    async fn serve(self) -> Result<AuditLog, Failure> {
        one_name_each(&self.upstreams)?;
        let identity = Identity::new(Tokens::open(&self.log.data)?);
        let log = self.log.open()?;
        let sign_in = if self.open { SignIn::Open(identity.clone()) } else { SignIn::Tokens(identity.clone()) };
        let router = everything(&log, self.upstreams.clone(), sign_in, identity, SignInLinks::default());
        let listener = listen(self.listen, "--listen").await?;
        let metrics = match self.metrics {
            Some(address) => Some(listen(address, "--metrics").await?),
            None => None,
        };
        announce(&listener, &self.upstreams)?;
        let metrics = tell_figures(metrics, &log)?;
        tokio::try_join!(http::serve(listener, router, stop_signal()), metrics)?;
        Ok(log)
    }
}

/// Serves `/metrics`, where that is wanted.
fn tell_figures(
    listener: Option<TcpListener>,
    log: &AuditLog,
) -> io::Result<impl Future<Output = io::Result<()>> + use<>> {
    let router = http::metrics_router(log.clone());
    if let Some(listener) = &listener {
        say(format_args!("  http://{}/metrics has figures", listener.local_addr()?))?;
    }
    Ok(async {
        match listener {
            Some(listener) => http::serve(listener, router, stop_signal()).await,
            None => Ok(()),
        }
    })
}

/// The proxy, the API and the pages.
pub(super) fn everything(
    log: &AuditLog,
    upstreams: Vec<Upstream>,
    sign_in: SignIn,
    identity: Identity,
    links: SignInLinks,
) -> Router {
    let site = Site::new(log.clone(), identity, links);
    proxy::router(log.clone(), upstreams, sign_in).merge(http::router(site))
}

fn one_name_each(upstreams: &[Upstream]) -> Result<(), String> {
    let mut names: Vec<_> = upstreams.iter().map(Upstream::name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("two upstreams are called {:?}; give each a name of its own", pair[0])),
        None => Ok(()),
    }
}

fn announce(listener: &TcpListener, upstreams: &[Upstream]) -> io::Result<()> {
    let address = listener.local_addr()?;
    say(format_args!("mcp-audit is listening on http://{address}"))?;
    for upstream in upstreams {
        say(format_args!("  http://{address}/mcp/{} is {}", upstream.name(), upstream.url()))?;
    }
    if upstreams.is_empty() {
        say(format_args!("  no MCP server behind it yet: add --upstream NAME=URL"))?;
    }
    Ok(())
}
