//! Why a viewer sees an entry or not, who can, and what it would take.

use std::collections::BTreeSet;

use mcp_audit_log_contract::access::{Grant, GrantInternals as _, Right, Viewer};
use mcp_audit_log_contract::manifest::UserGroup;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use schemars::JsonSchema;
use serde::Serialize;

use super::grants::{Grants, rights, sees};
use super::rule::{RuleLine, lines};

/// The most changes of a viewer at once that are tried.
const CHANGES: usize = 3;
/// The most viewers that are tried. Forty groups alone and in pairs are fewer.
const TRIED: usize = 1_000;

/// What a viewer's grant means for an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccessExplanation {
    /// The viewer.
    pub user: String,
    /// The groups that the viewer was given.
    pub groups: Vec<String>,
    /// The viewer's tenant.
    pub tenant: Option<String>,
    /// Whether the viewer sees the entry.
    pub sees: bool,
    /// The viewer's rights.
    pub rights: Vec<&'static str>,
    /// The record rule, line by line; empty where the viewer may not read at all.
    pub rule: Vec<RuleLine>,
    /// The groups whose members see it, in the entry's tenant.
    pub who_can: Vec<GroupSight>,
    /// What would let the viewer see it: each is enough, and no part of it is. Empty if they see it already.
    pub takes: Vec<ViewerChange>,
    /// Whether everything up to three changes was tried.
    pub tried_all: bool,
    /// All of it in sentences.
    pub text: Vec<String>,
}

/// A group whose members see an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GroupSight {
    /// The group.
    pub group: String,
    /// Whether only the entry's own user sees it as a member.
    pub only_own: bool,
}

/// A change of a viewer that lets them see an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ViewerChange {
    /// The groups to give.
    pub groups: Vec<String>,
    /// Whether the viewer would have to be of the entry's tenant, or of none where it has none.
    pub in_its_tenant: bool,
    /// Whether the viewer would have to be the entry's user.
    pub its_user: bool,
    /// The rights that come with it.
    pub gains: Vec<&'static str>,
    /// It in words.
    pub text: String,
}

impl ViewerChange {
    /// The viewer after this change, for this entry.
    pub fn applied(&self, viewer: &Viewer, entry: &Entry) -> Viewer {
        let mut changed = viewer.clone();
        changed.groups.extend(self.groups.iter().cloned());
        if self.in_its_tenant {
            changed.instance = entry.text(Field::Instance).map(str::to_owned);
        }
        if self.its_user {
            changed.user = entry.text(Field::User).unwrap_or_default().to_owned();
        }
        changed
    }

    /// Each change that is a part of it and less than it.
    pub fn lesser(&self) -> Vec<Self> {
        let parts = self.parts();
        let kept = |bits: usize| (0..).zip(&parts).filter(move |(at, _)| bits & (1 << at) != 0).map(|(_, part)| *part);
        (0..(1_usize << parts.len()) - 1).map(|bits| Self::of(kept(bits))).collect()
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let groups = self.groups.iter().map(|group| Part::Group(group));
        groups.chain(self.in_its_tenant.then_some(Part::Tenant)).chain(self.its_user.then_some(Part::User)).collect()
    }

    fn of<'a>(parts: impl IntoIterator<Item = Part<'a>>) -> Self {
        let mut change = Self::default();
        for part in parts {
            match part {
                Part::Group(name) => change.groups.push(name.to_owned()),
                Part::Tenant => change.in_its_tenant = true,
                Part::User => change.its_user = true,
            }
        }
        change
    }
}

/// One change of a viewer.
#[derive(Clone, Copy)]
enum Part<'a> {
    Group(&'a str),
    Tenant,
    User,
}

