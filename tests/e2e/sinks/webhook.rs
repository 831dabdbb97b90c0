//! The webhook: nothing is lost, nothing overtakes, and at most one batch comes twice.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_audit_log_tests::fault::Dice;
use mcp_audit_log_tests::{Delivered, Misdeed, Receiver, assert_plain, eventually, files_with};
use serde_json::Value;

use crate::support::Subject;

/// How often the server is killed.
const KILLS: usize = 6;
/// The most entries of a batch.
const BATCH: usize = 20;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn config(receiver: &Receiver, more: &str) -> String {
    let url = receiver.url();
    format!(
        "[[sinks]]\nname = \"siem\"\ngroups = [\"admin\"]\nbatch = {BATCH}\ntimeout_seconds = 1\n{more}\n[sinks.webhook]\n\
         url = \"{url}\"\nsecret_env = \"HOOK_SECRET\"\n"
    )
}

fn seqs(delivered: &Delivered) -> Vec<u64> {
    let body: Value = serde_json::from_slice(&delivered.body).expect("JSON");
    let entries = body["entries"].as_array().expect("entries");
    entries.iter().map(|entry| entry["seq"].as_u64().expect("a seq")).collect()
}

/// Every batch goes on where the one before ended, or repeats that one: from its beginning, or a part of it.
fn judge(delivered: &[Delivered]) -> u64 {
    let (mut last, mut next) = (0, 0);
    for seqs in delivered.iter().map(seqs) {
        let first = *seqs.first().expect("an entry");
        assert!(seqs.iter().copied().eq(first..first + seqs.len() as u64), "in order and without a hole: {seqs:?}");
        assert!(seqs.len() <= BATCH, "{seqs:?}");
        assert!(first <= next, "entries from {next} on were skipped: {seqs:?}");
        assert!(first >= last, "more than the batch from {last} on came again: {seqs:?}");
        (last, next) = (first, next.max(first + seqs.len() as u64));
    }
    next
}

