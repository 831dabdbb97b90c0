//! The formats of an export: their names and their encoders.

use std::io;

use mcp_audit_log_model::format::second;
use mcp_audit_log_model::time::Timestamp;

use super::column::Columns;
use super::encoder::{Csv, Encoder, JsonLines};
use super::parquet::Parquet;

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

    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Csv => "CSV, for spreadsheets",
            Self::JsonLines => "JSON Lines",
            Self::Parquet => "Parquet, for analysis",
        }
    }

    /// A description of this format in one sentence.
    pub fn description(self) -> &'static str {
        match self {
            Self::Csv => "RFC 4180 in UTF-8, with a header line.",
            Self::JsonLines => "One JSON object per line, as in the list of entries.",
            Self::Parquet => "Apache Parquet, compressed with zstd.",
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

    /// The name of a file that was begun at this time: without a colon, which some file systems refuse.
    pub fn file_name(self, begun: Timestamp) -> String {
        let moment: String = second(begun).chars().filter(|char| !matches!(char, ':' | 'Z')).collect();
        format!("mcp-audit-log-{moment}Z.{}", self.name())
    }

    /// An encoder for this format, with these columns.
    ///
    /// # Errors
    /// The file cannot be begun.
    pub(super) fn encoder(self, columns: &Columns) -> io::Result<Box<dyn Encoder>> {
        Ok(match self {
            Self::Csv => Box::new(Csv::new(columns)?),
            Self::JsonLines => Box::new(JsonLines::new(columns)),
            Self::Parquet => Box::new(Parquet::new(columns)?),
        })
    }
}