/// Explains it. With `discreet`, the rule's values are left out that the entry does not have.
pub(super) fn explain(grants: &mut Grants<'_>, viewer: &Viewer, entry: &Entry, discreet: bool) -> AccessExplanation {
    let grant = grants.of(viewer);
    let who = if viewer.user.trim().is_empty() { "A viewer without a name" } else { viewer.user.as_str() };
    let is_seen = grant.as_ref().is_ok_and(|grant| sees(grant, entry));
    let mut text = match &grant {
        Ok(grant) => reasons(grant, who, entry, is_seen),
        Err(fault) => vec![format!(
            "{who} does not see it: the policy failed on this viewer ({fault}), so the log denies everything."
        )],
    };
    let may_read = grant.as_ref().ok().filter(|grant| grant.may(Right::Read));
    let rule = may_read.map_or_else(Vec::new, |grant| lines(grant.rule(), entry, discreet));
    let who_can = who_can(grants, entry);
    text.push(those_groups(&who_can, entry));
    let (takes, tried_all) = if is_seen { (Vec::new(), true) } else { takes(grants, viewer, entry) };
    if !is_seen {
        text.push(match takes.as_slice() {
            [] => "Neither other groups, nor the entry's tenant, nor the name of its user would be enough.".to_owned(),
            [one] => format!("It would take {}.", one.text),
            some => format!("It would take {}.", some.iter().map(|one| &*one.text).collect::<Vec<_>>().join("; or ")),
        });
    }
    AccessExplanation {
        user: viewer.user.clone(),
        groups: viewer.groups.clone(),
        tenant: viewer.instance.clone(),
        sees: is_seen,
        rights: grant.as_ref().map(rights).unwrap_or_default(),
        rule,
        who_can,
        takes,
        tried_all,
        text,
    }
}

fn reasons(grant: &Grant, who: &str, entry: &Entry, is_seen: bool) -> Vec<String> {
    if is_seen {
        return vec![format!("{who} sees it: the policy grants the right read, and the entry meets the record rule.")];
    }
    if !grant.may(Right::Read) {
        return vec![format!("{who} does not see it: the policy does not grant the right read.")];
    }
    let mut text = vec![format!("{who} does not see it: the entry does not meet the record rule.")];
    let instance = entry.text(Field::Instance);
    let viewers = grant.viewer().instance.as_deref();
    if instance != viewers {
        let tenant = |name: Option<&str>| name.map_or("no tenant".to_owned(), |name| format!("the tenant {name}"));
        text.push(format!("The viewer is of {}, and the entry of {}.", tenant(viewers), tenant(instance)));
    }
    text
}

/// Which groups see it, each alone and in the entry's tenant.
fn who_can(grants: &mut Grants<'_>, entry: &Entry) -> Vec<GroupSight> {
    let owner = entry.text(Field::User);
    // A name that the entry's user does not have.
    let other = if owner == Some("another viewer") { "yet another viewer" } else { "another viewer" };
    let instance = entry.text(Field::Instance).map(str::to_owned);
    let groups = grants.policy().manifest().groups.iter().map(|group| &group.name);
    let mut found = Vec::new();
    for group in groups {
        let mut sees = |user: &str| {
            let viewer = Viewer { user: user.to_owned(), groups: vec![group.clone()], instance: instance.clone() };
            grants.sees(&viewer, entry)
        };
        let by_all = sees(other);
        if by_all || owner.is_some_and(&mut sees) {
            found.push(GroupSight { group: group.clone(), only_own: !by_all });
        }
    }
    found
}

fn those_groups(who_can: &[GroupSight], entry: &Entry) -> String {
    let names = |only_own| {
        let groups = who_can.iter().filter(|one| one.only_own == only_own).map(|one| one.group.as_str());
        any_of(&groups.collect::<Vec<_>>())
    };
    let place = match entry.text(Field::Instance) {
        Some(name) => format!("of the tenant {name}"),
        None => "without a tenant".to_owned(),
    };
    let user = entry.text(Field::User).unwrap_or_default();
    match (names(false), names(true)) {
        (None, None) => "No group alone shows it to its members.".to_owned(),
        (Some(all), None) => format!("Viewers {place} see it as members of {all}."),
        (None, Some(own)) => format!("Only {user} sees it, {place} and as a member of {own}."),
        (Some(all), Some(own)) => {
            format!("Viewers {place} see it as members of {all}; {user} sees it also as a member of {own}.")
        }
    }
}

