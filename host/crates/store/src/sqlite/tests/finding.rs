//! Searches find exactly the entries that match the domain, in large blocks, small blocks and the open one.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::{Log, at, batch, log};
use crate::sqlite::tests::{LARGE, SMALL};
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_filter::{Context, Domain, parse_json};
use mcp_audit_log_index::{GroupBy, GroupQuery, GroupSort, Groups, Page, PageAnchor, PageQuery, StoreReader, Writer};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Kind, Outcome};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;

/// Two large blocks, some small ones, and an open one.
pub(super) const ENTRIES: u64 = 2 * LARGE + 3 * SMALL + 17;
/// The number of pruned entries: the log begins within the first large block.
const PRUNED: u64 = 100;

/// An entry whose values make some combinations frequent and others rare.
pub(super) fn varied(number: u64) -> Entry {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
    let mut entry = Entry::new(id(number), moment(number), at(number as i64));
    let text = |at: u64| [None, Some("a"), Some("b"), Some("AB"), Some("ab%")][(at % 5) as usize];
    for field in [Field::Channel, Field::Kind, Field::Action, Field::OutcomeDetail] {
        entry.set_text(field, Some(field.name()));
    }
    if number.is_multiple_of(6) {
        entry.set_text(Field::Kind, Some(Kind::Stream.as_str()));
    }
    entry.set_text(Field::Tool, text(mixed));
    entry.set_text(Field::User, text(mixed / 5));
    entry.set_text(Field::RequestId, text(mixed / 25));
    entry.set_text(Field::Server, (number % 700 == 3).then_some("B"));
    entry.set_text(Field::Session, (!number.is_multiple_of(7)).then(|| format!("s{}", number / 40)).as_deref());
    let outcome = Outcome::ALL[(mixed / 125 % 4) as usize];
    entry.set_text(Field::Outcome, Some(outcome.as_str()));
    entry.status_code = [None, Some(200), Some(201)][(mixed % 3) as usize];
    entry.duration_us = (!mixed.is_multiple_of(11)).then_some(mixed % 50_000);
    entry.parent = number.is_multiple_of(9).then(|| Uuid::from_u128(u128::from(number / 100)));
    entry
}

/// Ids of version 7 that mostly ascend, and among them some of version 4, and some that name a time far away.
pub(super) fn id(number: u64) -> Uuid {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (time, version) = match number % 10 {
        0 => (mixed >> 16, 4),
        5 => (mixed >> 16, 7),
        _ => (number + mixed % 50, 7),
    };
    Uuid::from_u128(u128::from(time) << 80 | version << 76 | 8 << 60 | u128::from(number))
}

/// Times that mostly ascend, but not always.
fn moment(number: u64) -> Timestamp {
    at(number as i64 * 200 + (number % 13) as i64 * 30)
}

fn whole() -> Log {
    let mut log = log((0..ENTRIES / 2).map(varied));
    log.writer.commit(&batch((ENTRIES / 2..ENTRIES).map(varied))).expect("stored");
    let plan = Plan { entries_before: Some(at(PRUNED as i64)), ..Plan::default() };
    while log.writer.prune(mcp_audit_log_index::Removal::everywhere(plan)).expect("pruned").more {}
    log
}

thread_local! {
    pub(super) static LOG: (Log, Vec<Entry>) = {
        let log = whole();
        let entries = everything(&log.files, &Domain::TRUE);
        (log, entries)
    };
}

fn page(files: &StoreReader, domain: &Domain, from: PageAnchor, limit: usize) -> Page {
    files.page(&PageQuery { domain: domain.clone(), from, limit }).expect("a page")
}

/// All matching entries, newest first, page by page.
pub(super) fn everything(files: &StoreReader, domain: &Domain) -> Vec<Entry> {
    let (mut entries, mut from) = (Vec::new(), PageAnchor::Newest);
    loop {
        let page = page(files, domain, from, 500);
        entries.extend(page.entries);
        match page.next {
            Some(next) => from = PageAnchor::Before(next),
            None => return entries,
        }
    }
}

