//! Usage of a language model by a call.

use super::Event;
use crate::value::Value;

/// The use of a language model by one call. Where the cost is not given, the log computes it from its price table
/// ([`crate::Options::prices`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelUsage {
    /// The provider that runs the model: `anthropic`.
    pub provider: Option<String>,
    /// The language model: the field `llm_model`, as `model` is the business model.
    pub model: Option<String>,
    /// The name or id of the API key that was used, never the key itself.
    pub api_key: Option<String>,
    /// Tokens that went in.
    pub input_tokens: Option<u64>,
    /// Output tokens.
    pub output_tokens: Option<u64>,
    /// The cost, in millionths of the platform's currency unit.
    pub cost_micros: Option<u64>,
}

impl ModelUsage {
    /// The use of `provider`'s `model`.
    pub fn of(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self { provider: Some(provider.into()), model: Some(model.into()), ..Self::default() }
    }

    /// Sets the input and output tokens.
    pub fn tokens(mut self, input: u64, output: u64) -> Self {
        self.input_tokens = Some(input);
        self.output_tokens = Some(output);
        self
    }

    /// The name or id of the API key, never the key itself.
    pub fn api_key(mut self, name: impl Into<String>) -> Self {
        self.api_key = Some(name.into());
        self
    }

    /// The cost that the provider reports, in millionths of the currency unit.
    pub fn cost_micros(mut self, micros: u64) -> Self {
        self.cost_micros = Some(micros);
        self
    }
}

impl Event {
    /// Sets the call's usage of a language model. An API call that used one has the action `model.called`.
    pub fn used(mut self, usage: ModelUsage) -> Self {
        let ModelUsage { provider, model, api_key, input_tokens, output_tokens, cost_micros } = usage;
        let texts = [("provider", provider), ("llm_model", model), ("api_key", api_key)];
        let counts = [("input_tokens", input_tokens), ("output_tokens", output_tokens), ("cost_micros", cost_micros)];
        let count = |count: u64| Value::Integer(count.try_into().unwrap_or(i64::MAX));
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?.into())));
        let counts = counts.into_iter().filter_map(|(name, number)| Some((name, count(number?))));
        self.facts.extend(texts.chain(counts).map(|(name, value)| (name.to_owned(), value)));
        self
    }
}
