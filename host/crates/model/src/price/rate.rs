//! A price for a million tokens, exact.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Decimals that a price may have.
const DECIMALS: usize = 6;
/// One currency unit.
const ONE: u64 = 1_000_000;

/// What a million tokens cost, kept in millionths of the currency unit. Written as a number (`3`, `0.075`) or as a text
/// (`"0.075"`), not negative and with at most six decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate(u64);

/// A text that is no price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a price: write it without a sign and with at most six decimals, such as 0.075")]
pub struct RateError(String);

impl Rate {
    /// The price of a million tokens in millionths of the currency unit.
    pub fn micros(self) -> u64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        read(text).map(Self).ok_or_else(|| RateError(text.chars().take(40).collect()))
    }
}

fn read(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > DECIMALS {
        return None;
    }
    format!("{whole}{decimals:0<DECIMALS$}").parse().ok()
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// As a text that reads back as the same price.
impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (whole, decimals) = (self.0 / ONE, self.0 % ONE);
        serializer.collect_str(&format_args!("{whole}.{decimals:0DECIMALS$}"))
    }
}

struct Written;

impl Visitor<'_> for Written {
    type Value = Rate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a price such as 3 or 0.075")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Rate, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Rate, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Rate, E> {
        self.visit_str(&number.to_string())
    }

    /// By its shortest decimal text, which is what the operator wrote: no arithmetic with the fraction.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Rate, E> {
        self.visit_str(&number.to_string())
    }
}
