//! `mcp-audit-log serve`: proxy, API and pages in one process.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use axum::Router;
use clap::Args;
use mcp_audit_log::capture::proxy::{self, ProxyOptions, SignIn};
use mcp_audit_log::capture::upstream::Upstream;
use mcp_audit_log::http::{self, SignInLinks, Site};
use mcp_audit_log::identity::{Identity, Origin};
use mcp_audit_log::tokens::Tokens;
use mcp_audit_log::{AuditLog, Options};
use tokio::net::TcpListener;

use super::Outcome;
use super::advice::{Failure, seconds};
use super::common::{
    GRACE, LogOptions, Signing, bear_hang_ups, listen, note_policy, say, serve_until_end, signing_keys, stop_signal,
};
use super::config::{BasePath, Config, Server, Text, address, base_path};

/// The default folder of the log.
pub(super) const DATA: &str = "mcp-audit-log-data";
/// The default address: this machine only.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8_700);

#[derive(Args)]
pub(super) struct Serve {
    /// A configuration file; docs/mcp-audit-log.toml has every option. The command line and the environment override
    /// it.
    #[arg(long, value_name = "FILE", env = "MCP_AUDIT_LOG_CONFIG")]
    config: Option<PathBuf>,
    /// The folder of the log [default: mcp-audit-log-data].
    #[arg(long, value_name = "DIR", env = "MCP_AUDIT_LOG_DATA")]
    data: Option<PathBuf>,
    /// A policy instead of the active one, at first the default one: a WebAssembly component, declarations in a file that
    /// ends with .toml, or `default`.
    #[arg(long, value_name = "FILE", env = "MCP_AUDIT_LOG_POLICY")]
    policy: Option<PathBuf>,
    /// An extension over the policy (repeatable): a WebAssembly component, or declarations in TOML. This option replaces the extensions in the
    /// file.
    #[arg(long, value_name = "FILE")]
    extend: Vec<PathBuf>,
    /// The address to listen on [default: 127.0.0.1:8700].
    #[arg(long, value_name = "ADDR", value_parser = address, env = "MCP_AUDIT_LOG_LISTEN")]
    listen: Option<SocketAddr>,
    /// An MCP server to serve at /mcp/NAME (repeatable). This option replaces the servers in the file.
    #[arg(long = "upstream", value_name = "NAME=URL", value_parser = Server::parse)]
    upstreams: Vec<Server>,
    /// Strict recording for all servers: no call reaches a server before its intent is on the disk. A call that cannot
    /// be recorded gets 503.
    #[arg(long)]
    strict: bool,
    /// Serve Prometheus metrics at http://ADDR/metrics, without authentication: use an internal address.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:9464", value_parser = address, env = "MCP_AUDIT_LOG_METRICS")]
    metrics: Option<SocketAddr>,
    /// Accept MCP requests without a token, for a gateway in front that does its own sign-in. API and pages still need
    /// a token.
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    limits: Limits,
    /// Accept calls by scripts of this site's pages (repeatable), such as https://app.example.com. This option replaces
    /// the origins in the file.
    #[arg(long = "cors-origin", value_name = "ORIGIN", value_parser = Origin::parse)]
    cors_origins: Vec<Origin>,
    /// The public URL of this server, such as https://gateway.example.com [default: from the Host header].
    #[arg(long, value_name = "URL", value_parser = Origin::parse, env = "MCP_AUDIT_LOG_PUBLIC_URL")]
    public_url: Option<Origin>,
    #[command(flatten)]
    signing: Signing,
    /// Publish checkpoints into this folder, which must exist.
    #[arg(long, value_name = "DIR", env = "MCP_AUDIT_LOG_CHECKPOINTS")]
    checkpoints: Option<PathBuf>,
    /// Serve MCP, API and pages below this path, such as /audit, for a proxy in front that has other things at its root.
    #[arg(long, value_name = "PATH", value_parser = base_path, env = "MCP_AUDIT_LOG_PATH")]
    path: Option<BasePath>,
    /// A proxy in front serves browsers over https: the session cookie is then sent over https only.
    #[arg(long)]
    https: bool,
}

