//! The state of something, laid out flat: one leaf for each value, under the names that lead to it.

use super::masks;
use crate::contract::Value;
use crate::json::{self, Scalar};

/// What lies deeper is not looked into, and hidden: nobody means well with it.
const DEEPEST: usize = 32;
/// Leaves beyond this many are left out. The host hands over no more than fit into 16 KiB of JSON.
const MOST: usize = 8_192;
/// Longest path, in bytes. Paths repeat what leads to them, so that long names would take much room.
const LONGEST: usize = 256;

/// What may hold the name of what its neighbour `value` is, as in lists of headers.
const NAMES: &[&str] = &["name", "key", "header"];

/// A value, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Leaf<'a> {
    /// The names that lead to it, between dots; items of lists by their number from 0.
    pub(super) path: String,
    json: &'a str,
    /// Whether a mask hides it or something that it is in.
    pub(super) secret: bool,
}

/// What a leaf holds, for telling whether it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// `null`, or no leaf at all.
    Nothing,
    Scalar(Scalar),
    /// A fraction, a list, or something too deep, as JSON.
    Other(&'a str),
}

/// The leaves of a state. Of what is no JSON there are none.
pub(super) fn leaves(json: &str) -> Vec<Leaf<'_>> {
    let mut leaves = Vec::new();
    lay_out(&mut leaves, Leaf { path: String::new(), json, secret: false }, 0);
    leaves
}

fn lay_out<'a>(leaves: &mut Vec<Leaf<'a>>, leaf: Leaf<'a>, depth: usize) {
    if leaves.len() >= MOST {
        return;
    }
    match parts(leaf.json) {
        Some(_) if depth >= DEEPEST => leaves.push(Leaf { secret: true, ..leaf }),
        Some(parts) => {
            let named = names_a_secret(&parts);
            for (name, json) in parts {
                let secret = leaf.secret || hides(&name, json) || (named && name == "value");
                lay_out(leaves, Leaf { path: joined(&leaf.path, &name), json, secret }, depth + 1);
            }
        }
        None => leaves.push(Leaf { secret: leaf.secret || is_broken(leaf.json), ..leaf }),
    }
}

/// Of what looks like an object or a list and is none, nobody knows what it holds.
fn is_broken(json: &str) -> bool {
    json.starts_with('{') || (json.starts_with('[') && json::items(json).is_none())
}

/// The members of an object, or the items of a list that holds objects or lists. A list of plain values is one value:
/// what is shown of it is the whole list before and after.
fn parts(json: &str) -> Option<Vec<(String, &str)>> {
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

/// Also the plural of a secret, unless it is a number or a switch: `tokens` may be a list of them, `max_tokens` is none.
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
    pub(super) fn of(leaf: Option<&Leaf<'a>>) -> Self {
        let Some(leaf) = leaf else { return Self::Nothing };
        match json::scalar(leaf.json) {
            Some(scalar) => Self::Scalar(scalar),
            None if leaf.json == "null" => Self::Nothing,
            None => Self::Other(leaf.json),
        }
    }

    /// As a change list shows it. There are no fractions and no lists in the log, so these are texts.
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Nothing => Value::Unset,
            Self::Scalar(Scalar::Text(text)) => Value::Text(text.clone()),
            Self::Scalar(Scalar::Integer(number)) => Value::Integer(*number),
            Self::Scalar(Scalar::Boolean(boolean)) => Value::Boolean(*boolean),
            Self::Other(json) => Value::Text((*json).to_owned()),
        }
    }
}
