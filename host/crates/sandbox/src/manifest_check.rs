//! Checks the manifest when a policy is loaded: a policy with invalid declarations never judges an event.

use super::bindings as wit;
use super::fault::{Fault, LoadError};
use super::from_wit::FromWit;
use mcp_audit_log_contract::depends::{ChannelDependencies, Dependencies, DependencyNames, EventField};
use mcp_audit_log_contract::manifest::{Action, Cron, Job, Manifest, SavedFilter, SettingField, UserGroup};
use mcp_audit_log_contract::settings::{DIGEST_BODIES, LOG_PAYLOADS, RETENTION_DAYS};
use mcp_audit_log_model::event::Channel;
use mcp_audit_log_model::mask::{self, Mask};
use mcp_audit_log_model::schedule::Schedule;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// Most masks of a policy.
const MASKS: usize = 32;

pub(super) fn manifest(
    lift: FromWit,
    manifest: wit::policy::PolicyManifest,
    now: Timestamp,
) -> Result<Manifest, LoadError> {
    let wit::policy::PolicyManifest {
        name,
        version,
        summary,
        groups,
        settings,
        filters,
        crons,
        actions,
        masks,
        depends,
    } = manifest;
    let refuse = |fault: Fault| LoadError::Manifest(fault.message);
    let manifest = Manifest {
        name: lift.name(name).map_err(refuse)?,
        version: lift.text(version).map_err(refuse)?,
        summary: lift.text(summary).map_err(refuse)?,
        groups: self::groups(lift, groups).map_err(refuse)?,
        settings: self::settings(lift, settings).map_err(refuse)?,
        filters: self::filters(lift, filters, now).map_err(refuse)?,
        crons: self::crons(lift, crons).map_err(refuse)?,
        actions: self::actions(lift, actions).map_err(refuse)?,
        masks: self::masks(lift, masks).map_err(refuse)?,
        depends: dependencies(lift, depends).map_err(refuse)?,
    };
    coherent(&manifest).map_err(LoadError::Manifest)?;
    Ok(manifest)
}

pub(super) fn groups(lift: FromWit, groups: Vec<wit::Group>) -> Result<Vec<UserGroup>, Fault> {
    lift.list(groups, |group| {
        let implies = lift.list(group.implies, |name| lift.name(name))?;
        Ok(UserGroup { name: lift.name(group.name)?, label: lift.text(group.label)?, implies })
    })
}

pub(super) fn settings(lift: FromWit, settings: Vec<wit::SettingField>) -> Result<Vec<SettingField>, Fault> {
    lift.list(settings, |field| setting(lift, field))
}

pub(super) fn filters(
    lift: FromWit,
    filters: Vec<wit::SavedFilter>,
    now: Timestamp,
) -> Result<Vec<SavedFilter>, Fault> {
    lift.list(filters, |one| filter(lift, one, now))
}

pub(super) fn crons(lift: FromWit, crons: Vec<wit::Cron>) -> Result<Vec<Cron>, Fault> {
    lift.list(crons, |one| cron(lift, one))
}

pub(super) fn actions(lift: FromWit, actions: Vec<wit::Action>) -> Result<Vec<Action>, Fault> {
    lift.list(actions, |one| Ok(Action { name: lift.name(one.name)?, label: lift.text(one.label)? }))
}

/// The parts of events that a function reads. A field that does not exist would be one that is always empty.
pub(super) fn dependencies(lift: FromWit, declared: Vec<wit::Dependencies>) -> Result<ChannelDependencies, Fault> {
    let short = |name: &str| name.chars().take(80).collect::<String>();
    let field = |name: String| {
        let known: Vec<_> = EventField::ALL.iter().map(|field| field.as_str()).collect();
        let (name, known) = (short(&name), known.join(", "));
        EventField::parse(&name).ok_or_else(|| {
            lift.fault(format!("it depends on {name:?}, which is not a field of an event; use one of: {known}"))
        })
    };
    let mut depends = ChannelDependencies::default();
    for one in lift.list(declared, Ok)? {
        let parts = Dependencies {
            fields: lift.list(one.fields, field)?.into_iter().collect(),
            facts: DependencyNames::of(lift.list(one.facts, |name| lift.name(name))?),
            arguments: DependencyNames::of(lift.list(one.arguments, |name| lift.name(name))?),
        };
        // A channel of a newer host never comes here.
        for channel in lift.list(one.channels, |name| Ok(Channel::parse(&name)))?.into_iter().flatten() {
            if depends.of(channel).is_some() {
                return Err(lift.fault(format!("it declares the fields that it reads of the channel {channel} twice")));
            }
            depends.set(channel, parts.clone());
        }
    }
    Ok(depends)
}

fn setting(lift: FromWit, field: wit::SettingField) -> Result<SettingField, Fault> {
    let wit::SettingField { key, label, help, kind, default, minimum, maximum } = field;
    let default = lift.value(default)?;
    let fits = matches!(
        (kind, &default),
        (wit::SettingType::Boolean, Value::Boolean(_))
            | (wit::SettingType::Integer, Value::Integer(_))
            | (wit::SettingType::Text, Value::Text(_))
    );
    let field = SettingField {
        key: lift.name(key)?,
        label: lift.text(label)?,
        help: lift.text(help)?,
        default,
        minimum,
        maximum,
    };
    match fits && field.check(&field.default).is_ok() {
        true => Ok(field),
        false => Err(lift.fault(format!("the default of setting {:?} does not fit its own declaration", field.key))),
    }
}

