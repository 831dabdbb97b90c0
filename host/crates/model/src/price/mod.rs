//! The price table: the cost of language model calls that have tokens and no cost.
//!
//! Exact in whole numbers: a price has up to six decimals and is kept in millionths, and a cost is rounded once, to the
//! nearest millionth of the currency unit.

use crate::format::prefix;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

#[cfg(test)]
mod tests;

/// The number of tokens that a price is for.
const MILLION: u128 = 1_000_000;

/// The price of one model, or of several models of one family.
///
/// ```toml
/// [[prices]]
/// provider = "anthropic"
/// model = "claude-*"
/// input = 3.0
/// output = 15.0
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// The provider's name; `*` stands for any text, and case does not matter.
    pub provider: String,
    /// The model's name, in the same way.
    pub model: String,
    /// The price of a million input tokens, in units of the platform's currency.
    pub input: Rate,
    /// The price of a million output tokens.
    pub output: Rate,
}

/// A price table. The first matching row counts, so special rows go before general ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Prices(Vec<Price>);

impl Prices {
    /// The cost of `input` and `output` tokens of a model, in millionths of the currency unit. `None` if the table
    /// lacks the model, or if the cost exceeds what the log can hold (2⁶³−1 millionths).
    pub fn cost(&self, provider: &str, model: &str, input: u64, output: u64) -> Option<u64> {
        let price = self.0.iter().find(|price| price.is_for(provider, model))?;
        let part = |rate: Rate, tokens: u64| u128::from(rate.micros()) * u128::from(tokens);
        let millionths = part(price.input, input).checked_add(part(price.output, output))?;
        let rounded = millionths.checked_add(MILLION / 2)? / MILLION;
        i64::try_from(rounded).ok().map(i64::unsigned_abs)
    }
}

/// An amount of money for people: with two decimals, and with more where there is little of it.
#[doc(hidden)]
pub fn money(micros: u64) -> String {
    let rounded = |unit: u64| micros / unit + u64::from(micros % unit >= unit.div_ceil(2));
    match micros {
        1..10_000 => format!("0.{micros:06}").trim_end_matches('0').to_owned(),
        10_000..999_950 => format!("0.{:04}", rounded(100)),
        _ => format!("{}.{:02}", rounded(10_000) / 100, rounded(10_000) % 100),
    }
}

impl FromIterator<Price> for Prices {
    fn from_iter<I: IntoIterator<Item = Price>>(prices: I) -> Self {
        Self(prices.into_iter().collect())
    }
}

impl Price {
    fn is_for(&self, provider: &str, model: &str) -> bool {
        fits(&self.provider, provider) && fits(&self.model, model)
    }
}

/// Whether `pattern` is all of `text`, without regard to ASCII's case.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.as_bytes(), text.as_bytes());
    // After the last `*`: the rest of the pattern, and the text that the `*` has not consumed yet.
    let mut last: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', behind)), _) => {
                last = Some((behind, text));
                pattern = behind;
            }
            (Some((wanted, behind)), Some((there, rest))) if wanted.eq_ignore_ascii_case(there) => {
                (pattern, text) = (behind, rest);
            }
            (None, None) => return true,
            _ => match last.take().and_then(|(behind, from)| Some((behind, from.get(1..)?))) {
                Some((behind, from)) => {
                    last = Some((behind, from));
                    (pattern, text) = (behind, from);
                }
                None => return false,
            },
        }
    }
}

/// The number of decimals of a price.
const DECIMALS: usize = 6;
/// One currency unit.
const ONE: u64 = 1_000_000;

/// The price of a million tokens, stored in millionths of the currency unit. It is written as a number (`3`, `0.075`)
/// or as a text (`"0.075"`), not negative and with at most six decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate(u64);

/// A text that is not a price.
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
        read(text).map(Self).ok_or_else(|| RateError(prefix(text, 40).to_owned()))
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

/// The price as a text that reads back as the same price.
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

    /// Reads the number from its shortest decimal text, as the operator wrote it, without floating-point arithmetic.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Rate, E> {
        self.visit_str(&number.to_string())
    }
}