/// Names with commas and an `or` between them; absent without any.
fn any_of(names: &[&str]) -> Option<String> {
    let (last, before) = names.split_last()?;
    Some(if before.is_empty() { (*last).to_owned() } else { format!("{} or {last}", before.join(", ")) })
}

/// The smallest changes of the viewer that let them see it, and whether all up to [`CHANGES`] were tried.
fn takes(grants: &mut Grants<'_>, viewer: &Viewer, entry: &Entry) -> (Vec<ViewerChange>, bool) {
    let policy = grants.policy();
    let declared = &policy.manifest().groups;
    let new =
        declared.iter().map(|group| group.name.as_str()).filter(|name| !viewer.groups.iter().any(|own| own == name));
    let tenant = (entry.text(Field::Instance) != viewer.instance.as_deref()).then_some(Part::Tenant);
    let user = entry.text(Field::User).filter(|user| *user != viewer.user).map(|_| Part::User);
    let parts: Vec<_> = tenant.into_iter().chain(user).chain(new.map(Part::Group)).collect();
    let held: BTreeSet<_> = grants.of(viewer).map(|grant| rights(&grant)).unwrap_or_default().into_iter().collect();
    let mut found: Vec<Vec<usize>> = Vec::new();
    let (mut tried, mut sets) = (0, vec![Vec::new()]);
    'all: for _ in 0..CHANGES {
        let longer = sets.iter().flat_map(|set: &Vec<usize>| {
            let next = set.last().map_or(0, |last| last + 1);
            (next..parts.len()).map(move |at| [set.as_slice(), &[at]].concat())
        });
        sets = longer.filter(|set| !found.iter().any(|less| less.iter().all(|at| set.contains(at)))).collect();
        for set in &sets {
            if tried == TRIED {
                break 'all;
            }
            tried += 1;
            let change = ViewerChange::of(set.iter().filter_map(|at| parts.get(*at)).copied());
            if grants.sees(&change.applied(viewer, entry), entry) {
                found.push(set.clone());
            }
        }
    }
    let changes = found.iter().map(|set| ViewerChange::of(set.iter().filter_map(|at| parts.get(*at)).copied()));
    let changes: Vec<_> = changes.collect();
    let is_less =
        |one: &ViewerChange, other: &ViewerChange| is_below(one, other, declared) && !is_below(other, one, declared);
    let is_least = |one: &&ViewerChange| !changes.iter().any(|other| is_less(other, one));
    let mut least: Vec<_> = changes.iter().filter(is_least).cloned().collect();
    for change in &mut least {
        let after = grants.of(&change.applied(viewer, entry)).map(|grant| rights(&grant)).unwrap_or_default();
        change.gains = after.into_iter().filter(|right| !held.contains(right)).collect();
        change.text = words(change, entry);
    }
    least.sort_by_key(|change| (change.its_user, change.parts().len(), change.gains.len()));
    (least, tried < TRIED)
}

/// Whether `low` gives nothing but what `high` gives as well: its groups are among those that the groups of `high` imply.
fn is_below(low: &ViewerChange, high: &ViewerChange, declared: &[UserGroup]) -> bool {
    let mut implied = high.groups.clone();
    let mut next = 0;
    while let Some(name) = implied.get(next) {
        let of = declared.iter().filter(|group| group.name == *name).flat_map(|group| &group.implies);
        let new: Vec<_> = of.filter(|name| !implied.contains(name)).cloned().collect();
        implied.extend(new);
        next += 1;
    }
    low.in_its_tenant <= high.in_its_tenant
        && low.its_user <= high.its_user
        && low.groups.iter().all(|group| implied.contains(group))
}

fn words(change: &ViewerChange, entry: &Entry) -> String {
    let mut words = Vec::new();
    match change.groups.as_slice() {
        [] => {}
        [one] => words.push(format!("the group {one}")),
        more => words.push(format!("the groups {}", more.join(" and "))),
    }
    if change.in_its_tenant {
        words.push(match entry.text(Field::Instance) {
            Some(name) => format!("the tenant {name}"),
            None => "a viewer of no tenant".to_owned(),
        });
    }
    if change.its_user {
        words.push(format!("being {}", entry.text(Field::User).unwrap_or_default()));
    }
    words.join(" and ")
}
