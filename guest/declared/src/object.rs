//! JSON objects by their members. What is absent or of another type is empty: the host has checked the types.

use mcp_audit_log_policy_sdk::contract::Value;
use mcp_audit_log_policy_sdk::json::{Scalar, items, members, scalar};

/// An object.
pub(crate) struct Object<'a>(Vec<(String, &'a str)>);

impl<'a> Object<'a> {
    pub(crate) fn of(json: &'a str) -> Self {
        Self(members(json).unwrap_or_default())
    }

    /// A member as JSON.
    pub(crate) fn json(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, json)| *json)
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.json(name).and_then(text)
    }

    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        match scalar(self.json(name)?)? {
            Scalar::Integer(number) => Some(number),
            _ => None,
        }
    }

    /// A member that is a list of texts.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.items(name).into_iter().filter_map(text).collect()
    }

    /// A member that is a list of objects.
    pub(crate) fn objects(&self, name: &str) -> Vec<Object<'a>> {
        self.items(name).into_iter().map(Object::of).collect()
    }

    fn items(&self, name: &str) -> Vec<&'a str> {
        self.json(name).and_then(items).unwrap_or_default()
    }
}

/// A JSON string.
pub(crate) fn text(json: &str) -> Option<String> {
    match scalar(json)? {
        Scalar::Text(text) => Some(text),
        _ => None,
    }
}

/// A scalar as a value; anything else is "not set".
pub(crate) fn value(json: &str) -> Value {
    match scalar(json) {
        Some(Scalar::Text(text)) => Value::Text(text),
        Some(Scalar::Integer(number)) => Value::Integer(number),
        Some(Scalar::Boolean(boolean)) => Value::Boolean(boolean),
        None => Value::Unset,
    }
}
