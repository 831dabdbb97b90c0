//! An embedder that records as fast as the log takes it and says what it was promised, until somebody kills it.

use mcp_audit::event::{Caller, Channel, Client, Detail, Event, Kind, Target};
use mcp_audit::store::Stored;
use mcp_audit::{AuditLog, Options};

/// How many events are under way at once.
const AT_ONCE: usize = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = std::env::args_os().nth(1).expect("the log's folder");
    let log = Options::new(folder).open().expect("a log");
    let callers: Vec<_> = (0..AT_ONCE).map(|number| tokio::spawn(record_for_ever(log.clone(), number))).collect();
    for caller in callers {
        caller.await.expect("nothing but a kill ends it");
    }
}

/// Says `sent` before an event is handed in, and `stored` with its place once the log says that it is durable.
async fn record_for_ever(log: AuditLog, number: usize) {
    for call in 0.. {
        let event = event(&log, number, call);
        let id = event.id;
        println!("sent {id}");
        match log.record_durably(event).await {
            Ok(Stored::At(seq)) => println!("stored {id} {seq}"),
            other => panic!("not stored: {other:?}"),
        }
    }
}

/// No two alike, so that every field has something to find.
fn event(log: &AuditLog, number: usize, call: usize) -> Event {
    let detail = Detail::ALL[(number + call) % Detail::ALL.len()];
    let event = Event::new(log.now(), Channel::Mcp, Kind::Request, detail);
    Event {
        method: Some("tools/call".to_owned()),
        target: Some(Target::Tool(format!("tool-{}", (number + call) % 7))),
        status_code: (!call.is_multiple_of(3)).then_some(200),
        duration_us: Some((number * call % 10_000) as u64),
        caller: Caller { user: Some(format!("user-{}", number % 20)), ..Caller::default() },
        client: Client { session: Some(format!("session-{}-{number}", std::process::id())), ..Client::default() },
        request_id: Some(call.to_string()),
        ..event
    }
}
