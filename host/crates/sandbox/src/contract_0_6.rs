//! Converts between contract 0.6 and the current one: the arguments of a call, and its results. All other code knows
//! only the current contract.

use super::bindings as wit;
use super::bindings::v0_6 as old;
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::event::{Event, Outcome};
use mcp_audit_log_model::value::Value;

pub(super) fn settings(settings: &Settings) -> Vec<old::Setting<'_>> {
    settings.iter().map(|(key, value)| old::Setting { key, value: self::value(value) }).collect()
}

pub(super) fn viewer<'a>(viewer: &'a Viewer, groups: &'a [&'a str]) -> old::Viewer<'a> {
    old::Viewer { user: &viewer.user, groups, instance: viewer.instance.as_deref() }
}

/// The lists inside of events, concatenated.
pub(super) struct EventLists<'a> {
    arguments: Vec<old::Argument<'a>>,
    facts: Vec<old::FactParam<'a>>,
}

impl<'a> EventLists<'a> {
    /// The lists of `events`; arguments only for a policy that reads them.
    pub(super) fn of(events: &[&'a Event], reads_arguments: bool) -> Self {
        let arguments = events.iter().filter(|_| reads_arguments).flat_map(|event| &event.arguments);
        let facts = events.iter().flat_map(|event| &event.facts);
        Self {
            arguments: arguments.map(|argument| old::Argument { name: &argument.name, json: &argument.json }).collect(),
            facts: facts.map(|(name, value)| old::FactParam { name, value: self::value(value) }).collect(),
        }
    }

    /// The events that use these lists, without their payloads.
    pub(super) fn events(&'a self, events: &[&'a Event]) -> Vec<old::Event<'a>> {
        let (mut arguments, mut facts) = (self.arguments.as_slice(), self.facts.as_slice());
        let lowered = events.iter().map(|event| old::Event {
            arguments: super::to_wit::first(&mut arguments, event.arguments.len()),
            facts: super::to_wit::first(&mut facts, event.facts.len()),
            ..self::event(event)
        });
        lowered.collect()
    }
}

/// An event without its lists.
fn event(event: &Event) -> old::Event<'_> {
    old::Event {
        channel: event.channel.as_str(),
        kind: event.kind.as_str(),
        method: event.method.as_deref(),
        target: event.target.as_ref().map(|target| target.name()),
        server: event.server.as_deref(),
        path: event.path.as_deref(),
        outcome: match event.detail.outcome() {
            Outcome::Success => old::Outcome::Success,
            Outcome::Denied => old::Outcome::Denied,
            Outcome::Error | Outcome::Pending => old::Outcome::Error,
        },
        outcome_detail: event.detail.as_str(),
        status_code: event.status_code,
        error_code: event.failure.as_ref().and_then(|failure| failure.code),
        duration_us: event.duration_us,
        user: event.caller.user.as_deref(),
        connection: event.caller.connection.as_deref(),
        instance: event.caller.instance.as_deref(),
        client_name: event.client.name.as_deref(),
        has_payload: event.payload.is_some(),
        arguments: &[],
        facts: &[],
    }
}

fn value(value: &Value) -> old::ValueParam<'_> {
    match value {
        Value::Unset => old::ValueParam::Unset,
        Value::Boolean(value) => old::ValueParam::Boolean(*value),
        Value::Integer(value) => old::ValueParam::Integer(*value),
        Value::Text(value) => old::ValueParam::Text(value),
    }
}

/// A conversion of a record whose fields have the same names in both contracts.
macro_rules! same {
    ($($record:ident as $new:ident { $($field:ident: $convert:expr),* $(,)? })*) => { $(
        impl From<old::$record> for wit::$new {
            fn from(old: old::$record) -> Self {
                let old::$record { $($field),* } = old;
                $(let $field = ($convert)($field);)*
                Self { $($field),* }
            }
        }
    )* };
}

/// A conversion of a list.
fn list<T, U: From<T>>(items: Vec<T>) -> Vec<U> {
    items.into_iter().map(U::from).collect()
}

