//! Reads JSON as far as rules need it. Arguments and states arrive as JSON text, and a library would be larger than all
//! of the rules.

mod parts;
mod scalar;

pub use parts::{items, members};
pub use scalar::{Scalar, integers, scalar};

/// JSON's white space is narrower than Unicode's.
fn trim(json: &str) -> &str {
    json.trim_matches([' ', '\t', '\n', '\r'])
}
