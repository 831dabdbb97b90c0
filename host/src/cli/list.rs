//! `mcp-audit list`: entries on the terminal, newest first.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use mcp_audit::domain::{Context, Domain, DomainError, parse_json, parse_text};
use mcp_audit::field::Field;
use mcp_audit::time::{Clock, SystemClock};

use super::common::{LogOptions, ViewerOptions, note};
use super::{Outcome, print};

#[derive(Args)]
pub(super) struct List {
    /// What to find: outcome:error tool:search* since:7d, or plain words; `!` negates, as in '!outcome:success'.
    query: Vec<String>,
    /// The same as one text, which may begin with a hyphen.
    #[arg(long = "query", value_name = "QUERY", allow_hyphen_values = true, conflicts_with = "query")]
    text: Option<String>,
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    viewer: ViewerOptions,
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
    /// How many, from 1 to 500.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// How they are printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Columns for people.
    Table,
    /// One JSON object a line.
    Json,
}

impl List {
    pub(super) fn run(self) -> Outcome {
        let viewer = self.viewer.viewer();
        let domain = self.filter(&viewer.context(SystemClock.now()))?;
        let log = self.log.view()?;
        let access = log.access(&viewer);
        let page = log.reader(&access).page(domain, None, self.limit.into())?;
        match self.format {
            Format::Table => print::table(&page.entries)?,
            Format::Json => print::json_lines(&page.entries)?,
        }
        if page.next.is_some() {
            note(format_args!(
                "There are more: narrow the filter, ask for up to 500 with --limit, or go back in time with --to."
            ));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Every option as a term, so that all of them speak the one filter language.
    fn filter(&self, context: &Context<'_>) -> Result<Domain, DomainError> {
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
        let options = parse_json(&serde_json::Value::Array(terms).to_string(), context)?;
        let domain = self.domain.as_deref().map_or(Ok(Domain::TRUE), |domain| parse_json(domain, context))?;
        let text = self.text.clone().unwrap_or_else(|| self.query.join(" "));
        Ok(Domain::all_of([options, parse_text(&text, context)?, domain]))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use mcp_audit::domain::parse_json;
    use mcp_audit::time::Timestamp;

    use super::*;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        list: List,
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
            (&[], "[]"),
        ] {
            let list = Alone::try_parse_from([&["list"], arguments].concat()).expect("arguments").list;
            assert_eq!(list.filter(&context), parse_json(domain, &context), "{arguments:?}");
        }
        let list = Alone::try_parse_from(["list", "x", "outcom:error"]).expect("arguments").list;
        let error = list.filter(&context).expect_err("no field").to_string();
        assert!(error.contains("did you mean outcome?") && error.contains("at character 3: outcom:error"), "{error}");
    }
}
