//! Who would gain or lose which entries: each known viewer's grant under two policies, their rules before entries.

use mcp_audit_log_contract::access::{Grant, GrantInternals as _, Right, Viewer};
use mcp_audit_log_contract::manifest::UserGroup;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_sandbox::Fault;
use serde::Serialize;

use crate::explain::{Grants, rights};
use crate::shown::list;

/// The most viewers whose rules are compared on entries.
const COMPARED: usize = 500;

/// A viewer whose access is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayPerson {
    /// The viewer.
    pub viewer: Viewer,
    /// Whether the groups are known, as from a token. Otherwise it is a user of entries as a member of some group.
    pub is_known: bool,
}

/// The viewers to ask about: the bearers of tokens, and `users` of entries with their tenants who have none, each as a
/// member of each of `groups`. At most `limit` users are asked about.
pub fn people(
    bearers: impl IntoIterator<Item = Viewer>,
    users: impl IntoIterator<Item = (String, Option<String>)>,
    groups: &[UserGroup],
    limit: usize,
) -> Vec<ReplayPerson> {
    let mut people: Vec<ReplayPerson> = Vec::new();
    for viewer in bearers {
        let person = ReplayPerson { viewer, is_known: true };
        if !people.contains(&person) {
            people.push(person);
        }
    }
    let is_bearer = |(user, tenant): &(String, Option<String>)| {
        people.iter().any(|one| one.viewer.user == *user && one.viewer.instance == *tenant)
    };
    let users: Vec<_> = users.into_iter().filter(|user| !is_bearer(user)).take(limit).collect();
    people.extend(users.iter().flat_map(|(user, tenant)| {
        groups.iter().map(|group| {
            let viewer = Viewer { user: user.clone(), groups: vec![group.name.clone()], instance: tenant.clone() };
            ReplayPerson { viewer, is_known: false }
        })
    }));
    people
}

/// What another policy means for viewers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PeopleComparison {
    /// How many viewers were asked about.
    pub asked: usize,
    /// How many have other rules that were not compared on entries, because there are too many.
    pub left_out: usize,
    /// Those whose rights or entries are others.
    pub differences: Vec<PersonDifference>,
}

/// What another policy means for a viewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonDifference {
    /// The user.
    pub user: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// The user's tenant.
    pub tenant: Option<String>,
    /// Whether a token has these groups. Otherwise the user is known only from entries, and the group is assumed.
    pub is_known: bool,
    /// Rights that only the candidate grants.
    pub gains_rights: Vec<&'static str>,
    /// Rights that only the active policy grants.
    pub loses_rights: Vec<&'static str>,
    /// How many of the entries only the candidate shows.
    pub gains: u64,
    /// One of them.
    pub gained: Option<String>,
    /// How many of the entries only the active policy shows.
    pub loses: u64,
    /// One of them.
    pub lost: Option<String>,
}

/// The viewers, and what was found about them so far.
pub(super) struct People<'a> {
    asked: [Grants<'a>; 2],
    comparison: PeopleComparison,
    /// By the differences in order, the two grants where they show different entries.
    grants: Vec<Option<[Option<Grant>; 2]>>,
}

impl PeopleComparison {
    /// The differences. Those of one user stand together who is known only from entries and differs alike in each group.
    pub fn alike(&self) -> impl Iterator<Item = &[PersonDifference]> + Clone {
        let is_alike = |one: &PersonDifference, other: &PersonDifference| {
            !one.is_known && *one == PersonDifference { groups: one.groups.clone(), ..other.clone() }
        };
        self.differences.chunk_by(is_alike)
    }
}

/// The viewer of such differences, for people.
pub fn viewer_of(alike: &[PersonDifference]) -> String {
    let Some(PersonDifference { user, tenant, is_known, .. }) = alike.first() else { return String::new() };
    let tenant = tenant.as_ref().map_or(String::new(), |tenant| format!(" of the tenant {tenant}"));
    let groups = list(alike.iter().flat_map(|one| &one.groups));
    match is_known {
        true => format!("{user}{tenant} with {groups}"),
        false => format!("{user}{tenant}, known from entries, if a member of one of {groups}"),
    }
}

impl<'a> People<'a> {
    pub(super) fn new(asked: [Grants<'a>; 2]) -> Self {
        Self { asked, comparison: PeopleComparison::default(), grants: Vec::new() }
    }

    /// Asks both policies about a viewer.
    pub(super) fn ask(&mut self, ReplayPerson { viewer, is_known }: ReplayPerson) {
        self.comparison.asked += 1;
        let [active, candidate] = self.asked.each_mut().map(|grants| grants.of(&viewer));
        let [one, other] = [&active, &candidate].map(|grant| grant.as_ref().map(rights).unwrap_or_default());
        let only = |these: &[&'static str], those: &[&'static str]| {
            these.iter().copied().filter(|right| !those.contains(right)).collect::<Vec<_>>()
        };
        let shows_others = shown(&active).map(|grant| grant.rule()) != shown(&candidate).map(|grant| grant.rule());
        let is_left_out = shows_others && self.grants.iter().flatten().count() >= COMPARED;
        self.comparison.left_out += usize::from(is_left_out);
        if one == other && (!shows_others || is_left_out) {
            return;
        }
        self.comparison.differences.push(PersonDifference {
            gains_rights: only(&other, &one),
            loses_rights: only(&one, &other),
            user: viewer.user,
            groups: viewer.groups,
            tenant: viewer.instance,
            is_known,
            gains: 0,
            gained: None,
            loses: 0,
            lost: None,
        });
        let grants = [shown(&active).cloned(), shown(&candidate).cloned()];
        self.grants.push((shows_others && !is_left_out).then_some(grants));
    }

    /// Compares the rules on these entries.
    pub(super) fn take(&mut self, entries: &[Entry]) {
        for (difference, grants) in self.comparison.differences.iter_mut().zip(&self.grants) {
            let Some([active, candidate]) = grants else { continue };
            let sees = |grant: &Option<Grant>, entry| grant.as_ref().is_some_and(|grant| grant.rule().matches(entry));
            for entry in entries {
                let (count, witness) = match (sees(active, entry), sees(candidate, entry)) {
                    (false, true) => (&mut difference.gains, &mut difference.gained),
                    (true, false) => (&mut difference.loses, &mut difference.lost),
                    _ => continue,
                };
                *count += 1;
                witness.get_or_insert_with(|| entry.id.to_string());
            }
        }
    }

    /// Only what is different: other rules may show the same entries.
    pub(super) fn finish(mut self) -> PeopleComparison {
        self.comparison
            .differences
            .retain(|one| one.gains + one.loses > 0 || !one.gains_rights.is_empty() || !one.loses_rights.is_empty());
        self.comparison.differences.sort_by_key(|one| (!one.is_known, std::cmp::Reverse(one.gains + one.loses)));
        self.comparison
    }
}

/// The grant, if it shows entries at all.
fn shown(grant: &Result<Grant, Fault>) -> Option<&Grant> {
    grant.as_ref().ok().filter(|grant| grant.may(Right::Read))
}
