//! `/usage`: usage over time and by dimension. Each figure links to its entries, if the viewer may read them, and each
//! row links to its own usage.

mod chart;
mod heat;
mod table;
mod tiles;
mod view;

use askama::Template;
use axum::extract::{Query, Request};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_index::{Usage, UsageBy, UsageSort, UsageStep};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::time::{DAY, HOUR};

use self::chart::Chart;
use self::heat::HeatMap;
use self::table::Table;
use self::tiles::{Tile, tiles};
use self::view::{FIELDS, View};
use crate::problem::Problem;
use crate::query::extractor::bounded;
use crate::query::search::Pairs;
use crate::query::usage_query::{RANGES, UsageParameters};
use crate::session::auth::Visitor;
use crate::ui::draw;
use crate::ui::frame::Frame;
use crate::ui::text::Shown;

/// The note for a viewer who may see usage but no entries.
const USAGE_ONLY: &str = "You see usage but not entries, so usage covers whole hours, and filters may use only \
                            user, server, tool, connection, provider, model, key, tenant and outcome. Remove the \
                            other filters.";

#[derive(Template)]
#[template(path = "usage.html")]
struct Page {
    frame: Frame,
    action: String,
    kept: Pairs,
    /// Name, label, hint and value of each input, and whether the value is wrong.
    inputs: [(&'static str, &'static str, &'static str, String, bool); 3],
    choices: [(&'static str, Vec<Choice>); 3],
    fields: Vec<Choice>,
    /// The second field of the breakdown, once the first is chosen.
    seconds: Vec<Choice>,
    /// Parameter and value of each filter, and the view without it.
    filters: Vec<(Shown, Shown, String)>,
    clear: Option<String>,
    error: Option<Shown>,
    whose: Option<&'static str>,
    shown: Option<Stats>,
}

/// A link to the view with one thing chosen: its label, and whether it is chosen already.
type Choice = (String, String, bool);

/// The answer as text.
struct Stats {
    range: String,
    before: Option<String>,
    notes: Vec<String>,
    tiles: Vec<Tile>,
    chart: Chart,
    heat: Option<HeatMap>,
    tables: Vec<Table>,
    file: String,
    nothing: bool,
}

/// Redirects viewers who see usage but no entries to this page; the start page is the list.
pub(crate) async fn instead(visitor: Visitor, request: Request, next: Next) -> Response {
    let (access, site) = (&visitor.access, &visitor.site);
    // A link to entries gets an error for such a viewer.
    match (access.may(Right::Read), access.may(Right::ReadUsage), request.uri().query()) {
        (false, true, None) => Redirect::to(&format!("{}/usage", site.base)).into_response(),
        _ => next.run(request).await,
    }
}

/// The page; an error in the query is shown above it, and the form keeps its input.
pub(crate) async fn show(visitor: Visitor, Query(pairs): Query<Pairs>) -> Result<Response, Problem> {
    bounded(&pairs)?;
    let view = View::new(&visitor, pairs);
    let asked = view.asked();
    let found = visitor.search(move |log, access| {
        access.require(Right::ReadUsage)?;
        let asking = UsageParameters::parse(&asked, log, access)?;
        Ok(log.view().reader(access).usage(asking.query)?)
    });
    match found.await {
        Ok(usage) => Ok(draw(StatusCode::OK, &Page::new(&visitor, &view, Ok(&usage)))),
        Err(problem) => {
            let is_narrow = problem.status() == StatusCode::FORBIDDEN && visitor.access.may(Right::ReadUsage);
            let error = match problem.wrong_parameter() {
                Some(parameter) => (Some(parameter), problem.detail()),
                None if is_narrow => (None, USAGE_ONLY),
                None => return Err(problem),
            };
            Ok(draw(problem.status(), &Page::new(&visitor, &view, Err(error))))
        }
    }
}

impl Page {
    /// The page with the result, or with the wrong parameter and the reason.
    fn new(visitor: &Visitor, view: &View, found: Result<&Usage, (Option<&str>, &str)>) -> Self {
        let (usage, access) = (found.ok(), &visitor.access);
        let wrong = found.err().and_then(|(parameter, _)| parameter);
        let input = |(name, label, hint)| {
            (name, label, hint, view.value(name).unwrap_or_default().to_owned(), wrong == Some(name))
        };
        let choice = |name, value: &str, on| (capital(value), view.with(name, Some(value)), on);
        let preset = |(name, length): &(&str, i64)| {
            let (number, unit) = if *length > DAY { (length / DAY, "days") } else { (length / HOUR, "hours") };
            (format!("{number} {unit}"), view.with("range", Some(name)), view.preset() == Some(name))
        };
        let order = |sort: &UsageSort| {
            let value = (*sort != UsageSort::default()).then_some(sort.as_str());
            (capital(sort.as_str()), view.with("sort", value), view.sort() == *sort)
        };
        let step = |step: &UsageStep| choice("step", step.as_str(), usage.is_some_and(|usage| usage.step == *step));
        let field = |(field, label): (Field, &str)| {
            let (_, href, on) = choice("by", field.name(), view.by().is_some_and(|by| by.field == field));
            (label.to_owned(), href, on)
        };
        let all = ("All".to_owned(), view.with("by", None), view.by().is_none());
        let second = |first: UsageBy, second: Option<(Field, &str)>| {
            let by = UsageBy { second: second.map(|(field, _)| field), ..first };
            let label = second.map_or("Nothing", |(_, label)| label);
            (label.to_owned(), view.with("by", Some(&by.to_string())), first == by)
        };
        let seconds = |by: UsageBy| {
            let others = FIELDS.into_iter().filter(|(field, _)| *field != by.field).map(Some);
            std::iter::once(None).chain(others).map(|one| second(by, one)).collect()
        };
        let filter = |(name, value)| (Shown::line(&label(name)), Shown::line(value), view.without((name, value)));
        Self {
            frame: Frame::new(&visitor.site, Some(visitor), "/usage", "Usage"),
            action: view.page.clone(),
            kept: view.kept(),
            inputs: [("q", "Search", "tool:search* user:anna"), ("from", "From", "-7d"), ("to", "Until", "now")]
                .map(input),
            choices: [
                ("Range", RANGES.iter().map(preset).collect()),
                ("Rank by", UsageSort::ALL.iter().map(order).collect()),
                ("Step", UsageStep::ALL.iter().map(step).collect()),
            ],
            fields: [all].into_iter().chain(FIELDS.map(field)).collect(),
            seconds: view.by().map(seconds).unwrap_or_default(),
            filters: view.filters().map(filter).collect(),
            clear: view.filters().next().map(|_| view.unfiltered()),
            error: found.err().map(|(_, detail)| Shown::line(detail)),
            whose: match (view.lists, access.may(Right::Read), access.may_oversee()) {
                (true, _, false) => Some("This is the usage of your own requests."),
                (false, false, _) => Some("You see usage but not entries, so usage covers whole hours."),
                (false, true, _) => Some("You see more usage than entries, so usage covers whole hours."),
                _ => None,
            },
            shown: usage.map(|usage| Stats::new(view, usage)),
        }
    }
}

impl Stats {
    fn new(view: &View, usage: &Usage) -> Self {
        let asked = view.zone.range(&usage.asked);
        let widened = "Some entries at the ends of the range are deleted, so usage covers the whole hour or day there.";
        let widened = (usage.covered != usage.asked).then(|| format!("{widened} Requested: {asked}."));
        Self {
            range: view.zone.range(&usage.covered),
            before: usage.previous.as_ref().map(|before| view.zone.range(&(before.from..before.to))),
            notes: widened.into_iter().chain(usage.missing.iter().map(ToString::to_string)).collect(),
            tiles: tiles(view, usage),
            chart: Chart::new(view, usage),
            heat: HeatMap::new(view, usage),
            tables: Table::all(view, usage),
            file: view.file(None),
            nothing: usage.totals.stats.requests == 0,
        }
    }
}

/// The label of a filter's parameter.
fn label(parameter: &str) -> String {
    match FIELDS.iter().find(|(field, _)| field.name() == parameter) {
        Some((_, label)) => (*label).to_owned(),
        None if parameter == "q" => "Search".to_owned(),
        None => capital(&parameter.replace('_', " ")),
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
