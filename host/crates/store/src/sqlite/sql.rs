//! The terms of a domain that become SQL: those that look into the dictionary or into rows. Values are bind parameters,
//! columns come from the field table; no text of a domain ever becomes part of a statement.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use uuid::Uuid;

use super::Doing;
use crate::StoreError;
use mcp_audit_log_filter::{Term, Test};
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::value::Value;

/// A condition with its parameters.
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) parameters: Vec<Sql>,
}

impl Condition {
    /// The condition on the rows of entries; for fields that stand in them as they are.
    pub(super) fn new(term: &Term) -> Self {
        Self::on(&format!("entry.{}", term.field.name()), term)
    }

    fn on(column: &str, term: &Term) -> Self {
        let value = |value: &Value| parameter(term.field, value);
        let (condition, parameters) = match &term.test {
            Test::Unset => ("IS NULL".to_owned(), Vec::new()),
            Test::In(values) => {
                let marks: Vec<_> = (1..=values.len()).map(|at| format!("?{at}")).collect();
                (format!("IN ({})", marks.join(", ")), values.iter().map(value).collect())
            }
            Test::Less(limit) => ("< ?1".to_owned(), vec![value(limit)]),
            Test::AtLeast(limit) => (">= ?1".to_owned(), vec![value(limit)]),
            Test::Like(pattern) => {
                let parameters = vec![Sql::Text(pattern.as_str().to_owned()), Sql::Integer(pattern.folds().into())];
                return Self { sql: format!("domain_like({column}, ?1, ?2)"), parameters };
            }
        };
        Self { sql: format!("{column} {condition}"), parameters }
    }
}

/// The numbers of the texts that match, ascending: one look at the dictionary, and the log itself knows only numbers.
pub(super) fn terms(connection: &Connection, term: &Term) -> Result<Vec<u64>, StoreError> {
    let condition = Condition::on("text", term);
    let sql = format!("SELECT id FROM term WHERE field = {} AND {} ORDER BY id", term.field as i64, condition.sql);
    let mut statement = connection.prepare_cached(&sql).doing("searching the dictionary")?;
    let ids = statement.query_map(params_from_iter(&condition.parameters), |row| row.get(0));
    ids.and_then(Iterator::collect).doing("searching the dictionary")
}

fn parameter(field: Field, value: &Value) -> Sql {
    match (field.kind(), value) {
        (FieldType::Id, Value::Text(text)) => id(text),
        (_, Value::Text(text)) => Sql::Text(text.clone()),
        (_, Value::Integer(number)) => Sql::Integer(*number),
        (_, Value::Boolean(value)) => Sql::Integer(i64::from(*value)),
        (_, Value::Unset) => Sql::Null,
    }
}

/// An id as it is stored.
fn id(text: &str) -> Sql {
    Uuid::try_parse(text).map_or(Sql::Null, |id| Sql::Blob(id.as_bytes().to_vec()))
}
