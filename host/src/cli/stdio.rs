//! `mcp-audit-log stdio`: a recorder around an MCP server on standard input and output.

use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Uri;
use clap::Args;
use mcp_audit_log::capture::stdio::{self, RemoteDelivery, RemoteLog, RemoteOptions, StdioOptions, TokenSource};
use mcp_audit_log::event::Caller;
use mcp_audit_log_model::format::counted;

use super::Outcome;
use super::address::{TOKEN, log_address};
use super::advice::{Failure, span};
use super::common::{LogOptions, note, note_policy, serve_until_end, stop_signal};
use super::config::authorities;
use super::wrap::WITHOUT_ARGS;

/// Where a running log takes events.
const EVENTS: &str = "/api/v1/events";

#[derive(Args)]
pub(super) struct Stdio {
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    remote: Remote,
    /// The server's name in the log; by default the name of the command.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// The user; by default the account that runs the command.
    #[arg(long, value_name = "USER", env = "USER")]
    user: Option<String>,
    /// The name of the connection.
    #[arg(long, value_name = "NAME", default_value = "stdio")]
    connection: String,
    /// Seconds that the server has to stop after its input ended or a signal came; then it is killed.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = span)]
    grace: Duration,
    /// `wrap` sets this where the configuration had no list of arguments, so that it can take the list out again.
    #[arg(long = &WITHOUT_ARGS[2..], hide = true)]
    wrapped_without_args: bool,
    /// The server's command, after `--`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// A running log that gets the events, in place of a folder.
#[derive(Args)]
struct Remote {
    /// Send the events to a running log, by its address, such as https://gateway.example.com, and keep no folder. The
    /// token of a sender is in --token-file or in MCP_AUDIT_LOG_TOKEN.
    #[arg(long, value_name = "URL", value_parser = |text: &str| log_address(text, EVENTS))]
    to: Option<Uri>,
    /// The file with the token.
    #[arg(long, value_name = "FILE", requires = "to")]
    token_file: Option<PathBuf>,
    /// The certificate authorities that this log's certificate is checked with, in PEM, instead of the system's.
    #[arg(long, value_name = "FILE", requires = "to")]
    ca: Option<PathBuf>,
    /// How many events wait while the log is away. Further ones are lost and counted.
    #[arg(long, value_name = "EVENTS", requires = "to", default_value = "10000")]
    buffer: NonZeroUsize,
    /// How many MiB of events wait while the log is away.
    #[arg(long, value_name = "MIB", requires = "to", default_value = "32")]
    buffer_mib: NonZeroU32,
    /// Seconds that the delivery of the last events may take after the server has ended.
    #[arg(long, value_name = "SECONDS", requires = "to", default_value = "5", value_parser = span)]
    deliver: Duration,
}

impl Stdio {
    pub(super) fn run(self) -> Outcome {
        let Self { log, remote, server, user, connection, grace, command, .. } = self;
        let server = server.unwrap_or_else(|| name(&command));
        let user = user.filter(|user| !user.is_empty()).or_else(account);
        let caller = Caller { user, connection: Some(connection), ..Caller::default() };
        let watchdog = std::env::current_exe().ok().map(|own| vec![own.into(), WATCHDOG.into()]);
        let options = StdioOptions { grace, watchdog, ..StdioOptions::new(server, caller) };
        let code = match &remote.to {
            Some(url) => remote.run(url, options, command)?,
            None => own(&log, options, command)?,
        };
        // The server's own code, so that the parent process sees the same.
        Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
    }
}

/// Records into a folder of this process.
fn own(log: &LogOptions, options: StdioOptions, command: Vec<OsString>) -> Result<i32, Failure> {
    let log = log.open()?;
    note_policy(log.view());
    let mut code = 0;
    // Our own input may stay open, and reading it blocks.
    serve_until_end(Duration::ZERO, async |opened| {
        let log = opened.get_or_init(|| log).clone();
        code = stdio::run(log, options, command).await?;
        Ok(())
    })?;
    Ok(code)
}

impl Remote {
    /// Sends the events to the log at `url`.
    fn run(&self, url: &Uri, options: StdioOptions, command: Vec<OsString>) -> Result<i32, Failure> {
        let (server, caller) = (options.server.clone(), options.caller.clone());
        // A token of the server itself stays where it is.
        let hidden = if self.token_file.is_none() { vec![TOKEN.into()] } else { Vec::new() };
        let options = StdioOptions { hidden, ..options };
        let bytes = usize::try_from(self.buffer_mib.get()).unwrap_or(usize::MAX).saturating_mul(1 << 20);
        let (url, token) = (url.clone(), token(self.token_file.clone()));
        let (authorities, events) = (authorities(self.ca.as_deref())?, self.buffer.get());
        let remote = RemoteOptions { url, token, authorities, events, bytes, server, caller };
        let (mut code, mut delivery) = (0, RemoteDelivery::default());
        serve_until_end(Duration::ZERO, async |_| {
            let log = RemoteLog::start(remote)?;
            // A signal that came while the server ran counts too: its sender will not wait for long.
            let stop = stop_signal()?;
            let ended = stdio::run_to(log.clone(), options, command).await;
            delivery = log.finish(self.deliver, stop).await;
            code = ended?;
            Ok(())
        })?;
        let RemoteDelivery { delivered, lost, unreported } = delivery;
        if unreported > 0 {
            let lost = counted(unreported, "event is lost", "events are lost");
            return Err(format!("{lost}: the log did not take them before the end. It has {delivered}").into());
        }
        if lost > 0 {
            note(format_args!(
                "mcp-audit-log: {}; an entry reports it",
                counted(lost, "event is lost", "events are lost")
            ));
        }
        Ok(code)
    }
}

/// The token in the file, or else in the environment. It is read for each request.
fn token(file: Option<PathBuf>) -> TokenSource {
    Arc::new(move || {
        let text = match &file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?,
            None => {
                std::env::var(TOKEN).map_err(|_| format!("there is no token; set {TOKEN}, or give --token-file"))?
            }
        };
        let text = text.trim();
        match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(text.to_owned()),
            false => {
                Err("the token is not one line of visible characters; copy the last line of `token create`".to_owned())
            }
        }
    })
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("the token in {} cannot be read: {error}", path.display())
}

/// The last part of the command's path.
fn name(command: &[OsString]) -> String {
    let path = command.first().map(std::path::Path::new);
    path.and_then(|path| path.file_name())
        .map_or_else(|| "stdio".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The name of the account that runs this process, or its number if it has no name.
#[cfg(unix)]
fn account() -> Option<String> {
    let id = uzers::get_effective_uid();
    let name = uzers::get_user_by_uid(id).map(|user| user.name().to_string_lossy().into_owned());
    Some(name.unwrap_or_else(|| id.to_string()))
}

#[cfg(not(unix))]
fn account() -> Option<String> {
    std::env::var("USERNAME").ok()
}

/// The subcommand of the watchdog.
pub(super) const WATCHDOG: &str = "stdio-watchdog";

/// Ends a wrapped server when its wrapper is killed. The wrapper starts this command.
#[derive(Args)]
pub(super) struct Watchdog {
    /// The server's group of processes.
    group: i32,
    /// The time that it may take to end.
    #[arg(value_parser = span)]
    grace: Duration,
}

impl Watchdog {
    pub(super) fn run(self) -> Outcome {
        #[cfg(unix)]
        stdio::watch(self.group, self.grace)?;
        Ok(ExitCode::SUCCESS)
    }
}
