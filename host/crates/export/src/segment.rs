//! Segments of a log as Parquet files: all entries in a range of `seq`, with everything that their leaves commit to and
//! nothing else. So a reader can compute the leaves from the rows, and every value it sees is proved.

use std::io;

use mcp_audit_log_model::entry::Entry;

use super::column::Columns;
use super::encoder::Encoder;
use super::parquet::Parquet;

pub use super::parquet::{SegmentError, read_segment};

/// Writes a segment into memory. The same entries give the same bytes in the same version of the product.
pub struct SegmentWriter(Parquet);

impl SegmentWriter {
    /// A segment without entries.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn new() -> io::Result<Self> {
        Parquet::new(&Columns::committed()).map(Self)
    }

    /// Adds the next entry.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn add(&mut self, entry: &Entry) -> io::Result<()> {
        self.0.entry(entry, None)
    }

    /// The file.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_ledger::Content;
    use mcp_audit_log_model::event::new_id;
    use mcp_audit_log_model::field::{Field, FieldType};
    use mcp_audit_log_model::time::Timestamp;

    fn entry(seq: u64) -> Entry {
        let at = Timestamp::from_micros(1_700_000_000_000_000 + seq.cast_signed());
        let mut entry = Entry::new(new_id(at), at, at.plus(7));
        entry.seq = seq;
        for field in Field::ALL.iter().filter(|field| field.kind() == FieldType::Text) {
            let text = format!("{} ä\u{0}{}", field.name(), seq % 5);
            entry
                .set_text(*field, Some(text.as_str()).filter(|_| !(field.name().len() as u64 + seq).is_multiple_of(3)));
        }
        for field in Field::ALL {
            if let Some(count) = entry.count_mut(*field).filter(|_| seq.is_multiple_of(2)) {
                *count = Some(seq);
            }
        }
        if seq.is_multiple_of(3) {
            entry.parent = Some(new_id(at));
            entry.status_code = Some(404);
            entry.payload_commitment = Some([seq as u8; 32]);
            entry.details.insert("b".to_owned(), seq.into());
            entry.details.insert("a".to_owned(), serde_json::json!([1.5, null, {"ü": "\u{7f}"}]));
        }
        entry
    }

    fn written(entries: &[Entry]) -> Vec<u8> {
        let mut writer = SegmentWriter::new().expect("a writer");
        entries.iter().for_each(|entry| writer.add(entry).expect("added"));
        writer.finish().expect("a file")
    }

    #[test]
    fn what_is_read_has_the_content_that_was_written() {
        let entries: Vec<_> = (100..1_100).map(entry).collect();
        let file = written(&entries);
        assert_eq!(file, written(&entries), "the same bytes again");
        let mut read = Vec::new();
        read_segment(file, 1_000, |entry| read.push(entry)).expect("read");
        assert_eq!(read, entries);
        assert!(read.iter().zip(&entries).all(|(read, entry)| Content::of(read) == Content::of(entry)));
    }

    #[test]
    fn what_is_no_segment_is_refused_and_never_a_panic() {
        let entries: Vec<_> = (0..50).map(entry).collect();
        let file = written(&entries);
        assert!(matches!(read_segment(file.clone(), 49, drop), Err(SegmentError::Rows { rows: 50, expected: 49 })));
        for end in 0..file.len() {
            assert!(read_segment(file[..end].to_vec(), 50, drop).is_err(), "cut at {end}");
        }
        for at in (0..file.len()).step_by(3) {
            let mut changed = file.clone();
            changed[at] ^= 0x55;
            let mut read = Vec::new();
            // Some bytes mean nothing, such as statistics.
            let _ = read_segment(changed, 50, |entry| read.push(entry));
        }
        let mut others = Parquet::new(&Columns::parse("seq,user", false).expect("columns")).expect("a writer");
        entries.iter().for_each(|entry| others.entry(entry, None).expect("added"));
        let others = others.finish().expect("a file");
        assert!(matches!(read_segment(others, 50, drop), Err(SegmentError::Columns)));
    }
}
