//! The demo's past: thirty days of a small company, the same in every demo, with something to find on some of them.
//!
//! It happened in the past and is recorded when the demo starts, as an import would be: `recorded_at` is never backdated.
//! Each entry says in its details that it is seeded.

mod definitions;

use std::time::Duration;

use mcp_audit_log::AuditLog;
use mcp_audit_log::event::{BlockingPolicy, Caller, Channel, Client, Event, Kind, ModelUsage, OutcomeDetail, Resource};
use mcp_audit_log::recorder::RecordError;
use mcp_audit_log::time::{DAY, HOUR, SECOND, Timestamp};
use serde_json::json;

/// How many days it has.
pub(super) const DAYS: i64 = 30;
/// How many events are recorded at once.
const BATCH: usize = 250;
const MINUTE: i64 = 60 * SECOND;

/// Server, tool, and how long a call takes in milliseconds.
const TOOLS: [(&str, &str, u64); 6] = [
    ("shop", "search_products", 45),
    ("shop", "get_invoice", 20),
    ("crm", "search_customers", 90),
    ("crm", "get_customer", 35),
    ("crm", "merge_customers", 240),
    ("docs", "read_page", 15),
];

/// User, connection and client.
const WORKERS: [(&str, &str, &str); 4] = [
    ("anna", "annas-laptop", "desk-assistant"),
    ("otto", "ottos-laptop", "audit-notebook"),
    ("uma", "umas-laptop", "code-editor"),
    ("karl", "karls-laptop", "desk-assistant"),
];

/// The events, in the order in which they happened, as seen from `now`.
pub(super) fn events(now: Timestamp) -> Vec<Event> {
    let mut history = History {
        today: Timestamp::from_micros(now.as_micros().div_euclid(DAY) * DAY),
        dice: 2_041,
        events: Vec::new(),
    };
    (1..=DAYS).for_each(|ago| history.usual(ago));
    history.dear_report();
    history.revoked_key();
    history.agent_run();
    history.blocked_delete();
    history.night();
    let History { mut events, .. } = history;
    events.sort_by_key(|event| event.occurred_at);
    events
}

/// Records the history, and returns how many entries it has.
pub(super) async fn seed(log: &AuditLog) -> Result<usize, RecordError> {
    let now = log.view().now();
    let (watch, listings) = (log.tool_watch(), definitions::listings(now));
    let listed = listings.iter().map(|(event, _)| event.clone());
    let mut events: Vec<_> = events(now).into_iter().chain(listed).collect();
    events.sort_by_key(|event| event.occurred_at);
    let count = events.len();
    let mut events = events.into_iter().map(|event| event.fact("seeded", true)).peekable();
    while events.peek().is_some() {
        let batch: Vec<_> = events.by_ref().take(BATCH).collect();
        log.record_all(batch, 0).await?.into_iter().try_for_each(|stored| stored.map(drop))?;
    }
    let log = log.clone();
    let compared = tokio::task::spawn_blocking(move || {
        listings.iter().for_each(|(_, listing)| watch.compare(listing));
        log.check_alerts();
    });
    let _ = compared.await;
    Ok(count + definitions::ENTRIES)
}

struct History {
    /// When this day began.
    today: Timestamp,
    /// The state of the dice.
    dice: u64,
    events: Vec<Event>,
}

impl History {
    /// A number below `most`, the same in every demo.
    fn roll(&mut self, most: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % most
    }

    fn at(&self, days_ago: i64, time: i64) -> Timestamp {
        self.today.plus(time - days_ago * DAY)
    }

    /// The usual work of a day: few sessions on two days of seven, and a slow server on one day.
    fn usual(&mut self, ago: i64) {
        let is_free = ago % 7 < 2;
        for (user, connection, client) in WORKERS {
            let sessions = if is_free { self.roll(2) } else { 1 + self.roll(2) };
            for session in 0..sessions {
                let id = format!("s-{ago:02}-{user}-{session}");
                let mut at = self.at(ago, (8 + 4 * session as i64) * HOUR).plus(self.roll(180) as i64 * MINUTE);
                for _ in 0..4 + self.roll(5) {
                    let (server, tool, millis) = TOOLS[self.roll(TOOLS.len() as u64) as usize];
                    let slow = if ago == 6 && server == "crm" { 60 } else { 1 };
                    let took = Duration::from_millis(millis * slow + self.roll(millis));
                    let by = Caller::user(user).connection(connection);
                    let mut call = Event::tool_call(at, server, tool).by(by).with(client_of(client, &id)).took(took);
                    let tokens = 400 + self.roll(900);
                    call = call.used(model("small", tokens, tokens / 6, 2 * tokens));
                    if self.roll(30) == 0 {
                        call = failed(call);
                    }
                    self.events.push(call);
                    at = at.plus((5 + self.roll(90) as i64) * SECOND);
                }
            }
        }
    }

    /// Nine days ago, a report that cost more than everything else together.
    fn dear_report(&mut self) {
        for page in 0..40 {
            let at = self.at(9, 14 * HOUR + page * 90 * SECOND);
            let by = Caller::user("karl").connection("karls-laptop").agent("report-writer", "run-1907");
            let call = Event::tool_call(at, "docs", "write_page").by(by).with(client_of("desk-assistant", "s-report"));
            let tokens = 58_000 + self.roll(9_000);
            self.events.push(call.took(Duration::from_millis(300)).used(model(
                "large",
                tokens,
                tokens / 7,
                14 * tokens,
            )));
        }
    }