#[test]
fn every_entry_arrives_in_order_whatever_the_receiver_does_and_however_often_the_server_is_killed() {
    let mut dice = Dice::new("sinks");
    let chosen = Arc::new(Mutex::new(dice.split()));
    let receiver = Receiver::start(move || match chosen.lock().expect("no panic").below(12) {
        0 => Misdeed::StoresAndDies,
        1 => Misdeed::StoresAndFails,
        2 => Misdeed::TakesHalf,
        3 => Misdeed::Answers(503, ""),
        4 => Misdeed::Answers(429, "retry-after: 1\r\n"),
        5 => Misdeed::StoresAndHangs,
        _ => Misdeed::None,
    });
    let subject = Subject::new(&config(&receiver, ""), &[("HOOK_SECRET", SECRET)]);
    for _ in 0..KILLS {
        let mut running = subject.start();
        let before = receiver.requests();
        running.record(30 + dice.below(60) as usize, "a-marker");
        // In the middle of a delivery more often than not.
        let wanted = before + dice.below(4) as usize;
        eventually("requests of the sink", || (receiver.requests() >= wanted).then_some(()));
        std::thread::sleep(Duration::from_micros(dice.below(3_000)));
        running.process.kill();
    }
    receiver.choose(|| Misdeed::None);
    let mut running = subject.start();
    eventually("everything arrives", || (judge(&receiver.delivered()) >= running.next()).then_some(()));
    assert!(running.process.stop().success());
    let output = running.process.output();
    assert_plain(&output);
    assert!(!output.contains("a-marker") && !output.contains(&SECRET[6..]), "{output}");
    assert!(files_with(&subject.data(), &SECRET[6..]).is_empty(), "a secret is not stored");
    let delivered = receiver.delivered();
    let next = judge(&delivered);
    assert!(next > 6 * 30, "{next}");
    for batch in &delivered {
        let header = |name| batch.header(name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(header("idempotency-key"), header("webhook-id"));
        assert!(header("webhook-signature").starts_with("v1,") && header("content-type") == "application/json");
        header("webhook-timestamp").parse::<u64>().expect("seconds");
    }
}

#[test]
fn a_refused_entry_is_named_and_passed_and_a_redirection_is_not_followed() {
    let elsewhere = Receiver::start(|| Misdeed::None);
    let receiver = Receiver::start(|| Misdeed::Refuses("the-bad-one"));
    let subject = Subject::new(&config(&receiver, "hold_days = 3"), &[("HOOK_SECRET", SECRET)]);
    let mut running = subject.start();
    running.record(25, "before");
    running.record(1, "the-bad-one");
    running.record(25, "after");
    let refused = eventually("the refusal", || running.of_action("sink.refused").into_iter().next());
    let bad = running.admin.entries("resource_id=the-bad-one").remove(0);
    assert_eq!((&refused["resource_name"], &refused["parent"]), (&"siem".into(), &bad["id"]));
    let entry = running.admin.entry(refused["id"].as_str().expect("an id")).json();
    let details = &entry["details"];
    assert_eq!((&details["first"], &details["last"], &details["entries"]), (&bad["seq"], &bad["seq"], &1.into()));
    assert_eq!(details["reason"], "the server returned 422 Unprocessable Entity", "and nothing that the server said");
    let arrived = || receiver.delivered().iter().flat_map(seqs).collect::<Vec<_>>();
    eventually("all others", || (arrived().last() == Some(&(running.next() - 1))).then_some(()));
    let expected = (0..running.next()).filter(|seq| Some(*seq) != bad["seq"].as_u64());
    assert!(arrived().into_iter().eq(expected), "{:?}", arrived());

    let target = format!("location: {}\r\n", elsewhere.url());
    let target: &'static str = Box::leak(target.into_boxed_str());
    receiver.choose(move || Misdeed::Answers(307, target));
    running.record(1, "redirected");
    let failing = eventually("the failure", || running.of_action("sink.failing").into_iter().next());
    let entry = running.admin.entry(failing["id"].as_str().expect("an id")).json();
    let reason = entry["details"]["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("307") && reason.contains("not followed"), "{reason}");
    assert_eq!(elsewhere.requests(), 0);
    receiver.choose(|| Misdeed::None);
    eventually("the recovery", || running.of_action("sink.recovered").into_iter().next());
    assert!(running.process.stop().success());
}

#[test]
fn the_command_line_lists_tries_and_sets_back_the_sinks_of_the_file() {
    let receiver = Receiver::start(|| Misdeed::None);
    let subject = Subject::new(&config(&receiver, "filter = \"resource_id:7\""), &[("HOOK_SECRET", SECRET)]);
    let file = subject.config();
    let file = ["--config", file.to_str().expect("UTF-8")];
    let command = |arguments: &[&str]| subject.command(&[arguments, &file].concat());
    let mut running = subject.start();
    running.record(3, "7");
    running.record(3, "8");
    let arrived = || receiver.delivered().iter().map(|batch| seqs(batch).len()).sum::<usize>();
    eventually("three entries", || (arrived() == 3).then_some(()));
    let (fine, list) = command(&["list"]);
    assert!(
        fine && list.contains("siem: webhook at 127.0.0.1:") && list.contains("OK, has everything below"),
        "{list}"
    );
    assert!(!list.contains("/hook"), "the path of a webhook may be a secret: {list}");
    let (fine, said) = command(&["test", "siem"]);
    assert!(fine && said.contains("accepted an empty batch"), "{said}");
    assert!(seqs(receiver.delivered().last().expect("the trial")).is_empty());
    let (fine, said) = command(&["test", "other"]);
    assert!(!fine && said.contains("no sink \"other\"; it has: siem"), "{said}");
    receiver.choose(|| Misdeed::Answers(403, ""));
    let (fine, said) = command(&["test", "siem"]);
    assert!(!fine && said.contains("did not accept it: the server returned 403"), "{said}");
    receiver.choose(|| Misdeed::None);
    let data = subject.data();
    let rewind = ["rewind", "siem", "--to", "0", "--data", data.to_str().expect("UTF-8")];
    let (fine, said) = subject.command(&rewind);
    assert!(!fine && said.contains("in use by another process"), "{said}");
    assert!(running.process.stop().success());
    let (fine, said) = subject.command(&rewind);
    assert!(fine && said.contains("from seq 0 on again"), "{said}");
    let running = subject.start();
    eventually("the three again", || (arrived() == 6).then_some(()));
    assert_eq!(running.of_action("sink.rewound")[0]["user"], "operator");
    let wrong = Subject::new(&config(&receiver, ""), &[]);
    let file = wrong.config();
    let (fine, said) = wrong.command(&["test", "siem", "--config", file.to_str().expect("UTF-8")]);
    assert!(!fine && said.contains("the environment has no HOOK_SECRET"), "{said}");
}
