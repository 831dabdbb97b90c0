//! What is declared and no case touches.

use std::collections::BTreeSet;

use mcp_audit_log_model::event::Channel;
use mcp_audit_log_sandbox::Policy;
use serde::Serialize;

/// What cases touched.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    pub(super) actions: BTreeSet<String>,
    pub(super) groups: BTreeSet<String>,
    pub(super) settings: BTreeSet<String>,
    pub(super) masks: BTreeSet<String>,
    pub(super) channels: BTreeSet<String>,
    /// Whether any viewer was asked about.
    pub(super) viewers: bool,
}

/// The declarations of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseCoverage {
    /// The kind: `actions`, `groups`, `settings`, `masks`, `channels`, `rules`.
    pub part: &'static str,
    /// How many there are.
    pub declared: usize,
    /// Those that no case touches.
    pub untouched: Vec<String>,
}

impl Touched {
    /// A viewer with these groups, and those that they imply.
    pub(super) fn hold(&mut self, policy: &Policy, groups: &[String]) {
        self.viewers = true;
        let mut next = groups.to_vec();
        while let Some(name) = next.pop() {
            let group = policy.manifest().groups.iter().find(|group| group.name == name);
            if self.groups.insert(name) {
                next.extend(group.into_iter().flat_map(|group| group.implies.iter().cloned()));
            }
        }
    }

    /// What a policy declares, with what is untouched. An access line of an extension is a rule; it is touched by a viewer
    /// of its group.
    pub fn coverage(&self, policy: &Policy) -> Vec<CaseCoverage> {
        let manifest = policy.manifest();
        let lines = policy.layers().flat_map(|layer| (1..).zip(&layer.access).map(move |(at, line)| (layer, at, line)));
        let rules: Vec<_> = lines
            .map(|(layer, at, line)| {
                let group = line.group.as_deref();
                let touched = group.map_or(self.viewers, |group| self.groups.contains(group));
                (format!("{} line {at}, {}", layer.name, group.unwrap_or("every viewer")), touched)
            })
            .collect();
        let of = |names: Vec<&str>, touched: &BTreeSet<String>| -> Vec<(String, bool)> {
            names.into_iter().map(|name| (name.to_owned(), touched.contains(name))).collect()
        };
        let parts = [
            ("actions", of(manifest.actions.iter().map(|one| one.name.as_str()).collect(), &self.actions)),
            ("groups", of(manifest.groups.iter().map(|one| one.name.as_str()).collect(), &self.groups)),
            ("settings", of(manifest.settings.iter().map(|one| one.key.as_str()).collect(), &self.settings)),
            ("masks", of(manifest.masks.iter().map(|one| one.name.as_str()).collect(), &self.masks)),
            ("channels", of(Channel::ALL.iter().map(|one| one.as_str()).collect(), &self.channels)),
            ("rules", rules),
        ];
        let part = |(part, declared): (&'static str, Vec<(String, bool)>)| CaseCoverage {
            part,
            declared: declared.len(),
            untouched: declared.into_iter().filter(|(_, touched)| !touched).map(|(name, _)| name).collect(),
        };
        parts.into_iter().map(part).filter(|part| part.declared > 0).collect()
    }
}
