//! How the active policy fares, as lines of the page: the same figures that decide whether the log is ready.

use std::sync::atomic::Ordering;

use mcp_audit_log_core::recorder::Gauges;
use mcp_audit_log_model::format::count;
use mcp_audit_log_sandbox::{Policy, PolicyFailure};

/// A line.
pub(super) struct PolicyHealthLine {
    pub(super) label: &'static str,
    /// `None` if it is not certain yet.
    pub(super) well: Option<bool>,
    pub(super) text: String,
}

/// The lines.
pub(super) fn lines(policy: &Policy, gauges: &Gauges) -> Vec<PolicyHealthLine> {
    let line = |label, (well, text)| PolicyHealthLine { label, well, text };
    let resting: Vec<_> = policy.resting();
    vec![
        line("Judging", judging(policy.health().recent())),
        line("Access", access(policy.health().check())),
        line("Pauses", pauses(&resting)),
        line("Probation", probation(gauges.probation.load(Ordering::Relaxed))),
    ]
}

type State = (Option<bool>, String);

fn judging((failed, of): (usize, usize)) -> State {
    if of == 0 {
        return (None, "It judged no event yet.".to_owned());
    }
    let of = count(of as u64);
    match failed {
        0 => (Some(true), format!("It judged the last {of} events without a fault.")),
        failed => {
            let failed = count(failed as u64);
            (Some(false), format!("It failed on {failed} of the last {of} events, wholly or in one of its layers."))
        }
    }
}

fn access(works: Result<(), PolicyFailure>) -> State {
    match works {
        Err(PolicyFailure::Access) => {
            (Some(false), "It failed ten times in a row when asked for rights; access is denied.".to_owned())
        }
        _ => (Some(true), "It answers when asked for rights.".to_owned()),
    }
}

fn pauses(resting: &[&str]) -> State {
    match resting {
        [] => (Some(true), "It is asked about each event.".to_owned()),
        names => {
            let names = names.join(", ");
            (
                Some(false),
                format!("{names} used up its fuel and failed again and again, and is not called for a while."),
            )
        }
    }
}

fn probation(rest: usize) -> State {
    match rest {
        0 => (Some(true), "It is not on probation.".to_owned()),
        rest => {
            let rest = count(rest as u64);
            let text = format!(
                "{rest} of its first thousand events are still to come. If half of them fail, the policy before comes \
                 back by itself."
            );
            (None, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_the_state_and_then_the_reason() {
        assert_eq!(judging((0, 12)), (Some(true), "It judged the last 12 events without a fault.".to_owned()));
        assert_eq!(judging((0, 0)).0, None);
        let (well, text) = judging((3, 1_000));
        assert!(well == Some(false) && text.starts_with("It failed on 3 of the last 1"), "{text}");
        assert_eq!(access(Ok(())).0, Some(true));
        assert_eq!(access(Err(PolicyFailure::Judge)).0, Some(true), "the line about judging has it");
        assert_eq!(access(Err(PolicyFailure::Access)).0, Some(false));
        let (well, text) = pauses(&["acme", "iban"]);
        assert!(well == Some(false) && text.starts_with("acme, iban used up"), "{text}");
        assert_eq!(pauses(&[]).0, Some(true));
        assert_eq!((probation(0).0, probation(7).0), (Some(true), None));
    }
}
