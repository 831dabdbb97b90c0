//! A shared budget of bytes: each user takes a share, and dropping the share returns it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that may be held in sum.
#[derive(Debug)]
pub struct Budget {
    held: AtomicUsize,
    most: usize,
}

/// Bytes that are held; they are given back when it is dropped.
#[derive(Debug)]
pub struct BudgetShare {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// One of at most so many bytes.
    #[doc(hidden)]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { held: AtomicUsize::new(0), most })
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Nothing yet, to grow.
    #[doc(hidden)]
    pub fn nothing(self: &Arc<Self>) -> BudgetShare {
        BudgetShare { budget: Arc::clone(self), bytes: 0 }
    }
}

impl BudgetShare {
    /// How many bytes these are.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds `bytes` more, if the sum allows it.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let held = &self.budget.held;
        let fits = held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= self.budget.most;
        if fits {
            self.bytes += bytes;
        } else {
            held.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }

    /// Gives all of it back.
    pub fn release(&mut self) {
        self.budget.held.fetch_sub(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for BudgetShare {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_shares_return_to_the_budget() {
        let budget = Budget::new(10);
        let (mut one, mut other) = (budget.nothing(), budget.nothing());
        assert!(one.grow(6) && !other.grow(5) && other.grow(4));
        assert_eq!((budget.held(), one.bytes(), other.bytes()), (10, 6, 4));
        drop(one);
        assert!(other.grow(6) && budget.held() == 10);
        other.release();
        assert_eq!(budget.held(), 0);
    }
}
