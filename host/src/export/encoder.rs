//! The formats, and what each of them must be able to do.

use std::io;

use super::column::Columns;
use super::{csv, json_lines, parquet};
use crate::entry::Entry;
use crate::store::StoredPayload;
use crate::time::Timestamp;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Comma-separated values, for spreadsheets.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet, for analysis.
    Parquet,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Csv, Self::JsonLines, Self::Parquet];

    /// Its name, and the ending of its files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    /// The format of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::JsonLines => "application/x-ndjson",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// What a file that was begun at this moment is called: without a colon, which some file systems refuse.
    pub fn file_name(self, begun: Timestamp) -> String {
        let moment: String = begun.to_string().chars().take(19).filter(|char| *char != ':').collect();
        format!("mcp-audit-log-{moment}Z.{}", self.name())
    }

    pub(super) fn encoder(self, columns: &Columns) -> io::Result<Box<dyn Encoder>> {
        Ok(match self {
            Self::Csv => Box::new(csv::Csv::new(columns)?),
            Self::JsonLines => Box::new(json_lines::JsonLines::new(columns)),
            Self::Parquet => Box::new(parquet::Parquet::new(columns)?),
        })
    }
}

/// Makes bytes of entries.
pub(super) trait Encoder: Send {
    /// Adds an entry.
    fn entry(&mut self, entry: &Entry, payload: Option<&StoredPayload>) -> io::Result<()>;

    /// How many bytes are ready to be taken, about.
    fn pending(&self) -> usize;

    /// Takes what is ready.
    fn take(&mut self) -> io::Result<Vec<u8>>;

    /// Takes the rest; nothing is added afterwards.
    fn finish(&mut self) -> io::Result<Vec<u8>>;
}
