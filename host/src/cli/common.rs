//! Options that several subcommands share: the log's folder, the policy, the viewer.

use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use clap::Args;
use mcp_audit_log::policy::Policy;
use mcp_audit_log::signer::SignerOptions;
use mcp_audit_log::{AuditLog, LogView, Options, Viewer};
use mcp_audit_log_policy_tools::declared::{extension_of_toml, policy_of_toml};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use super::advice::{Failure, unreadable};
use super::config::CheckpointTable;

/// The signing keys in the environment, if they are not in a file.
pub(super) fn signing_keys() -> Option<String> {
    std::env::var("MCP_AUDIT_LOG_SIGNING_KEYS").ok()
}

/// The folder of the log, and the policy.
#[derive(Args, Clone)]
pub(super) struct LogOptions {
    /// The folder of the log.
    #[arg(long, value_name = "DIR", default_value = "mcp-audit-log-data", env = "MCP_AUDIT_LOG_DATA")]
    pub(super) data: PathBuf,
    /// A policy instead of the one that judged last: a WebAssembly component, declarations in a file that ends with .toml,
    /// or `default`.
    #[arg(long, value_name = "FILE", env = "MCP_AUDIT_LOG_POLICY")]
    pub(super) policy: Option<PathBuf>,
    /// An extension over the policy (repeatable): a WebAssembly component, or declarations in TOML.
    #[arg(long, value_name = "FILE")]
    pub(super) extend: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) signing: Signing,
}

/// The places of the log's keys and of its last signed checkpoint.
#[derive(Args, Clone, Default)]
pub(super) struct Signing {
    /// The file of the signing keys [default: signing.key in its folder].
    #[arg(long, value_name = "FILE", env = "MCP_AUDIT_LOG_SIGNING_KEY_FILE")]
    pub(super) signing_key: Option<PathBuf>,
    /// The file of the last signed checkpoint [default: signing.last beside the keys].
    #[arg(long, value_name = "FILE", env = "MCP_AUDIT_LOG_LAST_SIGNED")]
    pub(super) last_signed: Option<PathBuf>,
}

impl Signing {
    /// These options for the log's signer.
    pub(super) fn options(&self) -> SignerOptions {
        let Self { signing_key, last_signed } = self.clone();
        CheckpointTable { signing_key, last_signed, ..CheckpointTable::default() }.signer(signing_keys())
    }
}

/// A log that is opened for one action and closed when this is dropped. Its stop is recorded even if a thread still
/// uses it.
pub(super) struct BriefLog(AuditLog);

impl Deref for BriefLog {
    type Target = AuditLog;

    fn deref(&self) -> &AuditLog {
        &self.0
    }
}

impl Drop for BriefLog {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl LogOptions {
    /// Opens the log for recording.
    pub(super) fn open(&self) -> Result<AuditLog, Failure> {
        Ok(self.options()?.open()?)
    }

    /// Opens the log for recording one action, without running due jobs.
    pub(super) fn open_for_a_moment(&self) -> Result<BriefLog, Failure> {
        Ok(BriefLog(self.options()?.for_a_moment().open()?))
    }

    /// Opens the log for reading, beside a server that may be recording.
    pub(super) fn view(&self) -> Result<LogView, Failure> {
        Ok(self.options()?.view()?)
    }

    /// The options with which it is opened.
    pub(super) fn options(&self) -> Result<Options, Failure> {
        let mut options = Options::new(&self.data).signer(self.signing.options());
        if let Some(path) = &self.policy {
            options = options.policy(match path == Path::new(DEFAULT_POLICY) {
                true => Policy::builtin_component().to_vec(),
                false => component(path, "--policy", policy_of_toml)?,
            });
        }
        for path in self.policy.iter().chain(&self.extend) {
            let note = note_path(path);
            match fs::read(&note) {
                Ok(bytes) => options = options.policy_note(bytes),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{} cannot be read: {error}", note.display()).into()),
            }
        }
        for path in &self.extend {
            options = options.extend(component(path, "--extend", extension_of_toml)?);
        }
        Ok(options)
    }
}

/// The name of the default policy where a file may stand.
pub(super) const DEFAULT_POLICY: &str = "default";

/// Where the signature of a component lies: beside it.
pub(super) fn note_path(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".note");
    name.into()
}

