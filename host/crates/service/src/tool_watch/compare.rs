//! Compares listings with what is known: new, changed and vanished definitions, within a bound for each server.

use std::collections::{BTreeMap, HashMap, HashSet};

use mcp_audit_log_contract::tool_definition::{DefinitionPart, KnownTool, ToolDefinition};
use mcp_audit_log_model::time::{DAY, HOUR, Timestamp};
use uuid::Uuid;

use super::definition::ListedTool;

/// The most entries about one server's definitions in an hour: a server that changes with each listing must not fill the log.
const PER_HOUR: u32 = 200;
/// The most tools of one server, and the most servers.
const TOOLS: usize = 2_048;
const SERVERS: usize = 1_000;
/// The most definitions of one tool that are known at once.
const DEFINITIONS: usize = 8;
/// The most listings of a server that await their next page.
const PAGES: usize = 64;

/// All servers.
#[derive(Default)]
pub(super) struct KnownServers(HashMap<String, KnownServer>);

/// A server.
#[derive(Default)]
struct KnownServer {
    tools: BTreeMap<String, Kept>,
    /// Listings that await their next page, by caller and cursor.
    pages: HashMap<(String, u64), Pages>,
    window: Window,
}

/// A tool, and when it was stored last.
#[derive(Clone)]
struct Kept {
    tool: KnownTool,
    stored: Timestamp,
}

/// The pages of a listing so far.
#[derive(Clone, Default)]
struct Pages {
    names: HashSet<String>,
    /// Whether nothing was known of the server when it began.
    is_first: bool,
    /// Whether every tool was read.
    is_whole: bool,
}

/// The entries about a server in the current hour.
#[derive(Default)]
struct Window {
    since: Option<Timestamp>,
    entries: u32,
    /// Whether this hour has its entry about definitions that were left out.
    is_reported: bool,
}

/// A page of a listing, taken apart.
pub(super) struct ListedPage<'a> {
    pub(super) server: &'a str,
    /// The caller, as a keyed digest.
    pub(super) viewer: &'a str,
    pub(super) at: Timestamp,
    /// The cursor of the request and of the answer, hashed.
    pub(super) cursor: Option<u64>,
    pub(super) next: Option<u64>,
    pub(super) tools: Vec<ListedTool>,
    pub(super) is_whole: bool,
}

/// What a listing shows.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) list: Vec<Finding>,
    /// How many are not among them, because the server had its entries for this hour; `None` if that is reported.
    pub(super) left_out: Option<u64>,
    /// Tools that were seen again and are to be stored for that.
    pub(super) seen: Vec<KnownTool>,
}

/// A new, changed or vanished definition.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) kind: FindingKind,
    /// What is known of the tool from now on.
    pub(super) tool: KnownTool,
    /// The entry about the definition before.
    pub(super) entry_before: Option<Uuid>,
    /// The definition before, and the new one.
    pub(super) before: Option<ToolDefinition>,
    pub(super) after: Option<ToolDefinition>,
    /// The canonical form of the new one.
    pub(super) text: Option<String>,
}

/// The kind of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FindingKind {
    /// It was in the first listing of its server.
    Learned,
    Added,
    Changed,
    Removed,
}

impl FindingKind {
    /// The action of the entry.
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::Learned => "tool.definition_learned",
            Self::Added => "tool.definition_added",
            Self::Changed => "tool.definition_changed",
            Self::Removed => "tool.definition_removed",
        }
    }
}

/// The parts that differ, by name.
pub(super) fn differences<'a>(
    before: &'a [DefinitionPart],
    after: &'a [DefinitionPart],
) -> Vec<(&'a str, Option<&'a DefinitionPart>, Option<&'a DefinitionPart>)> {
    let find = |parts: &'a [DefinitionPart], name: &str| parts.iter().find(|part| part.name == name);
    let names: std::collections::BTreeSet<_> = before.iter().chain(after).map(|part| part.name.as_str()).collect();
    let all = names.into_iter().map(|name| (name, find(before, name), find(after, name)));
    all.filter(|(_, before, after)| before != after).collect()
}

