//! The filter as a sentence. It shows how the log understood the search.

use mcp_audit_log_filter::{Domain, Term, Test};
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::format::{cut, duration};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;

use crate::ui::text::Shown;

/// The most values of one list, and the longest of them in characters. The rest is left out.
const VALUES: usize = 6;
const LONGEST: usize = 60;

/// The filter as part of a sentence: `Tool is search and Outcome is not success`.
pub(crate) fn words(domain: &Domain, zone: TimeZone) -> String {
    part(domain, false, true, zone)
}

/// The words for one part of a filter. A list of parts inside an operator (`outermost` is false) needs brackets.
fn part(domain: &Domain, not: bool, outermost: bool, zone: TimeZone) -> String {
    match domain {
        Domain::Term(term) => one(term, not, zone),
        Domain::Not(part_of) => part(part_of, !not, outermost, zone),
        Domain::All(parts) if parts.is_empty() => if not { "nothing" } else { "everything" }.to_owned(),
        Domain::Any(parts) if parts.is_empty() => if not { "everything" } else { "nothing" }.to_owned(),
        Domain::All(parts) => joined(parts, not, if not { " or " } else { " and " }, outermost, zone),
        Domain::Any(parts) => joined(parts, not, if not { " and " } else { " or " }, outermost, zone),
    }
}

fn joined(parts: &[Domain], not: bool, between: &str, outermost: bool, zone: TimeZone) -> String {
    let mut words: Vec<String> = Vec::new();
    for same in parts.chunk_by(|one, next| pattern(one).is_some() && pattern(one) == pattern(next)) {
        match same.first().and_then(pattern).filter(|_| same.len() > 2) {
            Some(found) => words.push(anywhere(found, not)),
            None => words.extend(same.iter().map(|one| part(one, not, false, zone))),
        }
    }
    if outermost || words.len() < 2 { words.join(between) } else { format!("({})", words.join(between)) }
}

/// The text that a term searches for, ignoring case.
fn pattern(domain: &Domain) -> Option<&str> {
    match domain {
        Domain::Term(Term { test: Test::Like(pattern), .. }) if pattern.folds() => Some(pattern.as_str()),
        _ => None,
    }
}

/// A word of free text: it is one pattern in many fields.
fn anywhere(pattern: &str, not: bool) -> String {
    let word = if not { "nowhere" } else { "anywhere" };
    format!("{word} “{}”", short(readable(pattern).trim_matches('*')))
}

fn one(Term { field, test }: &Term, not: bool, zone: TimeZone) -> String {
    let is = if not { "is not" } else { "is" };
    let rest = match test {
        Test::Unset if not => "is set".to_owned(),
        Test::Unset => "is not set".to_owned(),
        Test::In(values) => match values.as_slice() {
            [value] => format!("{is} {}", told(*field, value, zone)),
            values => format!("{is} one of {}", list(*field, values, zone)),
        },
        Test::Less(limit) => limited(*field, limit, !not, zone),
        Test::AtLeast(limit) => limited(*field, limit, not, zone),
        Test::Like(pattern) => format!("{is} like {}", short(&readable(pattern.as_str()))),
    };
    let name = if *field == Field::OccurredAt { "Time" } else { field.label() };
    format!("{name} {rest}")
}

fn limited(field: Field, limit: &Value, below: bool, zone: TimeZone) -> String {
    // "More than 1 ms" means at least 1,001 µs.
    if let (Field::DurationUs, Value::Integer(micros)) = (field, limit)
        && micros % 1_000 == 1
    {
        let word = if below { "at most" } else { "more than" };
        return format!("{word} {}", told(field, &Value::Integer(micros - 1), zone));
    }
    let word = match (field.kind(), below) {
        (FieldType::Time, true) => "before",
        (FieldType::Time, false) => "from",
        (_, true) => "below",
        (_, false) => "at least",
    };
    format!("{word} {}", told(field, limit, zone))
}

/// A pattern in the notation of the search box.
fn readable(pattern: &str) -> String {
    let mut text = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => text.push('*'),
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}

fn list(field: Field, values: &[Value], zone: TimeZone) -> String {
    let mut words: Vec<_> = values.iter().take(VALUES).map(|value| told(field, value, zone)).collect();
    if values.len() > VALUES {
        words.push(format!("{} more", values.len() - VALUES));
    }
    words.join(", ")
}

fn told(field: Field, value: &Value, zone: TimeZone) -> String {
    match (field, field.kind(), value) {
        (_, FieldType::Time, Value::Integer(micros)) => zone.moment(Timestamp::from_micros(*micros)),
        (Field::DurationUs, _, Value::Integer(micros)) if *micros >= 0 => duration(micros.unsigned_abs()),
        _ => short(&value.to_string()),
    }
}

fn short(text: &str) -> String {
    cut(&Shown::line(text).to_string(), LONGEST).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_filter::{Context, parse_text};

    fn read(text: &str) -> String {
        let now = Timestamp::parse("2026-11-21T12:00:00Z").expect("a time");
        words(&parse_text(text, &Context::new(now, Some("ada"), None)).expect("a search"), TimeZone::UTC)
    }

    #[test]
    fn a_search_is_shown_as_it_was_understood() {
        assert_eq!(read("outcome:error tool:search*"), "Outcome is error and Tool is like search*");
        assert_eq!(read("-outcome:success,denied"), "Outcome is not one of success, denied");
        assert_eq!(read("since:7d duration:>1s"), "Time from 2026-11-14 12:00:00 UTC and Duration more than 1.0 s");
        assert_eq!(read("tool:none OR user:ada"), "Tool is not set or User is ada");
        assert_eq!(read("-tool:none"), "Tool is set");
        assert_eq!(read("(tool:a OR tool:x*) user:ada"), "(Tool is a or Tool is like x*) and User is ada");
        assert_eq!(read("invoice"), "anywhere “invoice”");
        assert_eq!(read("invoice OR tool:x"), "anywhere “invoice” or Tool is x");
        assert_eq!(read("-invoice"), "nowhere “invoice”");
        assert_eq!(read("tool:\"\u{202e}x\""), r"Tool is \u{202e}x");
    }
}
