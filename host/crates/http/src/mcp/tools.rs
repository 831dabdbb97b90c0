//! The tools: each asks the API's own operation, and each call is an entry.

use std::sync::Arc;
use std::time::Instant;

use axum::http::StatusCode;
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_core::reader::MAX_LIMIT;
use mcp_audit_log_policy_tools::explain::Explanation;
use mcp_audit_log_service::ToolQuestion;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Tool, ToolAnnotations};
use serde_json::{Map, Value as Json, json};

use super::arguments::Arguments;
use super::results::{self, Found};
use super::{describe, schemas};
use crate::entry::{api as entry_api, why};
use crate::log::{api as log_api, groups_api, values_api};
use crate::openapi::extractors::Id;
use crate::problem::Problem;
use crate::session::auth::Visitor;
use crate::usage::api as usage_api;

/// The number of results, unless an argument says another.
const USUAL: usize = 20;
/// The most characters of a call's arguments, as JSON: so many fit into one detail of its entry.
const ARGUMENTS: usize = 1_000;
/// The number of rows of a breakdown of usage.
const ROWS: usize = 10;

const SEARCH: &str = "List entries, newest first, in pages: give `next` of a result as `cursor` for older ones. Only common \
                      fields are listed; name others in `fields`, or read one entry whole with get_entry.";
const GET: &str = "Read one entry whole, with its details. The kept bodies of request and response only with payload: true, \
                   which needs the right to read payloads and is recorded.";
const GROUP: &str = "Count entries by one or two fields: entries, errors and durations of each group, and the `query` that \
                     lists its entries with search_entries.";
const USAGE: &str = "Count requests, errors, durations, tokens and cost over a range of time, and by user, tool and other \
                     fields. Users without the right to read entries get figures only.";
const EXPLAIN: &str = "Explain an entry: why it has its action, why its payload is kept or not, and who sees it. For why a call \
                       failed, see error_type, error_message and details of get_entry.";
const DESCRIBE: &str = "List the fields of entries, quick filters, actions and your rights; or, with `field`, the values of one \
                        field.";

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogTool {
    SearchEntries,
    GetEntry,
    GroupEntries,
    GetUsage,
    ExplainEntry,
    DescribeFields,
}

impl LogTool {
    pub(super) const ALL: [Self; 6] = [
        Self::SearchEntries,
        Self::GetEntry,
        Self::GroupEntries,
        Self::GetUsage,
        Self::ExplainEntry,
        Self::DescribeFields,
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SearchEntries => "search_entries",
            Self::GetEntry => "get_entry",
            Self::GroupEntries => "group_entries",
            Self::GetUsage => "get_usage",
            Self::ExplainEntry => "explain_entry",
            Self::DescribeFields => "describe_fields",
        }
    }

    /// Its declaration.
    pub(super) fn declared(self) -> Tool {
        let (title, description) = match self {
            Self::SearchEntries => ("Search entries", SEARCH),
            Self::GetEntry => ("Get an entry", GET),
            Self::GroupEntries => ("Group entries", GROUP),
            Self::GetUsage => ("Get usage", USAGE),
            Self::ExplainEntry => ("Explain an entry", EXPLAIN),
            Self::DescribeFields => ("Describe fields", DESCRIBE),
        };
        let annotations = ToolAnnotations::with_title(title).read_only(true).idempotent(true).open_world(false);
        Tool::new(self.name(), description, members(self.takes()))
            .with_title(title)
            .with_annotations(annotations.destructive(false))
            .with_raw_output_schema(members(self.gives()))
    }

    /// The schema of its arguments.
    fn takes(self) -> Json {
        let own = |members: &[(&str, Json)]| -> Map<String, Json> {
            members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect()
        };
        let questions = schemas::flag("Also find the entries about questions such as this one (log.asked).");
        let limit = |usual| schemas::limit(MAX_LIMIT, usual);
        let id = schemas::text("The id of the entry.");
        match self {
            Self::SearchEntries => {
                let fields = json!({
                    "type": "array", "items": { "type": "string" },
                    "description": "The fields of each entry in the result; [\"all\"] for every one that is set.",
                });
                let cursor = schemas::text("`next` of a result with the same arguments.");
                let more = [("fields", fields), ("limit", limit(USUAL)), ("cursor", cursor)];
                schemas::input(schemas::search(more.into_iter().chain([("include_questions", questions)])), &[])
            }
            Self::GetEntry => {
                let payload = schemas::flag("Whether to read the kept request and response too. An entry records it.");
                schemas::input(own(&[("id", id), ("payload", payload)]), &["id"])
            }
            Self::GroupEntries => {
                let more = schemas::grouping().into_iter().chain([("limit", limit(USUAL))]);
                schemas::input(schemas::search(more.chain([("include_questions", questions)])), &[])
            }
            Self::GetUsage => {
                schemas::input(schemas::search(schemas::usage().into_iter().chain([("limit", limit(ROWS))])), &[])
            }
            Self::ExplainEntry => {
                let user = schemas::text("The user to ask about; you by default. Others need the right manage.");
                let group = json!({ "type": "array", "items": { "type": "string" }, "description": "Their groups." });
                let tenant = schemas::text("Their tenant; yours by default.");
                schemas::input(own(&[("id", id), ("as", user), ("group", group), ("tenant", tenant)]), &["id"])
            }
            Self::DescribeFields => {
                let field = schemas::text("A field whose values to list.");
                schemas::input(own(&[("field", field), ("limit", limit(USUAL))]), &[])
            }
        }
    }

    /// The schema of its result.
    fn gives(self) -> Json {
        match self {
            Self::SearchEntries => {
                let next = json!({ "type": ["string", "null"], "description": "The cursor of older entries." });
                let entries = json!({ "type": "array", "items": schemas::entry() });
                schemas::object([("entries", entries), ("next", next)], &["entries", "next"])
            }
            Self::GetEntry => {
                let mut schema = schemas::entry();
                schema["properties"]["details"] = json!({ "type": "object" });
                schema["properties"]["payload"] = json!({
                    "type": ["object", "null"],
                    "description": "The kept bodies as texts. With request_bytes or response_bytes, only the beginning.",
                    "properties": { "request": { "type": "string" }, "response": { "type": "string" } },
                });
                schema["required"] = json!(["id", "details"]);
                schema
            }
            Self::GroupEntries => schemas::of::<groups_api::Groups>(),
            Self::GetUsage => schemas::of::<usage_api::Usage>(),
            Self::ExplainEntry => schemas::of::<Explanation>(),
            Self::DescribeFields => describe::schema(),
        }
    }
}