/// Timeouts in seconds, for upstreams without their own in the file. Zero means no limit.
#[derive(Args)]
struct Limits {
    /// Seconds to connect to an upstream: name resolution, the connection, TLS [default: 5].
    #[arg(long, value_name = "SECONDS", value_parser = seconds, env = "MCP_AUDIT_LOG_CONNECT_TIMEOUT")]
    connect_timeout: Option<u32>,
    /// Seconds for the TLS handshake alone [default: the whole limit].
    #[arg(long, value_name = "SECONDS", value_parser = seconds, env = "MCP_AUDIT_LOG_TLS_TIMEOUT")]
    tls_timeout: Option<u32>,
    /// Seconds until a response begins [default: no limit].
    #[arg(long, value_name = "SECONDS", value_parser = seconds, env = "MCP_AUDIT_LOG_FIRST_BYTE_TIMEOUT")]
    first_byte_timeout: Option<u32>,
    /// Seconds between two chunks of a response [default: no limit].
    #[arg(long, value_name = "SECONDS", value_parser = seconds, env = "MCP_AUDIT_LOG_IDLE_TIMEOUT")]
    idle_timeout: Option<u32>,
}

impl Serve {
    pub(super) fn run(self) -> Outcome {
        let config = self.configuration()?;
        serve_until_end(GRACE, async |opened| serve(config, opened).await)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The configuration of the file, overridden by the command line.
    pub(super) fn configuration(self) -> Result<Config, Failure> {
        let mut config = Config::load(self.config.as_deref())?;
        config.data = self.data.or(config.data);
        config.policy = self.policy.or(config.policy);
        if !self.extend.is_empty() {
            config.extend = Some(self.extend);
        }
        config.listen = self.listen.map(Text::from).or(config.listen);
        config.metrics = self.metrics.map(Text::from).or(config.metrics);
        config.https = self.https.then_some(true).or(config.https);
        config.path = self.path.map(Text::from).or(config.path);
        if !self.upstreams.is_empty() {
            config.upstreams = Some(self.upstreams);
        }
        if self.strict {
            config.upstreams.iter_mut().flatten().for_each(Server::be_strict);
        }
        let checkpoints = config.checkpoints.get_or_insert_default();
        checkpoints.signing_key = self.signing.signing_key.or(checkpoints.signing_key.take());
        checkpoints.last_signed = self.signing.last_signed.or(checkpoints.last_signed.take());
        checkpoints.folder = self.checkpoints.or(checkpoints.folder.take());
        let proxy = config.proxy.get_or_insert_default();
        proxy.public_url = self.public_url.map(Text::from).or(proxy.public_url.take());
        proxy.connect_seconds = self.limits.connect_timeout.or(proxy.connect_seconds);
        proxy.tls_seconds = self.limits.tls_timeout.or(proxy.tls_seconds);
        proxy.first_byte_seconds = self.limits.first_byte_timeout.or(proxy.first_byte_seconds);
        proxy.idle_seconds = self.limits.idle_timeout.or(proxy.idle_seconds);
        if !self.cors_origins.is_empty() {
            let origins = self.cors_origins.into_iter().map(Text::from).collect();
            config.cors.get_or_insert_default().origins = Some(origins);
        }
        if self.open {
            config.sign_in.get_or_insert_default().open = Some(true);
        }
        Ok(config)
    }
}

async fn serve(config: Config, opened: &OnceLock<AuditLog>) -> Result<(), Failure> {
    let upstreams = config.open_upstreams()?;
    let data = config.data.clone().unwrap_or_else(|| DATA.into());
    // Before anything is made in the folder.
    let options = options(&config, data.clone())?;
    let identity = identity(&config, &data)?;
    bear_hang_ups()?;
    let log = options.open()?;
    let log = opened.get_or_init(|| log).clone();
    note_policy(log.view());
    let manifest = log.view().manifest();
    for group in config.unknown_groups(&manifest) {
        let known: Vec<_> = manifest.groups.iter().map(|group| group.name.as_str()).collect();
        tracing::warn!("unknown group {group:?}: it gives no right; the policy's groups: {}", known.join(", "));
    }
    identity.look_for_keys();
    let open = config.sign_in().open == Some(true);
    let sign_in = if open { SignIn::Open(identity.clone()) } else { SignIn::Tokens(identity.clone()) };
    let site = Site::new(log.clone(), identity, SignInLinks::default());
    let site = if config.is_https() { site.over_https() } else { site }.mounted_at(config.path());
    let public = config.public_site().unwrap_or_else(|| config.path().to_owned());
    let address = |upstream: &Upstream| (upstream.name().to_owned(), format!("{public}/mcp/{}", upstream.name()));
    let site = site.mcp_servers(upstreams.iter().map(address));
    let router = everything(&log, upstreams.clone(), sign_in, site, config.proxy());
    let router = http::behind_proxies(http::allow_origins(router, &config.origins()), config.front());
    let address = config.listen.as_ref().map_or(LISTEN, |address| *address.value());
    let listener = listen(address, "--listen").await?;
    let metrics = match &config.metrics {
        Some(address) => Some(listen(*address.value(), "--metrics").await?),
        None => None,
    };
    let (stop, stop_metrics) = (stop_signal()?, stop_signal()?);
    announce(&listener, config.path(), &upstreams)?;
    let metrics = tell_figures(metrics, &log, stop_metrics)?;
    tokio::try_join!(http::serve(listener, router, stop), metrics)?;
    Ok(())
}

/// The options of the log from the configuration.
pub(super) fn options(config: &Config, data: PathBuf) -> Result<Options, Failure> {
    let checkpoints = config.checkpoints();
    let token = std::env::var("MCP_AUDIT_LOG_CHECKPOINT_TOKEN").ok();
    let (policy, extend) = (config.policy.clone(), config.extend.clone().unwrap_or_default());
    let options = LogOptions { data, policy, extend, signing: Signing::default() }.options()?;
    let options = options
        .policy_signers(config.policy_signers())
        .floors(config.floors())
        .queue(config.queue())
        .prices(config.prices.clone().unwrap_or_default());
    let options = options.signer(checkpoints.signer(signing_keys())).publish(checkpoints.places(token));
    let sinks = config.open_sinks()?.into_iter();
    let options = sinks.fold(options, |options, (sink, destination)| options.sink(sink, destination));
    Ok(match &config.lake {
        Some(lake) => options.lake(lake.open()?),
        None => options,
    })
}

/// The ways of signing in.
fn identity(config: &Config, data: &Path) -> Result<Identity, Failure> {
    let table = config.sign_in();
    let identity = match table.tokens {
        Some(false) => Identity::without_sign_in(),
        _ => Identity::new(Tokens::open(data)?),
    };
    let identity = match table.jwt {
        Some(jwt) => identity.jwt(jwt.open(config.group_map())?),
        None => identity,
    };
    Ok(match table.oidc {
        Some(oidc) => identity.oidc(oidc.open(config.public_site(), config.group_map(), Tokens::open(data)?)?),
        None => identity,
    })
}

/// Serves `/metrics`, if it is configured.
fn tell_figures<S: Future<Output = ()> + Send + 'static>(
    listener: Option<TcpListener>,
    log: &AuditLog,
    stop: S,
) -> io::Result<impl Future<Output = io::Result<()>> + use<S>> {
    let router = http::metrics_router(log.clone());
    if let Some(listener) = &listener {
        say(format_args!("  http://{}/metrics serves Prometheus metrics", listener.local_addr()?))?;
    }
    Ok(async move {
        match listener {
            Some(listener) => http::serve(listener, router, stop).await,
            None => Ok(()),
        }
    })
}

/// The proxy, the API and the pages.
pub(super) fn everything(
    log: &AuditLog,
    upstreams: Vec<Upstream>,
    sign_in: SignIn,
    site: Site,
    options: ProxyOptions,
) -> Router {
    let path = options.path.clone();
    let (traffic, pages) = (proxy::router_with(log.clone(), upstreams, sign_in, options), http::router(site));
    if path.is_empty() {
        return traffic.merge(pages);
    }
    // Web servers write the folder with a slash.
    let home = path.clone();
    let with_slash = axum::routing::get(async move || axum::response::Redirect::permanent(&home));
    traffic.nest(&path, pages).route(&format!("{path}/"), with_slash)
}

fn announce(listener: &TcpListener, path: &str, upstreams: &[Upstream]) -> io::Result<()> {
    let address = format!("{}{path}", listener.local_addr()?);
    say(format_args!("mcp-audit-log is listening on http://{address}"))?;
    for upstream in upstreams {
        say(format_args!("  http://{address}/mcp/{} is {}", upstream.name(), upstream.url()))?;
    }
    if upstreams.is_empty() {
        say(format_args!("  no MCP server is configured: add --upstream NAME=URL"))?;
    }
    Ok(())
}