impl KnownServers {
    /// What was stored.
    pub(super) fn of(tools: Vec<KnownTool>) -> Self {
        let mut servers = Self::default();
        tools.into_iter().for_each(|tool| servers.keep(tool));
        servers
    }

    /// This is known from now on, since it is stored.
    pub(super) fn keep(&mut self, tool: KnownTool) {
        let server = self.0.entry(tool.server.clone()).or_default();
        let stored = tool.last_seen;
        server.tools.insert(tool.tool.clone(), Kept { tool, stored });
    }

    /// Compares a page with what is known. What is found becomes known with [`Self::keep`].
    pub(super) fn compare(&mut self, page: &ListedPage<'_>) -> Findings {
        if !self.0.contains_key(page.server) && self.0.len() >= SERVERS {
            return Findings::default();
        }
        self.0.entry(page.server.to_owned()).or_default().compare(page)
    }
}

impl KnownServer {
    fn compare(&mut self, page: &ListedPage<'_>) -> Findings {
        self.window.turn(page.at);
        let begun = match page.cursor {
            None => Some(Pages { is_first: self.tools.is_empty(), is_whole: true, ..Pages::default() }),
            Some(cursor) => self.pages.remove(&(page.viewer.to_owned(), cursor)),
        };
        // A page without its beginning is compared as well, but says nothing about what is gone.
        let mut pages = begun.unwrap_or(Pages { is_first: self.tools.is_empty(), ..Pages::default() });
        pages.is_whole &= page.is_whole;
        let mut found = Findings::default();
        let mut left_out = 0;
        for listed in &page.tools {
            pages.names.insert(listed.name.clone());
            match self.look(page, listed, pages.is_first) {
                Looked::Same(tool) => found.seen.extend(tool),
                Looked::Other(finding) => {
                    let fits = self.window.take();
                    left_out += u64::from(!fits);
                    // What the first listing has is no news later, and a listing may have a tool twice.
                    if fits || finding.kind == FindingKind::Learned {
                        let kept = Kept { tool: finding.tool.clone(), stored: page.at };
                        self.tools.insert(listed.name.clone(), kept);
                    }
                    match finding.kind {
                        _ if fits => found.list.push(*finding),
                        FindingKind::Learned => found.seen.push(finding.tool),
                        _ => {}
                    }
                }
                Looked::Beyond => left_out += 1,
            }
        }
        match page.next {
            Some(next) => self.await_page(page.viewer, next, pages),
            None if pages.is_whole => self.gone(page, &pages.names, &mut found, &mut left_out),
            None => {}
        }
        found.left_out = self.window.report(left_out);
        found
    }

    fn await_page(&mut self, viewer: &str, next: u64, pages: Pages) {
        if self.pages.len() >= PAGES {
            self.pages.clear();
        }
        if pages.names.len() <= TOOLS {
            self.pages.insert((viewer.to_owned(), next), pages);
        }
    }

