//! `/`: the log, newest first or in groups, with its search.

use askama::Template;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::draw;
use super::export;
use super::frame::{Frame, Here};
use super::groups::{Level, Table};
use super::menus::Menus;
use super::row::Row;
use super::text::Shown;
use super::view::{self, View};
use crate::access::{Access, Right};
use crate::event::Outcome;
use crate::http::auth::Visitor;
use crate::http::grouping::{self, Grouping};
use crate::http::problem::Problem;
use crate::http::search::{FIELDS, Pairs, Search, query, values};
use crate::http::{Site, cursor};
use crate::store::Page as Entries;
use crate::{AuditLog, store};

/// Fields of the panel beside outcome, time and free text: parameter and label.
const INPUTS: [(&str, &str); 10] = [
    ("method", "Method"),
    ("tool", "Tool"),
    ("server", "Server"),
    ("user", "User"),
    ("connection", "Connection"),
    ("agent", "Agent"),
    ("agent_instance", "Agent instance"),
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
    /// What can be exported of it.
    export: Option<export::Form>,
    free_text: Input,
    from: Input,
    to: Input,
    domain: Input,
    outcomes: Vec<Choice>,
    inputs: Vec<Input>,
    levels: Vec<Level>,
    /// Parameters without a place in the form, which it must hand on.
    others: Vec<(String, String)>,
    more_filters: bool,
    filtered: bool,
    error: Option<Shown>,
    rows: Vec<Row>,
    groups: Option<Table>,
    nothing: bool,
    newest: Option<String>,
    newer: Option<String>,
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
    /// Values that there are, for the browser to offer.
    options: Vec<String>,
}

struct Choice {
    value: &'static str,
    on: bool,
}

/// What a search found.
enum Found {
    Entries(Entries),
    Groups(Grouping, store::Groups),
}

impl Default for Found {
    fn default() -> Self {
        Self::Entries(Entries::default())
    }
}

/// The list; a search that is not understood is told above it, with everything left as it was typed.
pub(super) async fn show(
    visitor: Visitor,
    headers: HeaderMap,
    Query(pairs): Query<Pairs>,
) -> Result<Response, Problem> {
    let asked = pairs.clone();
    // Our script fetches the page for its rows alone, every other second where the list is live.
    let by_script = headers.get("sec-fetch-dest").is_some_and(|dest| dest == "empty");
    let found = visitor.ask(move |log, access| {
        access.require(Right::Read)?;
        let menus = if by_script { Menus::default() } else { Menus::new(&log.reader(access)) };
        Ok((find(&asked, log, access), log.views(access)?, menus))
    });
    let (found, views, menus) = found.await?;
    let page = |found: &Found, problem: Option<&Problem>| {
        let views = views.iter().map(|view| View::new(view, visitor.site.home(), &pairs, &visitor.access)).collect();
        Page { views, ..Page::new(&visitor, &pairs, found, menus, problem) }
    };
    match found {
        Ok(found) => Ok(draw(StatusCode::OK, &page(&found, None))),
        Err(problem) if problem.wrong_parameter().is_some() => {
            Ok(draw(problem.status(), &page(&Found::default(), Some(&problem))))
        }
        Err(problem) => Err(problem),
    }
}

fn find(pairs: &Pairs, log: &AuditLog, access: &Access) -> Result<Found, Problem> {
    if Grouping::is_asked_for(pairs) {
        let asked = Grouping::parse(pairs, log, access.viewer())?;
        let groups = log.reader(access).groups(asked.domain.clone(), &asked.by, asked.sort, asked.limit)?;
        return Ok(Found::Groups(asked, groups));
    }
    let search = Search::beside(grouping::PARAMETERS, pairs, log, access.viewer())?;
    Ok(Found::Entries(log.reader(access).page(search.domain, search.from, search.limit)?))
}

impl Page {
    fn new(visitor: &Visitor, pairs: &Pairs, found: &Found, mut menus: Menus, problem: Option<&Problem>) -> Self {
        let (site, log) = (&visitor.site, &visitor.site.log);
        let now = log.now();
        let input = |name, label| Input::new(pairs, problem, name, label);
        let mut inputs: Vec<_> = INPUTS.iter().map(|(name, label)| input(name, label)).collect();
        inputs.iter_mut().for_each(|input| input.options = menus.take(input.name));
        let domain = input("domain", "Domain");
        let more_filters = inputs.iter().chain([&domain]).any(|input| !input.value.is_empty() || input.wrong);
        let (entries, groups) = match found {
            Found::Entries(entries) => (Some(entries), None),
            Found::Groups(asked, groups) => (None, Some(Table::new(site.home(), pairs, asked, groups))),
        };
        let nothing = entries.is_none_or(|page| page.entries.is_empty())
            && groups.as_ref().is_none_or(|table| table.rows.is_empty())
            && problem.is_none();
        let [newest, newer, older] = turns(site, pairs, entries);
        Self {
            chips: chips(log, site.home(), pairs),
            views: Vec::new(),
            kept: view::kept(pairs),
            export: export::Form::new(pairs, &visitor.access),
            free_text: input("q", "Search"),
            from: input("from", "From"),
            to: input("to", "Until"),
            outcomes: Outcome::ALL.iter().map(|word| Choice::new(pairs, word.as_str())).collect(),
            others: others(pairs),
            levels: Level::all(pairs, problem),
            more_filters,
            filtered: pairs.iter().any(is_filter),
            error: problem.map(|problem| Shown::line(problem.detail())),
            rows: entries.iter().flat_map(|page| &page.entries).map(|entry| Row::new(entry, now)).collect(),
            groups,
            nothing,
            newest,
            newer,
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
        let wrong = problem.and_then(Problem::wrong_parameter) == Some(name);
        Self { name, label, value, wrong, options: Vec::new() }
    }
}

/// Whether a parameter says what is shown, and not how.
fn is_filter((name, value): &(String, String)) -> bool {
    !value.is_empty() && !grouping::SHOWING.contains(&name.as_str())
}

/// The ways to the newest page, to newer and to older entries.
fn turns(site: &Site, pairs: &Pairs, entries: Option<&Entries>) -> [Option<String>; 3] {
    let secret = site.log.secret();
    let newest = values(pairs, "cursor").next().map(|_| String::new());
    let newer = entries.and_then(|page| page.previous).map(|seq| cursor::newer(secret, seq));
    let older = entries.and_then(|page| page.next).map(|seq| cursor::older(secret, seq));
    [newest, newer, older].map(|cursor| cursor.map(|cursor| turn(site.home(), pairs, &cursor)))
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
        ["filter", "limit", "sort"].contains(&name)
            || (FIELDS.iter().any(|field| field.name() == name) && !placed(name))
    };
    pairs.iter().filter(|(name, value)| kept(name) && !value.is_empty()).cloned().collect()
}
