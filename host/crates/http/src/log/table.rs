//! The list as a table: its chosen columns, and the cells of an entry.

use mcp_audit_log_index::GroupBy;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::format;
use mcp_audit_log_model::value::Value;

use crate::query::columns::{Column, USUAL};
use crate::session::page_clock::PageClock;
use crate::ui::row::Row;
use crate::ui::text::Shown;

/// A table with more columns than these is wider, and with many more much wider.
const WIDE: usize = 9;
const WIDER: usize = 14;
/// A longer text is shown only on the entry's page. In characters.
const LONGEST: usize = 200;

/// The table.
pub(crate) struct Table {
    pub(crate) width: &'static str,
    pub(crate) heads: Vec<Head>,
    pub(crate) rows: Vec<Line>,
}

/// The head of a column.
pub(crate) struct Head {
    pub(crate) class: &'static str,
    pub(crate) label: &'static str,
    /// The field whose values can be searched for, and whether entries can be grouped by it.
    pub(crate) field: Option<&'static str>,
    pub(crate) groups: bool,
    /// Whether its values are numbers.
    pub(crate) numbers: bool,
}

/// An entry.
pub(crate) struct Line {
    pub(crate) row: Row,
    /// The text of the link.
    pub(crate) time: String,
    pub(crate) cells: Vec<Cell>,
}

/// A cell of a row, besides its time.
pub(crate) enum Cell {
    /// The outcome with its detail.
    Outcome,
    /// A text with this class, if there is one.
    Text(&'static str, Option<Shown>),
    /// A text with this class, and the field that it is from unless that is its column's.
    From(&'static str, &'static str, Option<Shown>),
    /// A field that is not a default column. It shows its name where columns have no headings.
    Other(&'static str, &'static str, Option<Shown>),
}

impl Table {
    /// The table of these entries, by the viewer's clock.
    pub(crate) fn new(columns: &[Column], entries: &[Entry], clock: PageClock) -> Self {
        Self {
            width: match columns.len() {
                0..WIDE => "",
                WIDE..WIDER => " wide",
                _ => " wider",
            },
            heads: columns.iter().map(|column| Head::new(*column)).collect(),
            rows: entries.iter().map(|entry| Line::new(columns, entry, clock)).collect(),
        }
    }
}

impl Head {
    fn new(column: Column) -> Self {
        let field = match column {
            Column::Field(field) => Some(field),
            // Its cells name another field themselves.
            Column::Target => Some(Field::Tool),
            Column::Time => None,
        };
        Self {
            class: class(column),
            label: title(column),
            field: field.filter(|field| field.has_parameter()).map(Field::name),
            groups: field.is_some_and(|field| GroupBy::parse(field.name()).is_some()),
            numbers: field.is_some_and(|field| field.kind() == FieldType::Integer),
        }
    }
}

impl Line {
    fn new(columns: &[Column], entry: &Entry, clock: PageClock) -> Self {
        let row = Row::new(entry, clock);
        let is_exact = columns.first() == Some(&Column::Field(Field::OccurredAt));
        let time = if is_exact { row.exact.clone() } else { row.ago.clone() };
        Self { cells: columns.iter().skip(1).map(|column| Cell::new(*column, entry, &row, clock)).collect(), row, time }
    }
}

impl Cell {
    fn new(column: Column, entry: &Entry, row: &Row, clock: PageClock) -> Self {
        match column {
            Column::Field(Field::Outcome) => Self::Outcome,
            // Without a method the action stands in its place.
            Column::Field(Field::Method) => {
                let own = if entry.text(Field::Method).is_none() { Field::Action.name() } else { "" };
                Self::From(class(column), own, Some(row.method.clone()))
            }
            Column::Target => {
                let other = row.target_field.filter(|field| *field != Field::Tool);
                Self::From(class(column), other.map_or("", Field::name), row.target.clone())
            }
            Column::Field(Field::DurationUs) => Self::Text(class(column), row.duration.as_deref().map(Shown::line)),
            Column::Field(field) if USUAL.contains(&column) => Self::Text(class(column), text(entry, field, clock)),
            Column::Field(field) => Self::Other(class(column), field.label(), text(entry, field, clock)),
            Column::Time => Self::Text(class(column), None),
        }
    }
}

fn text(entry: &Entry, field: Field, clock: PageClock) -> Option<Shown> {
    match entry.value(field) {
        Value::Unset => None,
        _ if field == Field::RecordedAt => Some(Shown::line(&clock.exact(entry.recorded_at))),
        Value::Integer(number) => Some(Shown::line(&format::number(field.unit(), number))),
        value => Some(Shown::cut(&value.to_string(), LONGEST)),
    }
}

/// The classes of a column's cells.
fn class(column: Column) -> &'static str {
    match column {
        Column::Time => "time",
        Column::Field(Field::OccurredAt) => "time exact",
        Column::Field(Field::Outcome) => "result",
        Column::Field(Field::Method) => "method",
        Column::Target => "target",
        Column::Field(Field::Server) => "server",
        Column::Field(Field::User) => "user",
        Column::Field(Field::Connection) => "connection",
        Column::Field(Field::DurationUs) => "num duration",
        Column::Field(Field::RecordedAt) => "other exact",
        Column::Field(field) if field.kind() == FieldType::Integer => "num other",
        Column::Field(_) => "other",
    }
}

/// The head of a column.
pub(crate) fn title(column: Column) -> &'static str {
    match column {
        Column::Time => "Time",
        Column::Target => "Tool, resource or path",
        Column::Field(field) => field.label(),
    }
}
