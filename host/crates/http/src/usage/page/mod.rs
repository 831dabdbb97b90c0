//! `/usage`: usage over time and by dimension. Each figure links to its entries, for viewers who may read them, and
//! each row to its own usage.

mod chart;
mod table;
mod totals;
mod view;

use askama::Template;
use axum::extract::{Query, Request};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_index::{Usage, UsageSort, UsageStep};
use mcp_audit_log_model::time::{DAY, HOUR};

use super::page::chart::Chart;
use super::page::table::Table;
use super::page::totals::Tile;
use super::page::view::View;
use crate::log::facets;
use crate::problem::Problem;
use crate::query::search::Pairs;
use crate::query::usage_query::{RANGES, UsageParameters};
use crate::session::auth::Visitor;
use crate::ui::draw;
use crate::ui::frame::{Frame, Here};
use crate::ui::text::Shown;

/// The note for a viewer who sees figures and no entries.
const FIGURES_ONLY: &str = "You see usage but not entries, so usage covers whole hours, and filters may use only \
                            user, server, tool, connection, provider, model, key, tenant and outcome. Remove the \
                            other filters.";

#[derive(Template)]
#[template(path = "usage.html")]
struct Page {
    frame: Frame,
    action: String,
    kept: Pairs,
    inputs: [Input; 3],
    presets: Vec<Choice>,
    orders: Vec<Choice>,
    steps: Vec<Choice>,
    fields: Vec<Choice>,
    lifts: Vec<Lift>,
    clear: Option<String>,
    error: Option<Shown>,
    whose: Option<&'static str>,
    told: Option<FormattedUsage>,
}

/// An input of the form.
struct Input {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    value: String,
    wrong: bool,
}

/// A link to the view with one thing chosen.
struct Choice {
    label: String,
    href: String,
    on: bool,
}

/// A filter, and the view without it.
struct Lift {
    name: String,
    value: Shown,
    href: String,
}

/// The answer as text.
struct FormattedUsage {
    range: String,
    before: Option<String>,
    notes: Vec<String>,
    tiles: Vec<Tile>,
    chart: Chart,
    tables: Vec<Table>,
    file: String,
    nothing: bool,
}

/// Sends viewers who see figures and no entries here instead of to the list, which is the start page.
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
    facets::bounded(&pairs)?;
    let view = View::new(&visitor, pairs);
    let asked = view.asked();
    let found = visitor.search(move |log, access| {
        access.require(Right::ReadUsage)?;
        let asking = UsageParameters::parse(&asked, log, access.viewer())?;
        Ok(log.reader(access).usage(asking.query)?)
    });
    match found.await {
        Ok(usage) => {
            Ok(draw(StatusCode::OK, &Page::new(&visitor, &view, Some(FormattedUsage::new(&view, &usage)), None)))
        }
        Err(problem) if problem.wrong_parameter().is_some() => {
            Ok(draw(problem.status(), &Page::new(&visitor, &view, None, Some((&problem, problem.detail())))))
        }
        Err(problem) if problem.status() == StatusCode::FORBIDDEN && visitor.access.may(Right::ReadUsage) => {
            Ok(draw(problem.status(), &Page::new(&visitor, &view, None, Some((&problem, FIGURES_ONLY)))))
        }
        Err(problem) => Err(problem),
    }
}

