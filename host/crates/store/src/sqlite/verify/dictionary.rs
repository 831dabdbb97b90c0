//! The dictionary: each text occurs once in its field, only in fields that use it, and an entry uses each text.

use std::collections::HashMap;

use super::super::SqlContext;
use super::{Fault, Subject, wrong};
use mcp_audit_log_index::check::most;
use mcp_audit_log_index::{ColumnValue, Row, StoreError};
use mcp_audit_log_model::field::{Field, FieldType};

const DOING: &str = "reading the dictionary";

/// How many numbers one word of [`Used`] covers.
const WORD: u64 = 64;

/// The numbers of the dictionary that entries use, by field. The memory depends on how many numbers there are, and not
/// on how large a number in the file is.
#[derive(Default)]
pub(super) struct Used(Vec<HashMap<u64, u64>>);

impl Used {
    /// Adds the numbers that an entry uses.
    pub(super) fn add(&mut self, seq: u64, row: &dyn Row) -> Result<(), StoreError> {
        self.0.resize(Field::COUNT, HashMap::new());
        for field in Field::ALL.iter().filter(|field| has_dictionary(**field)) {
            let corrupt = || StoreError::Corrupt { seq, reason: format!("{} is out of range", field.name()) };
            let number = match row.column(*field as usize) {
                ColumnValue::Unset => continue,
                ColumnValue::Integer(number) => u64::try_from(number).map_err(|_| corrupt())?,
                _ => return Err(corrupt()),
            };
            *self.0[*field as usize].entry(number / WORD).or_default() |= 1 << (number % WORD);
        }
        Ok(())
    }

    fn has(&self, field: Field, number: u64) -> bool {
        let word = self.0.get(field as usize).and_then(|numbers| numbers.get(&(number / WORD)));
        word.is_some_and(|word| word >> (number % WORD) & 1 == 1)
    }
}

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let sql = "SELECT field, id, text, (SELECT count(*) FROM term AS other
        WHERE other.field = term.field AND other.text = term.text) FROM term ORDER BY field, id";
    let mut statement = subject.connection.prepare(sql).context(DOING)?;
    let mut rows = statement.query([]).context(DOING)?;
    let (mut done, most) = (0, most(&subject.log)?);
    while let Some(row) = rows.next().context(DOING)? {
        let (field, number): (usize, u64) = (row.get(0).context(DOING)?, row.get(1).context(DOING)?);
        let field = Field::ALL.get(field).copied().filter(|field| has_dictionary(*field));
        let field = field.ok_or_else(|| wrong("term.field", None, "not a field with texts"))?;
        if number > most {
            let what = format!("id {number} of {} was never assigned: the highest is {most}", field.name());
            return Err(wrong("term.id", None, what));
        }
        let text: String = row.get(2).context(DOING)?;
        if row.get::<_, u64>(3).context(DOING)? > 1 {
            return Err(wrong(
                "term.text",
                None,
                format!("id {number} of {} has the text of another id", field.name()),
            ));
        }
        // The cleanup removes entries first and their texts afterwards; an empty text keeps a number from being given
        // twice.
        if subject.seqs.start == 0 && !text.is_empty() && !subject.used.borrow().has(field, number) {
            return Err(wrong("term", None, format!("no entry has id {number} of {}", field.name())));
        }
        done += 1;
        subject.report(done, 0);
    }
    Ok(done)
}

fn has_dictionary(field: Field) -> bool {
    field.kind() == FieldType::Text && field.repeats()
}
