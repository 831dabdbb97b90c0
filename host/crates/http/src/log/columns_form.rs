//! The form that chooses the columns of the list.

use mcp_audit_log_model::field::Field;

use super::table::title;
use crate::query::columns;
use crate::query::columns::Column;
use crate::query::search::{Pairs, query_of};

/// The offered columns, in their order. The others can be named in the address.
const OFFERED: [Column; 30] = [
    Column::Field(Field::OccurredAt),
    Column::Field(Field::Outcome),
    Column::Field(Field::Method),
    Column::Target,
    Column::Field(Field::Server),
    Column::Field(Field::User),
    Column::Field(Field::Connection),
    Column::Field(Field::DurationUs),
    Column::Field(Field::Action),
    Column::Field(Field::OutcomeDetail),
    Column::Field(Field::StatusCode),
    Column::Field(Field::ErrorType),
    Column::Field(Field::ErrorMessage),
    Column::Field(Field::Agent),
    Column::Field(Field::AgentInstance),
    Column::Field(Field::ClientName),
    Column::Field(Field::Session),
    Column::Field(Field::Ip),
    Column::Field(Field::Channel),
    Column::Field(Field::Path),
    Column::Field(Field::ResourceType),
    Column::Field(Field::ResourceName),
    Column::Field(Field::Model),
    Column::Field(Field::RecordId),
    Column::Field(Field::RequestBytes),
    Column::Field(Field::ResponseBytes),
    Column::Field(Field::LlmModel),
    Column::Field(Field::InputTokens),
    Column::Field(Field::OutputTokens),
    Column::Field(Field::CostMicros),
];

/// The form.
pub(crate) struct Form {
    /// The other parameters of the address.
    pub(crate) kept: Pairs,
    pub(crate) choices: Vec<Choice>,
    /// The way back to the usual columns, where these are others.
    pub(crate) usual: Option<String>,
}

/// A column to tick.
pub(crate) struct Choice {
    pub(crate) value: &'static str,
    pub(crate) label: &'static str,
    pub(crate) on: bool,
}

impl Form {
    /// The form with these columns ticked, and columns that were added by hand.
    pub(crate) fn new(home: &str, pairs: &Pairs, chosen: &[Column]) -> Self {
        let by_hand = chosen.iter().filter(|column| **column != Column::Time && !OFFERED.contains(column));
        let offered = OFFERED.iter().chain(by_hand);
        let choice =
            |column: &Column| Choice { value: column.name(), label: title(*column), on: chosen.contains(column) };
        let kept = pairs.iter().filter(|(name, value)| name != columns::PARAMETER && !value.is_empty());
        let kept: Pairs = kept.cloned().collect();
        let usual = || format!("{home}{}", query_of(&kept));
        Self { usual: (chosen != columns::USUAL).then(usual), choices: offered.map(choice).collect(), kept }
    }
}
