//! What a trial found, as the page shows it.

use mcp_audit_log_model::format::{count, counted};
use mcp_audit_log_policy_tools::difference::PolicyDifference;
use mcp_audit_log_policy_tools::replay::{Calibration, PersonDifference, ReplayWitness, VerdictDifference, viewer_of};
use mcp_audit_log_policy_tools::shown::list;

use super::trial::{PolicyTrial, Stopped};
use crate::ui::text::Shown;

/// The most differences of a kind that are shown.
const MOST: usize = 50;
/// The longest text of one, in characters.
const LONGEST: usize = 300;

/// The report.
pub(super) struct TrialReport {
    /// Whether the candidate would have done, and would show, the same.
    pub(super) is_same: bool,
    /// What was looked at.
    pub(super) scope: Vec<(&'static str, Vec<Shown>)>,
    /// An entry that the active policy does not reproduce.
    pub(super) not_reproduced: Option<Example>,
    pub(super) verdicts: VerdictLines,
    pub(super) viewers: Vec<ViewerLine>,
    pub(super) more_viewers: u64,
    /// The part and the sentence.
    pub(super) declared: Vec<(&'static str, Shown)>,
    pub(super) more_declared: usize,
}

/// What is judged otherwise.
pub(super) struct VerdictLines {
    pub(super) lines: Vec<VerdictLine>,
    /// How many differences are not shown.
    pub(super) more: u64,
}

impl VerdictLines {
    pub(super) fn new(verdicts: &[VerdictDifference], further: u64, base: &str) -> Self {
        let line = |one: &VerdictDifference| VerdictLine {
            part: one.part,
            active: Shown::cut(&one.active, LONGEST),
            candidate: Shown::cut(&one.candidate, LONGEST),
            entries: count(one.entries),
            example: format!("{base}/entries/{}", one.witness),
        };
        let more = verdicts.len().saturating_sub(MOST) as u64 + further;
        Self { lines: verdicts.iter().take(MOST).map(line).collect(), more }
    }
}

/// Entries that are judged otherwise in the same way.
pub(super) struct VerdictLine {
    pub(super) part: &'static str,
    pub(super) active: Shown,
    pub(super) candidate: Shown,
    pub(super) entries: String,
    pub(super) example: String,
}

/// A viewer, with what is different.
pub(super) struct ViewerLine {
    pub(super) viewer: Shown,
    pub(super) what: Vec<Example>,
}

/// A sentence, and the entry that it is about.
pub(super) struct Example {
    pub(super) text: Shown,
    pub(super) entry: Option<String>,
}

impl TrialReport {
    pub(super) fn new(trial: &PolicyTrial, base: &str) -> Self {
        let href = |entry: &String| format!("{base}/entries/{entry}");
        let report = &trial.report;
        let alike = report.people.alike();
        let (viewers, all) = (alike.clone().take(MOST), alike.count());
        let witness = |ReplayWitness { entry, text }: &ReplayWitness| Example {
            text: Shown::cut(text, LONGEST),
            entry: Some(href(entry)),
        };
        let declared = |one: &PolicyDifference| (one.part, Shown::cut(&one.text, LONGEST));
        Self {
            is_same: report.is_same() && trial.declared.is_empty(),
            scope: scope(trial),
            not_reproduced: report.calibration.witness.as_ref().map(witness),
            verdicts: VerdictLines::new(&report.verdicts, report.further_differences, base),
            viewers: viewers.map(|alike| ViewerLine::new(alike, &href)).collect(),
            more_viewers: (all.saturating_sub(MOST) + report.people.left_out) as u64,
            declared: trial.declared.iter().take(MOST).map(declared).collect(),
            more_declared: trial.declared.len().saturating_sub(MOST),
        }
    }
}

/// What was looked at, as labels and sentences.
fn scope(trial: &PolicyTrial) -> Vec<(&'static str, Vec<Shown>)> {
    let PolicyTrial { report, seqs, unseen, stopped, unasked, .. } = trial;
    let calibration = &report.calibration;
    let mut entries = match seqs {
        Some((first, last)) => vec![format!("{}, from seq {first} to {last}.", count(report.entries))],
        None => vec!["None was recorded in this time.".to_owned()],
    };
    match stopped {
        Some(Stopped::Entries) => entries.push("Older ones of this time were not replayed.".to_owned()),
        Some(Stopped::Time) => entries.push("It took too long; older ones of this time were not replayed.".to_owned()),
        None => {}
    }
    if *unseen > 0 {
        entries.push(format!("{} more among them you do not see; no policy was asked about these.", count(*unseen)));
    }
    let mut viewers = vec![format!("{} were asked about.", count((report.people.asked) as u64))];
    if *unasked > 0 {
        viewers.push(format!("There was no time for {} more.", count(*unasked as u64)));
    }
    let shown = |texts: Vec<String>| texts.iter().map(|text| Shown::line(text)).collect();
    vec![
        ("Candidate", shown(vec![report.candidate.clone()])),
        ("Against", shown(vec![report.active.clone()])),
        ("Entries", shown(entries)),
        ("Reproduced", vec![reproduced(calibration)]),
        ("Viewers", shown(viewers)),
    ]
}

/// How far the active policy, asked again, gives what was recorded.
pub(super) fn reproduced(calibration: &Calibration) -> Shown {
    Shown::line(&format!(
        "{} of {}: the active policy, asked again, gives what was recorded. Arguments and bodies are not in entries, so \
         what depends on them may differ.",
        count(calibration.reproduced),
        count(calibration.entries)
    ))
}

impl ViewerLine {
    fn new(alike: &[PersonDifference], href: &dyn Fn(&String) -> String) -> Self {
        let mut what = Vec::new();
        if let Some(one) = alike.first() {
            for (verb, rights) in [("gains the rights", &one.gains_rights), ("loses the rights", &one.loses_rights)] {
                if !rights.is_empty() {
                    what.push(Example { text: Shown::line(&format!("{verb} {}", list(rights))), entry: None });
                }
            }
            for (verb, entries, witness) in [("gains", one.gains, &one.gained), ("loses", one.loses, &one.lost)] {
                if let Some(witness) = witness {
                    let text = Shown::line(&format!("{verb} {}", counted(entries, "entry", "entries")));
                    what.push(Example { text, entry: Some(href(witness)) });
                }
            }
        }
        Self { viewer: Shown::cut(&viewer_of(alike), LONGEST), what }
    }
}
