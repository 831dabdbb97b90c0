//! The state of something before and after a change, compared: a line for each value that differs, under the names that
//! lead to it.

use std::collections::BTreeMap;

use super::changes::{named, shown};
use super::masks;
use crate::contract::{Change, Value};
use crate::sdk::json::{self, Scalar};

/// Deeper values are not compared, and hidden: no honest state is so deep.
const DEEPEST: usize = 32;
/// Longest path, in bytes. Paths repeat what leads to them, so that long names would take much room.
const LONGEST: usize = 256;

/// Members that may hold the name of the neighbouring `value`, as in lists of headers.
const NAMES: &[&str] = &["name", "key", "header"];

/// The differences between two states.
#[derive(Default)]
pub(super) struct Differences {
    pub(super) changes: Vec<Change>,
    /// The number of further lines.
    pub(super) left_out: usize,
}

/// A position in the states.
struct Place {
    /// The names that lead to it, between dots; items of lists by their number from 0.
    path: String,
    /// Whether a mask hides it or something that it is in.
    secret: bool,
    depth: usize,
}

/// The kind of a value, for comparing it.
#[derive(PartialEq, Eq)]
enum Content<'a> {
    /// `null`, or absent.
    Nothing,
    Scalar(Scalar),
    /// A fraction, a list, or something too deep, as JSON.
    Other(&'a str),
}

/// Members of an object, or items of a list, by name.
type Parts<'a> = Vec<(String, &'a str)>;

/// Compares two states, each as JSON, and makes at most `most` lines of them.
pub(super) fn differences(old: Option<&str>, new: Option<&str>, most: usize) -> Differences {
    let mut differences = Differences::default();
    let root = Place { path: String::new(), secret: false, depth: 0 };
    differences.compare(&root, old, new, most);
    differences
}

impl Differences {
    fn compare(&mut self, place: &Place, old: Option<&str>, new: Option<&str>, most: usize) {
        if old == new {
            return;
        }
        let (before, after) = (old.and_then(parts), new.and_then(parts));
        if (before.is_none() && after.is_none()) || place.depth >= DEEPEST {
            return self.line(place, old, new, most);
        }
        // A value that turned from a scalar into an object or back has its own line besides those of the parts.
        let plain = |json, parts: &Option<Parts<'_>>| if parts.is_some() { None } else { json };
        self.line(place, plain(old, &before), plain(new, &after), most);
        self.parts(place, &before.unwrap_or_default(), &after.unwrap_or_default(), most);
    }

    /// The parts of the old state in their order, then new ones.
    fn parts(&mut self, place: &Place, old: &Parts<'_>, new: &Parts<'_>, most: usize) {
        let named = names_a_secret(old) || names_a_secret(new);
        let mut rest: BTreeMap<&str, &str> = new.iter().map(|(name, json)| (name.as_str(), *json)).collect();
        for (name, before) in old {
            let after = rest.remove(name.as_str());
            self.compare(&place.part(name, named, [Some(*before), after]), Some(*before), after, most);
        }
        for (name, _) in new {
            let Some(after) = rest.remove(name.as_str()) else { continue };
            self.compare(&place.part(name, named, [None, Some(after)]), None, Some(after), most);
        }
    }

    fn line(&mut self, place: &Place, old: Option<&str>, new: Option<&str>, most: usize) {
        let (before, after) = (Content::of(old), Content::of(new));
        if before == after {
            return;
        }
        if self.changes.len() >= most {
            self.left_out += 1;
            return;
        }
        let unread = [old, new].into_iter().flatten().any(is_unread);
        let secret = place.secret || unread;
        let field = named(&place.path);
        self.changes.push(Change { field, old: shown(before.value(), secret), new: shown(after.value(), secret) });
    }
}

impl Place {
    fn part(&self, name: &str, named: bool, sides: [Option<&str>; 2]) -> Self {
        let hidden = || sides.into_iter().flatten().any(|json| hides(name, json));
        let secret = self.secret || (named && name == "value") || hidden();
        Self { path: joined(&self.path, name), secret, depth: self.depth + 1 }
    }
}

/// An object or list that is too deep or malformed has unknown content.
fn is_unread(json: &str) -> bool {
    json.starts_with('{') || (json.starts_with('[') && (parts(json).is_some() || json::items(json).is_none()))
}

/// The members of an object, or the items of a list that holds objects or lists. A list of plain values is one value:
/// what is shown of it is the whole list before and after.
fn parts(json: &str) -> Option<Parts<'_>> {
    json::members(json).or_else(|| {
        let items = json::items(json)?;
        let plain = items.iter().all(|item| !item.starts_with(['{', '[']));
        let numbered = || items.into_iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect();
        (!plain).then(numbered)
    })
}

/// `{"name": "Authorization", "value": "…"}`.
fn names_a_secret(members: &[(String, &str)]) -> bool {
    let name = |(name, json): &(String, &str)| match json::scalar(json) {
        Some(Scalar::Text(text)) if NAMES.contains(&name.as_str()) => masks::is_secret(&text),
        _ => false,
    };
    members.iter().any(name)
}

/// Also the plural of a secret, unless it is a number or a switch: `tokens` may be a list of them, `max_tokens` is
/// none.
fn hides(name: &str, json: &str) -> bool {
    let several = json.starts_with(['"', '[', '{']);
    masks::is_secret(name) || (several && name.strip_suffix(['s', 'S']).is_some_and(masks::is_secret))
}

fn joined(path: &str, name: &str) -> String {
    let dot = if path.is_empty() { "" } else { "." };
    let mut joined = format!("{path}{dot}{name}");
    if joined.len() > LONGEST {
        let end = joined.char_indices().map(|(at, _)| at).take_while(|at| *at <= LONGEST - '…'.len_utf8()).last();
        joined.truncate(end.unwrap_or_default());
        joined.push('…');
    }
    joined
}

impl<'a> Content<'a> {
    fn of(json: Option<&'a str>) -> Self {
        let Some(json) = json else { return Self::Nothing };
        match json::scalar(json) {
            Some(scalar) => Self::Scalar(scalar),
            None if json == "null" => Self::Nothing,
            None => Self::Other(json),
        }
    }

    /// The value as it is shown in a list of changes. The log has no fractions and no lists, so these are texts.
    fn value(&self) -> Value {
        match self {
            Self::Nothing => Value::Unset,
            Self::Scalar(Scalar::Text(text)) => Value::Text(text.clone()),
            Self::Scalar(Scalar::Integer(number)) => Value::Integer(*number),
            Self::Scalar(Scalar::Boolean(boolean)) => Value::Boolean(*boolean),
            Self::Other(json) => Value::Text((*json).to_owned()),
        }
    }
}
