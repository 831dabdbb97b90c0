//! The command line: one file a subcommand.

mod common;
mod list;
mod print;
mod show;
mod token;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// An audit log for MCP platforms: one immutable entry for everything that happens.
#[derive(Parser)]
#[command(name = "mcp-audit", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make tokens that let users and agents in.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// List entries, newest first.
    List(list::List),
    /// Show one entry.
    Show(show::Show),
}

/// What a subcommand ends with: the process's exit code, or an error for a person.
type Outcome = Result<ExitCode, Box<dyn Error + Send + Sync>>;

/// Runs the command line of this process.
pub(crate) fn run() -> ExitCode {
    common::start_tracing();
    let outcome = match Cli::parse().command {
        Command::Token(token) => token.run(),
        Command::List(list) => list.run(),
        Command::Show(show) => show.run(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("mcp-audit: {error}");
        ExitCode::FAILURE
    })
}
