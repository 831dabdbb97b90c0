//! The form that chooses the columns of the list.

use mcp_audit_log_model::field::Field;

use super::table::title;
use crate::query::columns;
use crate::query::columns::Column;
use crate::query::search::{Pairs, query_of};

/// The offered columns: the default ones, then those of the field table. The address can name the others.
fn offered() -> impl Iterator<Item = Column> {
    let exact = Column::Field(Field::OccurredAt);
    let usual = columns::USUAL.into_iter().map(move |column| if column == Column::Time { exact } else { column });
    let more = Field::ALL.iter().filter(|field| field.is_offered()).map(|field| Column::Field(*field));
    usual.chain(more.filter(move |column| *column != exact && !columns::USUAL.contains(column)))
}

/// The form.
pub(crate) struct Form {
    /// The other parameters of the address.
    pub(crate) kept: Pairs,
    pub(crate) choices: Vec<Choice>,
    /// The link back to the default columns, if others are chosen.
    pub(crate) usual: Option<String>,
}

/// A column to tick.
pub(crate) struct Choice {
    pub(crate) value: &'static str,
    pub(crate) label: &'static str,
    pub(crate) on: bool,
}

impl Form {
    /// The form with these columns ticked. It also lists columns that only the address named.
    pub(crate) fn new(home: &str, pairs: &Pairs, chosen: &[Column]) -> Self {
        let is_offered = |column: &Column| *column == Column::Time || offered().any(|offered| offered == *column);
        let by_hand = chosen.iter().copied().filter(|column| !is_offered(column));
        let choice =
            |column: Column| Choice { value: column.name(), label: title(column), on: chosen.contains(&column) };
        let kept = pairs.iter().filter(|(name, value)| name != columns::PARAMETER && !value.is_empty());
        let kept: Pairs = kept.cloned().collect();
        let usual = || format!("{home}{}", query_of(&kept));
        Self {
            usual: (chosen != columns::USUAL).then(usual),
            choices: offered().chain(by_hand).map(choice).collect(),
            kept,
        }
    }
}
