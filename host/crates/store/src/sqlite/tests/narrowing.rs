//! The cost of a condition on texts depends on the entries that the viewer may see, and not on the size of the log.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{Log, at, log};
use mcp_audit_log_filter::{Context, parse_json};
use mcp_audit_log_index::{GroupBy, GroupQuery, GroupSort, PageAnchor, PageQuery};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time_zone::TimeZone;

/// Entries of other users, each with its own tool, and one entry of uma in the middle.
fn one_among_many() -> Log {
    log((0..2_000).map(|number| {
        let mut entry = Entry::new(Uuid::from_u128(number), at(number as i64), at(number as i64));
        for field in [Field::Channel, Field::Kind, Field::Action, Field::Outcome, Field::OutcomeDetail] {
            entry.set_text(field, Some(field.name()));
        }
        let is_hers = number == 1_234;
        entry.set_text(Field::User, Some(if is_hers { "uma" } else { "otto" }));
        entry.set_text(Field::Tool, Some(&if is_hers { "needle".to_owned() } else { format!("tool-{number:04}") }));
        entry
    }))
}

/// How many entries match `rule` and `filter`, and the statements that read all texts of the field `tool`.
fn search(log: &Log, rule: &str, filter: &str) -> (usize, BTreeSet<String>) {
    let domain = parse_json(&format!("[{rule},{filter}]"), &Context::without_viewer(at(0))).expect("a domain");
    super::TRACED.take();
    let found =
        log.files.page(&PageQuery { domain: domain.clone(), from: PageAnchor::Newest, limit: 500 }).expect("a page");
    let query = GroupQuery {
        domain,
        by: vec![GroupBy::Field(Field::User)],
        zone: TimeZone::UTC,
        sort: GroupSort::Count,
        limit: 10,
    };
    let counted = log.files.groups(&query).expect("groups").entries;
    assert!(counted == found.entries.len() as u64 || found.entries.len() == 500);
    let through = super::TRACED.take().into_iter().filter(|sql| {
        let texts = format!("FROM term WHERE field = {} AND", Field::Tool as i64);
        sql.contains(&texts)
    });
    (found.entries.len(), through.collect())
}

#[test]
fn whoever_sees_one_entry_has_no_dictionary_gone_through() {
    let log = one_among_many();
    for (filter, expected) in [
        (r#"["tool","ilike","EED"]"#, 1),
        (r#"["tool","like","tool-"]"#, 0),
        (r#"["tool","not ilike","tool-"]"#, 1),
        (r#"["tool","=like","n%e"]"#, 1),
        (r#"["tool","<","tool-0001"]"#, 1),
        (r#"["tool",">","tool-0001"]"#, 0),
        (r#""|",["tool","ilike","_ool-%9"],["tool","ilike","needle"]"#, 1),
    ] {
        let (found, through) = search(&log, r#"["user","=","uma"]"#, filter);
        assert_eq!(found, expected, "{filter}");
        assert!(through.is_empty(), "{filter}: {through:?}");
        let (found, through) = search(&log, r#"["user","!=","uma"]"#, filter);
        assert!(found == 0 || through.len() == 1, "{filter}: of many texts all are gone through, once: {through:?}");
    }
}
