//! Each figure of usage equals a simple count, whether it comes from cells or from entries, and whether or not the
//! entries still exist.

use proptest::prelude::*;
use uuid::Uuid;

use super::finding::zone;
use super::usage_naive::{assert_exact, assert_no_guess, same, within};
use super::{Log, at, batch, log};
use crate::sqlite::tests::{LARGE, SMALL};
use mcp_audit_log_contract::plan::Plan;
use mcp_audit_log_filter::{Context, Domain, parse_json};
use mcp_audit_log_index::{MissingUsage, REQUESTS, USAGE_FIELDS, UsageBy, UsageQuery, UsageSort, UsageStep, Writer};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Kind, Outcome};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::{DAY, SECOND, Timestamp};

/// Two runs, and entries after them.
pub(super) const ENTRIES: u64 = 2 * LARGE + 3 * SMALL + 17;
/// The seconds between two entries: a run covers some two and a half days.
pub(super) const STEP: i64 = 211;

/// Some users with many requests, and as many others as there are shares of users.
const USERS: [&str; 24] = [
    "ada", "bob", "uma", "", "eve", "ada", "bob", "uma", "u01", "u02", "u03", "u04", "u05", "u06", "u07", "u08", "u09",
    "u10", "u11", "u12", "u13", "u14", "u15", "u16",
];

