//! The columns of an export: which there are, and which of them hold content.

use crate::field::Field;

/// Something of an entry that has a name in every format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// A field.
    Field(Field),
    /// Whether a payload is kept.
    HasPayload,
    /// Everything that has no field.
    Details,
    /// The request's body.
    Request,
    /// The answer's body.
    Response,
    /// Their lengths and marks.
    PayloadNotes,
}

/// Columns with content, which need the right to export payloads.
const CONTENT: [Column; 3] = [Column::Request, Column::Response, Column::PayloadNotes];

impl Column {
    /// Every column, those with content last.
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
            Self::Request => "request",
            Self::Response => "response",
            Self::PayloadNotes => "payload_notes",
        }
    }

    /// Whether it holds a part of a payload.
    pub fn is_content(self) -> bool {
        CONTENT.contains(&self)
    }
}

/// Columns in the order in which they are wanted, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

/// Why columns cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnsError {
    /// There is no column of this name.
    #[error("unknown column {name:?}; use one of: {}", names(Column::all()))]
    Unknown {
        /// What was named instead.
        name: String,
    },
    /// One is named twice.
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
            let column = column.ok_or_else(|| ColumnsError::Unknown { name: name.chars().take(60).collect() })?;
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

    /// The columns.
    pub fn iter(&self) -> impl Iterator<Item = Column> {
        self.0.iter().copied()
    }

    /// Whether a part of a payload is among them.
    pub fn have_content(&self) -> bool {
        self.iter().any(Column::is_content)
    }
}

fn names(columns: impl Iterator<Item = Column>) -> String {
    columns.map(Column::name).collect::<Vec<_>>().join(", ")
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
