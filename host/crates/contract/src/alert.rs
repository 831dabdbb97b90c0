//! Alerts: saved views with a condition that the log checks once a minute.

use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use uuid::Uuid;

use crate::access::Viewer;

/// The most alerts of a user.
pub const MOST_ALERTS: usize = 20;
/// The longest time that an alert looks back, in minutes: a week.
pub const LONGEST_MINUTES: u32 = 7 * 24 * 60;
/// The greatest threshold.
pub const GREATEST_COUNT: u32 = 1_000_000;

/// The id of the log's own alert about changed definitions of tools, which has no view.
pub const DEFINITIONS: Uuid = Uuid::nil();

/// When an alert is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertCondition {
    /// At least so many entries of the view were recorded in the time.
    Count(u32),
    /// An entry of the view was recorded in the time, with a value of this field that none before has.
    New(Field),
}

/// An alert on a saved view, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The view; [`DEFINITIONS`] for the log's own.
    pub view: Uuid,
    /// The owner of the view, with the groups that they had when they set the alert. The policy is asked each time what
    /// this viewer may read.
    pub owner: Viewer,
    /// When it is raised.
    pub condition: AlertCondition,
    /// How far it looks back from the moment of the check, by the time of recording.
    pub minutes: u32,
    /// Since when it is raised, and the entry about that.
    pub raised: Option<(Timestamp, Uuid)>,
}

/// A change of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertChange {
    /// Create or replace the alert of this view.
    Save(Alert),
    /// Delete the alert of this view.
    Delete(Uuid),
}

impl AlertCondition {
    /// The condition for people and in entries: `at least 5 entries in 60 minutes`.
    pub fn sentence(self, minutes: u32) -> String {
        let time = match minutes {
            1 => "1 minute".to_owned(),
            minutes if minutes % 1_440 == 0 && minutes > 1_440 => format!("{} days", minutes / 1_440),
            minutes if minutes % 60 == 0 && minutes > 60 => format!("{} hours", minutes / 60),
            minutes => format!("{minutes} minutes"),
        };
        match self {
            Self::Count(1) => format!("an entry in {time}"),
            Self::Count(count) => format!("at least {count} entries in {time}"),
            Self::New(field) => format!("a new value of {} in {time}", field.name()),
        }
    }

    /// Checks a condition from outside.
    ///
    /// # Errors
    /// A number is out of range, or the field's values are not compared; a sentence for the user.
    pub fn check(self, minutes: u32) -> Result<(), String> {
        if !(1..=LONGEST_MINUTES).contains(&minutes) {
            return Err(format!("Give a time from 1 to {LONGEST_MINUTES} minutes."));
        }
        match self {
            Self::Count(count) if !(1..=GREATEST_COUNT).contains(&count) => {
                Err(format!("Give a number of entries from 1 to {GREATEST_COUNT}."))
            }
            Self::New(field) if !(field.repeats() && field.is_offered()) => {
                Err(format!("New values of {} are not looked for; choose a field with repeated values.", field.name()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_a_sentence() {
        for (condition, minutes, sentence) in [
            (AlertCondition::Count(5), 60, "at least 5 entries in 60 minutes"),
            (AlertCondition::Count(1), 1, "an entry in 1 minute"),
            (AlertCondition::Count(2), 2_880, "at least 2 entries in 2 days"),
            (AlertCondition::New(Field::Tool), 120, "a new value of tool in 2 hours"),
        ] {
            assert_eq!(condition.sentence(minutes), sentence);
        }
    }

    #[test]
    fn conditions_are_bounded() {
        assert!(AlertCondition::Count(1).check(1).is_ok());
        assert!(AlertCondition::New(Field::User).check(LONGEST_MINUTES).is_ok());
        for (condition, minutes) in [
            (AlertCondition::Count(0), 1),
            (AlertCondition::Count(GREATEST_COUNT + 1), 1),
            (AlertCondition::Count(1), 0),
            (AlertCondition::Count(1), LONGEST_MINUTES + 1),
            (AlertCondition::New(Field::Id), 1),
        ] {
            assert!(condition.check(minutes).is_err(), "{condition:?} {minutes}");
        }
    }
}
