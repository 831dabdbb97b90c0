//! Judges events, correctly or as a mode selects.

use std::hint::black_box;

use crate::contract::{Change, Event, Fact, KeepPayload, PayloadDecision, Setting, Value, Verdict};
use crate::fault::{self, CONTROL_CHARACTERS, MANY, MUCH};
use crate::manifest::SHARE;
use crate::mode::Mode;

/// One verdict for each event, unless a mode changes that. The mode of an event takes precedence over the mode of the
/// settings.
pub(crate) fn judge(settings: &[Setting], events: &[Event]) -> Vec<Verdict> {
    let general = Mode::of_settings(settings);
    // A batch may be empty, and a function that is to fail must fail all the same.
    fault::run(general);
    if general == Mode::Hungry {
        black_box(vec![1_u8; 20 << 20]);
    }
    let judged = (0..).zip(events).flat_map(|(at, event)| {
        let mode = Mode::of_event(event).unwrap_or(general);
        one(at, mode).into_iter().map(move |verdict| mistaken(settings, event, mode, verdict))
    });
    judged.collect()
}

/// The verdict with a typical mistake.
fn mistaken(settings: &[Setting], event: &Event, mode: Mode, verdict: Verdict) -> Verdict {
    let named = |action: &str| Verdict { action: action.to_owned(), ..verdict.clone() };
    match mode {
        Mode::Remembers if verdict.event == 0 => named("evil.first"),
        Mode::Undeclared if event.user.is_some() => named("evil.known"),
        Mode::Leak => Verdict { record_id: event.arguments.last().map(|argument| argument.json.clone()), ..verdict },
        Mode::KeepAll if number(settings, "log_payloads") == 1 => Verdict { payload: keep(&[], 65_536), ..verdict },
        Mode::KeepUnknown if number(settings, "log_payloads") == 1 => {
            Verdict { payload: keep(&["no such mask"], 65_536), ..verdict }
        }
        Mode::Slow => {
            for step in 0..400_000_u32 {
                black_box(step);
            }
            verdict
        }
        Mode::BadAction => named("Evil things were judged"),
        Mode::Divides => {
            Verdict { facts: vec![fact("share", &(100 / number(settings, SHARE)).to_string())], ..verdict }
        }
        _ => verdict,
    }
}

/// A whole number, or 1 for a switch that is on.
fn number(settings: &[Setting], key: &str) -> i64 {
    match settings.iter().find(|setting| setting.key == key).map(|setting| &setting.value) {
        Some(Value::Integer(number)) => *number,
        Some(Value::Boolean(true)) => 1,
        _ => 0,
    }
}

fn one(at: u32, mode: Mode) -> Vec<Verdict> {
    fault::run(mode);
    let verdict = Verdict { event: at, ..misjudged(mode) };
    match mode {
        Mode::TooFew => Vec::new(),
        Mode::TooMany => vec![verdict.clone(), verdict],
        Mode::WrongIndex => vec![Verdict { event: at.wrapping_add(1), ..verdict }],
        _ => vec![verdict],
    }
}

fn misjudged(mode: Mode) -> Verdict {
    let decent = decent();
    match mode {
        Mode::OversizeList => Verdict { facts: vec![fact("many", ""); MANY], ..decent },
        Mode::OversizeText => Verdict { facts: vec![fact("much", &"x".repeat(MUCH))], ..decent },
        Mode::BadUtf8 => Verdict { action: fault::bad_utf8(), ..decent },
        Mode::ControlChars => control_characters(),
        Mode::BadMask => Verdict { payload: keep(&["no such mask"], 65_536), ..decent },
        Mode::Widen => Verdict { payload: keep(&[], u32::MAX), ..decent },
        Mode::Overwrite => overwriting(),
        Mode::ManyChanges => many_changes(),
        Mode::LongAction => Verdict { action: format!("evil.{}", "x".repeat(1_000_000)), ..decent },
        _ => decent,
    }
}

fn decent() -> Verdict {
    Verdict {
        event: 0,
        action: "evil.judged".to_owned(),
        affected: None,
        model: None,
        record_id: None,
        facts: Vec::new(),
        changes: Vec::new(),
        payload: PayloadDecision::None,
    }
}

/// Names of details that the host sets, in entries about the log itself and in others.
const HOSTS: [&str; 14] = [
    "sent_by",
    "policy_digest",
    "fault",
    "changes",
    "cost_source",
    "origin",
    "checkpoint",
    "checkpoint_digest",
    "key_digest",
    "dropped",
    "request_bytes",
    "http_method",
    "setting",
    "old",
];

fn overwriting() -> Verdict {
    let change = |field: &str| Change {
        field: field.to_owned(),
        old: Value::Integer(1),
        new: Value::Text("[masked]".to_owned()),
    };
    Verdict {
        facts: HOSTS.iter().map(|name| fact(name, "forged")).collect(),
        changes: vec![change("retention_days"), change("log_payloads"), change("no_such_setting")],
        ..decent()
    }
}

fn many_changes() -> Verdict {
    let long = || Value::Text("x".repeat(16_000));
    let change = |at| Change { field: format!("field-{at}"), old: long(), new: long() };
    let facts = (0..100).map(|at| Fact { name: format!("fact-{at}"), value: long() }).collect();
    Verdict { facts, changes: (0..400).map(change).collect(), ..decent() }
}

fn control_characters() -> Verdict {
    let text = || CONTROL_CHARACTERS.to_owned();
    Verdict {
        action: text(),
        model: Some(text()),
        record_id: Some(text()),
        facts: vec![fact(CONTROL_CHARACTERS, CONTROL_CHARACTERS)],
        ..decent()
    }
}

fn keep(masks: &[&str], max_bytes: u32) -> PayloadDecision {
    PayloadDecision::Keep(KeepPayload { masks: masks.iter().map(|mask| (*mask).to_owned()).collect(), max_bytes })
}

fn fact(name: &str, text: &str) -> Fact {
    Fact { name: name.to_owned(), value: Value::Text(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_wrong_only_on_request() {
        let lengths = |mode| one(0, mode).len();
        assert_eq!((lengths(Mode::TooFew), lengths(Mode::Decent), lengths(Mode::TooMany)), (0, 1, 2));
        assert_eq!(one(0, Mode::Decent), [decent()]);
    }

    #[test]
    fn every_misbehaviour_differs_from_the_good_verdict() {
        use Mode::{BadMask, ControlChars, LongAction, OversizeList, OversizeText, Widen};
        for mode in [OversizeList, OversizeText, ControlChars, BadMask, Widen, LongAction] {
            assert_ne!(misjudged(mode), decent(), "{mode:?}");
        }
        assert!(std::str::from_utf8(misjudged(Mode::BadUtf8).action.as_bytes()).is_err());
    }
}
