//! What can be asked: fields, quick filters and actions, and the rights of the caller.

use mcp_audit_log_contract::access::Right;
use mcp_audit_log_index::{GroupBy, USAGE_FIELDS};
use mcp_audit_log_model::event::{Channel, Kind, Outcome, OutcomeDetail};
use mcp_audit_log_model::field::{Field, FieldType, Unit};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::results::{self, Found};
use super::schemas;
use crate::problem::Problem;
use crate::session::auth::Visitor;

const SYNTAX: &str = "q takes terms such as outcome:error, tool:search*, duration_us>1000000, since:7d, user:@me, \
                      !action:tool.listed, joined by AND; OR and brackets work, quotes keep words together, and plain words \
                      are found in any text. Short names of fields work in q.";

/// The answer of `describe_fields`: all of it, or the values of one field.
#[derive(Serialize, JsonSchema)]
struct Description {
    /// The current time of the log.
    now: String,
    /// Your user.
    user: String,
    /// Your rights.
    rights: Vec<&'static str>,
    /// The search language of the argument `q`.
    syntax: &'static str,
    fields: Vec<FieldDescription>,
    /// The quick filters of the policy, for the argument `filter`.
    filters: Vec<Named>,
    /// The actions that the policy knows.
    actions: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct Named {
    name: String,
    label: String,
}

/// A field of an entry.
#[derive(Serialize, JsonSchema)]
struct FieldDescription {
    name: &'static str,
    /// Its short name in the search language.
    short: Option<&'static str>,
    label: &'static str,
    /// integer, time, text or id.
    #[serde(rename = "type")]
    kind: &'static str,
    /// bytes or microseconds.
    unit: Option<&'static str>,
    /// All values that it can have, if they are few.
    values: Option<Vec<&'static str>>,
    /// Whether it can be in the argument `where`; others can be in `q`.
    in_where: Option<bool>,
    /// Whether entries can be grouped by it.
    groups: Option<bool>,
    /// Whether usage can be broken down by it.
    usage: Option<bool>,
}

/// The schema of the answer. The values of one field have the members `field`, `values` and `more`.
pub(super) fn schema() -> Json {
    let mut schema = schemas::of::<Description>();
    let values = schemas::of::<crate::log::values_api::Values>();
    for name in ["field", "values", "more"] {
        schema["properties"][name] = values["properties"][name].clone();
    }
    schema
}

/// All of it. Every signed-in viewer may read this.
pub(super) fn all(visitor: &Visitor) -> Result<Found, Problem> {
    let view = visitor.site.log.view();
    let manifest = view.manifest();
    let rights = Right::names().filter(|(right, _)| visitor.access.may(*right)).map(|(_, name)| name);
    let named = |name: &str, label: &str| Named { name: name.to_owned(), label: label.to_owned() };
    let description = Description {
        now: view.now().to_string(),
        user: visitor.access.viewer().user.clone(),
        rights: rights.collect(),
        syntax: SYNTAX,
        fields: Field::ALL.iter().map(|field| FieldDescription::new(*field)).collect(),
        filters: manifest.filters.iter().map(|filter| named(&filter.name, &filter.label)).collect(),
        actions: manifest.actions.iter().map(|action| action.name.clone()).collect(),
    };
    results::any(&description, "Ask for one field.")
}

impl FieldDescription {
    fn new(field: Field) -> Self {
        let yes = |holds: bool| holds.then_some(true);
        Self {
            name: field.name(),
            short: field.short_name(),
            label: field.label(),
            kind: match field.kind() {
                FieldType::Id => "id",
                FieldType::Integer => "integer",
                FieldType::Time => "time",
                FieldType::Text => "text",
            },
            unit: match field.unit() {
                Unit::Micros => Some("microseconds"),
                Unit::Bytes => Some("bytes"),
                _ => None,
            },
            values: match field {
                Field::Outcome => Some(Outcome::ALL.iter().map(|word| word.as_str()).collect()),
                Field::Kind => Some(Kind::ALL.iter().map(|word| word.as_str()).collect()),
                Field::OutcomeDetail => Some(OutcomeDetail::ALL.iter().map(|word| word.as_str()).collect()),
                Field::Channel => Some(Channel::ALL.iter().map(|word| word.as_str()).collect()),
                _ => None,
            },
            in_where: yes(field.has_parameter()),
            groups: yes(GroupBy::parse(field.name()).is_some()),
            usage: yes(USAGE_FIELDS.contains(&field)),
        }
    }
}