    /// Looks at one tool of a page.
    fn look(&mut self, page: &ListedPage<'_>, listed: &ListedTool, is_first: bool) -> Looked {
        let definition = ToolDefinition {
            hash: listed.hash.clone(),
            parts: listed.parts.clone(),
            first_seen: page.at,
            last_seen: page.at,
        };
        let room = self.tools.len() < TOOLS;
        let Some(kept) = self.tools.get_mut(&listed.name) else {
            let tool = KnownTool {
                server: page.server.to_owned(),
                tool: listed.name.clone(),
                definitions: vec![definition.clone()],
                first_seen: page.at,
                changed_at: page.at,
                last_seen: page.at,
                seen_by: page.viewer.to_owned(),
                entry: Uuid::nil(),
                is_gone: false,
            };
            let kind = if is_first { FindingKind::Learned } else { FindingKind::Added };
            let finding = Finding::new(kind, tool, None, None, Some(definition), listed);
            return if room { Looked::Other(Box::new(finding)) } else { Looked::Beyond };
        };
        let mut tool = kept.tool.clone();
        let entry_before = Some(tool.entry);
        let before = tool.definitions.first().cloned();
        (tool.last_seen, tool.seen_by) = (page.at.max(tool.last_seen), page.viewer.to_owned());
        let at = tool.definitions.iter().position(|known| known.hash == listed.hash);
        let known = at.map(|at| tool.definitions.remove(at));
        // One that is back after a day without it is news; one that some callers see all the time is none.
        let is_back = |known: &ToolDefinition| at > Some(0) && known.last_seen.plus(DAY) < page.at;
        let kind = match &known {
            _ if tool.is_gone => FindingKind::Added,
            Some(known) if !is_back(known) => {
                let known = ToolDefinition { last_seen: page.at.max(known.last_seen), ..known.clone() };
                tool.definitions.insert(at.unwrap_or_default(), known);
                return Looked::Same(kept.seen(tool, page.at));
            }
            _ => FindingKind::Changed,
        };
        let definition = ToolDefinition { first_seen: known.map_or(page.at, |known| known.first_seen), ..definition };
        tool.definitions.insert(0, definition.clone());
        tool.definitions.truncate(DEFINITIONS);
        (tool.is_gone, tool.changed_at) = (false, page.at);
        Looked::Other(Box::new(Finding::new(kind, tool, entry_before, before, Some(definition), listed)))
    }

    /// The tools that are missing in a complete listing, and that its caller was the last one to see. If another caller
    /// saw a tool last, that one may still see it.
    fn gone(&mut self, page: &ListedPage<'_>, names: &HashSet<String>, found: &mut Findings, left_out: &mut u64) {
        let is_gone = |tool: &KnownTool| !tool.is_gone && tool.seen_by == page.viewer && !names.contains(&tool.tool);
        for kept in self.tools.values_mut().filter(|kept| is_gone(&kept.tool)) {
            if !self.window.take() {
                *left_out += 1;
                continue;
            }
            let before = kept.tool.definitions.first().cloned();
            let entry_before = Some(kept.tool.entry);
            (kept.tool.is_gone, kept.tool.changed_at) = (true, page.at);
            let (tool, kind) = (kept.tool.clone(), FindingKind::Removed);
            found.list.push(Finding { kind, tool, entry_before, before, after: None, text: None });
        }
    }
}

/// What one tool of a page is.
enum Looked {
    /// Known; the tool if it is to be stored that it was seen.
    Same(Option<KnownTool>),
    Other(Box<Finding>),
    /// The server has too many tools.
    Beyond,
}

impl Kept {
    /// Notes that it was seen; returned at most once an hour, to be stored.
    fn seen(&mut self, tool: KnownTool, at: Timestamp) -> Option<KnownTool> {
        self.tool = tool;
        let is_due = self.stored.plus(HOUR) <= at;
        if is_due {
            self.stored = at;
        }
        is_due.then(|| self.tool.clone())
    }
}

impl Finding {
    fn new(
        kind: FindingKind,
        tool: KnownTool,
        entry_before: Option<Uuid>,
        before: Option<ToolDefinition>,
        after: Option<ToolDefinition>,
        listed: &ListedTool,
    ) -> Self {
        Self { kind, tool, entry_before, before, after, text: Some(listed.text.clone()) }
    }
}

impl Window {
    fn turn(&mut self, now: Timestamp) {
        if self.since.is_none_or(|since| now < since || since.plus(HOUR) <= now) {
            *self = Self { since: Some(now), ..Self::default() };
        }
    }

    fn take(&mut self) -> bool {
        let fits = self.entries < PER_HOUR;
        self.entries += u32::from(fits);
        fits
    }

    fn report(&mut self, left_out: u64) -> Option<u64> {
        let is_news = left_out > 0 && !self.is_reported;
        self.is_reported |= is_news;
        is_news.then_some(left_out)
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
