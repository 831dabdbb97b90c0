//! Access rights: groups, rights and record rules, as the tables of an addon's `security/` folder.
//!
//! Rights add up over a viewer's groups and deny by default; record rules narrow the entries.

use crate::contract::{Domain, Grant, Group, Value, Viewer};
use crate::declare::group;
use crate::domain::{all_of, always, any_of, equal, never};

/// A line of `res.groups`: a role and the roles that come with it.
#[derive(Clone, Copy, Debug)]
pub struct Role {
    name: &'static str,
    label: &'static str,
    implies: &'static [&'static str],
}

/// A role, and the roles that come with it.
pub const fn role(name: &'static str, label: &'static str, implies: &'static [&'static str]) -> Role {
    Role { name, label, implies }
}

/// A right, by its name in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// See entries, within the rule.
    Read,
    /// See payloads; each reading is an entry.
    ReadPayloads,
    /// Write entries into a file.
    Export,
    /// Write their payloads into it too.
    ExportPayloads,
    /// See figures, within the rule for figures.
    ReadUsage,
    /// Change what holds for the whole log. Never for a viewer of a tenant.
    Configure,
    /// Tokens and shared views of the viewer's own tenant.
    Manage,
    /// Verify the log.
    Verify,
    /// Send events.
    Record,
}

impl Right {
    /// Its name.
    pub fn name(self) -> String {
        let name = match self {
            Self::Read => "read",
            Self::ReadPayloads => "read-payloads",
            Self::Export => "export",
            Self::ExportPayloads => "export-payloads",
            Self::ReadUsage => "read-usage",
            Self::Configure => "configure",
            Self::Manage => "manage",
            Self::Verify => "verify",
            Self::Record => "record",
        };
        name.to_owned()
    }
}

/// Rights over the whole log. A viewer of one tenant must not decide for the others.
const WHOLE_LOG: &[Right] = &[Right::Configure];

/// The rights whose rules narrow what a viewer sees.
const READ_AND_USAGE: &[Right] = &[Right::Read, Right::ReadUsage];

/// A line of `ir.rule`.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    group: Option<&'static str>,
    /// The right that the rule narrows, as `perm_read` and its kin do.
    narrows: &'static [Right],
    domain: fn(&Viewer) -> Domain,
}

impl Rule {
    /// A rule for every viewer.
    pub const fn global(domain: fn(&Viewer) -> Domain) -> Self {
        Self { group: None, narrows: READ_AND_USAGE, domain }
    }

    /// A rule for the viewers who hold a group.
    pub const fn of(group: &'static str, domain: fn(&Viewer) -> Domain) -> Self {
        Self { group: Some(group), narrows: READ_AND_USAGE, domain }
    }

    /// The same for some rights: `Read`, `ReadUsage` or both.
    pub const fn for_rights(self, narrows: &'static [Right]) -> Self {
        Self { narrows, ..self }
    }
}

/// The tables of a policy's access.
#[derive(Clone, Copy, Debug)]
pub struct Security {
    /// `res.groups`.
    pub roles: &'static [Role],
    /// `ir.model.access`: what each group adds. Whatever is not listed is denied.
    pub rights: &'static [(&'static str, &'static [Right])],
    /// `ir.rule`.
    pub rules: &'static [Rule],
}

/// A viewer of no instance sees what belongs to no instance. It never means all of them.
pub fn same_instance(viewer: &Viewer) -> Domain {
    equal("instance", viewer.instance.clone().map_or(Value::Unset, Value::Text))
}

/// An empty name would match entries without a user, and the access could not be attributed.
pub fn known_by_name(viewer: &Viewer) -> Domain {
    if viewer.user.trim().is_empty() { never() } else { always() }
}

/// The viewer's own entries.
pub fn own_entries(viewer: &Viewer) -> Domain {
    equal("user", Value::Text(viewer.user.clone()))
}

/// All entries.
pub fn all_entries(_: &Viewer) -> Domain {
    always()
}

impl Security {
    /// The groups for the manifest.
    ///
    /// # Panics
    /// The tables have [mistakes](Self::mistakes). Then no host loads the policy: a rule under a misspelt group narrows
    /// nothing, and its group would see everything.
    pub fn groups(&self) -> Vec<Group> {
        let mistakes = self.mistakes();
        assert!(mistakes.is_empty(), "the tables of access do not fit together: {}", mistakes.join("; "));
        self.roles.iter().map(|role| group(role.name, role.label, role.implies)).collect()
    }

    /// The rights of `viewer`, and the rule that selects the entries they see.
    pub fn access(&self, viewer: &Viewer) -> Grant {
        let held = self.held(&viewer.groups);
        let rights = self.rights_of(&held, viewer.instance.is_some());
        let rule = |right| if rights.contains(&right) { self.record_rule(&held, right, viewer) } else { never() };
        let (rule, usage_rule) = (rule(Right::Read), rule(Right::ReadUsage));
        Grant { rights: rights.into_iter().map(Right::name).collect(), rule, usage_rule }
    }

