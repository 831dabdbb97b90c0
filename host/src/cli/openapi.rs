//! (short: one file per subcommand) `mcp-audit-log openapi`: the API's document, for `docs/openapi.json` and for client
//! authors.

use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::http;

use super::Outcome;
use super::common::say;

#[derive(Args)]
pub(super) struct OpenApi {}

impl OpenApi {
    pub(super) fn run(self) -> Outcome {
        say(format_args!("{:#}", http::openapi()))?;
        Ok(ExitCode::SUCCESS)
    }
}
