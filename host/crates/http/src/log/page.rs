//! `/`: the log, newest first or in groups, with its search.

use askama::Template;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_index::Page as Entries;
use mcp_audit_log_service::AuditLog;

use super::facets::{Chip, Facet};
use super::filter_panel::Menus;
use super::filter_panel::{Offers, Panel};
use super::groups::Level;
use super::overview::Overview;
use super::table::{Cell, Table};
use super::view::View;
use super::{columns_form, facets, groups, overview, view};
use crate::export::form;
use crate::problem::Problem;
use crate::query::columns::Column;
use crate::query::extractor::bounded;
use crate::query::grouping::Grouping;
use crate::query::search::{Pairs, ZONE, query, query_of, values};
use crate::query::{columns, cursor, grouping};
use crate::session::auth::Visitor;
use crate::session::page_clock::PageClock;
use crate::site::Site;
use crate::timeline;
use crate::timeline::link::TimelineLink;
use crate::ui::draw;
use crate::ui::frame::Frame;
use crate::ui::text::Shown;

#[derive(Template)]
#[template(path = "list.html")]
struct Page {
    frame: Frame,
    panel: Panel,
    facets: Vec<Facet>,
    chips: Vec<Chip>,
    /// How many entries match, over time; none if nothing matches.
    overview: Option<Overview>,
    views: Vec<View>,
    /// The search as a view would save it.
    kept: Pairs,
    /// The export form, if the viewer may export.
    export: Option<form::Form>,
    columns: columns_form::Form,
    /// The form of times that the list does not show, for the button that changes it.
    other_times: Option<&'static str>,
    /// The address of this page.
    here: String,
    levels: Vec<Level>,
    filtered: bool,
    error: Option<Shown>,
    table: Option<Table>,
    groups: Option<groups::Table>,
    nothing: bool,
    newest: Option<String>,
    newer: Option<String>,
    older: Option<String>,
    /// The URL of the live tail, on the newest page.
    tail: Option<String>,
    /// The timeline of the session that the search is limited to.
    timeline: Option<TimelineLink>,
    /// The link to newer rows than these.
    fresh: Option<String>,
    now: String,
    sees_all: bool,
}

/// The result of a search.
enum Found {
    Entries(Entries),
    Groups(groups::Found),
}

/// The header by which the script asks for the overview.
const OVERVIEW: &str = "x-overview";

/// The list; an error in the search is shown above it, and the form keeps its input.
pub(crate) async fn show(
    visitor: Visitor,
    headers: HeaderMap,
    Query(pairs): Query<Pairs>,
) -> Result<Response, Problem> {
    bounded(&pairs)?;
    // Our script fetches the page for its rows alone, or for its overview.
    let by_script = headers.get("sec-fetch-dest").is_some_and(|dest| dest == "empty");
    let has_overview = !by_script || headers.contains_key(OVERVIEW);
    if let Some(address) = tidied(&pairs).filter(|_| !by_script) {
        return Ok(Redirect::to(&format!("{}{address}", visitor.site.home())).into_response());
    }
    let asked = pairs.clone();
    let found = visitor.search(move |log, access| {
        access.require(Right::Read)?;
        let menus = if by_script { Menus::default() } else { Menus::new(&log.view().reader(access)) };
        let found = find(&asked, log, access);
        // The page works without its overview.
        let counted = (has_overview && found.is_ok()).then(|| overview::find(&asked, log, access).ok().flatten());
        Ok((found, log.views(access)?, menus, counted))
    });
    let (found, views, menus, counted) = found.await?;
    let counted = counted.filter(|counted| counted.as_ref().is_none_or(|counted| counted.entries > 0));
    let page = |found: Option<&Found>, problem: Option<&Problem>| {
        let views = views.iter().map(|view| View::new(view, visitor.site.home(), &pairs, &visitor.access)).collect();
        let overview = counted.as_ref();
        let overview =
            overview.map(|counted| Overview::new(visitor.site.home(), &pairs, counted.as_ref(), visitor.access.zone()));
        Page { views, overview, ..Page::new(&visitor, &pairs, found, menus, problem) }
    };
    match found {
        Ok(found) => Ok(draw(StatusCode::OK, &page(Some(&found), None))),
        Err(problem) if problem.wrong_parameter().is_some() => Ok(draw(problem.status(), &page(None, Some(&problem)))),
        Err(problem) => Err(problem),
    }
}

/// The address without the empty parameters that a form sends; `None` if it has no empty ones.
fn tidied(pairs: &Pairs) -> Option<String> {
    let written: Pairs = pairs.iter().filter(|(_, value)| !value.is_empty()).cloned().collect();
    let tidy = columns::tidied(written);
    (tidy != *pairs).then(|| query_of(&tidy))
}

