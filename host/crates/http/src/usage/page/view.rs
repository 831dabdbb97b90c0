//! The view in the URL: its parameters, and the addresses of the same view with one change.

use std::ops::Range;

use mcp_audit_log_index::{GroupBy, UsageBy, UsageSort};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;
use serde_json::Value as Json;

use crate::query::grouping::SHOWING;
use crate::query::search::{Pairs, ZONE, query, query_of, values};
use crate::query::usage_query::PARAMETERS;
use crate::query::{grouping, search, usage_query};
use crate::session::auth::Visitor;

/// The number of rows of a breakdown among several, and alone.
const ROWS: [&str; 2] = ["8", "200"];
/// Most lines of a file.
const LINES: &str = "500";
/// The fields to break down by, in the order of the page, and their labels.
pub(crate) const FIELDS: [(Field, &str); 7] = [
    (Field::User, "User"),
    (Field::Server, "Server"),
    (Field::Tool, "Tool"),
    (Field::Connection, "Connection"),
    (Field::LlmModel, "Language model"),
    (Field::Provider, "Provider"),
    (Field::ApiKey, "API key"),
];

/// The parameters of the page.
pub(crate) struct View {
    pub(crate) page: String,
    list: String,
    file: String,
    pairs: Pairs,
    /// The viewer's time zone.
    pub(crate) zone: TimeZone,
    /// Whether the viewer may list entries.
    pub(crate) lists: bool,
}

/// The label of a field.
pub(crate) fn label_of(field: Field) -> &'static str {
    FIELDS.iter().find(|(other, _)| *other == field).map_or("", |(_, label)| label)
}

impl View {
    /// The view of these parameters. Typed moments override a named range.
    pub(crate) fn new(visitor: &Visitor, mut pairs: Pairs) -> Self {
        pairs.retain(|(name, value)| {
            !value.trim().is_empty() && !["compare", "durations", "format"].contains(&name.as_str())
        });
        if pairs.iter().any(|(name, _)| name == "from" || name == "to") {
            pairs.retain(|(name, _)| name != "range");
        }
        let base = &visitor.site.base;
        let (page, file) = (format!("{base}/usage"), format!("{base}/api/v1/usage"));
        let lists = visitor.access.reads_what_it_counts();
        Self { page, list: visitor.site.home().to_owned(), file, pairs, zone: visitor.access.zone(), lists }
    }

    /// The parameters of the query to the log.
    pub(crate) fn asked(&self) -> Pairs {
        let mut asked = self.pairs.clone();
        let alone = usize::from(self.value("by").is_some());
        if alone == 0 {
            asked.extend(FIELDS.map(|(field, _)| ("by".to_owned(), field.name().to_owned())));
        }
        if self.value("limit").is_none() {
            asked.push(("limit".to_owned(), ROWS[alone].to_owned()));
        }
        asked.push(("compare".to_owned(), "previous".to_owned()));
        if matches!(self.sort(), UsageSort::Duration | UsageSort::P95) {
            asked.push(("durations".to_owned(), usage_query::DURATIONS[0].to_owned()));
        }
        asked
    }

    /// The first value of a parameter.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        values(&self.pairs, name).next()
    }

    /// The chosen breakdown; `None` for all of them.
    pub(crate) fn by(&self) -> Option<UsageBy> {
        self.value("by").and_then(UsageBy::parse)
    }

    /// The measure that rows are sorted by.
    pub(crate) fn sort(&self) -> UsageSort {
        self.value("sort").and_then(UsageSort::parse).unwrap_or_default()
    }

    /// The named range; the first one by default.
    pub(crate) fn preset(&self) -> Option<&str> {
        let moments = self.value("from").or(self.value("to")).is_some();
        self.value("range").or_else(|| (!moments).then_some(usage_query::RANGES[0].0))
    }

    /// The filters, without the range: parameters and their values.
    pub(crate) fn filters(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.pairs.iter().filter(|(name, _)| is_filter(name));
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The parameters that the form passes on besides its own. An unknown one is reported once and then dropped.
    pub(crate) fn kept(&self) -> Pairs {
        let showing = ["range", "step", "by", "sort", "filter", "domain", ZONE];
        let known = |name: &str| showing.contains(&name) || search::is_field(name);
        self.pairs.iter().filter(|(name, _)| known(name)).cloned().collect()
    }

    /// The view with this parameter, or without it if it has no value.
    pub(crate) fn with(&self, name: &str, value: Option<&str>) -> String {
        let replaced: &[&str] = match name {
            "range" => &["range", "from", "to"],
            "by" => &["by", "limit"],
            _ => &[name],
        };
        self.address(&self.page, |name, _| !replaced.contains(&name), value.map(|value| (name, value)))
    }

    /// The view without one filter.
    pub(crate) fn without(&self, filter: (&str, &str)) -> String {
        self.address(&self.page, |name, value| (name, value) != filter, [])
    }

    /// The view without filters, with the same range.
    pub(crate) fn unfiltered(&self) -> String {
        self.address(&self.page, |name, _| !is_filter(name), [])
    }

    /// The address of the series or of a breakdown as a file.
    pub(crate) fn file(&self, by: Option<UsageBy>) -> String {
        let by = by.map(|by| by.to_string());
        let more = by.as_deref().map(|by| ("by", by)).into_iter().chain([("limit", LINES), ("format", "csv")]);
        let zone = (self.zone != TimeZone::UTC).then(|| (ZONE, self.zone.name()));
        self.address(&self.file, |name, _| !["by", "limit", ZONE].contains(&name), more.chain(zone))
    }

    /// The view of these values alone, with all breakdowns.
    pub(crate) fn down(&self, of: &[(Field, &Value)]) -> Option<String> {
        let mut pairs = self.pairs.clone();
        pairs.retain(|(name, _)| !["by", "limit"].contains(&name.as_str()));
        for (field, key) in of {
            grouping::narrow(&mut pairs, GroupBy::Field(*field), key)?;
        }
        Some(format!("{}{}", self.page, query_of(&pairs)))
    }

    /// The list of the counted requests, for viewers who may read it.
    pub(crate) fn entries(
        &self,
        range: &Range<Timestamp>,
        of: &[(Field, &Value)],
        term: Option<Json>,
    ) -> Option<String> {
        let query = self.lists.then(|| usage_query::entries(&self.pairs, range, of, term)).flatten();
        query.map(|query| format!("{}{query}", self.list))
    }

    fn address<'a>(
        &'a self,
        path: &str,
        is_kept: impl Fn(&str, &str) -> bool,
        more: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> String {
        let pairs = self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        format!("{path}{}", query(pairs.filter(|(name, value)| is_kept(name, value)).chain(more)))
    }
}

/// Whether a parameter selects requests, apart from the range.
fn is_filter(name: &str) -> bool {
    !PARAMETERS.contains(&name) && !SHOWING.contains(&name) && !["from", "to", ZONE].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_index::USAGE_FIELDS;

    #[test]
    fn every_dimension_has_a_name() {
        assert!(USAGE_FIELDS.iter().all(|field| FIELDS.iter().any(|(other, _)| other == field)));
        assert_eq!(USAGE_FIELDS.len(), FIELDS.len());
    }
}