fn keep<T>(same: T) -> T {
    same
}

same! {
    Group as Group { name: keep, label: keep, implies: keep }
    SettingField as SettingField {
        key: keep, label: keep, help: keep, kind: wit::SettingType::from, default: wit::ValueResult::from,
        minimum: keep, maximum: keep,
    }
    SavedFilter as SavedFilter { name: keep, label: keep, domain: list }
    Cron as Cron { name: keep, schedule: keep, job: keep }
    Action as Action { name: keep, label: keep }
    Mask as Mask { name: keep, keys: keep, patterns: keep }
    Leaf as Leaf { field: keep, comparison: wit::Comparison::from, operands: list }
    FactResult as FactResult { name: keep, value: wit::ValueResult::from }
    Affected as AffectedResult { kind: keep, id: keep, name: keep }
    Change as ChangeResult { field: keep, old: wit::ValueResult::from, new: wit::ValueResult::from }
    KeepPayload as KeepPayloadResult { masks: keep, max_bytes: keep }
    Verdict as VerdictResult {
        event: keep, action: keep, affected: |one: Option<_>| one.map(wit::AffectedResult::from), model: keep,
        record_id: keep, facts: list, changes: list, payload: wit::PayloadDecisionResult::from,
    }
    RetentionPlan as RetentionPlan { entries_before: keep, payloads_before: keep, usage_before: keep }
    Grant as Grant { rights: named, rule: list, usage_rule: list }
}

/// A conversion of an enum whose cases have the same names in both contracts.
macro_rules! same_cases {
    ($($kind:ident as $new:ident { $($case:ident $(($inner:ident))?),* $(,)? })*) => { $(
        impl From<old::$kind> for wit::$new {
            fn from(old: old::$kind) -> Self {
                match old { $(old::$kind::$case $(($inner))? => Self::$case $(($inner.into()))?,)* }
            }
        }
    )* };
}

same_cases! {
    SettingType as SettingType { Boolean, Integer, Text }
    ValueResult as ValueResult { Unset, Boolean(value), Integer(value), Text(value) }
    Operand as Operand { Value(value), ViewerUser, ViewerInstance }
    Token as Token { AllOf, AnyOf, Negation, Leaf(leaf) }
    PayloadDecision as PayloadDecisionResult { None, Keep(keep) }
    Comparison as Comparison {
        Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual, InList, NotInList, Like, NotLike, Ilike, NotIlike,
        EqualLike, NotEqualLike, EqualIlike, NotEqualIlike, EqualIfSet,
    }
}

/// Contract 0.6 has the rights as an enum.
fn named(rights: Vec<old::Right>) -> Vec<String> {
    let name = |right| match right {
        old::Right::Read => "read",
        old::Right::ReadPayloads => "read-payloads",
        old::Right::Export => "export",
        old::Right::ExportPayloads => "export-payloads",
        old::Right::ReadUsage => "read-usage",
        old::Right::Configure => "configure",
        old::Right::Manage => "manage",
        old::Right::Verify => "verify",
        old::Right::Record => "record",
    };
    rights.into_iter().map(|right| name(right).to_owned()).collect()
}

/// The manifest, and whether the policy wants to see arguments.
pub(super) fn manifest(manifest: old::PolicyManifest) -> (wit::policy::PolicyManifest, bool) {
    let old::PolicyManifest {
        name,
        version,
        summary,
        groups,
        settings,
        filters,
        crons,
        actions,
        masks,
        reads_arguments,
    } = manifest;
    let manifest = wit::policy::PolicyManifest {
        name,
        version,
        summary,
        groups: list(groups),
        settings: list(settings),
        filters: list(filters),
        crons: list(crons),
        actions: list(actions),
        masks: list(masks),
        depends: Vec::new(),
    };
    (manifest, reads_arguments)
}

pub(super) fn verdicts(verdicts: Vec<old::Verdict>) -> Vec<wit::VerdictResult> {
    list(verdicts)
}
