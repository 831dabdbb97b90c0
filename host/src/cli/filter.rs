//! Which entries a subcommand is about.

use clap::Args;
use mcp_audit::domain::{Domain, DomainError, parse_json};
use mcp_audit::field::Field;
use mcp_audit::time::{Clock, SystemClock};

#[derive(Args)]
pub(super) struct Filter {
    /// Only entries with this outcome.
    #[arg(long, value_parser = ["success", "error", "denied"])]
    outcome: Option<String>,
    /// Only this method.
    #[arg(long)]
    method: Option<String>,
    /// Only this tool.
    #[arg(long)]
    tool: Option<String>,
    /// Only this server.
    #[arg(long)]
    server: Option<String>,
    /// Only this user.
    #[arg(long)]
    user: Option<String>,
    /// Only this connection.
    #[arg(long)]
    connection: Option<String>,
    /// Only from this time on: 2026-11-21T02:09:46Z, 2026-11-21, today, -1h, -7d.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Only before this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// Only what matches this domain, as in '[["outcome","=","error"],["at",">=","-7d"]]'.
    #[arg(long)]
    domain: Option<String>,
}

impl Filter {
    /// Every option as a term, so that all of them speak the one filter language.
    pub(super) fn domain(&self) -> Result<Domain, DomainError> {
        let now = SystemClock.now();
        let mut terms = Vec::new();
        for (field, comparison, value) in [
            (Field::Outcome, "=", &self.outcome),
            (Field::Method, "=", &self.method),
            (Field::Tool, "=", &self.tool),
            (Field::Server, "=", &self.server),
            (Field::User, "=", &self.user),
            (Field::Connection, "=", &self.connection),
            (Field::OccurredAt, ">=", &self.from),
            (Field::OccurredAt, "<", &self.to),
        ] {
            terms.extend(value.as_ref().map(|value| serde_json::json!([field.name(), comparison, value])));
        }
        let options = parse_json(&serde_json::Value::Array(terms).to_string(), now)?;
        match &self.domain {
            Some(domain) => Ok(options.and(parse_json(domain, now)?)),
            None => Ok(options),
        }
    }
}