    /// The assigned groups and all that they imply. Undeclared names are ignored.
    pub fn held(&self, assigned: &[String]) -> Vec<&'static str> {
        let known = self.roles.iter().filter(|role| assigned.iter().any(|name| name == role.name));
        let mut held: Vec<&Role> = known.collect();
        let mut next = 0;
        while let Some(role) = held.get(next) {
            let implied = self.roles.iter().filter(|other| role.implies.contains(&other.name));
            let new: Vec<_> = implied.filter(|other| held.iter().all(|role| role.name != other.name)).collect();
            held.extend(new);
            next += 1;
        }
        held.into_iter().map(|role| role.name).collect()
    }

    fn rights_of(&self, held: &[&str], of_an_instance: bool) -> Vec<Right> {
        let mut rights = Vec::new();
        for (_, granted) in self.rights.iter().filter(|(group, _)| held.contains(group)) {
            for right in granted.iter().filter(|right| !of_an_instance || !WHOLE_LOG.contains(right)) {
                if !rights.contains(right) {
                    rights.push(*right);
                }
            }
        }
        rights
    }

    /// Odoo's `AND(global rules) ∧ (OR(rules of groups held) if there are any, else TRUE)`, for one right.
    fn record_rule(&self, held: &[&str], right: Right, viewer: &Viewer) -> Domain {
        let rules = || self.rules.iter().filter(|rule| rule.narrows.contains(&right));
        let global = all_of(rules().filter(|rule| rule.group.is_none()).map(|rule| (rule.domain)(viewer)));
        let of_groups = rules().filter(|rule| rule.group.is_some_and(|group| held.contains(&group)));
        let mut of_groups = of_groups.map(|rule| (rule.domain)(viewer)).peekable();
        let of_groups = if of_groups.peek().is_some() { any_of(of_groups) } else { always() };
        all_of([global, of_groups])
    }

    /// What does not fit: names of groups that do not exist, and groups that read without a rule of a group, so that they
    /// would see everything.
    pub fn mistakes(&self) -> Vec<String> {
        let implied = self.roles.iter().flat_map(|role| role.implies.iter().copied());
        let named = self.rights.iter().map(|(group, _)| *group).chain(self.rules.iter().filter_map(|rule| rule.group));
        let unknown = implied.chain(named).filter(|name| self.roles.iter().all(|role| role.name != *name));
        let mut mistakes: Vec<_> = unknown.map(|name| format!("{name} is not declared")).collect();
        for role in self.roles {
            let held = self.held(&[role.name.to_owned()]);
            for right in self.rights_of(&held, false).iter().filter(|right| READ_AND_USAGE.contains(right)) {
                let ruled =
                    |rule: &Rule| rule.narrows.contains(right) && rule.group.is_some_and(|of| held.contains(&of));
                if !self.rules.iter().any(ruled) {
                    mistakes.push(format!("{} has {right:?} without a rule", role.name));
                }
            }
        }
        mistakes
    }
}

/// Odoo's way of putting record rules together, on a table made for it.
#[cfg(test)]
mod tests {
    use super::*;

    fn is(field: &str) -> Domain {
        equal(field, Value::Boolean(true))
    }

    /// Two global rules, two groups' rules, one of them for usage only.
    #[test]
    fn global_rules_and_group_rules_or() {
        const READ: &[Right] = &[Right::Read];
        const TABLE: Security = Security {
            roles: &[],
            rights: &[],
            rules: &[
                Rule::global(|_| is("g1")).for_rights(READ),
                Rule::of("a", |_| is("a")).for_rights(READ),
                Rule::global(|_| is("g2")).for_rights(READ),
                Rule::of("b", |_| all_of([is("b1"), is("b2")])).for_rights(READ),
                Rule::of("b", |_| is("u")).for_rights(&[Right::ReadUsage]),
            ],
        };
        let viewer = Viewer { user: "ada".to_owned(), groups: Vec::new(), instance: None };
        let rule = |held: &[&str], right| TABLE.record_rule(held, right, &viewer);
        let global = || all_of([is("g1"), is("g2")]);
        let b = || all_of([is("b1"), is("b2")]);

        assert_eq!(rule(&["a"], Right::Read), all_of([global(), is("a")]));
        assert_eq!(rule(&["b"], Right::Read), all_of([global(), b()]));
        assert_eq!(rule(&["a", "b"], Right::Read), all_of([global(), any_of([is("a"), b()])]));
        assert_eq!(rule(&["c"], Right::Read), global(), "rules of groups that are not held are ignored");
        assert_eq!(rule(&["a", "b"], Right::ReadUsage), is("u"), "rules for another right are ignored");
        assert_eq!(rule(&["a"], Right::Verify), always(), "without a rule everything is visible");
    }

    #[test]
    fn a_table_with_mistakes_says_them() {
        const TABLE: Security = Security {
            roles: &[role("user", "User", &["staff"]), role("reader", "Reader", &[])],
            rights: &[("reader", &[Right::Read]), ("boss", &[])],
            rules: &[Rule::of("user", all_entries)],
        };
        let mistakes = ["staff is not declared", "boss is not declared", "reader has Read without a rule"];
        assert_eq!(TABLE.mistakes(), mistakes);
        assert!(std::panic::catch_unwind(|| TABLE.groups()).is_err(), "no policy has them");
    }
}
