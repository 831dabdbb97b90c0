//! Limits of time in a domain.

use std::ops::Range;

use super::{Domain, Term, Test};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::value::Value;

impl Domain {
    /// The range of `occurred_at`, in microseconds, that the whole domain requires, and the rest of the domain: both
    /// together equal the domain. Limits inside other operators stay in the rest.
    pub fn split_times(self) -> (Range<i64>, Self) {
        let parts = match self {
            Self::All(parts) => parts,
            other => vec![other],
        };
        let mut range = i64::MIN..i64::MAX;
        let rest: Vec<_> = parts.into_iter().filter(|part| !narrow(&mut range, part)).collect();
        (range, Self::all_of(rest))
    }
}

/// Whether `part` is only a limit of the range, which is then narrowed.
fn narrow(range: &mut Range<i64>, part: &Domain) -> bool {
    match part {
        Domain::Term(Term { field: Field::OccurredAt, test: Test::AtLeast(Value::Integer(micros)) }) => {
            range.start = range.start.max(*micros);
            true
        }
        Domain::Term(Term { field: Field::OccurredAt, test: Test::Less(Value::Integer(micros)) }) => {
            range.end = range.end.min(*micros);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Context, Domain, parse_json};
    use mcp_audit_log_model::time::{DAY, Timestamp};

    #[test]
    fn time_limits_are_split_off() {
        let read = |text: &str| parse_json(text, &Context::without_viewer(Timestamp::EPOCH)).expect("a domain");
        let split = |text: &str| read(text).split_times();
        let tool = read(r#"[["tool","=","x"]]"#);
        let day = r#"[["at","=","1970-01-02"],["tool","=","x"]]"#;
        assert_eq!(split(day), (DAY..2 * DAY, tool.clone()));
        assert_eq!(
            split(r#"[["tool","=","x"],["at",">=","1970-01-02"],["at",">=","1970-01-03"]]"#),
            (2 * DAY..i64::MAX, tool)
        );
        let either = r#"["|",["at","<","1970-01-02"],["tool","=","x"]]"#;
        assert_eq!(split(either), (i64::MIN..i64::MAX, read(either)));
        assert_eq!(split("[]"), (i64::MIN..i64::MAX, Domain::TRUE));
    }
}
