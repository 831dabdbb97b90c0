//! The search in a URL: the one filter model that list, links and API share, turned into a domain.

use axum::extract::Query;
use axum::http::Uri;
use mcp_audit_log_contract::access::Grant;
use mcp_audit_log_core::reader::MAX_LIMIT;
use mcp_audit_log_filter::{
    Comparison, Context, Domain, DomainError, DomainToken, MAX_OPERANDS, Operand, from_tokens, parse_json, parse_text,
    until,
};
use mcp_audit_log_index::PageAnchor;
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::format::prefix;
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_service::AuditLog;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

use super::{columns, counts, cursor};
use crate::problem::Problem;

/// The parameters of a URL, in order.
pub(crate) type Pairs = Vec<(String, String)>;

/// The length up to which an error quotes a text from outside, in characters.
const SHOWN: usize = 60;

/// How a time compares with the one that a parameter gives.
type Bound = fn(&str) -> Comparison;

/// The default number of entries of a page.
pub(crate) const DEFAULT_LIMIT: usize = 100;

/// Fields with a parameter of the same name. A repeated parameter matches any of its values.
pub(crate) fn fields() -> impl Iterator<Item = Field> {
    Field::ALL.iter().copied().filter(|field| field.has_parameter())
}

/// Whether it is the parameter of a field.
pub(crate) fn is_field(name: &str) -> bool {
    Field::named(name).is_some_and(Field::has_parameter)
}

/// The parameter with the time zone whose days are meant. It is read with the visitor.
pub(crate) const ZONE: &str = TimeZone::PARAMETER;

/// The other parameters.
const OTHERS: &[&str] = &["q", "filter", "from", "to", "domain", "limit", "cursor", ZONE];

/// The parameters of a search.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) domain: Domain,
    pub(crate) limit: usize,
    /// The position in the cursor.
    pub(crate) from: PageAnchor,
}

impl Search {
    /// Reads the parameters. Empty ones are ignored, because forms send them.
    pub(crate) fn parse(pairs: &[(String, String)], log: &AuditLog, access: &Grant) -> Result<Self, Problem> {
        columns::parse(pairs)?;
        counts::parse(pairs)?;
        Self::beside(&[columns::PARAMETER, counts::PARAMETER], pairs, log, access)
    }

    /// The same with the additional parameters `more`, which the caller reads.
    pub(crate) fn beside(
        more: &[&str],
        pairs: &[(String, String)],
        log: &AuditLog,
        access: &Grant,
    ) -> Result<Self, Problem> {
        known(pairs, more)?;
        let context = &access.context(log.view().now());
        let domain = Domain::all_of([
            equal(pairs, context)?,
            times(pairs, context)?,
            filters(pairs, log, context)?,
            written(pairs, "q", |text| parse_text(text, context))?,
            written(pairs, "domain", |text| parse_json(text, context))?,
        ]);
        Ok(Self { domain, limit: limit(pairs)?, from: place(pairs, log)? })
    }
}

/// All values of one parameter that are not empty.
pub(crate) fn values<'a>(pairs: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    pairs.iter().filter(move |(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

/// The query part of a URL for these parameters, with `?` if there are any.
pub(crate) fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let parts = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let parts: Vec<_> = parts.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
}

