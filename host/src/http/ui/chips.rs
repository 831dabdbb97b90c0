//! The policy's quick filters, as links that set or lift one.

use crate::AuditLog;
use crate::http::search::{Pairs, query, values};

/// A quick filter.
pub(super) struct Chip {
    pub(super) label: String,
    pub(super) href: String,
    pub(super) on: bool,
}

/// All of them, above the search `pairs`.
pub(super) fn all(log: &AuditLog, home: &str, pairs: &Pairs) -> Vec<Chip> {
    let chip = |name: &str, label: &str| {
        let on = values(pairs, "filter").any(|value| value == name);
        let others = pairs.iter().filter(|(key, value)| key != "cursor" && !(key == "filter" && value == name));
        let others = others.map(|(key, value)| (key.as_str(), value.as_str()));
        let this = (!on).then_some(("filter", name));
        Chip { label: label.to_owned(), href: format!("{home}{}", query(others.chain(this))), on }
    };
    log.manifest().filters.iter().map(|filter| chip(&filter.name, &filter.label)).collect()
}
