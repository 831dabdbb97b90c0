//! Maps the groups of an external directory to the policy's groups.

use std::collections::{BTreeMap, BTreeSet};

/// The policy's groups for each group of the directory. An unmapped name gives no right: an `admin` of the directory is
/// not an administrator of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMap {
    by_name: BTreeMap<String, Vec<String>>,
    everybody: Vec<String>,
}

impl GroupMap {
    /// The policy's groups for each group of the directory, and the groups that every user of this sign-in has.
    pub fn new(by_name: BTreeMap<String, Vec<String>>, everybody: Vec<String>) -> Self {
        Self { by_name, everybody }
    }

    /// The policy's groups of a user with these external groups. Names are compared exactly.
    pub fn map<'a>(&self, external: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mapped = external.into_iter().filter_map(|name| self.by_name.get(name)).flatten();
        mapped.chain(&self.everybody).collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mapped_groups_count() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let by_name = [("sre", &["admin", "auditor"][..]), ("staff", &["user"])];
        let by_name = by_name.map(|(name, groups)| (name.to_owned(), names(groups))).into();
        let map = GroupMap::new(by_name, names(&["power-user"]));
        assert_eq!(map.map(["staff", "sre", "staff"]), names(&["admin", "auditor", "power-user", "user"]));
        for unknown in ["admin", "SRE", " sre", "sre,staff", ""] {
            assert_eq!(map.map([unknown]), names(&["power-user"]), "{unknown:?}");
        }
        assert!(GroupMap::default().map(["admin", "auditor"]).is_empty());
    }
}
