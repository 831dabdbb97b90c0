//! `/`: the log, newest first, with its search.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;

use super::draw;
use super::frame::{Frame, Here};
use super::row::Row;
use super::text::Shown;
use super::view::{self, View};
use crate::AuditLog;
use crate::event::Outcome;
use crate::http::auth::Visitor;
use crate::http::cursor;
use crate::http::problem::Problem;
use crate::http::search::{FIELDS, Pairs, Search, query, values};
use crate::store::Page as Entries;

/// Fields of the panel beside outcome, time and free text: parameter and label.
const INPUTS: [(&str, &str); 8] = [
    ("method", "Method"),
    ("tool", "Tool"),
    ("server", "Server"),
    ("user", "User"),
    ("connection", "Connection"),
    ("action", "Action"),
    ("model", "Model"),
    ("ip", "IP address"),
];

#[derive(Template)]
#[template(path = "list.html")]
struct Page {
    frame: Frame,
    chips: Vec<Chip>,
    views: Vec<View>,
    /// The search as it would be saved.
    kept: Pairs,
    free_text: Input,
    from: Input,
    to: Input,
    domain: Input,
    outcomes: Vec<Choice>,
    inputs: Vec<Input>,
    /// Parameters without a place in the form, which it must hand on.
    others: Vec<(String, String)>,
    more_filters: bool,
    filtered: bool,
    error: Option<Shown>,
    rows: Vec<Row>,
    newest: Option<String>,
    older: Option<String>,
    now: String,
    sees_all: bool,
}

/// A quick filter as a link that sets or lifts it.
struct Chip {
    label: String,
    href: String,
    on: bool,
}

struct Input {
    name: &'static str,
    label: &'static str,
    value: String,
    wrong: bool,
}

struct Choice {
    value: &'static str,
    on: bool,
}

/// The list; a search that is not understood is told above it, with everything left as it was typed.
pub(super) async fn show(visitor: Visitor, Query(pairs): Query<Pairs>) -> Result<Response, Problem> {
    let asked = pairs.clone();
    let found = visitor.ask(move |log, access| {
        access.require(crate::Right::Read)?;
        let found = Search::parse(&asked, log, access.viewer())
            .and_then(|search| Ok(log.reader(access).page(search.domain, search.place, search.limit)?));
        Ok((found, log.views(access)?))
    });
    let (found, views) = found.await?;
    let page = |entries: &Entries, problem: Option<&Problem>| {
        let views = views.iter().map(|view| View::new(view, visitor.site.home(), &pairs, &visitor.access)).collect();
        Page { views, ..Page::new(&visitor, &pairs, entries, problem) }
    };
    match found {
        Ok(entries) => Ok(draw(StatusCode::OK, &page(&entries, None))),
        Err(problem) if problem.wrong_parameter().is_some() => {
            Ok(draw(problem.status(), &page(&Entries::default(), Some(&problem))))
        }
        Err(problem) => Err(problem),
    }
}

impl Page {
    fn new(visitor: &Visitor, pairs: &Pairs, entries: &Entries, problem: Option<&Problem>) -> Self {
        let (site, log) = (&visitor.site, &visitor.site.log);
        let now = log.now();
        let input = |name, label| Input::new(pairs, problem, name, label);
        let inputs: Vec<_> = INPUTS.iter().map(|(name, label)| input(name, label)).collect();
        let domain = input("domain", "Domain");
        let more_filters = inputs.iter().chain([&domain]).any(|input| !input.value.is_empty() || input.wrong);
        let older = entries.next.map(|seq| turn(site.home(), pairs, &cursor::encode(log.secret(), seq)));
        Self {
            chips: chips(log, site.home(), pairs),
            views: Vec::new(),
            kept: view::kept(pairs),
            free_text: input("q", "Search"),
            from: input("from", "From"),
            to: input("to", "Until"),
            outcomes: Outcome::ALL.iter().map(|word| Choice::new(pairs, word.as_str())).collect(),
            others: others(pairs),
            more_filters,
            filtered: pairs.iter().any(|(name, value)| !value.is_empty() && name != "cursor" && name != "limit"),
            error: problem.map(|problem| Shown::line(problem.detail())),
            rows: entries.entries.iter().map(|entry| Row::new(entry, now)).collect(),
            newest: values(pairs, "cursor").next().map(|_| turn(site.home(), pairs, "")),
            older,
            now: now.to_string(),
            sees_all: visitor.access.may_oversee(),
            frame: Frame::new(site, Some(visitor), Here::Log, "Log"),
            inputs,
            domain,
        }
    }
}

impl Input {
    fn new(pairs: &Pairs, problem: Option<&Problem>, name: &'static str, label: &'static str) -> Self {
        let value = values(pairs, name).next().unwrap_or_default().to_owned();
        Self { name, label, value, wrong: problem.and_then(Problem::wrong_parameter) == Some(name) }
    }
}

impl Choice {
    fn new(pairs: &Pairs, value: &'static str) -> Self {
        Self { value, on: values(pairs, "outcome").next() == Some(value) }
    }
}

/// The same search, at another page.
fn turn(home: &str, pairs: &Pairs, cursor: &str) -> String {
    let rest = pairs.iter().filter(|(name, _)| name != "cursor").map(|(name, value)| (name.as_str(), value.as_str()));
    format!("{home}{}", query(rest.chain([("cursor", cursor)])))
}

fn chips(log: &AuditLog, home: &str, pairs: &Pairs) -> Vec<Chip> {
    let chip = |name: &str, label: &str| {
        let on = values(pairs, "filter").any(|value| value == name);
        let others = pairs.iter().filter(|(key, value)| key != "cursor" && !(key == "filter" && value == name));
        let others = others.map(|(key, value)| (key.as_str(), value.as_str()));
        let this = (!on).then_some(("filter", name));
        Chip { label: label.to_owned(), href: format!("{home}{}", query(others.chain(this))), on }
    };
    log.manifest().filters.iter().map(|filter| chip(&filter.name, &filter.label)).collect()
}

/// Known parameters only: what is not known is told once, and not handed on for ever.
fn others(pairs: &Pairs) -> Vec<(String, String)> {
    let placed = |name: &str| name == "outcome" || INPUTS.iter().any(|(input, _)| *input == name);
    let kept = |name: &str| {
        ["filter", "limit"].contains(&name) || (FIELDS.iter().any(|field| field.name() == name) && !placed(name))
    };
    pairs.iter().filter(|(name, value)| kept(name) && !value.is_empty()).cloned().collect()
}