/// An entry, in most cases a request.
pub(super) fn request(number: u64) -> Entry {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let id = Uuid::from_u128(u128::from(mixed) << 64 | u128::from(number));
    let recorded_at = at(number as i64 * STEP);
    // Some come late by hours, and one in a hundred by days.
    let late =
        [0, 1, 40, 9_000, 40_000][(mixed / 3 % 5) as usize] + if mixed.is_multiple_of(101) { 200_000 } else { 0 };
    let mut entry = Entry::new(id, recorded_at.plus(-late * SECOND - (mixed % 1_000) as i64), recorded_at);
    for field in [Field::Channel, Field::Action, Field::OutcomeDetail] {
        entry.set_text(field, Some(field.name()));
    }
    let kind = [Kind::Request, Kind::Request, Kind::Request, Kind::Http, Kind::Notification][(mixed % 5) as usize];
    entry.set_text(Field::Kind, Some(kind.as_str()));
    let outcome = Outcome::ALL[(mixed / 125 % 4) as usize];
    entry.set_text(Field::Outcome, Some(outcome.as_str()));
    let text =
        |by: u64, texts: &[&'static str]| Some(texts[(mixed / by) as usize % texts.len()]).filter(|t| !t.is_empty());
    entry.set_text(Field::Instance, text(7, &["eu", "eu", "us", ""]));
    entry.set_text(Field::User, text(11, &USERS));
    entry.set_text(Field::Server, text(13, &["docs", "files"]));
    entry.set_text(Field::Tool, text(17, &["search", "read", "write", ""]));
    entry.set_text(Field::Connection, text(11, &["laptop", "phone", "laptop"]));
    entry.set_text(Field::LlmModel, text(19, &["", "", "small", "large"]));
    // The last run alone has this.
    entry.set_text(Field::Provider, (number > LARGE).then(|| text(19, &["", "", "one"])).flatten());
    entry.status_code = Some([200, 201, 500][(mixed % 3) as usize]);
    entry.duration_us = (!mixed.is_multiple_of(11)).then_some(mixed % 90_000);
    entry.seq = number;
    if entry.text(Field::LlmModel).is_some() {
        (entry.input_tokens, entry.output_tokens) =
            (Some(mixed % 3_000), mixed.is_multiple_of(2).then_some(mixed % 70));
        entry.cost_micros = Some(mixed % 777);
    }
    entry
}

/// A log, all entries that were ever recorded in it, and the `seq` below which entries and usage are removed.
struct Case {
    log: Log,
    entries: Vec<Entry>,
    pruned: u64,
    removed: Option<Timestamp>,
}

fn case(pruned: u64, usage_before: Option<Timestamp>) -> Case {
    let mut log = log((0..ENTRIES / 2).map(request));
    log.writer.commit(&batch((ENTRIES / 2..ENTRIES).map(request))).expect("stored");
    let plan = Plan { entries_before: Some(at(pruned as i64 * STEP)), payloads_before: None, usage_before };
    while log.writer.prune(mcp_audit_log_index::Removal::everywhere(plan)).expect("pruned").more {}
    let removed = usage_before.map(|_| at((LARGE as i64 - 1) * STEP));
    Case { log, entries: (0..ENTRIES).map(request).collect(), pruned, removed }
}

thread_local! {
    /// The whole log; cut within the first run, within the second, and after both; and without the first run.
    static CASES: [Case; 5] = [
        case(0, None),
        case(LARGE / 3, None),
        case(LARGE + LARGE / 2, None),
        case(2 * LARGE + SMALL + 5, None),
        case(LARGE + LARGE / 2, Some(at((LARGE as i64 + 20) * STEP))),
    ];
}

/// A query: a viewer's rule, a filter, a range, and the form of the answer. The second value is rule and filter without
/// the time.
fn query() -> impl Strategy<Value = (UsageQuery, Domain)> {
    let rule = prop::sample::select(vec![
        "[]",
        r#"[["instance","=","eu"]]"#,
        r#"[["instance","=",false]]"#,
        r#"[["instance","=","eu"],["user","=","ada"]]"#,
        r#"[["instance","=","eu"],["user","=","nobody"]]"#,
    ]);
    let filter = prop::sample::select(vec![
        "[]",
        "[]",
        r#"[["tool","=","search"]]"#,
        r#"[["tool","ilike","R"],["tool","!=","write"]]"#,
        r#"["|",["user","=","uma"],["user","=",false]]"#,
        r#"[["user","!=","bob"]]"#,
        r#"[["user","ilike","u0"]]"#,
        r#"[["provider","=","one"]]"#,
        r#"[["server","=","docs"],["tool","=","read"]]"#,
        r#"[["status_code",">=",500]]"#,
        r#"[["outcome","=","error"]]"#,
        r#"["|",["at","<","1970-01-02"],["tool","=","read"]]"#,
        r#"[["llm_model","!=",false]]"#,
    ]);
    let time = prop::sample::select(vec![
        "[]",
        "[]",
        r#"[["at",">=","1970-01-02T03:04:05Z"]]"#,
        r#"[["at","=","1970-01-03"]]"#,
    ]);
    let end = ENTRIES as i64 * STEP + 5_000;
    let moment = prop_oneof![-200_000..end, (-60..end / 3_600).prop_map(|hour| hour * 3_600), Just(end)];
    let pair = prop::sample::subsequence(USAGE_FIELDS.to_vec(), 2).prop_shuffle();
    let pair = pair.prop_map(|pair| UsageBy { field: pair[0], second: Some(pair[1]) });
    let by = (prop::sample::subsequence(USAGE_FIELDS.to_vec(), 0..3), prop::option::of(pair));
    let by = by.prop_map(|(fields, pair)| fields.into_iter().map(UsageBy::from).chain(pair).collect::<Vec<_>>());
    let sort = prop::sample::select(UsageSort::ALL.to_vec());
    let step = (prop::option::of(prop::sample::select(UsageStep::ALL.to_vec())), zone());
    (rule, (filter, time), moment.clone(), moment, by, sort, step, 1..8_usize).prop_map(
        |(rule, (filter, time), one, other, by, sort, (step, zone), limit)| {
            let read = |text| parse_json(text, &Context::without_viewer(at(0))).expect("a domain");
            let (from, to) = (at(one.min(other)), at(one.max(other)));
            let timeless = read(rule).and(read(filter));
            let domain = read(time).and(timeless.clone());
            (
                UsageQuery {
                    domain,
                    range: from..to,
                    step,
                    zone,
                    by,
                    sort,
                    limit,
                    previous: true,
                    durations: true,
                    recorded_before: None,
                },
                timeless,
            )
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn figures_are_what_one_would_count((query, timeless) in query(), case in 0..5_usize) {
        CASES.with(|cases| {
            let case = &cases[case];
            let usage = case.log.files.usage(&query).expect("usage");
            let kind = |entry: &&Entry| REQUESTS.iter().any(|kind| entry.text(Field::Kind) == Some(kind.as_str()));
            let over = |entry: &&Entry| entry.outcome() != Outcome::Pending;
            let all: Vec<_> = case.entries.iter().filter(kind).filter(over).collect();
            let matching: Vec<_> = all.iter().copied().filter(|entry| timeless.matches(entry)).collect();
            let gone = |from: Timestamp, to: Timestamp| {
                within(&all, from, to).iter().any(|entry| entry.seq < case.pruned)
            };
            prop_assert!(usage.covered.start <= usage.asked.start && usage.covered.end >= usage.asked.end);
            if usage.covered.start < usage.asked.start {
                prop_assert!(gone(usage.covered.start, usage.covered.start.plus(DAY)), "widened for nothing");
            }
            for lack in &usage.missing {
                match lack {
                    MissingUsage::Removed(until) => prop_assert!(case.removed.is_some_and(|at| *until >= at && until.plus(-DAY / 24) < at)),
                    MissingUsage::Entries => prop_assert!(case.pruned > 0),
                    MissingUsage::Damaged => prop_assert!(false, "nothing is damaged"),
                }
            }
            if usage.missing.is_empty() {
                assert_exact(&usage, &query, &matching)?;
                let before = usage.previous.as_ref().expect("asked for");
                same(&before.stats, &within(&matching, before.from, before.to))?;
            } else {
                prop_assert!(case.pruned > 0, "there is nothing to lack");
                if case.removed.is_none() {
                    assert_no_guess(&usage, &within(&matching, usage.covered.start, usage.covered.end))?;
                }
            }
            Ok(())
        })?;
    }
}
