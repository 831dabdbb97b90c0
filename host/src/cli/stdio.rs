//! `mcp-audit stdio`: a recorder around a server that speaks over standard input and output.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use mcp_audit::capture::stdio::{self, StdioOptions};
use mcp_audit::event::Caller;

use super::Outcome;
use super::common::{LogOptions, note, serve_until_end};

#[derive(Args)]
pub(super) struct Stdio {
    #[command(flatten)]
    log: LogOptions,
    /// The server's name in the log; the command's name by default.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Who uses it.
    #[arg(long, value_name = "USER", env = "USER")]
    user: Option<String>,
    /// The name of the connection.
    #[arg(long, value_name = "NAME", default_value = "stdio")]
    connection: String,
    /// The server's command, after `--`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Stdio {
    pub(super) fn run(self) -> Outcome {
        let Self { log, server, user, connection, command } = self;
        let log = log.open()?;
        note(format_args!("the policy is {}", log.policy_title()));
        let server = server.unwrap_or_else(|| name(&command));
        let caller = Caller { user, connection: Some(connection), ..Caller::default() };
        let mut code = 0;
        // Our own input may be open for ever, and reading it blocks.
        serve_until_end(Duration::ZERO, async {
            code = stdio::run(log.clone(), StdioOptions { server, caller }, command).await?;
            Ok(log)
        })?;
        // The server's own code, so that whoever started us sees what it would have seen.
        Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
    }
}

/// The last part of the command's path.
fn name(command: &[OsString]) -> String {
    let path = command.first().map(std::path::Path::new);
    path.and_then(|path| path.file_name())
        .map_or_else(|| "stdio".to_owned(), |name| name.to_string_lossy().into_owned())
}
