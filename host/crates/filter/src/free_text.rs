//! (short: shared by all spellings) The fields that free text searches. The search box, `q` and the text form share
//! this definition.

use super::{Comparison, DomainToken, Operand};
use mcp_audit_log_model::field::Field;

/// The fields that free text searches.
const FIELDS: &[Field] = &[
    Field::Method,
    Field::Tool,
    Field::Model,
    Field::RecordId,
    Field::ResourceName,
    Field::ResourceId,
    Field::User,
    Field::Connection,
    Field::Ip,
    Field::Server,
];

/// The tokens for "one of the fields contains `pattern`, ignoring case".
pub(super) fn tokens(pattern: &str) -> Vec<DomainToken> {
    let leaf = |field: &Field| DomainToken::Leaf {
        field: field.name().to_owned(),
        comparison: Comparison::Ilike,
        operands: vec![Operand::from(pattern)],
    };
    std::iter::repeat_n(DomainToken::Or, FIELDS.len() - 1).chain(FIELDS.iter().map(leaf)).collect()
}
