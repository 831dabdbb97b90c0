//! Masking of JSON: by member names, and inside texts, including texts that are JSON.

use serde_json::Value as Json;

use super::names::{self, Secrecy};
use super::patterns::Prefilter;
use super::{MASKED, Mask, text};

/// The depth of JSON inside JSON texts that is searched.
pub(super) const NESTING: usize = 8;
/// Members that hold a name, next to a member called `value`.
pub(super) const NAMES: [&str; 3] = ["name", "key", "header"];
/// Options of curl that a user and a password follow.
const USERS: [&str; 4] = ["-u", "--user", "-U", "--proxy-user"];

/// The masks to apply.
pub(super) struct Masker<'a> {
    pub(super) floor: &'a [&'static Mask],
    pub(super) own: Vec<&'a Mask>,
    /// Recognises texts in which the masks find nothing. Without it every text is masked in full, as a test does.
    pub(super) prefilter: Option<&'a Prefilter>,
}

impl Masker<'_> {
    pub(super) fn masks(&self) -> impl Iterator<Item = &Mask> {
        self.floor.iter().copied().chain(self.own.iter().copied())
    }

    /// Whether a value with this name is hidden.
    pub(super) fn secrecy(&self, name: &str) -> Option<Secrecy> {
        if self.finds_nothing(name.as_bytes()) {
            return None;
        }
        let keys = self.masks().flat_map(|mask| mask.keys.iter().map(String::as_str));
        let of_environment = || self.floor.iter().any(|mask| mask.name == "keys") && names::is_key_of_environment(name);
        names::secrecy(name, keys).or_else(|| of_environment().then_some(Secrecy::Likely))
    }

    fn finds_nothing(&self, bytes: &[u8]) -> bool {
        self.prefilter.is_some_and(|prefilter| !prefilter.finds(bytes))
    }

    pub(super) fn body(&self, bytes: &[u8]) -> (String, bool) {
        let as_it_is = |bytes| (String::from_utf8_lossy(bytes).into_owned(), false);
        if self.finds_nothing(bytes) {
            return as_it_is(bytes);
        }
        if let Ok(mut json) = serde_json::from_slice::<Json>(bytes) {
            return match self.json(&mut json, 0) {
                true => (json.to_string(), true),
                // Nothing to hide: as it was sent, down to the spelling of its numbers.
                false => as_it_is(bytes),
            };
        }
        let text = String::from_utf8_lossy(bytes);
        match text::hide(self, &text) {
            Some(masked) => (masked, true),
            None => (text.into_owned(), false),
        }
    }

    fn json(&self, json: &mut Json, depth: usize) -> bool {
        match json {
            Json::String(text) => self.string(text, depth),
            Json::Array(items) => self.items(items, depth),
            Json::Object(map) => self.members(map, depth),
            _ => false,
        }
    }

    /// A text that is JSON itself, such as a tool result, is masked as JSON, including its own texts.
    fn string(&self, text: &mut String, depth: usize) -> bool {
        if self.finds_nothing(text.as_bytes()) {
            return false;
        }
        let may_be_json = text.trim_start().starts_with(['{', '[', '"']) && depth < NESTING;
        let json = may_be_json.then(|| serde_json::from_str::<Json>(text).ok()).flatten();
        let masked = match json {
            Some(mut json) => self.json(&mut json, depth + 1).then(|| json.to_string()),
            // Nested deeper than any honest text.
            _ if depth >= NESTING => Some(MASKED.to_owned()),
            _ => text::hide(self, text),
        };
        masked.map(|masked| *text = masked).is_some()
    }

    /// `["--password", "…"]`: the value after an option whose name is in the list, and after `-u` of curl.
    fn items(&self, items: &mut [Json], depth: usize) -> bool {
        let is_curl =
            items.iter().any(|item| item.as_str().is_some_and(|text| text.rsplit('/').next() == Some("curl")));
        let mut hidden = false;
        let mut option = false;
        for item in items {
            let is_option = item.as_str().is_some_and(|text| {
                (text.starts_with('-') && self.secrecy(text).is_some()) || (is_curl && USERS.contains(&text))
            });
            if std::mem::replace(&mut option, is_option) {
                *item = MASKED.into();
                hidden = true;
            } else {
                hidden |= self.json(item, depth);
            }
        }
        hidden
    }

    fn members(&self, map: &mut serde_json::Map<String, Json>, depth: usize) -> bool {
        // `{"name": "Authorization", "value": "…"}`: headers and environment variables are often written so.
        let named = NAMES.iter().filter_map(|name| map.get(*name)?.as_str());
        let named = named.filter_map(|name| self.secrecy(name)).max();
        let mut hidden = false;
        for (key, mut value) in std::mem::take(map) {
            let secrecy = self.secrecy(&key).max(named.filter(|_| key == "value"));
            if secrecy.is_some_and(|secrecy| secrecy == Secrecy::Sure || !is_plain(&value)) {
                value = MASKED.into();
                hidden = true;
            } else {
                hidden |= self.json(&mut value, depth);
            }
            let masked = if self.finds_nothing(key.as_bytes()) { None } else { text::hide(self, &key) };
            hidden |= masked.is_some();
            map.insert(masked.unwrap_or(key), value);
        }
        hidden
    }
}

/// A number, a switch, nothing, or a list of such.
fn is_plain(value: &Json) -> bool {
    match value {
        Json::String(_) | Json::Object(_) => false,
        Json::Array(items) => items.iter().all(is_plain),
        _ => true,
    }
}
