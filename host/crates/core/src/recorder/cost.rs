//! What a call of a language model cost: as it was given, else computed from the price table.

use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::price::Prices;

/// The detail that names the source of the cost.
const SOURCE: &str = "cost_source";

/// Computes the cost of an entry that has tokens but no cost, and marks the source of the cost.
pub(super) fn settle(entry: &mut Entry, prices: &Prices) {
    if entry.cost_micros.is_none() && entry.input_tokens.is_none() && entry.output_tokens.is_none() {
        return;
    }
    // Only the host sets it.
    entry.details.shift_remove(SOURCE);
    let source = if entry.cost_micros.is_some() { "given" } else { "computed" };
    entry.cost_micros = entry.cost_micros.or_else(|| computed(entry, prices));
    if entry.cost_micros.is_some() {
        entry.details.insert(SOURCE.to_owned(), source.into());
    }
}

fn computed(entry: &Entry, prices: &Prices) -> Option<u64> {
    let provider = entry.text(Field::Provider).unwrap_or_default();
    let model = entry.text(Field::LlmModel)?;
    prices.cost(provider, model, entry.input_tokens.unwrap_or(0), entry.output_tokens.unwrap_or(0))
}
