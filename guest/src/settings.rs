//! (short: shared by rules and retention) Reads settings in force. What is absent or of the wrong type is `None`, and
//! each caller picks the safe side.

use crate::contract::{Setting, Value};

/// The value of an integer setting.
pub(crate) fn integer(settings: &[Setting], key: &str) -> Option<i64> {
    match find(settings, key)? {
        Value::Integer(number) => Some(*number),
        _ => None,
    }
}

/// Whether a boolean setting is on.
pub(crate) fn is_on(settings: &[Setting], key: &str) -> bool {
    matches!(find(settings, key), Some(Value::Boolean(true)))
}

fn find<'a>(settings: &'a [Setting], key: &str) -> Option<&'a Value> {
    settings.iter().find(|setting| setting.key == key).map(|setting| &setting.value)
}
