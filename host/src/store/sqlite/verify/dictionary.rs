//! The dictionary: each text once per field, in fields that have one, and none that no entry has.

use rusqlite::Row;

use super::super::Doing;
use super::{Fault, Subject, wrong};
use crate::field::{Field, FieldType};
use crate::store::StoreError;

const DOING: &str = "reading the dictionary";

/// Which numbers of the dictionary entries have, by field.
#[derive(Default)]
pub(super) struct Used(Vec<Vec<bool>>);

impl Used {
    /// Adds those of an entry.
    pub(super) fn add(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        self.0.resize(Field::COUNT, Vec::new());
        for field in Field::ALL.iter().filter(|field| has_dictionary(**field)) {
            let number: Option<usize> = row.get(*field as usize).doing(DOING)?;
            let Some(number) = number else { continue };
            let numbers = &mut self.0[*field as usize];
            if numbers.len() <= number {
                numbers.resize(number + 1, false);
            }
            numbers[number] = true;
        }
        Ok(())
    }

    fn has(&self, field: Field, number: usize) -> bool {
        self.0.get(field as usize).and_then(|numbers| numbers.get(number)).is_some_and(|used| *used)
    }
}

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let sql = "SELECT field, id, text, (SELECT count(*) FROM term AS other
        WHERE other.field = term.field AND other.text = term.text) FROM term ORDER BY field, id";
    let mut statement = subject.connection.prepare(sql).doing(DOING)?;
    let mut rows = statement.query([]).doing(DOING)?;
    let mut done = 0;
    while let Some(row) = rows.next().doing(DOING)? {
        let (field, number): (usize, usize) = (row.get(0).doing(DOING)?, row.get(1).doing(DOING)?);
        let field = Field::ALL.get(field).copied().filter(|field| has_dictionary(*field));
        let field = field.ok_or_else(|| wrong("term.field", None, "it names no field that has texts here"))?;
        let text: String = row.get(2).doing(DOING)?;
        if row.get::<_, u64>(3).doing(DOING)? > 1 {
            return Err(wrong("term.text", None, format!("number {number} of {} has another's text", field.name())));
        }
        // The cleanup removes entries first and their texts afterwards; an empty text keeps a number from being given
        // twice.
        if subject.places.start == 0 && !text.is_empty() && !subject.used.borrow().has(field, number) {
            return Err(wrong("term", None, format!("no entry has number {number} of {}", field.name())));
        }
        done += 1;
        subject.told(done, 0);
    }
    Ok(done)
}

fn has_dictionary(field: Field) -> bool {
    field.kind() == FieldType::Text && field.repeats()
}
