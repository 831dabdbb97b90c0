//! A policy, or an extension, that is written as TOML: checked here, and written as JSON into the shipped component that
//! reads such declarations. The result is a component as any other, and its digest covers the declarations.

use mcp_audit_log_sandbox::{DECLARED_EXTENSION, DECLARED_POLICY};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// What stands before the declarations in the component. The rest of the place is blank.
const MARK: &[u8] = b"mcp-audit-log-declared: ";

/// The comparisons of a domain that is compared with an event before it is recorded.
const COMPARED: [&str; 4] = ["=", "!=", "in", "not in"];
/// The fields of such a domain.
const FIELDS: [&str; 11] = [
    "channel",
    "kind",
    "method",
    "target",
    "server",
    "path",
    "outcome-detail",
    "user",
    "connection",
    "instance",
    "client-name",
];

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Declarations {
    name: String,
    version: String,
    #[serde(default)]
    summary: String,
    /// Of an extension: what lies below it.
    #[serde(default)]
    modules: Vec<String>,
    #[serde(default)]
    group: Vec<DeclaredGroup>,
    #[serde(default)]
    restriction: Vec<DeclaredRestriction>,
    #[serde(default)]
    setting: Vec<DeclaredSetting>,
    #[serde(default)]
    filter: Vec<DeclaredFilter>,
    #[serde(default)]
    action: Vec<DeclaredAction>,
    #[serde(default)]
    mask: Vec<DeclaredMask>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<DeclaredPayload>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct DeclaredGroup {
    name: String,
    label: String,
    #[serde(default)]
    implies: Vec<String>,
    #[serde(default)]
    rights: Vec<String>,
    /// The entries that the group sees; absent: what the groups show that it implies.
    #[serde(skip_serializing_if = "Option::is_none")]
    sees: Option<Vec<Json>>,
}

/// What all viewers see only, or the holders of a group. Of an extension.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct DeclaredRestriction {
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    sees: Vec<Json>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct DeclaredSetting {
    key: String,
    label: String,
    #[serde(default)]
    help: String,
    /// Its type is that of the setting.
    default: Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<i64>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct DeclaredFilter {
    name: String,
    label: String,
    domain: Vec<Json>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct DeclaredAction {
    name: String,
    label: String,
    /// The events that get it, unless an action before this one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<Vec<Json>>,
    /// The kind of object that the event's target is.
    #[serde(skip_serializing_if = "Option::is_none")]
    affected: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct DeclaredMask {
    name: String,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    patterns: Vec<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct DeclaredPayload {
    /// The events whose payload is kept while the switch is on.
    #[serde(default)]
    when: Vec<Json>,
    #[serde(default)]
    masks: Vec<String>,
    /// The longest body, in KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    kib: Option<i64>,
    /// The setting that says it instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    kib_setting: Option<String>,
}

/// The component of a policy in TOML.
///
/// # Errors
/// The text is no TOML, has what there is not, or is too long.
pub fn policy_of_toml(text: &str) -> Result<Vec<u8>, String> {
    let declared = read(text)?;
    if !declared.modules.is_empty() || !declared.restriction.is_empty() {
        return Err("`modules` and `restriction` are of an extension; pass the file with --extend".to_owned());
    }
    written(&declared, DECLARED_POLICY)
}

/// The component of an extension in TOML.
///
/// # Errors
/// As [`policy_of_toml`].
pub fn extension_of_toml(text: &str) -> Result<Vec<u8>, String> {
    written(&read(text)?, DECLARED_EXTENSION)
}

fn read(text: &str) -> Result<Declarations, String> {
    let declared: Declarations = toml::from_str(text).map_err(|error| error.to_string())?;
    for action in &declared.action {
        compared(&action.name, action.when.iter().flatten())?;
    }
    compared("payload", declared.payload.iter().flat_map(|payload| &payload.when))?;
    Ok(declared)
}

/// A domain over an event that is not recorded yet: texts of some fields, by equality.
fn compared<'a>(place: &str, when: impl Iterator<Item = &'a Json>) -> Result<(), String> {
    for token in when {
        let wrong = |what: &str| Err(format!("`when` of {place}: {what} in {token}"));
        let leaf = match token {
            Json::String(operator) if ["&", "|", "!"].contains(&operator.as_str()) => continue,
            Json::Array(leaf) => leaf.as_slice(),
            _ => return wrong("no operator and no comparison"),
        };
        match leaf {
            [Json::String(field), ..] if !FIELDS.contains(&field.as_str()) => {
                return wrong(&format!("the field is none of {}", FIELDS.join(", ")));
            }
            [_, Json::String(comparison), _] if COMPARED.contains(&comparison.as_str()) => {}
            _ => return wrong("no field with =, !=, in or not in, and a text"),
        }
    }
    Ok(())
}

fn written(declared: &Declarations, component: &[u8]) -> Result<Vec<u8>, String> {
    // On one line, which ends the declarations.
    let json = serde_json::to_string(declared).map_err(|error| error.to_string())? + "\n";
    let mut component = component.to_vec();
    let places = component.windows(MARK.len()).enumerate().filter(|(_, bytes)| *bytes == MARK);
    // The mark is a constant of the code too; the place is where blanks follow it.
    let place = places.map(|(at, _)| at + MARK.len()).find(|at| component.get(*at) == Some(&b' '));
    let place = place.ok_or("the shipped component has no place for declarations")?;
    let room = component.iter().skip(place).take_while(|byte| **byte == b' ').count();
    if json.len() > room {
        return Err(format!("the declarations take {} bytes as JSON; at most {room} are allowed", json.len()));
    }
    if let Some(place) = component.get_mut(place..place + json.len()) {
        place.copy_from_slice(json.as_bytes());
    }
    Ok(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "name = 'a'\nversion = '1'\n";

    #[test]
    fn a_mistake_is_named() {
        for (text, words) in [
            ("name = 1", "expected a string"),
            ("name = 'a'", "missing field `version`"),
            ("name = 'a'\nversion = '1'\ngroups = []", "unknown field `groups`"),
            (
                "name = 'a'\nversion = '1'\n[[action]]\nname = 'a.b'\nlabel = 'B'\nwhen = [['age', '=', 1]]",
                "the field is none of",
            ),
            (
                "name = 'a'\nversion = '1'\n[payload]\nwhen = [['kind', 'like', 'x']]",
                "no field with =, !=, in or not in",
            ),
            ("name = 'a'\nversion = '1'\n[payload]\nwhen = ['?']", "no operator and no comparison"),
            ("name = 'a'\nversion = '1'\nmodules = ['b']", "pass the file with --extend"),
        ] {
            let refused = policy_of_toml(text).expect_err(text);
            assert!(refused.contains(words), "{refused}");
        }
        let long = format!("{SMALL}summary = '{}'", "x".repeat(40_000));
        assert!(extension_of_toml(&long).expect_err("too long").contains("at most"), "it has no room");
    }

    #[test]
    fn the_component_has_the_declarations_and_no_other_change() {
        let component = policy_of_toml(SMALL).expect("a component");
        assert_eq!(component.len(), DECLARED_POLICY.len());
        let changed = component.iter().zip(DECLARED_POLICY).filter(|(new, old)| new != old).count();
        assert!((1..400).contains(&changed), "{changed}");
        assert_ne!(component, policy_of_toml("name = 'b'\nversion = '1'\n").expect("another component"));
    }
}
