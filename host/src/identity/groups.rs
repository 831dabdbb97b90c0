//! From the groups that somebody else's directory knows to those of the policy.

use std::collections::{BTreeMap, BTreeSet};

/// Which of the policy's groups come with a group of the directory. A name that is not here gives no right: a directory
/// that has an `admin` of its own makes nobody an administrator of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMap {
    by_name: BTreeMap<String, Vec<String>>,
    everybody: Vec<String>,
}

impl GroupMap {
    /// The policy's groups for each of the directory's, and those that everybody has who comes in this way.
    pub fn new(by_name: BTreeMap<String, Vec<String>>, everybody: Vec<String>) -> Self {
        Self { by_name, everybody }
    }

    /// The policy's groups of somebody who has these of the directory's. Names are compared as they are written.
    pub fn map<'a>(&self, external: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mapped = external.into_iter().filter_map(|name| self.by_name.get(name)).flatten();
        mapped.chain(&self.everybody).collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_written_down_gives_a_group() {
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