fn find(pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<Found, Problem> {
    if Grouping::is_asked_for(pairs) {
        let asked = Grouping::parse(pairs, log, access)?;
        return Ok(Found::Groups(groups::Found::new(&log.view().reader(access), asked)?));
    }
    let search = grouping::list(pairs, log, access)?;
    Ok(Found::Entries(log.view().reader(access).page(search.domain, search.from, search.limit)?))
}

impl Page {
    fn new(visitor: &Visitor, pairs: &Pairs, found: Option<&Found>, menus: Menus, problem: Option<&Problem>) -> Self {
        let (site, log) = (&visitor.site, &visitor.site.log);
        let (home, now) = (site.home(), log.view().now());
        let chosen = columns::parse(pairs).unwrap_or_else(|_| columns::USUAL.to_vec());
        let columns = if visitor.times.is_exact { columns::exact(&chosen) } else { chosen.clone() };
        let (entries, groups) = match found {
            Some(Found::Entries(entries)) => (Some(entries), None),
            Some(Found::Groups(found)) => (None, Some(groups::Table::new(home, pairs, found))),
            None => (None, None),
        };
        let nothing = entries.is_none_or(|page| page.entries.is_empty())
            && groups.as_ref().is_none_or(|table| table.rows.is_empty())
            && problem.is_none();
        let other_times = if visitor.times.is_exact { "relative" } else { "exact" };
        let [newest, newer, older] = turns(site, pairs, entries);
        let (context, clock) = (visitor.access.context(now), PageClock::new(now, &visitor.access));
        let facets = facets::all(home, pairs, &context);
        Self {
            frame: Frame::new(site, Some(visitor), "/", facets::title(&facets)),
            panel: Panel::new(pairs, problem, menus),
            facets,
            chips: facets::quick_filters(log, home, pairs),
            views: Vec::new(),
            overview: None,
            kept: view::kept(pairs),
            export: form::Form::new(pairs, &visitor.access, groups.is_none().then_some(&columns)),
            other_times: (chosen.first() == Some(&Column::Time)).then_some(other_times),
            here: format!("{home}{}", query_of(pairs)),
            columns: columns_form::Form::new(home, pairs, &chosen),
            levels: Level::all(pairs, problem),
            filtered: pairs.iter().any(is_filter),
            error: problem.map(|problem| Shown::line(problem.detail())),
            tail: entries.filter(|_| newest.is_none()).map(|_| tail(visitor, pairs)),
            timeline: timeline::link::of_search(&site.base, pairs, &context),
            fresh: entries.and_then(|page| fresh(site, pairs, page)),
            table: entries
                .filter(|page| !page.entries.is_empty())
                .map(|page| Table::new(&columns, &page.entries, clock)),
            groups,
            nothing,
            newest,
            newer,
            older,
            now: now.to_string(),
            sees_all: visitor.access.may_oversee(),
        }
    }
}

fn tail(visitor: &Visitor, pairs: &Pairs) -> String {
    let filter = pairs.iter().filter(|pair| is_filter(pair)).map(|(name, value)| (name.as_str(), value.as_str()));
    format!("{}/api/v1/entries/tail{}", visitor.site.base, query(filter.chain(visitor.zone_parameter())))
}

fn fresh(site: &Site, pairs: &Pairs, page: &Entries) -> Option<String> {
    let newest = page.entries.first()?;
    Some(turn(site.home(), pairs, &cursor::newer(site.log.secret(), newest.seq)))
}

/// Whether a parameter filters entries, rather than only their presentation.
fn is_filter((name, value): &(String, String)) -> bool {
    !value.is_empty() && !grouping::SHOWING.contains(&name.as_str()) && name != ZONE
}

/// The links to the newest page, to newer and to older entries.
fn turns(site: &Site, pairs: &Pairs, entries: Option<&Entries>) -> [Option<String>; 3] {
    let secret = site.log.secret();
    let newest = values(pairs, "cursor").next().map(|_| String::new());
    let newer = entries.and_then(|page| page.previous).map(|seq| cursor::newer(secret, seq));
    let older = entries.and_then(|page| page.next).map(|seq| cursor::older(secret, seq));
    [newest, newer, older].map(|cursor| cursor.map(|cursor| turn(site.home(), pairs, &cursor)))
}

/// The same search on another page.
fn turn(home: &str, pairs: &Pairs, cursor: &str) -> String {
    let rest = pairs.iter().filter(|(name, _)| name != "cursor").map(|(name, value)| (name.as_str(), value.as_str()));
    format!("{home}{}", query(rest.chain([("cursor", cursor)])))
}