/// The bytes of a component, or those that `made` makes of a file in TOML.
///
/// # Errors
/// The file, which `option` names, cannot be read, or declares what there is not.
pub(super) fn component(
    path: &Path,
    option: &str,
    made: fn(&str) -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, Failure> {
    let bytes = fs::read(path).map_err(unreadable(path, option))?;
    if path.extension().is_none_or(|ending| ending != "toml") {
        return Ok(bytes);
    }
    let wrong = |error: &dyn Display| format!("{}: {error}", path.display());
    let text = String::from_utf8(bytes).map_err(|error| wrong(&error))?;
    Ok(made(&text).map_err(|error| wrong(&error))?)
}

/// Reports at the start which policy judges, and what its extensions change.
pub(super) fn note_policy(log: &LogView) {
    note(format_args!("the policy is {}", log.policy_title()));
    for extension in log.policy_extensions() {
        note(format_args!("extended by {}", extension.title()));
        extension.widenings().iter().for_each(note);
    }
    log.policy_overrides().iter().for_each(note);
}

/// The viewer. A user who can read the log's files may choose any viewer; the policy then decides what that viewer
/// sees.
#[derive(Args, Clone)]
pub(super) struct ViewerOptions {
    /// Act as this user.
    #[arg(long = "as", value_name = "USER", default_value = "operator")]
    viewer: String,
    /// Act as a member of this group (repeatable).
    #[arg(long = "group", value_name = "GROUP", default_value = "admin")]
    groups: Vec<String>,
    /// Act as a user of this tenant.
    #[arg(long, visible_alias = "tenant", value_name = "NAME")]
    instance: Option<String>,
}

impl ViewerOptions {
    pub(super) fn viewer(&self) -> Viewer {
        Viewer { user: self.viewer.clone(), groups: self.groups.clone(), instance: self.instance.clone() }
    }
}

/// Prints a line. Unlike the standard macro it returns an error when the pipe is closed, and does not panic.
pub(super) fn say(line: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// Prints a line to standard error, and ignores a closed pipe.
pub(super) fn note(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Logs to standard error; `MCP_AUDIT_LOG` takes filters such as `debug` or `mcp_audit_log=trace`.
pub(super) fn start_tracing() {
    let filter =
        EnvFilter::try_from_env("MCP_AUDIT_LOG").unwrap_or_else(|_| EnvFilter::new("warn,mcp_audit_log=info,rmcp=off"));
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(io::stderr)
        .with_target(false)
        .init();
}

/// The time that a page or a query in progress may delay the end of a server.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// Runs a server to its end, with or without an error, and then closes its log. It closes the log after the runtime and
/// all open connections have ended, so that interrupted exchanges are recorded too.
///
/// `grace` is how long blocking work may delay the end.
pub(super) fn serve_until_end(
    grace: Duration,
    serve: impl AsyncFnOnce(&OnceLock<AuditLog>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let log = OnceLock::new();
    let served = runtime.block_on(async {
        bear_large_files()?;
        serve(&log).await
    });
    let Some(log) = log.into_inner() else {
        runtime.shutdown_timeout(grace);
        return served;
    };
    log.stopping();
    runtime.shutdown_timeout(grace);
    log.close();
    served?;
    match log.recorder().gauges().unreported() {
        0 => Ok(()),
        lost => Err(format!("{lost} events are lost: they could not be stored before shutdown").into()),
    }
}

/// Makes a write above the file size limit (`ulimit -f`) an error, as on a full disk, instead of ending the process.
fn bear_large_files() -> io::Result<()> {
    #[cfg(unix)]
    {
        /// The number of SIGXFSZ on all supported systems.
        const TOO_LARGE: i32 = 25;
        // A handled signal does not kill, even after its listener is dropped.
        drop(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(TOO_LARGE))?);
    }
    Ok(())
}

/// Keeps the process alive on SIGHUP, which a closed terminal or a reload sends. The configuration is read only at the
/// start.
pub(super) fn bear_hang_ups() -> io::Result<()> {
    #[cfg(unix)]
    {
        let mut hang_ups = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
        tokio::spawn(async move {
            while hang_ups.recv().await.is_some() {
                tracing::info!("SIGHUP is ignored: change settings on their page, and restart for everything else");
            }
        });
    }
    Ok(())
}

/// Listens on an address, or returns an error with advice; `option` is the source of the address.
pub(super) async fn listen(address: SocketAddr, option: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| {
        format!(
            "cannot listen on {address}: {error}; stop the program that uses the port, or set another one with \
                 {option}"
        )
    })
}

/// Completes when the process is asked to stop. Signals are caught from the call on, so call it before the process says
/// that it is ready: the default of a signal would end it without closing the log.
///
/// # Errors
/// The operating system refuses the handler.
pub(super) fn stop_signal() -> io::Result<impl Future<Output = ()> + use<>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        })
    }
    #[cfg(not(unix))]
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
