//! The settings that a policy declares and an admin changes.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::manifest::SettingField;
use mcp_audit_log_model::format::prefix;
use mcp_audit_log_model::value::Value;

/// The payload switch.
pub const LOG_PAYLOADS: &str = "log_payloads";
/// Whether an entry carries a keyed digest of its bodies.
pub const DIGEST_BODIES: &str = "digest_bodies";
/// How many days entries are kept.
pub const RETENTION_DAYS: &str = "retention_days";
/// How many days payloads are kept; 0 or no such setting: as long as their entries.
pub const PAYLOAD_RETENTION_DAYS: &str = "payload_retention_days";
/// How many days usage figures are kept; without this setting as long as entries.
pub const USAGE_RETENTION_DAYS: &str = "usage_retention_days";

/// The settings in force: every declared key with its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, Value>);

/// A change of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingChange {
    /// The setting.
    pub key: String,
    /// The value before.
    pub old: Value,
    /// The value after.
    pub new: Value,
}

/// The reason why a change of settings is refused, as a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSetting(pub String);

impl Settings {
    /// The declared defaults, overridden by the stored values. A stored value that its declaration no longer allows is
    /// ignored, because the default is safe.
    pub fn load(fields: &[SettingField], stored: &BTreeMap<String, Value>) -> Self {
        let value = |field: &SettingField| match stored.get(&field.key) {
            Some(value) if field.check(value).is_ok() => value.clone(),
            _ => field.default.clone(),
        };
        Self(fields.iter().map(|field| (field.key.clone(), value(field))).collect())
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> &Value {
        self.0.get(key).unwrap_or(&Value::Unset)
    }

    /// Every setting, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The payload setting; off unless its value is `true`.
    pub fn log_payloads(&self) -> bool {
        *self.get(LOG_PAYLOADS) == Value::Boolean(true)
    }

    /// Whether an entry carries a keyed digest of its bodies; only if the value is `true`.
    pub fn digest_bodies(&self) -> bool {
        *self.get(DIGEST_BODIES) == Value::Boolean(true)
    }

    /// Checks a JSON object of new values and returns the ones that differ.
    ///
    /// # Errors
    /// The first unknown key or value that is not allowed. Then nothing changes.
    pub fn changes(
        &self,
        fields: &[SettingField],
        wanted: &serde_json::Map<String, Json>,
    ) -> Result<Vec<SettingChange>, InvalidSetting> {
        let mut changes = Vec::new();
        for (key, json) in wanted {
            let field = fields.iter().find(|field| field.key == *key).ok_or_else(|| unknown(key, fields))?;
            let new = Value::from_json(json).ok_or_else(|| field.refuse(json))?;
            field.check(&new)?;
            let old = self.get(key).clone();
            if old != new {
                changes.push(SettingChange { key: key.clone(), old, new });
            }
        }
        Ok(changes)
    }

    /// These settings with `changes` applied.
    pub fn with(&self, changes: &[SettingChange]) -> Self {
        let mut settings = self.clone();
        settings.0.extend(changes.iter().map(|change| (change.key.clone(), change.new.clone())));
        settings
    }
}

impl SettingField {
    /// Whether `value` is allowed.
    ///
    /// # Errors
    /// The type is wrong or the number is out of range; the text says what is allowed.
    pub fn check(&self, value: &Value) -> Result<(), InvalidSetting> {
        let same_type = std::mem::discriminant(value) == std::mem::discriminant(&self.default);
        let in_range = match value {
            Value::Integer(number) => {
                self.minimum.is_none_or(|least| *number >= least) && self.maximum.is_none_or(|most| *number <= most)
            }
            _ => true,
        };
        if same_type && in_range { Ok(()) } else { Err(self.refuse(&value.to_json())) }
    }

    /// A sentence about the allowed values.
    pub fn allowed(&self) -> String {
        match (&self.default, self.minimum, self.maximum) {
            (Value::Boolean(_), ..) => "true or false".to_owned(),
            (Value::Integer(_), Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
            (Value::Integer(_), Some(least), None) => format!("a whole number of at least {least}"),
            (Value::Integer(_), None, Some(most)) => format!("a whole number of at most {most}"),
            (Value::Integer(_), None, None) => "a whole number".to_owned(),
            _ => "a text".to_owned(),
        }
    }

    fn refuse(&self, given: &Json) -> InvalidSetting {
        let (given, allowed) = (given.to_string(), self.allowed());
        InvalidSetting(format!("{} ({}) must be {allowed}, not {}.", self.label, self.key, prefix(&given, 40)))
    }
}

fn unknown(key: &str, fields: &[SettingField]) -> InvalidSetting {
    let known: Vec<_> = fields.iter().map(|field| field.key.as_str()).collect();
    let key = prefix(key, 40);
    InvalidSetting(format!("Unknown setting {key:?}; use one of: {}.", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields() -> Vec<SettingField> {
        let field = |key: &str, label: &str, default: Value, minimum| SettingField {
            key: key.into(),
            label: label.into(),
            help: String::new(),
            default,
            minimum,
            maximum: None,
        };
        vec![
            field(LOG_PAYLOADS, "Log payloads", Value::Boolean(false), None),
            field(RETENTION_DAYS, "Audit log retention (days)", Value::Integer(90), Some(1)),
        ]
    }

    fn refusal(json: Json) -> String {
        let settings = Settings::load(&fields(), &BTreeMap::new());
        settings.changes(&fields(), json.as_object().expect("an object")).expect_err("refused").to_string()
    }

    #[test]
    fn a_bad_value_is_refused_with_the_allowed_values() {
        for bad in [json!(0), json!(-3), json!("90"), json!(1.5), json!(null), json!([30]), json!(true)] {
            let text = refusal(json!({ "retention_days": bad }));
            assert!(
                text.contains("Audit log retention (days)") && text.contains("a whole number of at least 1"),
                "{text}"
            );
        }
        assert!(refusal(json!({ "log_payloads": 1 })).contains("true or false"));
        assert!(refusal(json!({ "retention": 1 })).contains("log_payloads, retention_days"));
    }

    #[test]
    fn unchanged_settings_are_no_changes() {
        let settings = Settings::load(&fields(), &BTreeMap::new());
        let wanted = json!({ "log_payloads": false, "retention_days": 30 });
        let changes = settings.changes(&fields(), wanted.as_object().expect("an object")).expect("allowed");
        assert_eq!(changes, [SettingChange { key: RETENTION_DAYS.into(), old: 90.into(), new: 30.into() }]);
        assert_eq!(settings.with(&changes).get(RETENTION_DAYS), &Value::Integer(30));
    }

    #[test]
    fn a_stored_value_that_is_not_allowed_falls_back_to_the_default() {
        let stored =
            BTreeMap::from([(RETENTION_DAYS.to_owned(), Value::Integer(0)), (LOG_PAYLOADS.to_owned(), "yes".into())]);
        let settings = Settings::load(&fields(), &stored);
        assert_eq!(settings.get(RETENTION_DAYS), &Value::Integer(90));
        assert!(!settings.log_payloads());
        assert!(!settings.digest_bodies(), "a policy that declares no such setting makes no digests");
    }
}
