//! Some three hundred events: every method, outcome, shape and door, and what a caller may send that no rule expects.
//!
//! They are made by code and the same in every run, apart from their ids, which no policy sees.

mod odd;
mod platform;
mod protocol;
pub mod secrets;

use mcp_audit_log_model::event::{Body, Caller, Channel, Client, Event, Kind, OutcomeDetail, Payload, Target};
use mcp_audit_log_model::time::Timestamp;

/// The moment of all of them, and of every question beside them: 2026-09-21, 14:13:20 UTC.
pub const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

/// An event with a name for reports.
#[derive(Clone, Debug)]
pub struct GoldenEvent {
    /// Its name, which no other one has.
    pub name: String,
    /// The event.
    pub event: Event,
}

/// All of them, in the same order every time.
pub fn events() -> Vec<GoldenEvent> {
    let mut events = Vec::new();
    protocol::add(&mut events);
    platform::add(&mut events);
    odd::add(&mut events);
    events
}

/// An event of an ordinary call: a user, a connection, a client, a duration, and a body.
fn ordinary(channel: Channel, kind: Kind, method: &str) -> Event {
    let event = Event::new(NOW, channel, kind, OutcomeDetail::Ok);
    Event {
        method: Some(method.to_owned()),
        server: Some("crm".to_owned()),
        status_code: Some(200),
        duration_us: Some(1_200),
        caller: Caller::user("uma").connection("umas-laptop"),
        client: Client { name: Some("inspector".to_owned()), ..Client::default() },
        payload: Some(Payload {
            request: Some(Body::whole(r#"{"query":"open orders of today"}"#)),
            response: Some(Body::whole(r#"{"content":[{"type":"text","text":"three"}]}"#)),
        }),
        ..event
    }
}

/// A call of this tool.
fn call(tool: &str) -> Event {
    Event { target: Some(Target::Tool(tool.to_owned())), ..ordinary(Channel::Mcp, Kind::Request, "tools/call") }
}

fn push(events: &mut Vec<GoldenEvent>, name: impl Into<String>, event: Event) {
    events.push(GoldenEvent { name: name.into(), event });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn they_are_some_three_hundred_and_reach_every_word_of_the_vocabularies() {
        let events = events();
        assert!((290..=330).contains(&events.len()), "{}", events.len());
        let names: BTreeSet<_> = events.iter().map(|golden| golden.name.as_str()).collect();
        assert_eq!(names.len(), events.len(), "each has a name of its own");
        let has = |test: &dyn Fn(&Event) -> bool| events.iter().any(|golden| test(&golden.event));
        assert!(Channel::ALL.iter().all(|channel| has(&|event| event.channel == *channel)));
        assert!(Kind::ALL.iter().all(|kind| has(&|event| event.kind == *kind)));
        assert!(OutcomeDetail::ALL.iter().all(|detail| has(&|event| event.detail == *detail)));
    }

    #[test]
    fn they_are_the_same_every_time() {
        let ids = events()[0].event.id;
        let plain =
            |golden: GoldenEvent| format!("{} {:?}", golden.name, Event { id: ids, parent: None, ..golden.event });
        let all = || events().into_iter().map(plain).collect::<Vec<_>>();
        assert_eq!(all(), all());
    }
}
