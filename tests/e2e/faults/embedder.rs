//! An embedder of the log that takes orders, one per line, and prints what it sends and what is acknowledged. `done` is
//! the last line of an order's answer.

use std::io::BufRead;
use std::time::Duration;

use mcp_audit_log::event::{Caller, Channel, Client, Event, Kind, OutcomeDetail, Target};
use mcp_audit_log::manifest::Job;
use mcp_audit_log::policy::{Policy, digest};
use mcp_audit_log::recorder::{QueueLimits, RecordError, Stored};
use mcp_audit_log::{AuditLog, Options, PolicyRequest};
use mcp_audit_log_tests::fault::{admin, seen};

/// How long a load waits between two checkpoints.
const PACE: Duration = Duration::from_millis(20);

/// Arguments: the log's folder, and how many events may wait.
fn main() {
    let mut arguments = std::env::args().skip(1);
    let options = Options::new(arguments.next().expect("the log's folder")).own_schedule();
    let options = match arguments.next() {
        Some(items) => options.queue(QueueLimits { items: items.parse().expect("a number"), bytes: 64 << 20 }),
        None => options,
    };
    let log = options.open().unwrap_or_else(|error| panic!("no log: {error}"));
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("an order");
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["load", callers] => run(load(&log, number(callers))),
            ["send", events] => run(send(&log, number(events))),
            ["fling", refused] => fling(&log, number(refused)),
            ["sign"] => log.sign().unwrap_or_else(|error| println!("not signed: {error}")),
            ["clean"] => clean(&log),
            ["due"] => log.run_due().unwrap_or_else(|error| println!("not run: {error}")),
            ["swap"] => swap(&log),
            ["judges"] => println!("{}", judge(&log)),
            ["hello"] => {}
            ["tell"] => seen(log.view()).iter().for_each(|seen| println!("{seen}")),
            ["close"] => return log.close(),
            _ => panic!("what is this? {line}"),
        }
        println!("done");
    }
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work);
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

/// Records as fast as the log takes it, so many events at once, and signs many times a second; never ends.
async fn load(log: &AuditLog, callers: usize) {
    let signed = log.clone();
    std::thread::spawn(move || {
        loop {
            signed.sign().unwrap_or_else(|error| println!("not signed: {error}"));
            std::thread::sleep(PACE);
        }
    });
    together(callers, |number| {
        let log = log.clone();
        async move {
            for call in 0.. {
                durably(&log, number, call).await;
            }
        }
    })
    .await;
}

/// Records events at once, and waits for the result of each.
async fn send(log: &AuditLog, events: usize) {
    together(events, |number| {
        let log = log.clone();
        async move { durably(&log, number, 0).await }
    })
    .await;
}

/// Runs so many of these at once, until each has ended.
async fn together<F: Future<Output = ()> + Send + 'static>(count: usize, one: impl FnMut(usize) -> F) {
    let all: Vec<_> = (0..count).map(one).map(tokio::spawn).collect();
    for one in all {
        one.await.expect("nothing but a kill ends it");
    }
}

/// Prints `sent` before an event is enqueued, and its result once the log reports that it is durable.
async fn durably(log: &AuditLog, number: usize, call: usize) {
    let event = event(log, number, call);
    let id = event.id;
    println!("sent {id}");
    match log.record_durably(event).await {
        Ok(Stored::At(seq)) => println!("stored {id} {seq}"),
        Ok(Stored::Duplicate) => println!("duplicate {id}"),
        Err(RecordError::Full) => println!("full {id}"),
        Ok(Stored::Conflict) | Err(_) => println!("unknown {id}"),
    }
}

/// Hands events in without waiting for anything, until so many were not taken.
fn fling(log: &AuditLog, refused: usize) {
    let mut refusals = 0;
    for number in 0.. {
        if refusals == refused {
            return;
        }
        let event = event(log, number, 0);
        let id = event.id;
        println!("sent {id}");
        match log.record(event) {
            Ok(()) => {}
            Err(RecordError::Full) => {
                println!("full {id}");
                refusals += 1;
            }
            Err(error) => panic!("not taken: {error}"),
        }
    }
}

/// Activates the default policy with a section more, so that it is another component that judges alike.
fn swap(log: &AuditLog) {
    let other = [Policy::builtin_component(), &[0, 2, 1, b'x']].concat();
    let wanted = PolicyRequest { policy: Some(other), reason: "a test".to_owned(), ..PolicyRequest::default() };
    if let Err(error) = log.activate_policy(&admin(log.view()), &wanted) {
        println!("not swapped: {error}");
    }
}

/// Whether the default policy judges.
fn judge(log: &AuditLog) -> &'static str {
    let is_default = log.view().policy_digest() == digest(Policy::builtin_component());
    if is_default { "default" } else { "other" }
}

fn clean(log: &AuditLog) {
    let manifest = log.view().manifest();
    let cleanup = manifest.crons.iter().find(|cron| cron.job == Job::Retention).expect("the policy declares a cleanup");
    match log.run_cron(&admin(log.view()), &cleanup.name) {
        Ok(state) => println!("{} {}", state.last_succeeded == Some(true), state.last_message.unwrap_or_default()),
        Err(error) => println!("not run: {error}"),
    }
}

/// No two alike, so that every field has something to find.
fn event(log: &AuditLog, number: usize, call: usize) -> Event {
    let detail = OutcomeDetail::ALL[(number + call) % OutcomeDetail::ALL.len()];
    let event = Event::new(log.view().now(), Channel::Mcp, Kind::Request, detail);
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
