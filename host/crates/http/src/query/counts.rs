//! (short: one parameter) `counts`: whether the log's page counts the most frequent values of a search. The API accepts
//! it, so that an address of the page also works for the API.

use super::search::{short, single};
use crate::problem::Problem;

/// The parameter.
pub(crate) const PARAMETER: &str = "counts";
/// Its one value.
pub(crate) const SHOWN: &str = "shown";

/// Whether the values are counted.
pub(crate) fn parse(pairs: &[(String, String)]) -> Result<bool, Problem> {
    match single(pairs, PARAMETER)? {
        None => Ok(false),
        Some(SHOWN) => Ok(true),
        Some(other) => {
            let detail = format!("{PARAMETER}: unknown value {}; use {SHOWN}, or leave it out.", short(other));
            Err(Problem::parameter(PARAMETER, detail))
        }
    }
}
