//! What searches make of a store: the same as one would find by hand, over blocks that are closed, merged and open, after
//! a cleanup as before.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::entries::read;
use super::{Opened, Subject, at};
use crate::{
    Batch, GroupBy, GroupQuery, GroupSort, PageAnchor, PageQuery, Prepared, Pruned, Removal, StoreReader, StoreWriter,
    Stored, UsageQuery, Writer,
};
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_filter::{Context, Domain, parse_json};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Kind, Outcome};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time_zone::TimeZone;

/// A log that is written and read as the server does it.
struct Log {
    writer: StoreWriter<Box<dyn crate::Store>>,
    reader: StoreReader,
    entries: Vec<Entry>,
}

/// Requests with values that come together now and then.
fn varied(number: u64) -> Entry {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
    let id = u128::from(mixed) << 64 | u128::from(number);
    let mut entry = Entry::new(Uuid::from_u128(id), at(number * 60 + mixed % 90), at(number * 60));
    for field in [Field::Channel, Field::Action, Field::OutcomeDetail] {
        entry.set_text(field, Some(field.name()));
    }
    entry.set_text(Field::Kind, Some(Kind::Request.as_str()));
    entry.set_text(Field::Outcome, Some(Outcome::ALL[(mixed % 4) as usize].as_str()));
    let text = |at: u64| [None, Some("a"), Some("b"), Some("AB"), Some("ab%")][(at % 5) as usize];
    entry.set_text(Field::Tool, text(mixed / 4));
    entry.set_text(Field::User, text(mixed / 20));
    entry.set_text(Field::RequestId, text(mixed / 100));
    entry.duration_us = (!mixed.is_multiple_of(11)).then_some(mixed % 50_000);
    entry.parent = number.is_multiple_of(9).then(|| Uuid::from_u128(u128::from(number / 100)));
    entry
}

/// Two large blocks of the shortest that a store may have, some small ones, and an open one.
fn log(subject: &dyn Subject) -> Log {
    let opened = subject.open();
    let block = read(&opened, |log| Ok(log.block_length()));
    let Opened { store, source } = opened;
    let (mut writer, reader) = (StoreWriter::new(store).expect("a writer"), StoreReader::new(source));
    let mut entries: Vec<_> = (0..2 * 16 * block + 3 * block + 17).map(varied).collect();
    for some in entries.chunks(500) {
        let prepared = some.iter().map(|entry| Prepared::new(entry.clone(), None)).collect();
        writer.commit(&Batch { entries: prepared, ..Batch::default() }).expect("stored");
    }
    entries.iter_mut().zip(0..).for_each(|(entry, seq)| entry.seq = seq);
    Log { writer, reader, entries }
}

impl Log {
    /// Runs the cleanup to its end; returns how many entries are gone.
    fn clean(&mut self, plan: Plan) -> u64 {
        let mut gone = 0;
        loop {
            let Pruned { entries, more, .. } = self.writer.prune(Removal::everywhere(plan)).expect("a step");
            gone += entries;
            if !more {
                return gone;
            }
        }
    }

    /// Everything that matches, page by page from the newest on, and as far as that fits into each.
    fn found(&self, domain: &Domain) -> Vec<u64> {
        let (mut found, mut from) = (Vec::new(), PageAnchor::Newest);
        loop {
            let query = PageQuery { domain: domain.clone(), from, limit: 97 };
            let page = self.reader.page(&query).expect("a page");
            found.extend(page.entries.iter().map(|entry| entry.seq));
            match page.next {
                Some(seq) => from = PageAnchor::Before(seq),
                None => return found,
            }
        }
    }

