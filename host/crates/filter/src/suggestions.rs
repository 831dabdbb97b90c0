//! Suggestions for names that are not fields.

use super::DomainError;
use super::error::quoted;
use mcp_audit_log_model::field::Field;

/// What people call the parts of a payload.
const PAYLOAD: &[&str] = &["payload", "request", "response", "body", "arguments", "params", "result", "details"];

/// The error for a name that is no field's.
pub(super) fn field(name: &str) -> DomainError {
    if let Some(error) = payload(name) {
        return error;
    }
    let advice = match meant(name, Field::ALL.iter().map(|field| field.name())) {
        Some(near) => format!("did you mean {near}?"),
        None => {
            format!("use one of: at, {}", Field::ALL.iter().map(|field| field.name()).collect::<Vec<_>>().join(", "))
        }
    };
    DomainError::new(format!("unknown field {}; {advice}", quoted(name)))
}

/// The error for a name of something that is kept for reading and not for searching.
pub(super) fn payload(name: &str) -> Option<DomainError> {
    let message = "unknown field {}; payloads and details are shown with their entry and cannot be searched";
    PAYLOAD.contains(&name).then(|| DomainError::new(message.replace("{}", &quoted(name))))
}

/// The first of `names` that is one slip away: a character more, less, or another, or two in the wrong order.
pub fn meant<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The shortest names are one slip away from too much.
    names.into_iter().find(|known| known.len() > 3 && one_slip(name.as_bytes(), known.as_bytes()))
}

fn one_slip(left: &[u8], right: &[u8]) -> bool {
    let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    let (left, right) = (&left[same..], &right[same..]);
    let swapped = |left: &[u8], right: &[u8]| {
        left.len() > 1 && right.len() > 1 && left[0] == right[1] && left[1] == right[0] && left[2..] == right[2..]
    };
    let (shorter_left, shorter_right) = (left.get(1..), right.get(1..));
    shorter_left == Some(right)
        || shorter_right == Some(left)
        || (shorter_left.is_some() && shorter_left == shorter_right)
        || swapped(left, right)
}
