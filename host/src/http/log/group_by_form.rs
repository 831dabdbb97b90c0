//! What the list can be grouped by, as choices in the search's form.

use crate::field::Field;
use crate::http::problem::Problem;
use crate::http::query::grouping::LEVELS;
use crate::http::query::search::{Pairs, values};
use crate::http::ui::labels;
use crate::store::GroupBy;

/// What people group by most.
const CHOICES: [GroupBy; 24] = [
    GroupBy::Field(Field::Tool),
    GroupBy::Field(Field::Method),
    GroupBy::Field(Field::Action),
    GroupBy::Field(Field::Server),
    GroupBy::Field(Field::User),
    GroupBy::Field(Field::Connection),
    GroupBy::Field(Field::Agent),
    GroupBy::Field(Field::AgentInstance),
    GroupBy::Field(Field::ClientName),
    GroupBy::Field(Field::Session),
    GroupBy::Field(Field::Ip),
    GroupBy::Field(Field::Outcome),
    GroupBy::Field(Field::OutcomeDetail),
    GroupBy::Field(Field::ErrorType),
    GroupBy::Field(Field::StatusCode),
    GroupBy::Field(Field::Model),
    GroupBy::Field(Field::RecordId),
    GroupBy::Field(Field::ResourceUri),
    GroupBy::Field(Field::ResourceType),
    GroupBy::Field(Field::LlmModel),
    GroupBy::Field(Field::ApiKey),
    GroupBy::Field(Field::Channel),
    GroupBy::Field(Field::Kind),
    GroupBy::Day,
];

/// A level of grouping.
pub(in crate::http) struct Level {
    pub(in crate::http) label: &'static str,
    pub(in crate::http) wrong: bool,
    pub(in crate::http) options: Vec<Choice>,
}

/// Something to group by.
pub(in crate::http) struct Choice {
    pub(in crate::http) value: String,
    pub(in crate::http) label: &'static str,
    pub(in crate::http) on: bool,
}

impl Level {
    /// The levels, with the choices in these parameters.
    pub(in crate::http) fn all(pairs: &Pairs, problem: Option<&Problem>) -> Vec<Self> {
        let wrong = problem.and_then(Problem::wrong_parameter) == Some("by");
        let chosen: Vec<_> = values(pairs, "by").map(GroupBy::parse).collect();
        let level = |(at, label)| Self { label, wrong, options: options(chosen.get(at).copied().flatten()) };
        ["Group by", "Then by"].into_iter().enumerate().take(LEVELS).map(level).collect()
    }
}

/// The choices, and among them what was chosen by hand.
fn options(chosen: Option<GroupBy>) -> Vec<Choice> {
    let choice = |by: GroupBy| Choice { value: by.to_string(), label: label(by), on: chosen == Some(by) };
    let by_hand = chosen.filter(|by| !CHOICES.contains(by));
    CHOICES.into_iter().chain(by_hand).map(choice).collect()
}

/// How it is called.
pub(in crate::http) fn label(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Field(field) => labels::label(field),
        GroupBy::Day => "Day",
    }
}