    /// Twelve days ago, a key was revoked, and its program went on trying.
    fn revoked_key(&mut self) {
        let revoked = self.at(12, 10 * HOUR);
        let key = Resource::api_key("key-ci").named("CI");
        self.events.push(Event::admin(revoked, "api_key.revoked", key).by(Caller::user("anna")));
        for attempt in 0..10 {
            let refused =
                Event::new(revoked.plus((7 + 55 * attempt) * MINUTE), Channel::Mcp, Kind::Http, OutcomeDetail::Denied);
            let refused = Event {
                server: Some("shop".to_owned()),
                method: Some("POST".to_owned()),
                status_code: Some(401),
                ..refused
            };
            let refused = refused.by(Caller::user("karl").connection("ci-runner")).took(Duration::from_millis(2));
            self.events.push(refused.failed(OutcomeDetail::Denied, "revoked_credential", "The key was revoked."));
        }
    }

    /// Four days ago, an agent planned the stock in three sessions, beside an hour-long stream, and two answers came late.
    fn agent_run(&mut self) {
        let by = || Caller::user("otto").connection("ottos-laptop").agent("stock-planner", "run-2041");
        let begun = self.at(4, 9 * HOUR);
        let stream = Event::new(begun, Channel::Mcp, Kind::Stream, OutcomeDetail::Ok);
        let stream = Event { method: Some("GET".to_owned()), server: Some("shop".to_owned()), ..stream };
        self.events.push(stream.by(by()).with(client_of("planner-sdk", "s-plan-1")).took(Duration::from_secs(3_600)));
        for session in 1..=3 {
            for step in 0..6 {
                let at = begun.plus((session - 1) * 20 * MINUTE + step * 40 * SECOND);
                let (server, tool, millis) = TOOLS[self.roll(4) as usize];
                let client = || client_of("planner-sdk", &format!("s-plan-{session}"));
                let call =
                    Event::tool_call(at, server, tool).by(by()).with(client()).took(Duration::from_millis(millis));
                if session > 1 && step == 3 {
                    let late = Event::tool_call(at.plus(MINUTE), server, tool).by(by()).with(client()).under(call.id);
                    self.events.push(late.took(Duration::from_secs(4)));
                    self.events.push(Event { detail: OutcomeDetail::Deferred, ..call });
                } else {
                    self.events.push(call);
                }
            }
        }
    }

    /// Three days ago, a policy kept an assistant from deleting a customer.
    fn blocked_delete(&mut self) {
        let by = Caller::user("uma").connection("umas-laptop");
        let call = Event::tool_call(self.at(3, 11 * HOUR + 20 * MINUTE), "crm", "delete_customer").by(by);
        let call = call.with(client_of("code-editor", "s-tidy")).took(Duration::from_millis(3));
        let policy = BlockingPolicy::new("no-deletes", "No deletes by assistants");
        self.events.push(customer(call, 1_204).blocked_by(policy));
    }

    /// Two nights ago, an assistant could not merge two customers, and deleted one of them.
    fn night(&mut self) {
        let steps = [
            ("search_customers", 120, false),
            ("get_customer", 31, false),
            ("merge_customers", 5_020, true),
            ("delete_customer", 88, false),
        ];
        for (session, id, hour, steps) in
            [("s-evening", 4_655, 22 - 24, &steps[..3]), ("s-night", 4_711, 3, &steps[..])]
        {
            let by = || Caller::user("karl").connection("karls-laptop").agent("night-shift", format!("run-{session}"));
            for (step, (tool, millis, fails)) in steps.iter().enumerate() {
                let at = self.at(2, hour * HOUR + 12 * MINUTE + step as i64 * 7 * SECOND);
                let call = Event::tool_call(at, "crm", *tool).by(by()).with(client_of("night-agent", session));
                let call = customer(call.took(Duration::from_millis(*millis)), id);
                self.events.push(if *fails && session == "s-night" { failed(call) } else { call });
            }
        }
    }
}

fn client_of(name: &str, session: &str) -> Client {
    Client { name: Some(name.to_owned()), session: Some(session.to_owned()), ..Client::default() }
}

fn model(name: &str, input: u64, output: u64, cost_micros: u64) -> ModelUsage {
    ModelUsage::of("example", name).tokens(input, output).cost_micros(cost_micros)
}

fn failed(call: Event) -> Event {
    call.failed(OutcomeDetail::ToolError, "tool_error", "The tool reported an error.")
}

/// The customer that a call is about.
fn customer(call: Event, id: u32) -> Event {
    call.argument("model", &json!("crm.customer")).argument("record_id", &json!(id.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_the_same_every_time_and_lies_in_the_past() {
        let now = Timestamp::parse("2026-11-21T00:30:00Z").expect("a time");
        let told = |events: &[Event]| {
            events
                .iter()
                .map(|event| format!("{} {:?} {:?}", event.occurred_at, event.method, event.duration_us))
                .collect::<Vec<_>>()
        };
        let history = events(now);
        assert_eq!(told(&history), told(&events(now)));
        assert!(history.len() > 800 && history.len() < 3_000, "{}", history.len());
        assert!(history.is_sorted_by_key(|event| event.occurred_at));
        let (first, last) = (history[0].occurred_at, history[history.len() - 1].occurred_at);
        assert!(last < now && first > now.plus(-(DAYS + 1) * DAY), "{first} to {last}");
    }
}