/// Answers a call, and records it. What a model can mend is a result with `isError`, not an error of the protocol.
pub(super) async fn call(visitor: Visitor, tool: LogTool, arguments: JsonObject) -> CallToolResult {
    let begun = Instant::now();
    let text = Json::Object(arguments.clone()).to_string();
    // The entry has all of a question, so nothing can be hidden behind a long beginning.
    let answer = match text.chars().count() {
        0..=ARGUMENTS => answer(visitor.clone(), tool, &arguments).await,
        long => Err(Problem::query(format!(
            "The arguments have {long} characters, and {ARGUMENTS} are allowed. Ask for less at once."
        ))),
    };
    let failure = |problem: &Problem| {
        let is_denied = problem.status() == StatusCode::FORBIDDEN;
        (is_denied, problem.kind().to_owned(), format!("{}.", problem.title()))
    };
    let question = ToolQuestion {
        tool: tool.name(),
        arguments: text,
        result: answer.as_ref().map(|found| found.results).map_err(failure),
        duration_us: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
    };
    let recorded = visitor.site.log.asked(&visitor.access, question).await.map_err(Problem::from);
    match recorded.and(answer) {
        Ok(found) => CallToolResult::structured(found.json),
        Err(problem) => CallToolResult::error(vec![ContentBlock::text(problem.detail())]),
    }
}

async fn answer(visitor: Visitor, tool: LogTool, arguments: &JsonObject) -> Result<Found, Problem> {
    let mut arguments = Arguments::read(arguments)?;
    let visitor = arguments.zoned(visitor)?;
    match tool {
        LogTool::SearchEntries => {
            arguments.leave_out_questions()?;
            arguments.limit_to(USUAL);
            let fields = arguments.fields()?;
            let pairs = arguments.without_columns()?;
            let search = visitor.search(move |log, access| {
                results::page(&log_api::page(&pairs, log, access)?, fields.as_deref(), log.secret())
            });
            search.await
        }
        LogTool::GetEntry => {
            let with_payload = arguments.flag("payload")?;
            let id = id(&mut arguments)?;
            arguments.end(&["id", "payload"])?;
            if with_payload {
                visitor.require_own_will()?;
            }
            let read = visitor.search(move |log, access| {
                if with_payload {
                    access.require(Right::ReadPayloads)?;
                }
                let (entry, payload) = entry_api::read(&id, with_payload, log, access)?;
                results::entry(&entry, with_payload.then_some(payload))
            });
            read.await
        }
        LogTool::GroupEntries => {
            arguments.leave_out_questions()?;
            arguments.limit_to(USUAL);
            let pairs = arguments.without_columns()?;
            let advice = "Use a smaller limit.";
            visitor.search(move |log, access| results::any(&groups_api::groups(&pairs, log, access)?, advice)).await
        }
        LogTool::GetUsage => {
            arguments.limit_to(ROWS);
            let with_series = arguments.0.iter().any(|(name, _)| name == "step");
            let pairs = arguments.0;
            visitor
                .search(move |log, access| match usage_api::answer(&pairs, log, access)? {
                    usage_api::Answer::Json(usage) => results::usage(&usage, with_series),
                    usage_api::Answer::Csv(_) => Err(Problem::parameter("format", "format: leave it out.")),
                })
                .await
        }
        LogTool::ExplainEntry => {
            let (id, pairs) = (id(&mut arguments)?, arguments.0);
            visitor.search(move |log, access| results::any(&why::why(&id, &pairs, log, access)?, "")).await
        }
        LogTool::DescribeFields => {
            let field = arguments.optional("field")?;
            if let Some(field) = field {
                arguments.limit_to(USUAL);
                let pairs = arguments.0;
                let values = move |log: &_, access: &_| values_api::values(&field, &pairs, log, access);
                let advice = "Use a smaller limit.";
                return visitor.search(move |log, access| results::any(&values(log, access)?, advice)).await;
            }
            arguments.end(&["field", "limit"])?;
            describe::all(&visitor)
        }
    }
}

fn id(arguments: &mut Arguments) -> Result<Id, Problem> {
    arguments.text("id", "give the id of one entry, as search_entries lists it").map(|id| Id::parse(&id))
}

fn members(schema: Json) -> Arc<JsonObject> {
    Arc::new(if let Json::Object(members) = schema { members } else { JsonObject::new() })
}