/// The same of parameters as they were read.
pub(crate) fn query_of<'a>(pairs: impl IntoIterator<Item = &'a (String, String)>) -> String {
    query(pairs.into_iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// The parameters in a URL's query.
pub(crate) fn pairs(query: &str) -> Result<Pairs, Problem> {
    let read = |uri: Uri| Query::<Pairs>::try_from_uri(&uri).ok().map(|Query(pairs)| pairs);
    let query = query.trim_start_matches('?');
    format!("/?{query}")
        .parse()
        .ok()
        .and_then(read)
        .ok_or_else(|| Problem::invalid("query: give it as in a URL, percent-encoded, such as outcome=error&from=-1h."))
}

/// All characters except the unreserved ones of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes everything that has a meaning in a URL.
pub(crate) fn encode(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, RESERVED)
}

fn known(pairs: &[(String, String)], more: &[&str]) -> Result<(), Problem> {
    let known = || fields().map(|field| -> &str { field.name() }).chain(OTHERS.iter().chain(more).copied());
    refuse_others(pairs, known)?;
    // Empty ones are ignored, but count: the document limits the number of all.
    let times = |name: &str| pairs.iter().filter(|(other, _)| other == name).count();
    let is_too_often = |name: &&str| pairs.len() > MAX_OPERANDS && times(name) > MAX_OPERANDS;
    match known().find(is_too_often) {
        Some(name) => Err(Problem::parameter(name, format!("{name}: give it at most {MAX_OPERANDS} times."))),
        None => Ok(()),
    }
}

/// Refuses unknown parameters.
pub(crate) fn refuse_others<'a, K: Iterator<Item = &'a str>>(
    pairs: &[(String, String)],
    known: impl Fn() -> K,
) -> Result<(), Problem> {
    let unknown: Vec<&str> =
        pairs.iter().map(|(name, _)| name.as_str()).filter(|name| known().all(|known| known != *name)).collect();
    let Some(first) = unknown.first() else { return Ok(()) };
    let quoted: Vec<_> = unknown.iter().map(|name| short(name)).collect();
    let known: Vec<_> = known().collect();
    let detail = format!("Unknown parameter {}; use one of: {}.", quoted.join(", "), known.join(", "));
    Err(Problem::parameter(prefix(first, SHOWN), detail))
}

fn equal(pairs: &[(String, String)], context: &Context<'_>) -> Result<Domain, Problem> {
    let mut domain = Domain::TRUE;
    for field in fields() {
        let texts: Vec<_> = values(pairs, field.name()).collect();
        if !texts.is_empty() {
            let operands = texts.into_iter().map(|text| operand(field, text)).collect();
            domain = domain.and(term(field.name(), field, Comparison::In, operands, context)?);
        }
    }
    Ok(domain)
}

fn times(pairs: &[(String, String)], context: &Context<'_>) -> Result<Domain, Problem> {
    let mut domain = Domain::TRUE;
    let bounds: [(&str, Bound); 2] = [("from", |_| Comparison::GreaterOrEqual), ("to", until)];
    for (name, comparison) in bounds {
        if let Some(text) = single(pairs, name)?.map(str::trim) {
            domain = domain.and(term(name, Field::OccurredAt, comparison(text), vec![text.into()], context)?);
        }
    }
    Ok(domain)
}

/// A parameter that holds a whole filter.
fn written(
    pairs: &[(String, String)],
    name: &str,
    parse: impl Fn(&str) -> Result<Domain, DomainError>,
) -> Result<Domain, Problem> {
    let text = single(pairs, name)?;
    text.map_or(Ok(Domain::TRUE), |text| parse(text).map_err(|error| Problem::domain(name, &error)))
}

/// The policy's quick filters; all given ones must match.
fn filters(pairs: &[(String, String)], log: &AuditLog, context: &Context<'_>) -> Result<Domain, Problem> {
    let manifest = log.view().manifest();
    let declared = &manifest.filters;
    let mut domain = Domain::TRUE;
    for name in values(pairs, "filter") {
        let filter = declared.iter().find(|filter| filter.name == name).ok_or_else(|| {
            let names: Vec<_> = declared.iter().map(|filter| filter.name.as_str()).collect();
            Problem::parameter("filter", format!("Unknown filter {}; use one of: {}.", short(name), names.join(", ")))
        })?;
        domain = domain.and(filter.domain(context));
    }
    Ok(domain)
}

fn operand(field: Field, text: &str) -> Operand {
    match field.kind() {
        FieldType::Integer => text.trim().parse().map_or_else(|_| text.into(), Value::Integer).into(),
        _ => text.into(),
    }
}

fn term(
    name: &str,
    field: Field,
    comparison: Comparison,
    operands: Vec<Operand>,
    context: &Context<'_>,
) -> Result<Domain, Problem> {
    let leaf = DomainToken::Leaf { field: field.name().to_owned(), comparison, operands };
    // The error quotes our own spelling of the value; the parameter's name is more helpful.
    from_tokens(&[leaf], context).map_err(|error| Problem::domain(name, &error.without_place()))
}

/// The requested number of items.
pub(crate) fn limit(pairs: &[(String, String)]) -> Result<usize, Problem> {
    let Some(text) = single(pairs, "limit")? else { return Ok(DEFAULT_LIMIT) };
    let limit = text.trim().parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| {
        Problem::parameter("limit", format!("limit: {} is not a whole number from 1 to {MAX_LIMIT}.", short(text)))
    })
}

fn place(pairs: &[(String, String)], log: &AuditLog) -> Result<PageAnchor, Problem> {
    single(pairs, "cursor")?.map_or(Ok(PageAnchor::Newest), |text| cursor::read("cursor", text, log.secret()))
}

/// The value of a parameter that may be given once.
pub(crate) fn single<'a>(pairs: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = values(pairs, name);
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_) => Err(Problem::parameter(name, format!("{name}: give it only once."))),
    }
}

/// A text from outside, shortened for an error.
pub(crate) fn short(text: &str) -> String {
    Json::from(prefix(text, SHOWN)).to_string()
}
