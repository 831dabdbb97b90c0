//! The declarations of an extension, read and checked alone.

use mcp_audit_log_contract::access::Right;
use mcp_audit_log_contract::extension::{AccessEffect, AccessLine, ExtensionManifest, Keeping, Widening};
use mcp_audit_log_filter::check_tokens;
use mcp_audit_log_model::time::Timestamp;

use super::interest;
use crate::bindings as wit;
use crate::bindings::extension as wit_extension;
use crate::fault::{Fault, LoadError};
use crate::from_wit::FromWit;
use crate::manifest_check as check;

/// Longest name, so that names with the prefix stay short.
const LONGEST: usize = 32;

/// The checked declarations.
pub(crate) fn manifest(
    lift: FromWit,
    declared: wit_extension::ExtensionManifest,
    now: Timestamp,
) -> Result<ExtensionManifest, LoadError> {
    checked(lift, declared, now).map_err(|fault| LoadError::Manifest(fault.message))
}

fn checked(
    lift: FromWit,
    declared: wit_extension::ExtensionManifest,
    now: Timestamp,
) -> Result<ExtensionManifest, Fault> {
    let wit_extension::ExtensionManifest {
        name,
        version,
        summary,
        modules,
        groups,
        access,
        settings,
        filters,
        crons,
        actions,
        masks,
        keeping,
        depends,
        interest,
        widens,
    } = declared;
    Ok(ExtensionManifest {
        name: self::name(lift, name)?,
        version: lift.text(version)?,
        summary: lift.text(summary)?,
        modules: lift.list(modules, |name| lift.name(name))?,
        groups: check::groups(lift, groups)?,
        access: lift.list(access, |one| line(lift, one, now))?,
        settings: check::settings(lift, settings)?,
        filters: check::filters(lift, filters, now)?,
        crons: check::crons(lift, crons)?,
        actions: check::actions(lift, actions)?,
        masks: check::masks(lift, masks)?,
        keeping: Keeping {
            entries_days: keeping.entries_days,
            payloads_days: keeping.payloads_days,
            usage_days: keeping.usage_days,
        },
        depends: check::dependencies(lift, depends)?,
        interest: self::interest(lift, interest, now)?,
        widens: lift.list(widens, |name| widening(lift, &name))?,
    })
}

fn name(lift: FromWit, name: String) -> Result<String, Fault> {
    let name = lift.name(name)?;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    if !begins || !name.bytes().all(is_plain) || name.len() > LONGEST {
        let short: String = name.chars().take(80).collect();
        return Err(lift.fault(format!(
            "its name {short:?} must be up to {LONGEST} lower-case letters, digits and hyphens, a letter first"
        )));
    }
    // These prefixes are the host's.
    if ["policy", "given"].contains(&name.as_str()) {
        return Err(lift.fault(format!("its name {name:?} is the host's own; choose another one")));
    }
    Ok(name)
}

fn line(lift: FromWit, line: wit_extension::AccessLine, now: Timestamp) -> Result<AccessLine, Fault> {
    let effect = match line.effect {
        wit_extension::AccessEffect::Permission => AccessEffect::Permission,
        wit_extension::AccessEffect::Restriction => AccessEffect::Restriction,
    };
    let group = line.group.map(|group| lift.name(group)).transpose()?;
    let rights = lift.list(line.rights, |name| Ok(Right::parse(&lift.text(name)?)))?;
    let rights: Vec<_> = rights.into_iter().flatten().collect();
    let domain = lift.tokens(line.domain)?;
    check_tokens(&domain, now)
        .map_err(|error| lift.fault(format!("an access line has a malformed domain: {error}")))?;
    match effect {
        AccessEffect::Permission if group.is_none() => {
            Err(lift.fault("a permission has no group, so it would apply to every viewer; name a group"))
        }
        AccessEffect::Restriction if rights.is_empty() || !rights.iter().all(|right| NARROWED.contains(right)) => {
            Err(lift.fault("a restriction can narrow only `read` and `read-usage`; remove the other rights"))
        }
        _ => Ok(AccessLine { effect, group, rights, domain }),
    }
}

/// The rights that have a rule.
const NARROWED: [Right; 2] = [Right::Read, Right::ReadUsage];

fn interest(lift: FromWit, domain: Vec<wit::Token>, now: Timestamp) -> Result<mcp_audit_log_filter::Domain, Fault> {
    let tokens = lift.tokens(domain)?;
    interest::domain(&tokens, now).map_err(|error| lift.fault(format!("its interest is malformed: {error}")))
}

/// A widening that the host does not know would be one that it cannot show.
fn widening(lift: FromWit, name: &str) -> Result<Widening, Fault> {
    Widening::parse(name).ok_or_else(|| {
        let known: Vec<_> = Widening::ALL.iter().map(|widening| widening.as_str()).collect();
        let short: String = name.chars().take(80).collect();
        lift.fault(format!("it declares the unknown widening {short:?}; use one of: {}", known.join(", ")))
    })
}
