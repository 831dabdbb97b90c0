//! The question of a case, read from JSON: fields have the names of the contract, with `_` for `-`.

use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::event::{
    Argument, Body, Caller, Channel, Client, Event, Failure, Kind, OutcomeDetail, Payload, Target,
};
use mcp_audit_log_model::value::Value;
use mcp_audit_log_sandbox::Policy;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::Touched;
use crate::golden::NOW;
use crate::inspect::default_settings;
use crate::shown;

/// The settings of a case: the defaults, and what it sets.
pub(super) fn settings(policy: &Policy, json: Option<&Json>, touched: &mut Touched) -> Result<Settings, String> {
    let settings = default_settings(policy);
    let Some(json) = json else { return Ok(settings) };
    let wanted = json.as_object().ok_or("settings: they are an object of keys and values")?;
    touched.settings.extend(wanted.keys().cloned());
    let changes =
        settings.changes(&policy.manifest().settings, wanted).map_err(|error| format!("settings: {error}"))?;
    Ok(settings.with(&changes))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventQuestion {
    channel: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    server: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    outcome_detail: Option<String>,
    #[serde(default)]
    status_code: Option<u16>,
    #[serde(default)]
    error_code: Option<i64>,
    #[serde(default)]
    duration_us: Option<u64>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    connection: Option<String>,
    #[serde(default)]
    instance: Option<String>,
    #[serde(default)]
    client_name: Option<String>,
    #[serde(default)]
    payload: bool,
    #[serde(default)]
    arguments: Map<String, Json>,
    #[serde(default)]
    facts: Facts,
}

/// Facts by name, or as pairs where a name comes more than once.
#[derive(Deserialize)]
#[serde(untagged)]
enum Facts {
    Named(Map<String, Json>),
    Pairs(Vec<(String, Json)>),
}

impl Default for Facts {
    fn default() -> Self {
        Self::Pairs(Vec::new())
    }
}

/// The event of a case.
pub(super) fn event(json: &Json) -> Result<Event, String> {
    let question = EventQuestion::deserialize(json).map_err(|error| format!("event: {error}"))?;
    let channel = word("channel", &question.channel, Channel::ALL, Channel::as_str)?;
    let kind = word("kind", question.kind.as_deref().unwrap_or("request"), Kind::ALL, Kind::as_str)?;
    let detail = question.outcome_detail.as_deref().unwrap_or("ok");
    let detail = word("outcome_detail", detail, OutcomeDetail::ALL, OutcomeDetail::as_str)?;
    let facts = match question.facts {
        Facts::Named(facts) => facts.into_iter().collect(),
        Facts::Pairs(facts) => facts,
    };
    let fact = |(name, json): (String, Json)| {
        let value = Value::from_json(&json);
        let value =
            value.ok_or_else(|| format!("event: the fact {name:?} is null, true, false, a number or a text"))?;
        Ok::<_, String>((name, value))
    };
    let arguments = question.arguments.into_iter().map(|(name, json)| Argument { name, json: json.to_string() });
    Ok(Event {
        target: question.target.map(|name| target(question.method.as_deref(), name)),
        method: question.method,
        server: question.server,
        path: question.path,
        status_code: question.status_code,
        duration_us: question.duration_us,
        failure: question.error_code.map(|code| Failure { code: Some(code), ..Failure::default() }),
        caller: Caller {
            user: question.user,
            connection: question.connection,
            instance: question.instance,
            ..Caller::default()
        },
        client: Client { name: question.client_name, ..Client::default() },
        payload: question.payload.then(|| Payload { request: Some(Body::whole("{}")), response: None }),
        arguments: arguments.collect(),
        facts: facts.into_iter().map(fact).collect::<Result<_, _>>()?,
        ..Event::new(NOW, channel, kind, detail)
    })
}

/// What the method names, as capture does it: an interest distinguishes tools, prompts and resources.
fn target(method: Option<&str>, name: String) -> Target {
    let method = method.unwrap_or_default();
    match method.split_once('/').map_or(method, |(feature, _)| feature) {
        "tools" | "TOOL" => Target::Tool(name),
        "prompts" => Target::Prompt(name),
        "resources" => Target::Resource(name),
        _ => Target::Other(name),
    }
}

fn word<T: Copy>(what: &str, text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, String> {
    let found = all.iter().copied().find(|word| name(*word) == text);
    let known = || shown::list(all.iter().map(|word| name(*word)));
    found.ok_or_else(|| format!("event: no {what} {text:?}; use one of: {}", known()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ViewerQuestion {
    user: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    instance: Option<String>,
}

/// The viewer of a case.
pub(super) fn viewer(json: &Json) -> Result<Viewer, String> {
    let ViewerQuestion { user, groups, instance } =
        ViewerQuestion::deserialize(json).map_err(|error| format!("viewer: {error}"))?;
    Ok(Viewer { user, groups, instance })
}