fn filter(lift: FromWit, filter: wit::SavedFilter, now: Timestamp) -> Result<SavedFilter, Fault> {
    let name = lift.name(filter.name)?;
    SavedFilter::new(name.clone(), lift.text(filter.label)?, lift.tokens(filter.domain)?, now)
        .map_err(|error| lift.fault(format!("filter {name:?}: {error}")))
}

fn cron(lift: FromWit, cron: wit::Cron) -> Result<Cron, Fault> {
    let name = lift.name(cron.name)?;
    let schedule = Schedule::parse(&cron.schedule).map_err(|error| lift.fault(format!("cron {name:?}: {error}")))?;
    let job = Job::parse(&cron.job).ok_or_else(|| {
        let known: Vec<_> = Job::ALL.iter().map(|job| format!("{:?}", job.as_str())).collect();
        lift.fault(format!("cron {name:?}: unknown job {:?}; use {}", cron.job, known.join(" or ")))
    })?;
    Ok(Cron { name, schedule, job })
}

/// Compiled one after another, and no more as soon as they are too many.
pub(super) fn masks(lift: FromWit, declared: Vec<wit::Mask>) -> Result<Vec<Mask>, Fault> {
    let mut masks = Vec::new();
    for one in declared {
        masks.push(mask(lift, one)?);
        bounded(&masks).map_err(|error| lift.fault(error))?;
    }
    Ok(masks)
}

fn mask(lift: FromWit, mask: wit::Mask) -> Result<Mask, Fault> {
    Mask::new(lift.name(mask.name)?, &mask.keys, &mask.patterns).map_err(|error| lift.fault(error))
}

/// All masks together: they are of one policy, and each takes memory and time.
fn bounded(masks: &[Mask]) -> Result<(), String> {
    let size: usize = masks.iter().map(Mask::size).sum();
    if size > mask::ALL_PATTERNS {
        return Err(format!(
            "its compiled patterns take {size} bytes; at most {} are allowed; use fewer or smaller ones",
            mask::ALL_PATTERNS
        ));
    }
    if masks.len() > MASKS {
        return Err(format!("it declares {} masks; at most {MASKS} are allowed", masks.len()));
    }
    Ok(())
}

/// Checks what the host relies on: the two settings that it enforces, and unique names.
pub(super) fn coherent(manifest: &Manifest) -> Result<(), String> {
    let default = |key: &str| manifest.settings.iter().find(|field| field.key == key).map(|field| &field.default);
    if default(LOG_PAYLOADS) != Some(&Value::Boolean(false)) {
        return Err(format!("it must declare the setting {LOG_PAYLOADS:?} as a boolean, false by default"));
    }
    if default(DIGEST_BODIES).is_some_and(|default| *default != Value::Boolean(false)) {
        return Err(format!("the setting {DIGEST_BODIES:?} must be a boolean, false by default"));
    }
    if !matches!(default(RETENTION_DAYS), Some(Value::Integer(1..))) {
        return Err(format!("it must declare the setting {RETENTION_DAYS:?} as a whole number of at least 1"));
    }
    bounded(&manifest.masks)?;
    let lists: [(&str, Vec<&str>); 5] = [
        ("group", manifest.groups.iter().map(|group| group.name.as_str()).collect()),
        ("setting", manifest.settings.iter().map(|field| field.key.as_str()).collect()),
        ("filter", manifest.filters.iter().map(|filter| filter.name.as_str()).collect()),
        ("cron", manifest.crons.iter().map(|cron| cron.name.as_str()).collect()),
        ("mask", manifest.masks.iter().map(|mask| mask.name.as_str()).collect()),
    ];
    for (what, mut names) in lists {
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("it declares the {what} {:?} twice", twice[0]));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn declared(masks: Vec<wit::Mask>) -> Result<Manifest, LoadError> {
        let setting = |key: &str, kind, default, minimum| wit::SettingField {
            key: key.to_owned(),
            label: key.to_owned(),
            help: String::new(),
            kind,
            default,
            minimum,
            maximum: None,
        };
        let text = || "x".to_owned();
        let declared = wit::policy::PolicyManifest {
            name: text(),
            version: text(),
            summary: text(),
            groups: Vec::new(),
            settings: vec![
                setting(LOG_PAYLOADS, wit::SettingType::Boolean, wit::ValueResult::Boolean(false), None),
                setting(RETENTION_DAYS, wit::SettingType::Integer, wit::ValueResult::Integer(90), Some(1)),
            ],
            filters: Vec::new(),
            crons: Vec::new(),
            actions: Vec::new(),
            masks,
            depends: Vec::new(),
        };
        manifest(FromWit { function: "manifest", limits: Limits::default() }, declared, Timestamp::EPOCH)
    }

    fn mask(at: usize, patterns: Vec<String>) -> wit::Mask {
        wit::Mask { name: format!("mask {at}"), keys: vec!["iban".to_owned()], patterns }
    }

    #[test]
    fn masks_are_bounded_and_never_match_an_empty_text() {
        assert_eq!(declared((0..32).map(|at| mask(at, Vec::new())).collect()).expect("allowed").masks.len(), 32);
        let heavy = |at| mask(at, vec![r"\w{10}".to_owned(); 3]);
        for (masks, reason) in [
            (vec![mask(0, vec!["x*".to_owned()])], "matches an empty text"),
            ((0..33).map(|at| mask(at, Vec::new())).collect(), "33 masks; at most 32 are allowed"),
            (vec![mask(0, vec!["x".to_owned(); 6_000])], "6000 patterns"),
            ((0..32).map(heavy).collect(), "bytes; at most 4194304 are allowed"),
        ] {
            let refusal = declared(masks).expect_err(reason).to_string();
            assert!(refusal.contains("manifest was rejected") && refusal.contains(reason), "{refusal}");
        }
    }
}
