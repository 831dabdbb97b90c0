//! Filter options, and the common options of `list`, `groups`, `tail` and `export`: log, viewer, filter.

use clap::Args;
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::{Context, Domain, DomainError, parse_json, parse_text, until};
use mcp_audit_log::time_zone::TimeZone;
use mcp_audit_log::{Grant, LogView};

use super::advice::Failure;
use super::common::{BriefLog, LogOptions, ViewerOptions};

#[derive(Args)]
pub(super) struct Filter {
    /// The search: outcome:error tool:search* since:7d, or plain words; `!` negates, such as '!outcome:success'.
    query: Vec<String>,
    /// The search as one text, which may begin with a hyphen.
    #[arg(long = "query", value_name = "QUERY", allow_hyphen_values = true, conflicts_with = "query")]
    text: Option<String>,
    /// Only entries with this outcome.
    #[arg(long, value_parser = ["success", "error", "denied", "pending"])]
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
    /// Only this agent, in all of its runs.
    #[arg(long)]
    agent: Option<String>,
    /// Only this run of an agent.
    #[arg(long)]
    agent_instance: Option<String>,
    /// Only at or after this time: 2026-11-21T02:09:46Z, 2026-11-21, today, -1h, -7d.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Only before this time; a day, such as 2026-11-21 or today, includes that day.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// The time zone whose days are meant, and in which tables show times, such as Europe/Vienna.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    tz: TimeZone,
    /// Only entries that match this domain, such as '[["outcome","=","error"],["at",">=","-7d"]]'.
    #[arg(long)]
    domain: Option<String>,
}

impl Filter {
    /// All options as terms of the one filter language.
    pub(super) fn domain(&self, context: &Context<'_>) -> Result<Domain, DomainError> {
        let (mut terms, context) = (Vec::new(), &context.in_zone(self.tz));
        for (field, comparison, value) in [
            (Field::Outcome, "=", &self.outcome),
            (Field::Method, "=", &self.method),
            (Field::Tool, "=", &self.tool),
            (Field::Server, "=", &self.server),
            (Field::User, "=", &self.user),
            (Field::Connection, "=", &self.connection),
            (Field::Agent, "=", &self.agent),
            (Field::AgentInstance, "=", &self.agent_instance),
            (Field::OccurredAt, ">=", &self.from),
            (Field::OccurredAt, self.to.as_deref().map_or("<", |to| until(to).as_str()), &self.to),
        ] {
            terms.extend(value.as_ref().map(|value| serde_json::json!([field.name(), comparison, value])));
        }
        let options = parse_json(&serde_json::Value::Array(terms).to_string(), context)?;
        let domain = self.domain.as_deref().map_or(Ok(Domain::TRUE), |domain| parse_json(domain, context))?;
        let text = self.text.clone().unwrap_or_else(|| self.query.join(" "));
        Ok(Domain::all_of([options, parse_text(&text, context)?, domain]))
    }
}

/// Reads the name of a time zone.
pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::parse(name).ok_or_else(|| "not a time zone; use a name such as Europe/Vienna or UTC".to_owned())
}

#[derive(Args)]
pub(super) struct Question {
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    viewer: ViewerOptions,
    #[command(flatten)]
    filter: Filter,
}

impl Question {
    /// The log, the viewer's access, and the filter.
    pub(super) fn open(&self) -> Result<(LogView, Grant, Domain), Failure> {
        let viewer = self.viewer.viewer();
        let log = self.log.view()?;
        let domain = self.filter.domain(&viewer.context(log.now()))?;
        let access = log.access(&viewer).in_zone(self.filter.tz);
        Ok((log, access, domain))
    }

    /// The same log for recording this action, without running due jobs meanwhile.
    pub(super) fn open_to_record(&self) -> Result<BriefLog, Failure> {
        self.log.open_for_a_moment()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use mcp_audit_log::filter::parse_json;
    use mcp_audit_log::time::Timestamp;

    use super::*;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        filter: Filter,
    }

    #[test]
    fn text_options_and_domain_are_one_filter() {
        let context = Context::new(Timestamp::EPOCH, Some("operator"), None);
        for (arguments, domain) in [
            (&["outcome:error", "tool:search*"][..], r#"[["outcome","=","error"],["tool","=ilike","search%"]]"#),
            (&["tool:\"a b\" user:@me"], r#"[["tool","=","a b"],["user","=","operator"]]"#),
            (&["--", "-tool:x"], r#"[["tool","!=","x"]]"#),
            (&["--query", "-tool:x OR user:y"], r#"["|",["tool","!=","x"],["user","=","y"]]"#),
            (
                &["!tool:x", "--user", "y", "--domain", r#"[["status_code",">",1]]"#],
                r#"[["user","=","y"],["tool","!=","x"],["status_code",">",1]]"#,
            ),
            (
                &["--agent", "planner", "--agent-instance", "run-7"],
                r#"[["agent","=","planner"],["agent_instance","=","run-7"]]"#,
            ),
            (&["--from", "2026-11-20", "--to", "2026-11-20"], r#"[["at",">=","2026-11-20"],["at","<=","2026-11-20"]]"#),
            (&["--from", "-7d", "--to", "-1d"], r#"[["at",">=","-7d"],["at","<","-1d"]]"#),
            (
                &["--tz", "Europe/Vienna", "--from", "2026-10-25", "--to", "2026-10-25"],
                r#"[["at",">=","2026-10-24T22:00:00Z"],["at","<","2026-10-25T23:00:00Z"]]"#,
            ),
            (&[], "[]"),
        ] {
            let filter = Alone::try_parse_from([&["list"], arguments].concat()).expect("arguments").filter;
            assert_eq!(filter.domain(&context), parse_json(domain, &context), "{arguments:?}");
        }
        let filter = Alone::try_parse_from(["list", "x", "outcom:error"]).expect("arguments").filter;
        let error = filter.domain(&context).expect_err("no field").to_string();
        assert!(error.contains("did you mean outcome?") && error.contains("at character 3: outcom:error"), "{error}");
    }
}
