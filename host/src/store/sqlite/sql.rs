//! The one place where a domain becomes SQL. Values are bind parameters, columns come from the field table; no text of
//! a domain ever becomes part of a statement.

use rusqlite::types::Value as Sql;
use uuid::Uuid;

use crate::domain::{Domain, Term, Test};
use crate::field::{Field, FieldType};
use crate::value::Value;

/// A condition with its parameters.
#[derive(Default)]
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) parameters: Vec<Sql>,
}

impl Condition {
    /// The condition that `domain` is.
    pub(super) fn new(domain: &Domain) -> Self {
        let mut condition = Self::default();
        condition.domain(domain);
        condition
    }

    fn domain(&mut self, domain: &Domain) {
        match domain {
            Domain::All(all) => self.join(all, " AND ", "TRUE"),
            Domain::Any(any) => self.join(any, " OR ", "FALSE"),
            Domain::Not(inner) => {
                // Null-aware: what is not true, be it false or unknown.
                self.sql.push('(');
                self.domain(inner);
                self.sql.push_str(") IS NOT TRUE");
            }
            Domain::Term(term) => self.term(term),
        }
    }

    fn join(&mut self, domains: &[Domain], operator: &str, empty: &str) {
        if domains.is_empty() {
            return self.sql.push_str(empty);
        }
        self.sql.push('(');
        for (at, domain) in domains.iter().enumerate() {
            if at > 0 {
                self.sql.push_str(operator);
            }
            self.domain(domain);
        }
        self.sql.push(')');
    }

    fn term(&mut self, term: &Term) {
        let field = term.field;
        match &term.test {
            Test::Unset => self.sql.push_str(&format!("{} IS NULL", field.name())),
            Test::In(values) if values.is_empty() => self.sql.push_str("FALSE"),
            Test::In(values) => {
                let marks: Vec<_> = values.iter().map(|value| self.bind(field, value)).collect();
                self.texts(field, &format!("IN ({})", marks.join(", ")));
            }
            Test::Less(limit) => self.order(field, "<", limit),
            Test::AtLeast(limit) => self.order(field, ">=", limit),
            Test::Like { pattern, fold } => {
                let pattern = self.parameter(Sql::Text(pattern.clone()));
                let fold = self.parameter(Sql::Integer(i64::from(*fold)));
                match field.repeats() {
                    true => self.in_terms(field, &format!("domain_like(text, {pattern}, {fold})")),
                    false => self.sql.push_str(&format!("domain_like({}, {pattern}, {fold})", field.name())),
                }
            }
        }
    }

    fn order(&mut self, field: Field, operator: &str, limit: &Value) {
        let mark = self.bind(field, limit);
        self.texts(field, &format!("{operator} {mark}"));
    }

    /// A comparison on the column itself, or on its texts in the dictionary.
    fn texts(&mut self, field: Field, comparison: &str) {
        match field.repeats() {
            true => self.in_terms(field, &format!("text {comparison}")),
            false => self.sql.push_str(&format!("{} {comparison}", field.name())),
        }
    }

    fn in_terms(&mut self, field: Field, condition: &str) {
        self.sql.push_str(&format!("{} IN (SELECT term.id FROM term WHERE {condition})", field.name()));
    }

    fn bind(&mut self, field: Field, value: &Value) -> String {
        let sql = match (field.kind(), value) {
            (FieldType::Id, Value::Text(text)) => {
                Uuid::try_parse(text).map_or(Sql::Null, |id| Sql::Blob(id.as_bytes().to_vec()))
            }
            (_, Value::Text(text)) => Sql::Text(text.clone()),
            (_, Value::Integer(number)) => Sql::Integer(*number),
            (_, Value::Boolean(value)) => Sql::Integer(i64::from(*value)),
            (_, Value::Unset) => Sql::Null,
        };
        self.parameter(sql)
    }

    fn parameter(&mut self, value: Sql) -> String {
        self.parameters.push(value);
        format!("?{}", self.parameters.len())
    }
}
