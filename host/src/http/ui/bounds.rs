//! How much a page is asked for at once. Its links repeat the search, so a page grows with the square of it.

use crate::http::problem::Problem;
use crate::http::search::Pairs;

/// Most parameters, and most bytes of all of them. The API takes more.
const PARAMETERS: usize = 100;
const BYTES: usize = 16 << 10;

/// # Errors
/// It is more than a page can show.
pub(super) fn bounded(pairs: &Pairs) -> Result<(), Problem> {
    let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    if pairs.len() <= PARAMETERS && bytes <= BYTES {
        return Ok(());
    }
    Err(Problem::query(
        "This search is too long for a page. Use fewer values, or use the API, which accepts longer searches.",
    ))
}
