//! Who would gain or lose which entries: each known viewer's grant under two policies, their rules before entries.

use mcp_audit_log_contract::access::{Grant, GrantInternals as _, Right, Viewer};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_sandbox::Fault;
use serde::Serialize;

use crate::explain::{Grants, rights};

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
pub(super) struct People {
    comparison: PeopleComparison,
    /// By the differences in order, the two grants where they show different entries.
    grants: Vec<Option<[Option<Grant>; 2]>>,
}

impl People {
    pub(super) fn new(people: Vec<ReplayPerson>, [active, candidate]: [&mut Grants<'_>; 2]) -> Self {
        let mut all = Self {
            comparison: PeopleComparison { asked: people.len(), ..PeopleComparison::default() },
            grants: Vec::new(),
        };
        for ReplayPerson { viewer, is_known } in people {
            let (active, candidate) = (active.of(&viewer), candidate.of(&viewer));
            let [one, other] = [&active, &candidate].map(|grant| grant.as_ref().map(rights).unwrap_or_default());
            let only = |these: &[&'static str], those: &[&'static str]| {
                these.iter().copied().filter(|right| !those.contains(right)).collect::<Vec<_>>()
            };
            let shows_others = shown(&active).map(|grant| grant.rule()) != shown(&candidate).map(|grant| grant.rule());
            let is_left_out = shows_others && all.grants.iter().flatten().count() >= COMPARED;
            all.comparison.left_out += usize::from(is_left_out);
            if one == other && (!shows_others || is_left_out) {
                continue;
            }
            all.comparison.differences.push(PersonDifference {
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
            all.grants.push((shows_others && !is_left_out).then_some(grants));
        }
        all
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