/// Terms over a few fields and few values, so that they often match.
fn term() -> impl Strategy<Value = String> {
    let text = prop_oneof![Just("tool"), Just("user"), Just("request_id"), Just("server"), Just("session")];
    let value = prop_oneof![
        Just("null"),
        Just(r#""a""#),
        Just(r#""B""#),
        Just(r#""ab%""#),
        Just(r#""_""#),
        Just(r#""""#),
        Just(r#""s7""#)
    ];
    let comparison = prop_oneof![
        Just("="),
        Just("!="),
        Just("like"),
        Just("not like"),
        Just("ilike"),
        Just("not ilike"),
        Just("=like"),
        Just("not =ilike"),
        Just("in"),
        Just("not in"),
        Just("=?"),
        Just("<"),
        Just(">="),
        Just(">"),
        Just("<=")
    ];
    let order = || prop_oneof![Just("="), Just("!="), Just("<"), Just("<="), Just(">"), Just(">="), Just("not in")];
    let of_text = (text, comparison, value)
        .prop_map(|(field, comparison, value)| format!(r#"["{field}","{comparison}",{value}]"#));
    let of_status =
        (order(), 199_u16..203).prop_map(|(comparison, value)| format!(r#"["status_code","{comparison}",{value}]"#));
    let number = prop_oneof![Just("duration_us"), Just("seq")];
    let of_number = (number, order(), -3..60_000_i64)
        .prop_map(|(field, comparison, value)| format!(r#"["{field}","{comparison}",{value}]"#));
    let time = prop_oneof![Just("at"), Just("recorded_at")];
    let of_time = (time, order(), 0..ENTRIES * 230)
        .prop_map(|(field, comparison, second)| format!(r#"["{field}","{comparison}","{}"]"#, at(second as i64)));
    let id = prop_oneof![Just("id"), Just("parent")];
    let of_id = (id, order(), 0..ENTRIES).prop_map(|(field, comparison, number)| {
        let id = if field == "id" { varied(number).id } else { Uuid::from_u128(u128::from(number / 100)) };
        format!(r#"["{field}","{comparison}","{id}"]"#)
    });
    prop_oneof![6 => of_text, 2 => of_status, 2 => of_number, 2 => of_time, 1 => of_id]
}

pub(super) fn domain() -> impl Strategy<Value = Domain> {
    let operators = prop::collection::vec(prop_oneof![Just("\"&\""), Just("\"|\""), Just("\"!\"")], 0..4);
    let text = (operators, prop::collection::vec(term(), 0..6)).prop_map(|(operators, terms)| {
        let parts: Vec<_> = operators.into_iter().map(str::to_owned).chain(terms).collect();
        format!("[{}]", parts.join(","))
    });
    text.prop_filter_map("no domain", |text| parse_json(&text, &Context::without_viewer(at(0))).ok())
}

fn grouping() -> impl Strategy<Value = Vec<GroupBy>> {
    let fields =
        [Field::Tool, Field::User, Field::Server, Field::Session, Field::StatusCode, Field::Agent, Field::Kind];
    let by = prop_oneof![
        1 => Just(GroupBy::Day),
        4 => prop::sample::select(fields.to_vec()).prop_map(GroupBy::Field),
    ];
    prop::collection::vec(by, 1..=2)
}

/// Zones whose days begin with an hour of UTC, with half an hour, and with none of both.
pub(super) fn zone() -> impl Strategy<Value = TimeZone> {
    let names = ["UTC", "Europe/Vienna", "America/New_York", "Asia/Kolkata", "Africa/Monrovia"];
    prop::sample::select(names.map(|name| TimeZone::parse(name).expect("a zone")).to_vec())
}

/// A group computed in the simplest way: count, errors, sum of durations, number of durations.
type Naive = BTreeMap<Vec<Value>, (u64, u64, Vec<u64>)>;

fn naive<'a>(entries: impl Iterator<Item = &'a Entry>, by: &[GroupBy], zone: TimeZone) -> Naive {
    let mut groups = Naive::new();
    for entry in entries {
        let key = by.iter().map(|by| match by {
            GroupBy::Day => zone.format(entry.occurred_at, "%Y-%m-%d").into(),
            GroupBy::Field(field) => entry.value(*field),
        });
        let group = groups.entry(key.collect()).or_default();
        group.0 += 1;
        group.1 += u64::from(Outcome::FAILED.contains(&entry.outcome()));
        let is_timed =
            entry.text(Field::Kind) != Some(Kind::Stream.as_str()) || by.contains(&GroupBy::Field(Field::Kind));
        group.2.extend(entry.duration_us.filter(|_| is_timed));
    }
    groups
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// For any filter, the store finds exactly the entries that evaluation in memory finds, in both directions.
    #[test]
    fn queries_mean_what_domains_mean(domain in domain(), start in 0..ENTRIES, limit in 1..40_usize) {
        LOG.with(|(log, entries)| {
            let seqs = |entries: &[Entry]| entries.iter().map(|entry| entry.seq).collect::<Vec<_>>();
            let expected: Vec<_> = entries.iter().filter(|entry| domain.matches(entry)).map(|entry| entry.seq).collect();
            prop_assert_eq!(seqs(&everything(&log.files, &domain)), expected.clone());

            let older = page(&log.files, &domain, PageAnchor::Before(start), limit);
            let below: Vec<_> = expected.iter().copied().filter(|seq| *seq < start).collect();
            prop_assert_eq!(seqs(&older.entries), &below[..limit.min(below.len())]);
            prop_assert_eq!(older.next.is_some(), below.len() > limit);

            let newer = page(&log.files, &domain, PageAnchor::After(start), limit);
            let above: Vec<_> = expected.iter().copied().filter(|seq| *seq > start).collect();
            prop_assert_eq!(seqs(&newer.entries), &above[above.len().saturating_sub(limit)..]);
            prop_assert_eq!(newer.previous.is_some(), above.len() > limit);
            Ok(())
        })?;
    }

    /// Groups equal a simple count; only the quantile may be a sixteenth above.
    #[test]
    fn groups_are_what_one_would_count(domain in domain(), by in grouping(), zone in zone()) {
        LOG.with(|(log, entries)| {
            let query = GroupQuery { domain: domain.clone(), by: by.clone(), zone, sort: GroupSort::Key, limit: usize::MAX };
            let Groups { groups, found, entries: counted } = log.files.groups(&query).expect("groups");
            let expected = naive(entries.iter().filter(|entry| domain.matches(entry)), &by, zone);
            prop_assert_eq!((groups.len(), found), (expected.len(), expected.len()));
            prop_assert_eq!(counted, expected.values().map(|group| group.0).sum::<u64>());
            for (group, (keys, (count, errors, mut durations))) in groups.into_iter().zip(expected) {
                durations.sort_unstable();
                let average = durations.iter().sum::<u64>().checked_div(durations.len() as u64);
                prop_assert_eq!((&group.keys, group.count, group.errors), (&keys, count, errors));
                prop_assert_eq!(group.average_us, average);
                let exact = durations.get((durations.len() * 95).div_ceil(100).saturating_sub(1)).copied();
                prop_assert_eq!(group.p95_us.is_some(), exact.is_some());
                let (found, exact) = (group.p95_us.unwrap_or(0), exact.unwrap_or(0));
                prop_assert!(found >= exact && (found - exact) * 16 <= exact, "{} is not {}", found, exact);
                prop_assert!(group.p95_us <= durations.last().copied(), "nothing took {}", found);
            }
            Ok(())
        })?;
    }

    /// Menus offer the values that the viewer may see, and no others.
    #[test]
    fn values_are_those_of_visible_entries(rule in domain(), limit in 1..30_usize) {
        LOG.with(|(log, entries)| {
            for field in [Field::Tool, Field::Server, Field::Session, Field::Agent] {
                let visible = entries.iter().filter(|entry| rule.matches(entry));
                let expected: BTreeSet<_> = visible.map(|entry| entry.value(field)).filter(|value| *value != Value::Unset).collect();
                let found = log.files.values(&rule, field, limit).expect("values");
                prop_assert_eq!(found.more, expected.len() > limit);
                prop_assert_eq!(found.values.len(), limit.min(expected.len()));
                prop_assert!(found.values.iter().all(|value| expected.contains(value)));
            }
            Ok(())
        })?;
    }
}

#[test]
fn groups_come_in_the_order_asked_for() {
    LOG.with(|(log, _)| {
        let sorted = |sort: GroupSort| {
            let query = GroupQuery {
                domain: Domain::TRUE,
                by: vec![GroupBy::Field(Field::Tool)],
                zone: TimeZone::UTC,
                sort,
                limit: 3,
            };
            log.files.groups(&query).expect("groups")
        };
        assert!(sorted(GroupSort::Count).groups.is_sorted_by(|left, right| left.count >= right.count));
        assert!(sorted(GroupSort::Errors).groups.is_sorted_by(|left, right| left.errors >= right.errors));
        assert!(sorted(GroupSort::Average).groups.is_sorted_by(|left, right| left.average_us >= right.average_us));
        assert!(sorted(GroupSort::P95).groups.is_sorted_by(|left, right| left.p95_us >= right.p95_us));
        assert_eq!((sorted(GroupSort::Count).groups.len(), sorted(GroupSort::Count).found), (3, 5));
    });
}

/// No common query reads every entry. A pattern may read the texts of its own field.
#[test]
fn no_statement_scans_the_log() {
    LOG.with(|(log, _)| {
        let parent = format!(r#"["parent","=","{}"]"#, Uuid::from_u128(1));
        let id = format!(r#"["id","=","{}"]"#, varied(500).id);
        let terms = [
            r#"["tool","=","a"]"#,
            r#"["tool","!=","a"]"#,
            r#"["user","ilike","a"]"#,
            r#"["status_code",">=",201]"#,
            r#"["duration_us",">",5000]"#,
            r#"["at",">=","-1d"]"#,
            r#"["recorded_at","<","2026-01-01"]"#,
            r#"["request_id","=","a"]"#,
            &parent,
            &id,
            r#"["session","in",["s1","s2"]]"#,
        ];
        let statements = traced(|| {
            for left in terms {
                for right in terms {
                    let domain =
                        parse_json(&format!("[{left},{right}]"), &Context::without_viewer(at(0))).expect("a domain");
                    page(&log.files, &domain, PageAnchor::Newest, 100);
                    page(&log.files, &domain, PageAnchor::After(900), 100);
                }
                let domain = parse_json(&format!("[{left}]"), &Context::without_viewer(at(0))).expect("a domain");
                let query = GroupQuery {
                    domain: domain.clone(),
                    by: vec![GroupBy::Field(Field::User), GroupBy::Day],
                    zone: TimeZone::UTC,
                    sort: GroupSort::P95,
                    limit: 10,
                };
                log.files.groups(&query).expect("groups");
                log.files.values(&domain, Field::Tool, 10).expect("values");
            }
        });
        assert!(statements.len() >= 10, "{statements:?}");
        let path = log.folder.path().join("mcp-audit-log.db");
        let connection = crate::sqlite::connection::reader(&path).expect("a reader");
        for sql in statements {
            let plan = plan(&connection, &sql);
            let scans: Vec<_> = plan.iter().filter(|step| step.starts_with("SCAN")).collect();
            // There is one head, and one row for each block.
            assert!(
                scans.iter().all(|scan| ["SCAN head", "SCAN block", "SCAN CONSTANT ROW"].contains(&scan.as_str())),
                "{sql}: {plan:?}"
            );
        }
    });
}

fn plan(connection: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
    let rows = statement.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>();
    rows.expect("a plan")
}

/// The statements that readers ran on this thread during `work`.
fn traced(work: impl FnOnce()) -> BTreeSet<String> {
    super::TRACED.take();
    work();
    super::TRACED.take()
}
