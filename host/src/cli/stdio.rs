//! `mcp-audit-log stdio`: a recorder around an MCP server on standard input and output.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use mcp_audit_log::capture::stdio::{self, StdioOptions};
use mcp_audit_log::event::Caller;

use super::Outcome;
use super::advice::span;
use super::common::{LogOptions, note_policy, serve_until_end};

#[derive(Args)]
pub(super) struct Stdio {
    #[command(flatten)]
    log: LogOptions,
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
    /// The server's command, after `--`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Stdio {
    pub(super) fn run(self) -> Outcome {
        let Self { log, server, user, connection, grace, command } = self;
        let log = log.open()?;
        note_policy(log.view());
        let server = server.unwrap_or_else(|| name(&command));
        let user = user.filter(|user| !user.is_empty()).or_else(account);
        let caller = Caller { user, connection: Some(connection), ..Caller::default() };
        let watchdog = std::env::current_exe().ok().map(|own| vec![own.into(), WATCHDOG.into()]);
        let options = StdioOptions { grace, watchdog, ..StdioOptions::new(server, caller) };
        let mut code = 0;
        // Our own input may stay open, and reading it blocks.
        serve_until_end(Duration::ZERO, async |opened| {
            let log = opened.get_or_init(|| log).clone();
            code = stdio::run(log, options, command).await?;
            Ok(())
        })?;
        // The server's own code, so that the parent process sees the same.
        Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
    }
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
