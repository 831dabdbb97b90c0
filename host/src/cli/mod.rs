//! The command line: one file a subcommand.

mod address;
mod advice;
mod alerts;
mod backup;
mod bundle;
mod check_bundle;
mod check_lake;
mod check_proof;
mod checkpoint;
mod common;
mod config;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod erase;
mod export;
mod filter;
mod groups;
mod key;
mod list;
mod manual;
mod matches;
#[cfg(feature = "mcp")]
mod mcp;
mod openapi;
mod policy;
mod print;
mod proof;
mod rejudge;
mod restore;
mod serve;
mod show;
mod sink;
mod stdio;
mod tail;
mod token;
mod tools;
mod usage;
mod verify;
mod wrap;

use std::io;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use mcp_audit_log::policy::CONTRACT;

/// Version, commit and the contract that a policy has to fulfil: what a report of a fault should name.
fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let (version, commit) = (env!("CARGO_PKG_VERSION"), env!("MCP_AUDIT_LOG_COMMIT"));
        format!("{version} ({commit}, contract {CONTRACT})")
    });
    &VERSION
}

/// An audit log for MCP platforms: one immutable entry for everything that happens.
#[derive(Parser)]
#[command(name = "mcp-audit-log", version = version(), propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the proxy, the API and the pages.
    Serve(Box<serve::Serve>),
    /// Run an MCP server on standard input and output, and record its messages.
    Stdio(stdio::Stdio),
    /// Put the wrapper of `stdio` into the configuration of MCP clients, or take it out.
    Wrap(Box<wrap::Wrap>),
    /// Stop a wrapped server when its wrapper is killed.
    #[command(name = stdio::WATCHDOG, hide = true)]
    StdioWatchdog(stdio::Watchdog),
    /// Answer questions of an assistant about the log: its MCP tools on standard input and output.
    #[cfg(feature = "mcp")]
    Mcp(mcp::Mcp),
    /// Create, list and revoke tokens of users and agents.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// List entries, newest first.
    List(Box<list::List>),
    /// Group entries and count them, their errors and durations.
    Groups(Box<groups::Groups>),
    /// Count usage: requests, errors, durations, tokens and cost, over time or by user, tool and the like.
    Usage(Box<usage::Usage>),
    /// List the alerts of a viewer, and whether they are raised.
    Alerts(alerts::Alerts),
    /// List the tools that MCP servers have shown, with the hashes of their definitions.
    Tools(tools::Tools),
    /// Print entries as a running server stores them.
    Tail(Box<tail::Tail>),
    /// Write entries to a file, oldest first: CSV, JSON Lines or Parquet.
    Export(Box<export::Exporting>),
    /// Show one entry.
    Show(show::Show),
    /// Check whether a text is the request or the response of an entry, by its digests.
    Match(matches::Match),
    /// Print the newest signed checkpoint, or all archived ones.
    Checkpoint(checkpoint::Checkpoint),
    /// List, rotate and repair the signing keys.
    #[command(subcommand)]
    Key(key::Key),
    /// Write entries to a file that can be checked without the log.
    Bundle(bundle::Bundle),
    /// Check the whole log against its ledger, for changed or missing entries.
    Verify(verify::Verify),
    /// Copy the whole log into a new folder, and verify the copy. A server may keep recording.
    Backup(backup::Backup),
    /// Put a backup in place of a log that was lost.
    Restore(restore::Restore),
    /// Look at the folder, the log, its backups and the upstreams of a server, and say what needs attention.
    Doctor(doctor::Doctor),
    /// Prove that an entry is in the log, or that entries were only appended to it.
    #[command(subcommand)]
    Proof(proof::Proof),
    /// List the sinks of the configuration file, try one, and send entries again.
    #[command(subcommand)]
    Sink(sink::SinkCommand),
    /// Erase the payload of one entry. The entry stays; another entry records the user and the reason.
    Erase(erase::Erase),
    /// Try a policy, without a log or on one.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Print the document of the HTTP API, in OpenAPI 3.1.
    #[command(name = "openapi")]
    OpenApi(openapi::OpenApi),
    /// Print what a shell needs to complete this command line.
    Completions(manual::Completions),
    /// Write a manual page for each command.
    Man(manual::Man),
    /// Run a demo: a real MCP server, real clients and three users, on a new log.
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
}

/// The end of a subcommand: the process's exit code, or an error for a person.
type Outcome = Result<ExitCode, advice::Failure>;

/// The exit code for a command line that cannot be read.
const USAGE: u8 = 2;

/// Reads the command line. A word of a search that begins with a hyphen is taken for an option, so say how to negate.
fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| {
        let mut words = std::env::args_os().skip(2).filter_map(|word| word.into_string().ok());
        let word = words.find(|word| is_negated_term(word));
        if let (ErrorKind::UnknownArgument, Some(word)) = (error.kind(), word) {
            let term = word.trim_start_matches('-');
            common::note(format_args!(
                "mcp-audit-log: {word:?} reads as an option; to leave out what matches, write '!{term}', or put the \
                 search into --query '{word}'"
            ));
            return ExitCode::from(USAGE);
        }
        error.exit()
    })
}

/// `-user:uma`, as the search box takes it.
fn is_negated_term(word: &str) -> bool {
    let name = word.strip_prefix('-').and_then(|rest| Some(rest.split_once(':')?.0));
    name.is_some_and(|name| name.starts_with(|first: char| first.is_ascii_lowercase()))
}

/// Runs the command line of this process.
pub(crate) fn run() -> ExitCode {
    common::start_tracing();
    let cli = match parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let outcome = match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Stdio(stdio) => stdio.run(),
        Command::Wrap(wrap) => wrap.run(),
        Command::StdioWatchdog(watchdog) => watchdog.run(),
        #[cfg(feature = "mcp")]
        Command::Mcp(mcp) => mcp.run(),
        Command::Token(token) => token.run(),
        Command::List(list) => list.run(),
        Command::Groups(groups) => groups.run(),
        Command::Usage(usage) => usage.run(),
        Command::Alerts(alerts) => alerts.run(),
        Command::Tools(tools) => tools.run(),
        Command::Tail(tail) => tail.run(),
        Command::Export(export) => export.run(),
        Command::Show(show) => show.run(),
        Command::Match(matches) => matches.run(),
        Command::Checkpoint(checkpoint) => checkpoint.run(),
        Command::Key(key) => key.run(),
        Command::Bundle(bundle) => bundle.run(),
        Command::Verify(verify) => verify.run(),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Proof(proof) => proof.run(),
        Command::Sink(sink) => sink.run(),
        Command::Erase(erase) => erase.run(),
        Command::Policy(policy) => policy.run(),
        Command::OpenApi(openapi) => openapi.run(),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
        #[cfg(feature = "demo")]
        Command::Demo(demo) => demo.run(),
    };
    outcome.unwrap_or_else(|error| {
        // The reader of our output has closed the pipe, as in `mcp-audit-log list | head`.
        let gone = error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        if gone {
            return ExitCode::SUCCESS;
        }
        common::note(format_args!("mcp-audit-log: {error}"));
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