impl Page {
    fn new(visitor: &Visitor, view: &View, told: Option<FormattedUsage>, problem: Option<(&Problem, &str)>) -> Self {
        let wrong = problem.and_then(|(problem, _)| problem.wrong_parameter());
        let input = |(name, label, hint)| Input {
            name,
            label,
            hint,
            value: view.value(name).unwrap_or_default().to_owned(),
            wrong: wrong == Some(name),
        };
        let access = &visitor.access;
        Self {
            frame: Frame::new(&visitor.site, Some(visitor), Here::Usage, "Usage"),
            action: view.page().to_owned(),
            kept: view.kept(),
            inputs: [("q", "Search", "tool:search* user:anna"), ("from", "From", "-7d"), ("to", "Until", "now")]
                .map(input),
            presets: presets(view),
            orders: orders(view),
            steps: steps(view, told.as_ref()),
            fields: fields(view),
            lifts: lifts(view),
            clear: view.filters().next().map(|_| view.unfiltered()),
            error: problem.map(|(_, detail)| Shown::line(detail)),
            whose: match (view.lists, access.may(Right::Read), access.may_oversee()) {
                (true, _, false) => Some("This is the usage of your own requests."),
                (false, false, _) => Some("You see usage but not entries, so usage covers whole hours."),
                (false, true, _) => Some("You see more usage than entries, so usage covers whole hours."),
                _ => None,
            },
            told,
        }
    }
}

impl FormattedUsage {
    fn new(view: &View, usage: &Usage) -> Self {
        let before = usage.previous.as_ref().map(|(range, _)| totals::span(range.start, range.end));
        let mut notes = Vec::new();
        if usage.covered != usage.asked {
            let asked = totals::span(usage.asked.start, usage.asked.end);
            notes.push(format!(
                "Some entries at the ends of the range are deleted, so usage covers the whole hour or day there. \
                 Requested: {asked}."
            ));
        }
        notes.extend(usage.missing.iter().map(ToString::to_string));
        Self {
            range: totals::span(usage.covered.start, usage.covered.end),
            before,
            notes,
            tiles: totals::tiles(view, usage),
            chart: Chart::new(view, usage),
            tables: Table::all(view, usage),
            file: view.file(None),
            nothing: usage.totals.stats.requests == 0,
        }
    }
}

fn presets(view: &View) -> Vec<Choice> {
    let label =
        |length: i64| if length > DAY { format!("{} days", length / DAY) } else { format!("{} hours", length / HOUR) };
    let preset = |(name, length): &(&str, i64)| Choice {
        label: label(*length),
        href: view.with("range", Some(name)),
        on: view.preset() == Some(name),
    };
    RANGES.iter().map(preset).collect()
}

fn orders(view: &View) -> Vec<Choice> {
    let order = |sort: &UsageSort| Choice {
        label: capital(sort.as_str()),
        href: view.with("sort", (*sort != UsageSort::default()).then_some(sort.as_str())),
        on: view.sort() == *sort,
    };
    UsageSort::ALL.iter().map(order).collect()
}

fn steps(view: &View, told: Option<&FormattedUsage>) -> Vec<Choice> {
    let drawn = |step: &UsageStep| told.is_some_and(|told| told.chart.title.ends_with(step.as_str()));
    let step = |step: &UsageStep| Choice {
        label: capital(step.as_str()),
        href: view.with("step", Some(step.as_str())),
        on: drawn(step),
    };
    UsageStep::ALL.iter().map(step).collect()
}

fn fields(view: &View) -> Vec<Choice> {
    let all = Choice { label: "All".to_owned(), href: view.with("by", None), on: view.by().is_none() };
    let field = |(field, label): (_, &str)| {
        let name = mcp_audit_log_model::field::Field::name(field);
        Choice { label: label.to_owned(), href: view.with("by", Some(name)), on: view.by() == Some(name) }
    };
    [all].into_iter().chain(view::fields().map(field)).collect()
}

fn lifts(view: &View) -> Vec<Lift> {
    let name = |name: &str| match view::fields().find(|(field, _)| field.name() == name) {
        Some((_, label)) => label.to_owned(),
        None if name == "q" => "Search".to_owned(),
        None => capital(&name.replace('_', " ")),
    };
    let lift = |filter: view::Filter<'_>| Lift {
        name: Shown::line(&name(filter.name)).to_string(),
        value: Shown::line(filter.value),
        href: view.lifting(&filter),
    };
    view.filters().map(lift).collect()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
