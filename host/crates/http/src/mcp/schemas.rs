//! Schemas of the tools: of what they take, from the tables that the API reads; of what they give, from its types.

use mcp_audit_log_index::{GroupBy, GroupSort, USAGE_FIELDS, UsageSort, UsageStep};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use crate::query::usage_query::{self, COMPARISONS, RANGES};

/// An object with these members; those in `required` must be given.
pub(super) fn object<const N: usize>(members: [(&str, Json); N], required: &[&str]) -> Json {
    let members: Map<_, _> = members.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    json!({ "type": "object", "properties": members, "required": required })
}

/// The same for what a tool takes: it refuses other members.
pub(super) fn input(members: Map<String, Json>, required: &[&str]) -> Json {
    json!({ "type": "object", "properties": members, "required": required, "additionalProperties": false })
}

pub(super) fn text(description: &str) -> Json {
    json!({ "type": "string", "description": description })
}

pub(super) fn flag(description: &str) -> Json {
    json!({ "type": "boolean", "description": description })
}

pub(super) fn limit(most: usize, usual: usize) -> Json {
    json!({ "type": "integer", "minimum": 1, "maximum": most, "default": usual })
}

fn words(description: &str, words: &[&str]) -> Json {
    json!({ "type": "string", "enum": words, "description": description })
}

fn list(description: &str, words: &[&str], most: usize) -> Json {
    let items = json!({ "type": "string", "enum": words });
    json!({ "type": "array", "items": items, "maxItems": most, "description": description })
}

/// The arguments that search, groups and usage share.
pub(super) fn search(more: impl IntoIterator<Item = (&'static str, Json)>) -> Map<String, Json> {
    let moment = "2026-11-21T08:00:00Z, 2026-11-21, today, yesterday, -90m, -24h, -7d";
    let shared = [
        (
            "q",
            text(
                "The search in words: outcome:error tool:search* since:7d user:@me. Terms are joined by AND; OR, ! and \
                 brackets work; plain words are found in any text.",
            ),
        ),
        (
            "where",
            json!({
                "type": "object",
                "description": "Fields and the value that each must have, or a list of values: {\"session\": \"…\", \
                                \"method\": \"tools/call\"}.",
                "additionalProperties": { "type": ["string", "integer", "array"] },
            }),
        ),
        ("from", text(&format!("At or after this time: {moment}."))),
        ("to", text("Before this time; a day includes that day.")),
        ("tz", text("The time zone whose days are meant, such as Europe/Vienna; UTC by default.")),
        (
            "filter",
            json!({ "type": "array", "items": { "type": "string" }, "description": "Quick filters of the policy." }),
        ),
        ("domain", json!({ "type": "array", "description": "A filter in Odoo's domain notation." })),
        ("query", text("A query string from another result, such as the `query` of a group: lists what it counted.")),
    ];
    shared.into_iter().chain(more).map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// The arguments of `group_entries` besides those of a search.
pub(super) fn grouping() -> [(&'static str, Json); 2] {
    let by: Vec<_> = GroupBy::all().map(|by| by.to_string()).collect();
    let by: Vec<_> = by.iter().map(String::as_str).collect();
    let sorts: Vec<_> = GroupSort::ALL.iter().map(|(name, _)| *name).collect();
    [("by", list("One or two fields to group by.", &by, 2)), ("sort", words("The order of the groups.", &sorts))]
}

/// The arguments of `get_usage` besides those of a search.
pub(super) fn usage() -> [(&'static str, Json); 5] {
    let ranges: Vec<_> = RANGES.iter().map(|(name, _)| *name).collect();
    let steps = usage_query::names(UsageStep::ALL, UsageStep::as_str);
    let sorts = usage_query::names(UsageSort::ALL, UsageSort::as_str);
    let fields = USAGE_FIELDS.map(Field::name);
    let pair = |first: &'static str| fields.into_iter().map(move |second| (first, second));
    let pairs = fields.into_iter().flat_map(pair).filter(|(first, second)| first != second);
    let pairs: Vec<_> = pairs.map(|(first, second)| format!("{first},{second}")).collect();
    let by: Vec<_> = fields.into_iter().chain(pairs.iter().map(String::as_str)).collect();
    [
        ("range", words("A range that ends now, instead of from and to; the last 24 hours by default.", &ranges)),
        ("step", words("Adds the figures over time, with this time between two points.", &steps)),
        ("by", list("Fields to break the figures down by, each separately, or one pair of them.", &by, fields.len())),
        ("sort", words("The order of the rows: descending by this measure.", &sorts)),
        ("compare", words("Adds the figures of the period before.", COMPARISONS)),
    ]
}

/// An entry; only some of its members are given.
pub(super) fn entry() -> Json {
    of::<Entry>()
}

/// What the API answers with, where members that are null are left out.
pub(super) fn of<T: JsonSchema>() -> Json {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = Json::from(settings.into_generator().into_root_schema_for::<T>());
    loosen(&mut schema);
    schema
}

/// No member is required, as null is left out; and formats that only this language has are no business of a client.
fn loosen(schema: &mut Json) {
    match schema {
        Json::Object(members) => {
            if members.get("required").is_some_and(Json::is_array) {
                members.remove("required");
            }
            let format = members.get("format").and_then(Json::as_str);
            if format.is_some_and(|format| !["date-time", "uuid"].contains(&format)) {
                members.remove("format");
            }
            if members.get("title").is_some_and(Json::is_string) {
                members.remove("title");
            }
            members.values_mut().for_each(loosen);
        }
        Json::Array(items) => items.iter_mut().for_each(loosen),
        _ => {}
    }
}
