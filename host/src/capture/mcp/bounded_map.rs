//! A bounded map: when it is full, it drops entries that were not used recently.

use std::collections::HashMap;

/// Two generations: when the young one is full it replaces the old one, and unused entries of the old one are dropped.
pub(in crate::capture) struct Bounded<T> {
    young: HashMap<u64, T>,
    old: HashMap<u64, T>,
    half: usize,
}

impl<T> Bounded<T> {
    /// One that holds at most `most`.
    pub(in crate::capture) fn new(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: most.div_ceil(2).max(1) }
    }

    pub(in crate::capture) fn get(&mut self, key: u64) -> Option<&mut T> {
        if let Some(value) = self.old.remove(&key) {
            self.insert(key, value);
        }
        self.young.get_mut(&key)
    }

    pub(in crate::capture) fn insert(&mut self, key: u64, value: T) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    /// What is there, or what is made and put there.
    pub(in crate::capture) fn entry(&mut self, key: u64) -> &mut T
    where
        T: Default,
    {
        if self.get(key).is_none() {
            self.insert(key, T::default());
        }
        self.young.entry(key).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_bounded_and_keeps_used_entries() {
        let mut map = Bounded::new(8);
        for key in 0..1_000 {
            map.insert(key, key);
            assert_eq!(map.get(0), Some(&mut 0), "used all the time");
            assert!(map.young.len() + map.old.len() <= 8);
        }
        assert_eq!((map.get(999).copied(), map.get(500)), (Some(999), None));
        *map.entry(7_000) += 1;
        assert_eq!(map.entry(7_000), &1);
    }
}
