//! Repeatable random numbers: all random choices of a test follow from a seed, which the test prints.

use std::io::Write;
use std::time::SystemTime;

/// Set to a number that was printed, to run a test with it again.
const SEED: &str = "FAULT_SEED";

/// A stream of numbers (xorshift64*).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// A fresh seed, or the one in `FAULT_SEED`; `test` names the test.
    pub fn new(test: &str) -> Self {
        let given = std::env::var(SEED).ok().map(|seed| seed.parse().expect("FAULT_SEED is a number"));
        let seed = given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
            now.as_nanos() as u64 ^ u64::from(std::process::id()) << 40
        });
        let _ = writeln!(std::io::stderr(), "{test}: {SEED}={seed}");
        Self(seed.max(1))
    }

    /// Another stream that follows from the same seed.
    pub fn split(&mut self) -> Self {
        Self(self.step().max(1))
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.step() % end
    }

    /// One of these.
    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn step(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}
