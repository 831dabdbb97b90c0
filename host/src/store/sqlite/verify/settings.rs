//! Settings: each is what the last entry about it says, as far as that entry is still there.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::super::Doing;
use super::told::told;
use super::{Fault, Subject, wrong};

const DOING: &str = "reading settings";

pub(super) fn check(subject: &Subject<'_>) -> Result<u64, Fault> {
    let told = told(subject, ["settings.updated"; 2])?;
    let values = told.iter().filter_map(|told| Some((told.text("setting")?, told.details.get("new")?)));
    let told: HashMap<&str, &Json> = values.collect();
    let mut statement = subject.connection.prepare("SELECT key, value FROM setting").doing(DOING)?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let found: HashMap<String, String> = found.and_then(Iterator::collect).doing(DOING)?;
    for (key, value) in &found {
        let is_told = match told.get(key.as_str()) {
            Some(new) => serde_json::from_str::<Json>(value).is_ok_and(|value| value == **new),
            None => subject.places.start > 0,
        };
        if !is_told {
            return Err(wrong("setting", None, format!("{key} is {value}, which no entry says")));
        }
    }
    match told.keys().find(|key| !found.contains_key(**key)) {
        Some(key) => Err(wrong("setting", None, format!("{key} was changed, and its value is missing"))),
        None => Ok(found.len() as u64),
    }
}
