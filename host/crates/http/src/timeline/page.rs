//! The page: its parameters, its sums, and the links to its other pages.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_index::{MAX_TIMELINE, Timeline, TimelineAnchor};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::{count, counted};
use uuid::Uuid;

use super::link::THREADS;
use super::row::{Line, lines};
use crate::export::form::Form;
use crate::problem::Problem;
use crate::query::extractor::bounded;
use crate::query::search::{Pairs, Search, query, refuse_others, single};
use crate::session::auth::Visitor;
use crate::ui::draw;
use crate::ui::frame::Frame;
use crate::ui::text::Shown;

/// The number of entries of a page.
const ROWS: usize = 150;
/// The parameters besides the fields.
const RANGE: [&str; 2] = ["from", "to"];
const PAGE: &str = "page";
const ENTRY: &str = "entry";

#[derive(Template)]
#[template(path = "timeline.html")]
struct Page {
    frame: Frame,
    label: &'static str,
    value: Shown,
    /// The form of a bundle, if the viewer may export.
    export: Option<Form>,
    /// The list of the same entries.
    list: String,
    sums: String,
    /// When it began, and the same in UTC.
    began: Option<(String, String)>,
    errors: usize,
    /// Numbers of the first errors, with the links to them.
    first_errors: Vec<(usize, String)>,
    cut: Option<String>,
    lines: Vec<Line>,
    shown: String,
    earlier: Option<String>,
    later: Option<String>,
}

/// What the parameters ask for.
struct Asked {
    label: &'static str,
    value: String,
    /// Whether it names the sessions of its entries: those of an agent's run follow each other.
    has_sessions: bool,
    /// The parameters that select entries.
    search: Pairs,
    page: usize,
    entry: Option<Uuid>,
}

/// A page of a timeline.
pub(crate) async fn show(visitor: Visitor, Query(pairs): Query<Pairs>) -> Result<Response, Problem> {
    bounded(&pairs)?;
    let asked = Asked::new(&pairs)?;
    let (search, entry, page) = (asked.search.clone(), asked.entry, asked.page);
    let found = visitor.search(move |log, access| {
        access.require(Right::Read)?;
        let reader = log.view().reader(access);
        let Search { domain, .. } = Search::beside(&[], &search, log, access)?;
        let here = entry.map(|id| reader.entry(id)).transpose()?.flatten();
        let from = here.map_or(TimelineAnchor::Page(page), |entry| TimelineAnchor::Entry(entry.seq));
        Ok(reader.timeline(domain, from, ROWS)?)
    });
    let found = found.await?;
    Ok(draw(StatusCode::OK, &Page::new(&visitor, &asked, &found)))
}

impl Asked {
    fn new(pairs: &Pairs) -> Result<Self, Problem> {
        let names = || THREADS.into_iter().map(|(field, _)| -> &str { field.name() });
        refuse_others(pairs, || names().chain(RANGE).chain([PAGE, ENTRY]))?;
        let mut chosen = Vec::new();
        for (field, label) in THREADS {
            chosen.extend(single(pairs, field.name())?.map(|value| (field, label, value)));
        }
        let [(field, label, value)] = *chosen.as_slice() else {
            let names: Vec<_> = names().collect();
            return Err(Problem::parameter(names[0], format!("A timeline needs one of: {}.", names.join(", "))));
        };
        let page = single(pairs, PAGE)?.map_or(Some(1), |text| text.parse().ok().filter(|page| *page > 0));
        let page: usize = page.ok_or_else(|| Problem::parameter(PAGE, format!("{PAGE}: give a number from 1 on.")))?;
        let entry = single(pairs, ENTRY)?.map(|text| Uuid::try_parse(text).map_err(|_| Problem::no_entry()));
        let selects = |name: &str| name == field.name() || RANGE.contains(&name);
        let search = pairs.iter().filter(|(name, value)| selects(name) && !value.is_empty()).cloned().collect();
        let has_sessions = field == Field::AgentInstance;
        Ok(Self { label, value: value.to_owned(), has_sessions, search, page: page - 1, entry: entry.transpose()? })
    }

    /// The address of a page, counted from 0.
    fn address(&self, base: &str, page: usize) -> String {
        let (page, search) = ((page + 1).to_string(), self.search.iter());
        let search = search.map(|(name, value)| (name.as_str(), value.as_str()));
        format!("{base}/timeline{}", query(search.chain([(PAGE, page.as_str())])))
    }
}

impl Page {
    fn new(visitor: &Visitor, asked: &Asked, found: &Timeline) -> Self {
        let (site, clock) = (&visitor.site, visitor.clock());
        let base = &site.base;
        let value = Shown::cut(&asked.value, 120);
        let search = asked.search.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let page = found.before / ROWS;
        let end = found.before + found.entries.len();
        let to_error = |at: &usize| (at + 1, format!("{}#n{}", asked.address(base, at / ROWS), at + 1));
        Self {
            frame: Frame::new(
                site,
                Some(visitor),
                "/",
                Shown::cut(&format!("Timeline: {} {value}", asked.label), 80).to_string(),
            ),
            label: asked.label,
            export: Form::new(&asked.search, &visitor.access, None),
            list: format!("{}{}", site.home(), query(search)),
            sums: counted(found.found as u64, "entry", "entries"),
            began: found.begun.map(|at| (clock.exact(at), clock.both(at))),
            errors: found.errors,
            first_errors: found.first_errors.iter().map(to_error).collect(),
            cut: found.is_cut.then(|| count(MAX_TIMELINE as u64)),
            lines: lines(found, asked.has_sessions, clock, asked.entry),
            shown: format!(
                "{} – {} of {}",
                count(found.before as u64 + 1),
                count(end as u64),
                count(found.found as u64)
            ),
            earlier: (page > 0).then(|| asked.address(base, page - 1)),
            later: (end < found.found).then(|| asked.address(base, page + 1)),
            value,
        }
    }
}
