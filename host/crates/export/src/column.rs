//! The columns of an export, and their values before a format encodes them.

use std::borrow::Cow;

use mcp_audit_log_index::StoredPayload;
use mcp_audit_log_ledger::Hash;
use mcp_audit_log_model::entry::{Details, Entry};
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::format::prefix;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// A column: a part of an entry that has a name in every format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Column {
    /// A field.
    Field(Field),
    /// Whether a payload is kept.
    HasPayload,
    /// The details, which have no field of their own.
    Details,
    /// The salted commitment to the payload, in hexadecimal digits; only segments have it.
    PayloadCommitment,
    /// The request's body.
    Request,
    /// The answer's body.
    Response,
    /// The lengths of the bodies, and whether they were masked or cut.
    PayloadNotes,
}

/// Columns with content, which need the right to export payloads.
const CONTENT: [Column; 3] = [Column::Request, Column::Response, Column::PayloadNotes];

impl Column {
    /// Every column. Those with content come last.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::metadata().chain(CONTENT)
    }

    fn metadata() -> impl Iterator<Item = Self> {
        Field::ALL.iter().copied().map(Self::Field).chain([Self::HasPayload, Self::Details])
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Field(field) => field.name(),
            Self::HasPayload => "has_payload",
            Self::Details => "details",
            Self::PayloadCommitment => "payload_commitment",
            Self::Request => "request",
            Self::Response => "response",
            Self::PayloadNotes => "payload_notes",
        }
    }

    /// Whether it holds a part of a payload.
    pub(crate) fn is_content(self) -> bool {
        CONTENT.contains(&self)
    }
}

/// Columns in their order in the file, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

/// The reason why a list of columns is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnsError {
    /// There is no column of this name.
    #[error("unknown column {name:?}; use one of: {}", names(Column::all()))]
    Unknown {
        /// The unknown name.
        name: String,
    },
    /// A column is named twice.
    #[error("the column {0} is given twice; give it once")]
    Twice(&'static str),
}

impl Columns {
    /// The columns named in `text`, separated by commas; without names all except the content. With `payloads`, all
    /// content columns are appended.
    ///
    /// # Errors
    /// A name is not a column, or occurs twice.
    pub fn parse(text: &str, payloads: bool) -> Result<Self, ColumnsError> {
        let mut columns = Vec::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let column = Column::all().find(|column| column.name() == name);
            let column = column.ok_or_else(|| ColumnsError::Unknown { name: prefix(name, 60).to_owned() })?;
            if columns.contains(&column) {
                return Err(ColumnsError::Twice(column.name()));
            }
            columns.push(column);
        }
        if columns.is_empty() {
            columns.extend(Column::metadata());
        }
        let content = CONTENT.into_iter().filter(|_| payloads).filter(|column| !columns.contains(column));
        columns.extend(content.collect::<Vec<_>>());
        Ok(Self(columns))
    }

    /// Everything that the leaf of an entry commits to.
    pub(super) fn committed() -> Self {
        let fields = Field::ALL.iter().copied().map(Column::Field);
        Self(fields.chain([Column::PayloadCommitment, Column::Details]).collect())
    }

    /// The columns.
    pub fn iter(&self) -> impl Iterator<Item = Column> {
        self.0.iter().copied()
    }

    /// Whether one of the columns holds a part of a payload.
    pub fn have_content(&self) -> bool {
        self.iter().any(Column::is_content)
    }
}

fn names(columns: impl Iterator<Item = Column>) -> String {
    columns.map(Column::name).collect::<Vec<_>>().join(", ")
}

/// The content of a cell.
pub(super) enum Cell<'a> {
    Unset,
    Boolean(bool),
    Integer(i64),
    Time(Timestamp),
    Text(Cow<'a, str>),
}

/// An entry, and the kept parts of its payload if they are exported.
pub(super) struct Row<'a> {
    pub(super) entry: &'a Entry,
    pub(super) payload: Option<&'a StoredPayload>,
}

impl<'a> Row<'a> {
    /// The value under `column`.
    pub(super) fn cell(&self, column: Column) -> Cell<'a> {
        let body = |body: fn(&StoredPayload) -> &Option<String>| {
            let text = self.payload.and_then(|payload| body(payload).as_deref());
            text.map_or(Cell::Unset, |text| Cell::Text(text.into()))
        };
        match column {
            Column::Field(field) => self.field(field),
            Column::HasPayload => Cell::Boolean(self.entry.has_payload),
            Column::Details => json(&self.entry.details),
            Column::PayloadCommitment => {
                let commitment = self.entry.payload_commitment.as_ref();
                commitment.map_or(Cell::Unset, |hash| Cell::Text(Hash(*hash).to_string().into()))
            }
            Column::Request => body(|payload| &payload.request),
            Column::Response => body(|payload| &payload.response),
            Column::PayloadNotes => self.payload.map_or(Cell::Unset, |payload| json(&payload.notes)),
        }
    }

    fn field(&self, field: Field) -> Cell<'a> {
        match (field.kind(), self.entry.text(field)) {
            (FieldType::Text, text) => text.map_or(Cell::Unset, |text| Cell::Text(text.into())),
            (FieldType::Time, _) if field == Field::RecordedAt => Cell::Time(self.entry.recorded_at),
            (FieldType::Time, _) => Cell::Time(self.entry.occurred_at),
            (FieldType::Integer | FieldType::Id, _) => match self.entry.value(field) {
                Value::Integer(number) => Cell::Integer(number),
                Value::Text(text) => Cell::Text(text.into()),
                Value::Boolean(_) | Value::Unset => Cell::Unset,
            },
        }
    }
}

/// An object as text; nothing if it is empty.
fn json<'a>(object: &Details) -> Cell<'a> {
    match serde_json::to_string(object) {
        Ok(text) if !object.is_empty() => Cell::Text(text.into()),
        _ => Cell::Unset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str, payloads: bool) -> Vec<&'static str> {
        Columns::parse(text, payloads).expect("columns").iter().map(Column::name).collect()
    }

    #[test]
    fn columns_keep_their_order_and_content_must_be_named() {
        assert_eq!(named("user, seq,", false), ["user", "seq"]);
        assert_eq!(named("response", false), ["response"]);
        assert_eq!(named("user,response", true), ["user", "response", "request", "payload_notes"]);
        let all = named("", false);
        assert_eq!((all.len(), all.last()), (Field::COUNT + 2, Some(&"details")));
        assert!(!Columns::parse("", false).expect("columns").have_content());
        assert!(Columns::parse("", true).expect("columns").have_content());
        for column in Column::all() {
            let content = ["request", "response", "payload_notes"].contains(&column.name());
            assert_eq!(column.is_content(), content, "{}", column.name());
        }
    }

    #[test]
    fn an_unknown_column_is_refused() {
        assert_eq!(Columns::parse("user,user", false), Err(ColumnsError::Twice("user")));
        let error = Columns::parse("User", false).expect_err("no such column").to_string();
        assert!(error.starts_with("unknown column \"User\"; use one of: seq, id"), "{error}");
    }
}
