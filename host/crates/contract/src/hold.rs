//! Legal holds: entries that must not be deleted even if their retention period is over.

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use mcp_audit_log_model::name::is_hidden;
use mcp_audit_log_model::time::Timestamp;

use crate::plan::Plan;

/// The longest reason, in characters.
pub const LONGEST_REASON: usize = 500;

/// A hold on entries recorded in a range of time.
///
/// Retention removes the oldest entries first, so a hold in force keeps all entries recorded at or after its start,
/// also after its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Hold {
    /// Its id, a UUIDv7.
    pub id: Uuid,
    /// The start, inclusive, by the time of recording.
    pub from: Timestamp,
    /// The end, exclusive, by the time of recording; `None`: no end.
    pub to: Option<Timestamp>,
    /// Why it was placed.
    pub reason: String,
    /// The user who placed it.
    pub placed_by: String,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// Its release; `None` while it is in force.
    pub released: Option<Release>,
}

/// The end of a hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Release {
    /// The user who released it.
    pub by: String,
    /// When it was released.
    pub at: Timestamp,
    /// The reason for the release.
    pub reason: String,
}

/// A change of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldChange {
    /// A new hold.
    Place(Hold),
    /// The release of a hold, by its id.
    Release(Uuid, Release),
}

/// A new hold. Its texts are checked when it is placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHold {
    /// See [`Hold::from`].
    pub from: Timestamp,
    /// See [`Hold::to`].
    pub to: Option<Timestamp>,
    /// See [`Hold::reason`].
    pub reason: String,
}

impl NewHold {
    /// A hold on everything recorded from `from` on, without an end.
    pub fn new(from: Timestamp, reason: impl Into<String>) -> Self {
        Self { from, to: None, reason: reason.into() }
    }

    /// The same hold with the end `to`.
    pub fn until(self, to: Timestamp) -> Self {
        Self { to: Some(to), ..self }
    }
}

/// The time at which the holds in force stop the cleanup: the earliest of their starts.
pub fn held_from(holds: &[Hold]) -> Option<Timestamp> {
    holds.iter().filter(|hold| hold.released.is_none()).map(|hold| hold.from).min()
}

/// The part of `plan` that may still be deleted if everything recorded from `held` on must stay.
pub fn cut(plan: Plan, held: Option<Timestamp>) -> Plan {
    let Some(held) = held else { return plan };
    let until = |before: Option<Timestamp>| before.map(|before| before.min(held));
    Plan {
        entries_before: until(plan.entries_before),
        payloads_before: until(plan.payloads_before),
        usage_before: until(plan.usage_before),
    }
}

/// A reason as it is stored: trimmed, not empty and not too long.
///
/// # Errors
/// The text is empty or too long; the error is a sentence for the user.
pub fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("Give a reason; it is kept in the log.".to_owned()),
        _ if text.chars().any(|letter| is_hidden(letter) && letter != '\n') => {
            Err("The reason has invisible characters; remove them.".to_owned())
        }
        1..=LONGEST_REASON => Ok(text.to_owned()),
        count => Err(format!("The reason has {count} characters; use at most {LONGEST_REASON}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn hold(from: i64, released: bool) -> Hold {
        let release = Release { by: "anna".into(), at: at(9), reason: "over".into() };
        let released = released.then_some(release);
        let (id, reason, placed_by) = (Uuid::nil(), "case 7".to_owned(), "anna".to_owned());
        Hold { id, from: at(from), to: Some(at(from + 1)), reason, placed_by, placed_at: at(8), released }
    }

    #[test]
    fn the_earliest_hold_in_force_limits_the_deletion_of_entries_and_payloads() {
        let plan = Plan { entries_before: Some(at(5)), payloads_before: Some(at(8)), ..Plan::default() };
        let cut = |holds: &[Hold]| cut(plan, held_from(holds));
        assert_eq!(cut(&[]), plan);
        assert_eq!(cut(&[hold(1, true)]), plan);
        assert_eq!(cut(&[hold(9, false)]), plan);
        let both = Plan { entries_before: Some(at(3)), payloads_before: Some(at(3)), ..Plan::default() };
        assert_eq!(cut(&[hold(6, false), hold(3, false), hold(1, true)]), both);
        assert_eq!(cut(&[hold(6, false)]), Plan { payloads_before: Some(at(6)), ..plan });
        assert_eq!(super::cut(Plan::default(), Some(at(3))), Plan::default(), "a hold lets nothing go");
    }

    #[test]
    fn a_hold_needs_a_reason_of_bounded_length() {
        assert_eq!(reason(" case 7\n").as_deref(), Ok("case 7"));
        assert!(reason("case\u{202e} 7").is_err());
        assert!(reason(" \n").is_err() && reason(&"ä".repeat(501)).is_err() && reason(&"ä".repeat(500)).is_ok());
    }
}
