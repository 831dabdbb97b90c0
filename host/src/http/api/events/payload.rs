//! `payload`: the content, which is passed on only while the payload switch is on.

use serde_json::value::RawValue;

use super::draft::Draft;
use super::limits::{MEMBERS, PAYLOAD};
use super::members::members;
use crate::event::{Body, Payload};

/// Reads request and response.
pub(super) fn read(draft: &mut Draft, json: &RawValue) -> Result<(), String> {
    let mut payload = Payload::default();
    for (name, value) in members(json, MEMBERS)? {
        let place = match name.as_str() {
            "request" => &mut payload.request,
            "response" => &mut payload.response,
            _ => return Err("only request and response are allowed".to_owned()),
        };
        *place = body(value).map_err(|reason| format!("{name}: {reason}"))?;
    }
    draft.event.payload = Some(payload).filter(|payload| payload.request.is_some() || payload.response.is_some());
    Ok(())
}

/// A text is the body itself; anything else is a JSON body, kept as it is written.
fn body(json: &RawValue) -> Result<Option<Body>, String> {
    let text = match json.get() {
        "null" => return Ok(None),
        text if text.starts_with('"') => serde_json::from_str(text).map_err(|_| "not valid text".to_owned())?,
        other => other.to_owned(),
    };
    match text.len() <= PAYLOAD {
        true => Ok(Some(Body::whole(text))),
        false => Err(format!("give at most {PAYLOAD} bytes")),
    }
}