    /// Whether pages, groups and values are what one would find among the entries from `first` on.
    fn assert_found(&self, first: u64) {
        let left: Vec<_> = self.entries.iter().filter(|entry| entry.seq >= first).collect();
        for filter in [
            "[]",
            r#"[["tool","=","a"]]"#,
            r#"[["tool","!=","a"]]"#,
            r#"[["tool","ilike","B"],["user","=",false]]"#,
            r#"["|",["user","in",["b","zoe"]],["duration_us",">",49000]]"#,
            r#"["!",["request_id","=","AB"]]"#,
            r#"[["request_id","like","b"],["outcome","=","error"]]"#,
            r#"[["parent","=","00000000-0000-0000-0000-000000000003"]]"#,
            r#"[["user",">=","b"]]"#,
            r#"[["seq","<",1500],["seq",">=",900]]"#,
        ] {
            let domain = parse_json(filter, &Context::without_viewer(at(0))).expect(filter);
            let expected: Vec<_> =
                left.iter().rev().filter(|entry| domain.matches(entry)).map(|entry| entry.seq).collect();
            assert_eq!(self.found(&domain), expected, "{filter}");
            let by = vec![GroupBy::Field(Field::Tool)];
            let query =
                GroupQuery { domain: domain.clone(), by, zone: TimeZone::UTC, sort: GroupSort::Key, limit: 100 };
            let groups = self.reader.groups(&query).expect("groups");
            let count = |key: &Option<&str>| {
                let matching = left.iter().filter(|entry| domain.matches(entry) && entry.text(Field::Tool) == *key);
                matching.count() as u64
            };
            let tools = [None, Some("a"), Some("b"), Some("AB"), Some("ab%")];
            let mut counts: Vec<_> = tools.iter().map(count).filter(|count| *count > 0).collect();
            let mut found: Vec<_> = groups.groups.iter().map(|group| group.count).collect();
            counts.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, counts, "{filter}");
            let values = self.reader.values(&domain, Field::User, 10).expect("values").values;
            let users: BTreeSet<_> =
                left.iter().filter(|entry| domain.matches(entry)).filter_map(|entry| entry.text(Field::User)).collect();
            assert_eq!(values, users.into_iter().map(Into::into).collect::<Vec<_>>(), "{filter}");
        }
        let moment = self.entries[first as usize + 100].recorded_at;
        assert_eq!(self.reader.seq_at(moment).expect("a seq"), first + 100);
    }

    /// How many requests usage counts of all times.
    fn counted(&self) -> u64 {
        let query = UsageQuery { by: vec![Field::Tool.into()], ..UsageQuery::over(at(0)..at(1 << 30)) };
        let usage = self.reader.usage(&query).expect("usage");
        assert_eq!(
            usage.breakdowns[0].rows.iter().map(|row| row.stats.requests).sum::<u64>(),
            usage.totals.stats.requests
        );
        usage.totals.stats.requests
    }

    /// Whether the ledger proves every entry that is left, and that it grew.
    fn assert_proved(&self, first: u64) {
        let size = self.entries.len() as u64;
        for seq in [first, size / 2, size - 1] {
            assert!(self.reader.inclusion(seq, None).expect("a proof").is_some(), "{seq}");
        }
        self.reader.consistency(first, None).expect("a proof");
    }
}

pub(super) fn what_is_found_is_what_a_filter_means(subject: &dyn Subject) {
    let mut log = log(subject);
    log.assert_found(0);
    log.assert_proved(0);
    let again = log.entries[7].clone();
    let same = Batch { entries: vec![Prepared::new(again.clone(), None)], ..Batch::default() };
    assert_eq!(log.writer.commit(&same).expect("stored"), [Stored::Duplicate]);
    let one = log.reader.entry(again.id, &Domain::TRUE).expect("read").expect("an entry");
    assert_eq!(one, again);
    // A second writer of the same log begins where this one stands.
    drop(log.writer);
    let mut writer = StoreWriter::new(subject.open().store).expect("a writer");
    assert_eq!(writer.commit(&same).expect("stored"), [Stored::Duplicate]);
}

pub(super) fn what_is_left_is_found_as_before(subject: &dyn Subject) {
    let mut log = log(subject);
    let first = 700;
    let plan = Plan { entries_before: Some(log.entries[first as usize].recorded_at), ..Plan::default() };
    assert_eq!(log.clean(plan), first);
    log.assert_found(first);
    log.assert_proved(first);
}

pub(super) fn usage_outlives_entries(subject: &dyn Subject) {
    let mut log = log(subject);
    let is_counted = |entry: &&Entry| entry.outcome() != Outcome::Pending;
    let all = log.entries.iter().filter(is_counted).count() as u64;
    assert_eq!(log.counted(), all);
    let end = log.entries[1_100].recorded_at;
    log.clean(Plan { entries_before: Some(end), ..Plan::default() });
    assert_eq!(log.counted(), all);
    log.clean(Plan { entries_before: Some(end), usage_before: Some(end), ..Plan::default() });
    assert!(log.counted() < all);
}
