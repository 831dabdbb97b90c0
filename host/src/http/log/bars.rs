//! The bars beside the figures of a group. The figures are printed too, so the bars are optional.

use crate::store::Group;

/// A bar of up to a hundred units, and the part of it that is drawn in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Bar {
    pub(in crate::http) length: u64,
    pub(in crate::http) part: u64,
}

/// The greatest figures of a table, which fill their bars.
#[derive(Clone, Copy, Default)]
pub(in crate::http) struct Scale {
    count: u64,
    longest_us: u64,
}

impl Scale {
    /// The scale on which all of these fit.
    pub(in crate::http) fn of<'a>(groups: impl Iterator<Item = &'a Group>) -> Self {
        groups.fold(Self::default(), |scale, group| Self {
            count: scale.count.max(group.count),
            longest_us: scale.longest_us.max(longest(group).unwrap_or(0)),
        })
    }

    /// How many entries, and how many of them failed.
    pub(in crate::http) fn entries(self, group: &Group) -> Bar {
        let length = share(group.count, self.count);
        Bar { length, part: share(group.errors.saturating_mul(length), group.count).div_ceil(100) }
    }

    /// How long nearly all took at most, and the average in it.
    pub(in crate::http) fn duration(self, group: &Group) -> Option<Bar> {
        let length = share(longest(group)?, self.longest_us);
        Some(Bar { length, part: share(group.average_us.unwrap_or(0), self.longest_us).min(length) })
    }
}

/// A few very slow entries can lift the average above what nearly all of them took.
fn longest(group: &Group) -> Option<u64> {
    group.p95_us.max(group.average_us)
}

/// A part in hundredths of the whole, at least one where there is any.
fn share(part: u64, whole: u64) -> u64 {
    let share = part.saturating_mul(100).checked_div(whole).unwrap_or(0);
    share.max(u64::from(part > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_never_vanish() {
        let group = |count, errors, average_us, p95_us| Group { keys: Vec::new(), count, errors, average_us, p95_us };
        let most = group(1_000_000, 0, Some(500), Some(1_000));
        let half = group(500_000, 100_000, Some(100), Some(500));
        let few = group(1, 1, None, None);
        let scale = Scale::of([&most, &half, &few].into_iter());
        assert_eq!(scale.entries(&most), Bar { length: 100, part: 0 });
        assert_eq!(scale.entries(&half), Bar { length: 50, part: 10 });
        assert_eq!(scale.entries(&few), Bar { length: 1, part: 1 });
        assert_eq!(scale.duration(&half), Some(Bar { length: 50, part: 10 }));
        assert_eq!(scale.duration(&few), None);
        let skewed = group(40, 0, Some(2_000), Some(1_000));
        assert_eq!(Scale::of([&skewed].into_iter()).duration(&skewed), Some(Bar { length: 100, part: 100 }));
    }
}
