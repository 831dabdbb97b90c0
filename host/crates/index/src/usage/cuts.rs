//! What is counted together: the dimensions of usage, and the combinations of them that are kept.

use std::collections::BTreeSet;

use mcp_audit_log_model::field::Field;

/// The fields that usage can be broken down by, and the instance, by which record rules narrow it.
pub(super) const DIMENSIONS: [Field; 8] = [
    Field::Instance,
    Field::User,
    Field::Server,
    Field::Tool,
    Field::Connection,
    Field::Provider,
    Field::LlmModel,
    Field::ApiKey,
];

/// A combination of dimensions. The instance is in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// The dimensions beside the instance.
    pub(super) fields: &'static [Field],
    /// Whether there are cells of hours as well as of days.
    pub(super) hours: bool,
}

const fn single(fields: &'static [Field]) -> Cut {
    Cut { fields, hours: true }
}

/// Pairs have nearly as many cells of hours as there are entries; what asks for less than a day of them is answered from
/// the entries.
const fn pair(fields: &'static [Field]) -> Cut {
    Cut { fields, hours: false }
}

/// Every cut, those with fewer cells first. A part is stored under its cut's place in this list.
pub(super) const CUTS: [Cut; 14] = [
    single(&[]),
    single(&[Field::Server]),
    single(&[Field::Tool]),
    single(&[Field::Connection]),
    single(&[Field::Provider]),
    single(&[Field::LlmModel]),
    single(&[Field::ApiKey]),
    single(&[Field::User]),
    // A user's own figures, and how many users something has.
    pair(&[Field::User, Field::Server]),
    pair(&[Field::User, Field::Connection]),
    pair(&[Field::User, Field::Provider]),
    pair(&[Field::User, Field::LlmModel]),
    pair(&[Field::User, Field::ApiKey]),
    pair(&[Field::User, Field::Tool]),
];

impl Cut {
    /// The smallest cut that knows all of these fields; `None` where only the entries do.
    pub(super) fn of(fields: &BTreeSet<Field>) -> Option<Self> {
        let knows = |cut: &&Self| fields.iter().all(|field| *field == Field::Instance || cut.fields.contains(field));
        CUTS.iter().find(knows).copied()
    }

    /// Whether it has the user beside another dimension.
    pub(super) fn is_pair(self) -> bool {
        self.fields.len() > 1
    }

    /// The cut under which this one is stored where only some dimensions have a value: the others say nothing.
    pub(super) fn among(self, present: u64) -> (usize, Self) {
        let needed = || self.fields.iter().filter(|field| present >> **field as u64 & 1 == 1);
        let same =
            |cut: &Self| cut.fields.len() == needed().count() && needed().all(|field| cut.fields.contains(field));
        let at = CUTS.iter().position(same).unwrap_or_default();
        (at, CUTS[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_cut_that_knows_enough_is_taken() {
        let cut = |fields: &[Field]| Cut::of(&fields.iter().copied().collect()).map(|cut| cut.fields);
        assert_eq!(cut(&[]), Some(&[][..]));
        assert_eq!(cut(&[Field::Instance]), Some(&[][..]));
        assert_eq!(cut(&[Field::Instance, Field::Tool]), Some(&[Field::Tool][..]));
        assert_eq!(cut(&[Field::Tool, Field::User]), Some(&[Field::User, Field::Tool][..]));
        assert_eq!(cut(&[Field::Tool, Field::Server]), None);
        assert_eq!(cut(&[Field::Method]), None);
    }

    #[test]
    fn what_has_no_value_is_not_kept_twice() {
        let pair = Cut::of(&BTreeSet::from([Field::User, Field::Tool])).expect("a cut");
        let bit = |field: Field| 1 << field as u64;
        assert_eq!(pair.among(bit(Field::User) | bit(Field::Tool)).1, pair);
        assert_eq!(pair.among(bit(Field::Tool)).1.fields, [Field::Tool]);
        assert_eq!(pair.among(0).0, 0);
    }
}
