//! Typical mistakes of policies, each found by trying. A finding names its rule, what was seen, and what to do.
//!
//! Layer by layer from the bottom up, so that a finding names the layer that brings it in.

mod access;
pub(crate) mod depends;
mod judge;
mod rules;
mod settings;
mod verdicts;

use std::time::Instant;

use mcp_audit_log_contract::settings::LOG_PAYLOADS;
use mcp_audit_log_model::event::{Channel, Event};
use mcp_audit_log_sandbox::{CONTRACT, Policy};
use serde::Serialize;

use crate::golden::{self, GoldenEvent};
use crate::shown;

pub use rules::CheckRule;

/// A mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule that is broken.
    pub rule: CheckRule,
    /// The policy or extension that breaks it.
    pub layer: String,
    /// What was seen.
    pub what: String,
    /// Where it was seen first.
    pub witness: String,
    /// How often it was seen.
    pub count: usize,
    /// What to do.
    pub advice: &'static str,
}

/// What was tried and found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CheckReport {
    /// The policy's title.
    pub policy: String,
    /// Mistakes.
    pub findings: Vec<Finding>,
    /// What is no mistake and worth knowing.
    pub notes: Vec<String>,
    /// How many golden events were judged.
    pub events: usize,
    /// How many viewers were asked about.
    pub viewers: usize,
    /// How many values of settings were tried.
    pub settings: usize,
    /// The fuel that an event adds to a call, at the 99th percentile of the layer that burns most.
    pub fuel_p99: u64,
    /// The memory of an event alone, likewise, in bytes.
    pub memory_p99: usize,
    /// How long it took, in milliseconds.
    pub millis: u64,
}

/// Tries a policy with its extensions.
pub fn check(policy: &Policy) -> CheckReport {
    let begun = Instant::now();
    let golden = golden::events();
    let extensions = policy.extensions();
    let title = std::iter::once(policy.title()).chain(extensions.iter().map(|one| one.title()));
    let report = CheckReport { policy: shown::list(title), events: golden.len(), ..CheckReport::default() };
    let mut run = Run { policy, golden: &golden, report, layer: String::new() };
    run.notes();
    for depth in 0..=policy.layers().len() {
        let mut names = std::iter::once(&policy.manifest().name).chain(policy.layers().map(|layer| &layer.name));
        run.layer = names.nth(depth).cloned().unwrap_or_default();
        if judge::check(&mut run, depth) {
            verdicts::check(&mut run, depth);
        }
    }
    run.layer = policy.manifest().name.clone();
    verdicts::masks(&mut run);
    access::check(&mut run);
    settings::check(&mut run);
    let mut report = run.report;
    report.findings.sort_by_key(|finding| finding.rule as usize);
    report.millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    report
}

/// A check while it runs.
struct Run<'a> {
    policy: &'a Policy,
    golden: &'a [GoldenEvent],
    report: CheckReport,
    /// The layer that is being tried.
    layer: String,
}

impl<'a> Run<'a> {
    /// Counts a mistake. What a lower layer did already is that layer's.
    fn find(&mut self, rule: CheckRule, what: impl Into<String>, witness: impl Into<String>) {
        let what = what.into();
        let same = self.report.findings.iter_mut().find(|one| one.rule == rule && one.what == what);
        match same {
            Some(finding) => finding.count += usize::from(finding.layer == self.layer),
            None => self.report.findings.push(Finding {
                rule,
                layer: self.layer.clone(),
                what,
                witness: witness.into(),
                count: 1,
                advice: rule.advice(),
            }),
        }
    }

    fn note(&mut self, text: impl Into<String>) {
        self.report.notes.push(text.into());
    }

    fn events(&self) -> Vec<&'a Event> {
        self.golden.iter().map(|golden| &golden.event).collect()
    }

    /// What the declarations show by themselves.
    fn notes(&mut self) {
        let policy = self.policy;
        if policy.contract() != CONTRACT {
            self.note(format!("It is built against {}; the present contract is {CONTRACT}.", policy.contract()));
        }
        let layers = policy.layers().map(|layer| (&layer.name, &layer.depends));
        for (name, depends) in std::iter::once((&policy.manifest().name, &policy.manifest().depends)).chain(layers) {
            let asked: Vec<_> = Channel::ALL.iter().filter(|channel| depends.of(**channel).is_none()).collect();
            if !asked.is_empty() {
                self.note(format!(
                    "{name} declares no `depends` for {}: it is asked about each of these events, and no verdict is \
                     remembered.",
                    shown::list(asked)
                ));
            }
        }
        for extension in policy.extensions() {
            extension.widenings().into_iter().for_each(|text| self.note(format!("{text}.")));
        }
        policy.overrides().iter().for_each(|text| self.note(format!("{text}.")));
        for group in &policy.manifest().groups {
            for implied in &group.implies {
                if policy.manifest().groups.iter().all(|other| other.name != *implied) {
                    self.layer = policy.manifest().name.clone();
                    let what = format!("the group {} implies {}, which no layer declares", group.name, implied);
                    self.find(CheckRule::GroupDeclared, what, "the manifest");
                }
            }
        }
        for field in &policy.manifest().settings {
            if field.label.trim().is_empty() && field.key != LOG_PAYLOADS {
                self.note(format!("The setting {} has no label; the settings page shows its key.", field.key));
            }
        }
    }
}
