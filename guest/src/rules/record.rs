//! Finds the business record that a call touched: "who touched invoice INV/2026/0042?"
//!
//! With payloads switched off no part of a body may be stored, so this takes only the model and the record, and only if
//! the model's technical name shows that the call is about a business record.

use crate::contract::{Argument, Event, Fact, Value, Verdict};
use crate::sdk::json::{self, Scalar};

pub(super) const MODEL: &[&str] = &["model", "res_model", "model_name"];
pub(super) const ID: &[&str] = &["record_id", "res_id", "id", "record_ids", "ids"];
pub(super) const NAME: &[&str] = &["record_name", "res_name"];

/// A longer text is content, not an identifier.
const LONGEST: usize = 64;

/// Adds model and record to the verdict on a call or a reading, as far as the event names them.
pub(super) fn add(event: &Event, verdict: Verdict) -> Verdict {
    if event.has_arguments {
        from_arguments(&event.arguments, verdict)
    } else if let Some((model, id)) = event.target.as_deref().and_then(from_uri) {
        Verdict { model: Some(model), record_id: Some(id), ..verdict }
    } else {
        verdict
    }
}

fn from_arguments(arguments: &[Argument], verdict: Verdict) -> Verdict {
    let Some(model) = first(arguments, MODEL).filter(|model| is_model(model)) else {
        return verdict;
    };
    let (id, name) = (first(arguments, ID), first(arguments, NAME));
    // A name next to an id is a separate fact; alone it identifies the record.
    let beside = if id.is_some() { name.clone() } else { None };
    let fact = beside.map(|name| Fact { name: "record_name".to_owned(), value: Value::Text(name) });
    Verdict { model: Some(model), record_id: id.or(name), facts: fact.into_iter().collect(), ..verdict }
}

/// `odoo://res.partner/record/42`, the way Odoo's MCP servers name a record as a resource.
fn from_uri(uri: &str) -> Option<(String, String)> {
    let (model, id) = uri.strip_prefix("odoo://")?.split_once("/record/")?;
    (is_model(model) && is_identifier(id)).then(|| (model.to_owned(), id.to_owned()))
}

/// The first of `names` that is there and holds an identifier.
fn first(arguments: &[Argument], names: &[&str]) -> Option<String> {
    let value = |name: &&str| arguments.iter().find(|argument| argument.name == **name).and_then(identifier);
    names.iter().find_map(value)
}

fn identifier(argument: &Argument) -> Option<String> {
    // Each character takes at most twelve bytes of JSON (`\ud83d\ude00`); what is longer need not be read.
    if argument.json.len() > LONGEST * 12 + 2 {
        return None;
    }
    let text = match json::scalar(&argument.json) {
        Some(Scalar::Text(text)) => text,
        Some(Scalar::Integer(number)) => number.to_string(),
        // An unset many2one is `false` in Odoo; no boolean identifies a record.
        Some(Scalar::Boolean(_)) => return None,
        None => list(&argument.json)?,
    };
    is_identifier(&text).then_some(text)
}

/// Odoo passes ids as a list even where there is only one.
fn list(json: &str) -> Option<String> {
    let ids: Vec<String> = json::integers(json)?.iter().map(i64::to_string).collect();
    Some(ids.join(","))
}

/// `42`, `INV/2026/0042`, `base.user_admin`: no spaces and hardly any punctuation, so that a sentence does not pass.
fn is_identifier(text: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || "/_-.:,#".contains(letter);
    !text.is_empty() && text.chars().count() <= LONGEST && text.chars().all(plain)
}

/// A dotted technical name such as `account.move`, or a custom model (`x_project`). A bare word is not enough: it may
/// be the name of a language model.
fn is_model(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.');
    text.len() <= LONGEST
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(plain)
        && (text.contains('.') || text.starts_with("x_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdk::verdict::called;

    /// Model, record and name that are found in the given arguments.
    fn found(arguments: &[(&str, &str)]) -> (Option<String>, Option<String>, usize) {
        let argument = |(name, json): &(&str, &str)| Argument { name: (*name).to_owned(), json: (*json).to_owned() };
        let arguments: Vec<_> = arguments.iter().map(argument).collect();
        let verdict = from_arguments(&arguments, called("tool.called"));
        (verdict.model, verdict.record_id, verdict.facts.len())
    }

    fn both(model: &str, id: &str) -> (Option<String>, Option<String>, usize) {
        (Some(model.to_owned()), Some(id.to_owned()), 0)
    }

    #[test]
    fn odoo_arguments_are_read() {
        assert_eq!(found(&[("model", r#""res.partner""#), ("record_id", "42")]), both("res.partner", "42"));
        assert_eq!(found(&[("res_id", "7"), ("res_model", r#""sale.order""#)]), both("sale.order", "7"));
        assert_eq!(found(&[("model", r#""x_project""#), ("id", r#""abc""#)]), both("x_project", "abc"));
        assert_eq!(found(&[("model", r#""res.users""#), ("ids", "[3]")]), both("res.users", "3"));
        assert_eq!(found(&[("model", r#""res.users""#), ("ids", "[3, 4]")]), both("res.users", "3,4"));
        let invoice = ("record_name", r#""INV\/2026\/0042""#);
        assert_eq!(found(&[("model", r#""account.move""#), invoice]), both("account.move", "INV/2026/0042"));
    }

    #[test]
    fn a_name_beside_an_id_is_a_fact() {
        let arguments = [("model", r#""account.move""#), ("id", "9"), ("record_name", r#""INV/2026/0042""#)];
        assert_eq!(found(&arguments), (Some("account.move".to_owned()), Some("9".to_owned()), 1));
    }

    #[test]
    fn without_a_model_nothing_is_extracted() {
        for model in
            [r#""gpt""#, r#""Account.Move""#, r#""account move.x""#, r#"".x""#, "42", "null", "[\"a.b\"]", "\"a.b\\n\""]
        {
            assert_eq!(found(&[("model", model), ("id", "42")]), (None, None, 0), "{model}");
        }
        assert_eq!(found(&[("id", "42"), ("record_name", r#""secret""#)]), (None, None, 0));
    }

    #[test]
    fn content_is_not_an_identifier() {
        let long = format!("\"{}\"", "a".repeat(LONGEST + 1));
        let huge = format!("\"{}\"", "a".repeat(1_000_000));
        for id in [
            &long,
            &huge,
            r#""two\nlines""#,
            r#""a whole sentence""#,
            r#""p=q""#,
            r#""""#,
            "false",
            "null",
            "1.5",
            "{}",
            r#"["a"]"#,
        ] {
            let (model, id_found, _) = found(&[("model", r#""res.partner""#), ("id", id)]);
            assert_eq!((model.is_some(), id_found), (true, None), "{id:.20}");
        }
    }

    #[test]
    fn a_resource_can_be_a_record() {
        let found = from_uri("odoo://res.partner/record/42");
        assert_eq!(found, Some(("res.partner".to_owned(), "42".to_owned())));
        for uri in ["odoo://res.partner/search", "file:///a.b/record/1", "odoo://x/record/1", "odoo://a.b/record/"] {
            assert_eq!(from_uri(uri), None, "{uri}");
        }
    }
}
