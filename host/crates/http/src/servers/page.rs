//! `/servers`: the MCP servers whose tools were listed; and the tools of one server, with what changed.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use mcp_audit_log_contract::tool_definition::KnownTool;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_index::PageAnchor;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::count;
use mcp_audit_log_model::time::Timestamp;

use crate::entry::diff;
use crate::entry::diff::Change;
use crate::problem::Problem;
use crate::query::search::{Pairs, query, values};
use crate::session::auth::Visitor;
use crate::session::page_clock::PageClock;
use crate::ui::draw;
use crate::ui::frame::Frame;
use crate::ui::text::Shown;

/// The most tools of a server, and the most changes, that the page shows.
const TOOLS: usize = 100;
const CHANGES: usize = 20;
/// The characters of a hash that are shown; the API has all of it.
const HASH: usize = 16;

#[derive(Template)]
#[template(path = "servers.html")]
struct Page {
    frame: Frame,
    servers: Vec<ServerLine>,
    shown: Option<ShownServer>,
}

/// A server.
struct ServerLine {
    name: Shown,
    href: String,
    tools: String,
    gone: Option<String>,
    changed: Moment,
}

/// A moment as text, and exactly.
struct Moment {
    ago: String,
    both: String,
}

/// The chosen server.
struct ShownServer {
    name: Shown,
    tools: Vec<ToolLine>,
    /// How many more there are.
    more: usize,
    changes: Vec<ChangeLine>,
    /// All entries about its definitions.
    all: String,
    calls: String,
}

/// A tool.
struct ToolLine {
    name: Shown,
    hash: Shown,
    parts: Vec<(Shown, String)>,
    first: Moment,
    changed: Moment,
    last: Moment,
    gone: bool,
    /// How many other definitions are known.
    others: usize,
    /// The newest entry about its definition.
    entry: Option<String>,
    calls: String,
}

/// A change.
struct ChangeLine {
    href: String,
    at: Moment,
    what: Shown,
    tool: Shown,
    changes: Vec<Change>,
}

/// The servers, or one of them.
pub(crate) async fn show(visitor: Visitor, Query(pairs): Query<Pairs>) -> Result<Response, Problem> {
    let chosen = values(&pairs, "server").next().map(str::to_owned);
    let wanted = chosen.clone();
    let seen = visitor.search(move |log, access| {
        let tools = log.known_tools(access)?;
        let changes = match &wanted {
            Some(server) => log.view().reader(access).page(about(server), PageAnchor::Newest, CHANGES)?.entries,
            None => Vec::new(),
        };
        Ok((tools, changes))
    });
    let (tools, changes) = seen.await?;
    let (base, home, clock) = (visitor.site.base.clone(), visitor.site.home().to_owned(), visitor.clock());
    let mut by_server = BTreeMap::<&str, Vec<&KnownTool>>::new();
    tools.iter().for_each(|tool| by_server.entry(&tool.server).or_default().push(tool));
    let shown = match chosen.as_deref() {
        None => None,
        Some(server) => {
            let tools = by_server.get(server).ok_or_else(|| Problem::missing("server"))?;
            Some(ShownServer::new(server, tools, &changes, (&base, &home), clock))
        }
    };
    let title = chosen.map_or_else(|| "Servers".to_owned(), |server| format!("Tools of {server}"));
    let servers = by_server.iter().map(|(name, tools)| ServerLine::new(name, tools, &base, clock)).collect();
    let frame = Frame::new(&visitor.site, Some(&visitor), "/servers", title);
    Ok(draw(StatusCode::OK, &Page { frame, servers, shown }))
}

/// The entries about definitions of this server, but not those of its first listing.
fn about(server: &str) -> Domain {
    let action = |verb: &str| Domain::equals(Field::Action, format!("tool.{verb}").as_str());
    let changed = ["definition_changed", "definition_added", "definition_removed", "definitions_left_out"];
    let actions = Domain::any_of(changed.map(action));
    Domain::equals(Field::Server, server).and(Domain::equals(Field::Kind, "system")).and(actions)
}

impl Moment {
    fn new(at: Timestamp, clock: PageClock) -> Self {
        Self { ago: clock.ago(at), both: clock.both(at) }
    }
}

impl ServerLine {
    fn new(name: &str, tools: &[&KnownTool], base: &str, clock: PageClock) -> Self {
        let gone = tools.iter().filter(|tool| tool.is_gone).count();
        let changed = tools.iter().map(|tool| tool.changed_at).max().unwrap_or(Timestamp::EPOCH);
        Self {
            name: Shown::line(name),
            href: format!("{base}/servers{}", query([("server", name)])),
            tools: count((tools.len() - gone) as u64),
            gone: (gone > 0).then(|| count(gone as u64)),
            changed: Moment::new(changed, clock),
        }
    }
}

impl ShownServer {
    fn new(name: &str, tools: &[&KnownTool], changes: &[Entry], (base, home): (&str, &str), clock: PageClock) -> Self {
        let mut tools = tools.to_vec();
        // What changed last comes first.
        tools.sort_by_key(|tool| (std::cmp::Reverse(tool.changed_at), tool.tool.clone()));
        let more = tools.len().saturating_sub(TOOLS);
        let lines = tools.into_iter().take(TOOLS).map(|tool| ToolLine::new(tool, base, home, clock)).collect();
        Self {
            name: Shown::line(name),
            tools: lines,
            more,
            changes: changes.iter().map(|entry| ChangeLine::new(entry, base, clock)).collect(),
            all: format!("{home}{}", query([("server", name), ("q", "action:tool.definition* kind:system")])),
            calls: format!("{home}{}", query([("server", name), ("action", "tool.called")])),
        }
    }
}

impl ToolLine {
    fn new(tool: &KnownTool, base: &str, home: &str, clock: PageClock) -> Self {
        let parts = tool.definitions.first().map(|definition| definition.parts.as_slice()).unwrap_or_default();
        let size = |bytes| mcp_audit_log_model::format::bytes(bytes);
        Self {
            name: Shown::line(&tool.tool),
            hash: Shown::cut(tool.hash(), HASH),
            parts: parts.iter().map(|part| (Shown::line(&part.name), size(part.bytes))).collect(),
            first: Moment::new(tool.first_seen, clock),
            changed: Moment::new(tool.changed_at, clock),
            last: Moment::new(tool.last_seen, clock),
            gone: tool.is_gone,
            others: tool.definitions.len().saturating_sub(1),
            entry: (!tool.entry.is_nil()).then(|| format!("{base}/entries/{}", tool.entry)),
            calls: format!("{home}{}", query([("server", tool.server.as_str()), ("tool", tool.tool.as_str())])),
        }
    }
}

impl ChangeLine {
    fn new(entry: &Entry, base: &str, clock: PageClock) -> Self {
        let text = |field| entry.text(field).unwrap_or_default();
        let what = match text(Field::Action) {
            "tool.definition_changed" => "changed",
            "tool.definition_added" => "added",
            "tool.definition_removed" => "gone",
            _ => "more changes than are recorded one by one",
        };
        Self {
            href: format!("{base}/entries/{}", entry.id),
            at: Moment::new(entry.occurred_at, clock),
            what: Shown::line(what),
            tool: Shown::line(text(Field::Tool)),
            changes: diff::all(entry),
        }
    }
}
