//! Which columns a stored row has, in which order, and how each is written.

use std::ops::Range;

use mcp_audit_log_index::{COMMITMENT, DETAILS, VERSION};
use mcp_audit_log_model::field::{Field, FieldType};

/// How many columns a row has.
pub(super) const COLUMNS: usize = VERSION + 1;
/// Stands for an id that does not begin with the time of its entry, so that all of it is stored.
pub(super) const WHOLE_ID: usize = COLUMNS;
/// Its bit.
pub(super) const WHOLE_ID_BIT: u64 = 1 << 13;
/// The column behind each bit of a mask, from the lowest bit on. A new field goes to the end of the own columns of new
/// rows: its bit is the next free one, and rows from before do not have it.
pub(super) const ORDER: [usize; Field::COUNT] = [
    Field::DurationUs as usize,
    Field::RequestBytes as usize,
    Field::ResponseBytes as usize,
    Field::RequestId as usize,
    Field::ResourceName as usize,
    Field::RecordId as usize,
    Field::Model as usize,
    Field::TraceId as usize,
    Field::ResourceUri as usize,
    Field::ResourceId as usize,
    DETAILS,
    COMMITMENT,
    Field::Parent as usize,
    WHOLE_ID,
    Field::InputTokens as usize,
    Field::OutputTokens as usize,
    Field::CostMicros as usize,
    Field::ApiKey as usize,
    Field::LlmModel as usize,
    Field::Provider as usize,
    VERSION,
    // The call.
    Field::Channel as usize,
    Field::Kind as usize,
    Field::Action as usize,
    Field::Method as usize,
    Field::Tool as usize,
    Field::Prompt as usize,
    Field::Server as usize,
    Field::HttpMethod as usize,
    Field::Path as usize,
    Field::ProtocolVersion as usize,
    Field::Outcome as usize,
    Field::OutcomeDetail as usize,
    Field::StatusCode as usize,
    Field::ResourceType as usize,
    Field::Policy as usize,
    Field::ErrorType as usize,
    Field::ErrorMessage as usize,
    Field::Fault as usize,
    // The caller.
    Field::User as usize,
    Field::Connection as usize,
    Field::Agent as usize,
    Field::AgentInstance as usize,
    Field::Instance as usize,
    Field::ClientName as usize,
    Field::ClientVersion as usize,
    Field::Session as usize,
    Field::Ip as usize,
    Field::UserAgent as usize,
];
/// Where the columns begin that entries have in common.
pub(super) const COMMON: usize = 21;
/// Where those of the caller begin.
const CALLER: usize = 39;

/// Columns that entries have in common, so that a row has a number for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// What was called, and the outcome.
    Call,
    /// Who called.
    Caller,
}

impl Part {
    pub(super) const ALL: [Self; 2] = [Self::Call, Self::Caller];

    /// The bits of its columns.
    pub(super) fn bits(self) -> Range<usize> {
        match self {
            Self::Call => COMMON..CALLER,
            Self::Caller => CALLER..ORDER.len(),
        }
    }

    /// Whether this part has the column.
    pub(super) fn has(self, column: usize) -> bool {
        ORDER[self.bits()].contains(&column)
    }
}

/// The numbers of a row's common columns, by part; 0 if the row has them itself.
pub(super) type Numbers = [u64; 2];

/// How a column's value is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// A signed number.
    Number,
    /// The number of a text in the dictionary.
    Term,
    /// A text.
    Text,
    /// So many bytes.
    Bytes(usize),
    /// Nothing: the bit is all.
    Mark,
}

/// How a column is written.
pub(super) fn form(column: usize) -> Form {
    let Some(field) = Field::ALL.get(column) else {
        return match column {
            COMMITMENT => Form::Bytes(32),
            DETAILS => Form::Text,
            VERSION => Form::Number,
            _ => Form::Mark,
        };
    };
    match field.kind() {
        FieldType::Id => Form::Bytes(16),
        FieldType::Text if field.repeats() => Form::Term,
        FieldType::Text => Form::Text,
        FieldType::Integer | FieldType::Time => Form::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_one_bit() {
        let mut columns = ORDER.to_vec();
        columns.extend([Field::Seq, Field::Id, Field::OccurredAt, Field::RecordedAt].map(|field| field as usize));
        columns.sort_unstable();
        assert_eq!(columns, (0..=WHOLE_ID).collect::<Vec<_>>());
        assert_eq!(ORDER.iter().position(|column| *column == WHOLE_ID), Some(WHOLE_ID_BIT.ilog2() as usize));
    }

    #[test]
    fn common_columns_are_numbers_and_each_part_has_its_own() {
        let common = ORDER[COMMON..].iter().all(|column| matches!(form(*column), Form::Number | Form::Term));
        assert!(common && Part::Call.has(Field::Tool as usize) && Part::Caller.has(Field::Session as usize));
        assert!(!Part::Call.has(Field::User as usize) && !Part::Caller.has(Field::DurationUs as usize));
    }
}
