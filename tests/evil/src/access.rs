//! Grants access, correctly or as a mode selects.

use crate::contract::{Comparison, Domain, Grant, Leaf, Operand, Right, Token, Value, Viewer};
use crate::fault::{self, CONTROL_CHARACTERS, MANY, MUCH};
use crate::manifest::CLERK;
use crate::mode::Mode;

/// The only viewer who gets access in the well-behaved mode.
const GOOD: &str = "good";

#[cfg(not(feature = "contract-0-7"))]
fn every_right() -> Vec<Right> {
    vec![
        Right::Read,
        Right::ReadPayloads,
        Right::Export,
        Right::ExportPayloads,
        Right::ReadUsage,
        Right::Configure,
        Right::Manage,
        Right::Verify,
        Right::Record,
    ]
}

/// All rights, and some that no host knows.
#[cfg(feature = "contract-0-7")]
fn every_right() -> Vec<Right> {
    let rights = ["read", "read-payloads", "export", "export-payloads", "read-usage", "configure", "manage", "verify"];
    rights.iter().chain(&["record", "fly", "", "READ"]).map(|right| (*right).to_owned()).collect()
}

#[cfg(not(feature = "contract-0-7"))]
fn read() -> Right {
    Right::Read
}

#[cfg(feature = "contract-0-7")]
fn read() -> Right {
    "read".to_owned()
}

#[cfg(not(feature = "contract-0-7"))]
fn payloads() -> Vec<Right> {
    vec![Right::ReadPayloads]
}

#[cfg(feature = "contract-0-7")]
fn payloads() -> Vec<Right> {
    vec!["read-payloads".to_owned()]
}

/// Lets the good viewer read everything, and others nothing; or grants every right under an invalid rule.
pub(crate) fn access(mode: Mode, viewer: &Viewer) -> Grant {
    fault::run(mode);
    match misruled(mode) {
        // In either rule, so that a host that checks only one of them is found out.
        Some(rule) if mode == Mode::BadOperands => Grant { rights: every_right(), rule: Vec::new(), usage_rule: rule },
        None if mode == Mode::GrantAll => grant(every_right(), Vec::new()),
        Some(rule) => Grant { rights: every_right(), rule, usage_rule: Vec::new() },
        None if mode == Mode::NoRead => grant(payloads(), Vec::new()),
        None if mode == Mode::ForgotImplies && viewer.groups.iter().any(|group| group == CLERK) => {
            grant(vec![read()], vec![is("user", &viewer.user)])
        }
        None if viewer.user == GOOD => grant(vec![read()], Vec::new()),
        None => grant(Vec::new(), vec![leaf("id", Comparison::InList, Vec::new())]),
    }
}

fn grant(rights: Vec<Right>, rule: Domain) -> Grant {
    Grant { rights, usage_rule: rule.clone(), rule }
}

/// A rule that the host must read as false. If it does not, the viewer sees what no viewer should.
fn misruled(mode: Mode) -> Option<Domain> {
    Some(match mode {
        Mode::OversizeList => vec![is("user", GOOD); MANY],
        Mode::OversizeText => vec![is("user", &"x".repeat(MUCH))],
        Mode::BadUtf8 => vec![is(&fault::bad_utf8(), GOOD)],
        Mode::ControlChars => vec![is(CONTROL_CHARACTERS, CONTROL_CHARACTERS)],
        Mode::BadDomain => vec![Token::AnyOf, is("user", GOOD)],
        Mode::BadOperands => vec![leaf("user", Comparison::Equal, Vec::new())],
        // Negated, so that a host which takes an unknown field for "false" shows everything.
        Mode::UnknownField => vec![Token::Negation, is("no_such_field", GOOD)],
        // Negated for the same reason.
        Mode::ViewerMisused => vec![Token::Negation, leaf("user", Comparison::Like, vec![Operand::ViewerUser])],
        Mode::ViewerLacks => vec![Token::Negation, leaf("instance", Comparison::Equal, vec![Operand::ViewerInstance])],
        _ => return None,
    })
}

fn is(field: &str, text: &str) -> Token {
    leaf(field, Comparison::Equal, vec![Operand::Value(Value::Text(text.to_owned()))])
}

fn leaf(field: &str, comparison: Comparison, operands: Vec<Operand>) -> Token {
    Token::Leaf(Leaf { field: field.to_owned(), comparison, operands })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_good_viewer_reads() {
        let rights = |user: &str| {
            let viewer = Viewer { user: user.to_owned(), groups: vec!["admin".to_owned()], instance: None };
            access(Mode::Decent, &viewer).rights
        };
        assert_eq!((rights("good"), rights("bad")), (vec![read()], Vec::new()));
    }
}
