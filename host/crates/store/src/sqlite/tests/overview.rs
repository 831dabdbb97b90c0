//! The overview of a search counts what one would count by hand, and a timeline is in the order of time, for any filter.

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::finding::{LOG, domain, zone};
use super::{Log, at};
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::{MAX_BARS, Overview, OverviewQuery, TimelineAnchor, TimelineQuery};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::Outcome;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;

/// Few values, many values, rare ones, and none.
const FIELDS: [Field; 5] = [Field::Outcome, Field::Tool, Field::Server, Field::Session, Field::Agent];
const VALUES: usize = 3;

fn overview(log: &Log, domain: &Domain, go_on: &dyn Fn() -> bool) -> Option<Overview> {
    overview_in(TimeZone::UTC, log, domain, go_on)
}

fn overview_in(zone: TimeZone, log: &Log, domain: &Domain, go_on: &dyn Fn() -> bool) -> Option<Overview> {
    let query = OverviewQuery { domain: domain.clone(), zone, now: at(0), fields: FIELDS.to_vec(), values: VALUES };
    log.files.overview(&query, go_on).expect("an overview")
}

fn failed(entry: &Entry) -> bool {
    Outcome::FAILED.contains(&entry.outcome())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_overview_is_what_one_would_count(domain in domain(), zone in zone()) {
        LOG.with(|(log, entries)| {
            let found = overview_in(zone, log, &domain, &|| true).expect("in time");
            let matching: Vec<_> = entries.iter().filter(|entry| domain.matches(entry)).collect();
            prop_assert_eq!(found.entries, matching.len() as u64);
            prop_assert_eq!(found.errors, matching.iter().filter(|entry| failed(entry)).count() as u64);
            prop_assert_eq!(found.bars.is_empty(), matching.is_empty());
            prop_assert!(found.bars.len() <= MAX_BARS);
            prop_assert!(found.bars.windows(2).all(|two| two[0].range.end == two[1].range.start));
            prop_assert_eq!(found.bars.iter().map(|bar| bar.entries).sum::<u64>(), found.entries);
            for bar in &found.bars {
                let within = || matching.iter().filter(|entry| bar.range.contains(&entry.occurred_at));
                let counted = (within().count() as u64, within().filter(|entry| failed(entry)).count() as u64);
                prop_assert_eq!((bar.entries, bar.errors), counted, "{:?}", &bar.range);
            }
            for (field, counts) in FIELDS.into_iter().zip(found.values.expect("in time")) {
                let mut expected = BTreeMap::new();
                for value in matching.iter().map(|entry| entry.value(field)).filter(|value| *value != Value::Unset) {
                    *expected.entry(value).or_insert(0_u64) += 1;
                }
                prop_assert_eq!((counts.field, counts.found), (field, expected.len()));
                prop_assert!(counts.values.iter().all(|(value, count)| expected.get(value) == Some(count)));
                let mut most: Vec<_> = expected.into_values().collect();
                most.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
                most.truncate(VALUES);
                prop_assert_eq!(counts.values.iter().map(|(_, count)| *count).collect::<Vec<_>>(), most);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_timeline_is_in_the_order_of_time(domain in domain(), limit in 1..200_usize) {
        LOG.with(|(log, entries)| {
            let mut expected: Vec<_> = entries.iter().filter(|entry| domain.matches(entry)).collect();
            expected.sort_by_key(|entry| (entry.occurred_at, entry.seq));
            let read = |from| log.files.timeline(&TimelineQuery { domain: domain.clone(), from, limit }).expect("a page");
            for page in [0, 1, expected.len() / limit] {
                let found = read(TimelineAnchor::Page(page));
                let wanted: Vec<_> = expected.iter().skip(page * limit).take(limit).map(|entry| entry.seq).collect();
                prop_assert_eq!(found.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), wanted);
                prop_assert_eq!(found.found, expected.len());
                prop_assert_eq!(found.begun, expected.first().map(|entry| entry.occurred_at));
                prop_assert_eq!(found.errors, expected.iter().filter(|entry| failed(entry)).count());
                prop_assert_eq!(found.first_errors.len(), found.errors.min(20));
                prop_assert!(found.first_errors.iter().all(|at| failed(expected[*at])));
                prop_assert!(!found.is_cut);
            }
            if let Some(last) = expected.last() {
                let found = read(TimelineAnchor::Entry(last.seq));
                prop_assert!(found.entries.iter().any(|entry| entry.seq == last.seq));
                prop_assert_eq!(found.before % limit, 0);
            }
            Ok(())
        })?;
    }
}

#[test]
fn counting_stops_when_it_is_told_to() {
    LOG.with(|(log, _)| {
        assert_eq!(overview(log, &Domain::TRUE, &|| false), None);
        let whole = overview(log, &Domain::TRUE, &|| true).expect("in time");
        let blocks = Cell::new(0);
        let all = || {
            blocks.set(blocks.get() + 1);
            true
        };
        overview(log, &Domain::TRUE, &all).expect("in time");
        // Finding and drawing ask once for each block, and so does each field.
        let (left, bars) = (Cell::new(0), blocks.get() / (2 + FIELDS.len()) * 2);
        let until = || {
            left.set(left.get() + 1);
            left.get() <= bars
        };
        let without_values = overview(log, &Domain::TRUE, &until).expect("the bars are complete");
        assert_eq!(without_values, Overview { values: None, ..whole });
    });
}
