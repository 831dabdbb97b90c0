//! Whether an entry holds what a verdict says. Values are compared as the recorder masked and cut them.

use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::cut;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_sandbox::Verdict;
use serde_json::Value as Json;

/// The longest text of a detail, in characters.
const DETAIL: usize = 1_024;
/// Where nothing is.
const NONE: &str = "none";

/// The first part of a verdict that an entry does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unheld {
    /// Its name.
    pub(crate) part: String,
    /// What the entry has.
    pub(crate) recorded: String,
    /// What the verdict has.
    pub(crate) again: String,
}

impl Unheld {
    pub(crate) fn new(part: impl Into<String>, recorded: Option<&str>, again: Option<&str>) -> Self {
        let or_none = |text: Option<&str>| text.unwrap_or(NONE).to_owned();
        Self { part: part.into(), recorded: or_none(recorded), again: or_none(again) }
    }
}

/// Another action than the recorded one.
pub(crate) fn other_action(entry: &Entry, verdict: &Verdict) -> Option<Unheld> {
    let (recorded, again) = (entry.text(Field::Action), cut(&verdict.action, Field::Action.longest()));
    (recorded != Some(&*again)).then(|| Unheld::new("action", recorded, Some(&again)))
}

/// The objects of a verdict by their fields, as entries have them. Only a policy fills these fields.
pub(crate) fn objects(verdict: &Verdict) -> [(Field, Option<String>); 5] {
    let Verdict { affected, model, record_id, .. } = verdict;
    let affected = affected.as_ref();
    let objects = [
        (Field::Model, model.as_deref()),
        (Field::RecordId, record_id.as_deref()),
        (Field::ResourceType, affected.map(|one| one.kind.as_str())),
        (Field::ResourceId, affected.and_then(|one| one.id.as_deref())),
        (Field::ResourceName, affected.and_then(|one| one.name.as_deref())),
    ];
    objects.map(|(field, text)| {
        let text = text.filter(|text| !text.is_empty()).map(|text| cut(text, field.longest()).into_owned());
        (field, text)
    })
}

/// A fact, a change or an object of the verdict that the entry does not hold.
pub(crate) fn unheld(entry: &Entry, verdict: &Verdict, masked: &dyn Fn(&str, Value) -> Value) -> Option<Unheld> {
    let mut objects = objects(verdict).into_iter().filter(|(_, text)| text.is_some());
    if let Some((field, text)) = objects.find(|(field, text)| entry.text(*field) != text.as_deref()) {
        return Some(Unheld::new(field.name(), entry.text(field), text.as_deref()));
    }
    let stored = |name: &str, value: &Value| match masked(name, value.clone()) {
        Value::Text(text) => Json::from(cut(&text, DETAIL).into_owned()),
        other => other.to_json(),
    };
    for (name, value) in &verdict.facts {
        let again = stored(name, value);
        let of_field = Field::named(name).map(|field| entry.value(field).to_json());
        let of_details = [name, &format!("policy.{name}")].map(|name| entry.details.get(name.as_str()));
        let mut held = of_field.iter().chain(of_details.into_iter().flatten());
        if !held.clone().any(|held| *held == again) {
            let recorded = held.find(|held| !held.is_null()).map(Json::to_string);
            return Some(Unheld::new(format!("the fact {name}"), recorded.as_deref(), Some(&again.to_string())));
        }
    }
    let lists = ["changes", "policy.changes"].into_iter().filter_map(|name| entry.details.get(name)?.as_array());
    let names: Vec<_> = lists.flatten().filter_map(|line| line["field"].as_str()).collect();
    let change = verdict.changes.iter().find(|change| !names.contains(&change.field.as_str()))?;
    let again = format!("{} to {}", change.old, change.new);
    Some(Unheld::new(format!("the change of {}", change.field), None, Some(&again)))
}
