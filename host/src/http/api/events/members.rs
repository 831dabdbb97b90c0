//! The members of a JSON object, each once and its value unread.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Names and values in the order in which they were sent. A name that comes twice is refused, since readers differ in
/// which of the two they take.
pub(super) type Members<'a> = Vec<(String, &'a RawValue)>;

/// Reads an object of at most `most` members.
pub(super) fn members(json: &RawValue, most: usize) -> Result<Members<'_>, String> {
    if !json.get().starts_with('{') {
        return Err("give an object".to_owned());
    }
    let mut reader = serde_json::Deserializer::from_str(json.get());
    reader.deserialize_map(Reading(most)).map_err(|error| {
        let error = error.to_string();
        let ours = OURS.iter().any(|ours| error.starts_with(ours));
        // The parser's own message may repeat the input.
        if ours { error.split(" at line ").next().unwrap_or_default().to_owned() } else { "not valid JSON".to_owned() }
    })
}

const TWICE: &str = "the name occurs twice in the object: ";
const MANY: &str = "an object may have at most this many members: ";
const OURS: [&str; 2] = [TWICE, MANY];

struct Reading(usize);

impl<'a> Visitor<'a> for Reading {
    type Value = Members<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
        let (mut members, mut names) = (Members::new(), HashSet::new());
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            if !names.insert(name.clone()) {
                return Err(Error::custom(format!("{TWICE}{}", super::given::short(&name))));
            }
            if members.len() == self.0 {
                return Err(Error::custom(format!("{MANY}{}", self.0)));
            }
            members.push((name, value));
        }
        Ok(members)
    }
}
