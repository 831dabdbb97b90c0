//! The price table: what language models cost, so that a call with tokens and no cost gets one.
//!
//! Exact in whole numbers: a price has up to six decimals and is kept in millionths, and a cost is rounded once, to the
//! nearest millionth of the currency unit.

mod pattern;
mod rate;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use rate::{Rate, RateError};

/// Tokens that a price is for.
const MILLION: u128 = 1_000_000;

/// What one model, or several of one family, cost.
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

impl FromIterator<Price> for Prices {
    fn from_iter<I: IntoIterator<Item = Price>>(prices: I) -> Self {
        Self(prices.into_iter().collect())
    }
}

impl Price {
    fn is_for(&self, provider: &str, model: &str) -> bool {
        pattern::fits(&self.provider, provider) && pattern::fits(&self.model, model)
    }
}
