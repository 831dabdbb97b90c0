//! The parameters of searches in the OpenAPI document, from the same tables that read them.

use mcp_audit_log_filter::MAX_OPERANDS;
use mcp_audit_log_index::{GroupBy, GroupSort, USAGE_FIELDS, UsageSort, UsageStep};
use mcp_audit_log_model::event::{Channel, Kind, Outcome, OutcomeDetail};
use mcp_audit_log_model::field::{Field, FieldType};
use serde_json::{Value as Json, json};

use super::extractor::{Parameters, describe_limit};
use super::grouping::{Grouping, LEVELS};
use super::overview_query::OverviewParameters;
use super::search::{Search, ZONE, fields};
use super::usage_query::{COMPARISONS, DURATIONS, FORMATS, RANGES, UsageParameters};
use super::{columns, counts, usage_query};
use crate::openapi::Operation;

const MOMENT: &str = "RFC 3339, a day of `tz`: a date, `today`, `yesterday`, or a time before now such as `-90m`, `-24h`, \
                      `-7d`.";

impl Parameters for Search {
    fn describe(operation: &mut Operation<'_>) {
        describe_search(operation);
        describe_columns(operation);
        let cursor = json!({ "type": "string", "pattern": "^([A-Za-z0-9_-]{24})?$" });
        operation.query("cursor", "`next` or `previous` of a page, or the `id` of an event of the live tail.", cursor);
    }
}

impl Parameters for OverviewParameters {
    fn describe(operation: &mut Operation<'_>) {
        describe_search(operation);
        describe_columns(operation);
    }
}

impl Parameters for Grouping {
    fn describe(operation: &mut Operation<'_>) {
        let names: Vec<_> = GroupBy::all().map(|by| by.to_string()).collect();
        let items = json!({ "type": "string", "enum": names });
        let by = json!({ "type": "array", "items": items, "minItems": 1, "maxItems": LEVELS, "uniqueItems": true });
        operation.required_query("by", "The fields to group by.", by);
        let names: Vec<_> = GroupSort::ALL.iter().map(|(name, _)| *name).collect();
        let sort = json!({ "type": "string", "enum": names, "default": GroupSort::default().as_str() });
        operation.query("sort", "The order of the groups: by a count, descending, or by value.", sort);
        describe_search(operation);
        describe_columns(operation);
    }
}

impl Parameters for UsageParameters {
    fn describe(operation: &mut Operation<'_>) {
        let words = |words: Vec<&str>| json!({ "type": "string", "enum": words });
        let ranges = RANGES.iter().map(|(name, _)| *name).collect();
        let range = "A range that ends now, instead of from and to. The default is the last 24 hours.";
        operation.query("range", range, words(ranges));
        let step = "The time between two points of the series. By default it suits the range.";
        operation.query("step", step, words(usage_query::names(UsageStep::ALL, UsageStep::as_str)));
        let names = USAGE_FIELDS.map(Field::name);
        let pairs =
            names.iter().flat_map(|one| names.iter().map(move |two| (one, two))).filter(|(one, two)| one != two);
        let pairs: Vec<_> = pairs.map(|(one, two)| format!("{one},{two}")).collect();
        let items =
            json!({ "type": "string", "enum": names.map(String::from).into_iter().chain(pairs).collect::<Vec<_>>() });
        let by = json!({ "type": "array", "items": items, "maxItems": USAGE_FIELDS.len() + 1, "uniqueItems": true });
        let what = "The fields to break usage down by, each separately; or one pair of fields, such as `user,llm_model`, \
                    for one table by both.";
        operation.query("by", what, by);
        let mut sort = words(usage_query::names(UsageSort::ALL, UsageSort::as_str));
        sort["default"] = UsageSort::default().as_str().into();
        operation.query("sort", "The order of the rows: descending by this measure.", sort);
        operation.query("compare", "Whether to count the previous period as well.", words(COMPARISONS.into()));
        let durations = "Whether to count how many requests of each point took how long.";
        operation.query("durations", durations, words(DURATIONS.into()));
        operation.query("format", "`csv` for a table of the series, or of the one breakdown.", words(FORMATS.into()));
        describe_search(operation);
    }
}

/// Documents the parameters of a search. Empty parameters are ignored, because forms send them.
fn describe_search(operation: &mut Operation<'_>) {
    describe_limit(operation);
    describe_filter(operation);
}

/// Parameters that only the page reads.
fn describe_columns(operation: &mut Operation<'_>) {
    let names = columns::names().collect::<Vec<_>>().join("|");
    let names = json!({ "type": "string", "pattern": format!("^(({names})(,({names}))*)?$") });
    operation.query("columns", "The columns on the log's page. The API always returns every field.", list(names));
    let counts = json!({ "type": "string", "enum": [counts::SHOWN, ""] });
    operation.query(counts::PARAMETER, "Whether the log's page counts the most frequent values.", counts);
}

/// Documents the parameters of a filter.
pub(crate) fn describe_filter(operation: &mut Operation<'_>) {
    operation.query("q", "A search in words; see docs/filters.md.", text());
    operation.query("domain", "A filter in Odoo's domain notation; see docs/filters.md.", text());
    operation.query("filter", "Quick filters of the policy; all must match.", list(text()));
    operation.query("from", format!("At or after this time. {MOMENT}"), text());
    operation.query("to", format!("Before this time; a day includes that day. {MOMENT}"), text());
    let zone = "The time zone whose days are meant, by its name in the IANA database; UTC by default.";
    operation.query(ZONE, zone, json!({ "type": "string", "examples": ["Europe/Vienna"] }));
    for field in fields() {
        operation.query(
            field.name(),
            "Equal to this value, at most 4,096 bytes. Repeat it for several values; one must match.",
            list(value(field)),
        );
    }
}

fn value(field: Field) -> Json {
    let words = |words: Vec<&str>| json!({ "type": "string", "enum": words });
    match (field, field.kind()) {
        (Field::Outcome, _) => words(Outcome::ALL.iter().map(|word| word.as_str()).collect()),
        (Field::Kind, _) => words(Kind::ALL.iter().map(|word| word.as_str()).collect()),
        (Field::OutcomeDetail, _) => words(OutcomeDetail::ALL.iter().map(|word| word.as_str()).collect()),
        (Field::Channel, _) => words(Channel::ALL.iter().map(|word| word.as_str()).collect()),
        (_, FieldType::Integer) => json!({ "type": "integer", "format": "int64" }),
        (_, FieldType::Id) => json!({ "type": "string", "format": "uuid" }),
        _ => text(),
    }
}

/// Values of a parameter. An empty one is passed over, as forms send it.
fn list(items: Json) -> Json {
    let takes_empty = items == text() || items.get("pattern").is_some();
    let items = if takes_empty { items } else { json!({ "anyOf": [items, { "const": "" }] }) };
    json!({ "type": "array", "items": items, "maxItems": MAX_OPERANDS })
}

/// Texts have a limit in bytes, which a schema cannot express.
fn text() -> Json {
    json!({ "type": "string" })
}
