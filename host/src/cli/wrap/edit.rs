//! Puts the wrapper before the command of a server, and takes it out again: by changes of the text at the command and at
//! the beginning of its arguments. What was put in can be told from what was there, so taking it out restores each byte.

use std::ops::Range;
use std::path::Path;

use super::jsonc::{Node, Value, after_blanks, parse};

/// The argument that says that the server had no list of arguments.
pub(in crate::cli) const WITHOUT_ARGS: &str = "--wrapped-without-args";
/// The subcommands of ours that a configuration may name.
const STDIO: &str = "stdio";
const MCP: &str = "mcp";

/// A server in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) state: State,
}

/// What a server is, before anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A command without the wrapper.
    Plain,
    /// A command behind the wrapper.
    Wrapped,
    /// The log's own tools.
    Own,
    /// An address.
    Remote,
    /// Neither, or not readable.
    Unknown,
}

/// The wrapper for a server.
pub(super) struct Wrapper {
    /// The path of this program.
    pub(super) program: String,
    /// What follows `stdio`, up to `--`.
    pub(super) arguments: Vec<String>,
}

/// The text with each change made.
struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    fn apply(mut self, text: &str) -> String {
        self.0.sort_by_key(|(range, _)| range.start);
        let (mut out, mut from) = (String::with_capacity(text.len()), 0);
        for (range, new) in self.0 {
            out.push_str(&text[from..range.start]);
            out.push_str(&new);
            from = range.end;
        }
        out + &text[from..]
    }
}

/// The servers of a configuration.
///
/// # Errors
/// The text cannot be read, or has no servers.
pub(super) fn servers(text: &str) -> Result<Vec<Server>, String> {
    let root = parse(text)?;
    let found = nodes(&root).ok_or("it has no mcpServers and no servers")?;
    Ok(found.iter().map(|(name, node)| Server { name: (*name).to_owned(), state: state(node) }).collect())
}

/// Whether the text is a document, with servers or without.
pub(super) fn is_readable(text: &str) -> bool {
    parse(text).is_ok()
}

/// The text with the wrapper before each server that `wrapper` has one for.
///
/// # Errors
/// The text cannot be read.
pub(super) fn wrap(text: &str, wrapper: impl Fn(&str) -> Option<Wrapper>) -> Result<String, String> {
    let root = parse(text)?;
    let mut edits = Edits(Vec::new());
    for (name, node) in nodes(&root).unwrap_or_default() {
        if let (State::Plain, Some(wrapper)) = (state(node), wrapper(name)) {
            put(text, node, &wrapper, &mut edits);
        }
    }
    Ok(edits.apply(text))
}

/// The text without the wrapper of the servers that are `wanted`.
///
/// # Errors
/// The text cannot be read.
pub(super) fn unwrap(text: &str, wanted: impl Fn(&str) -> bool) -> Result<String, String> {
    let root = parse(text)?;
    let mut edits = Edits(Vec::new());
    for (name, node) in nodes(&root).unwrap_or_default() {
        if wanted(name) {
            take(text, node, &mut edits);
        }
    }
    Ok(edits.apply(text))
}

/// The servers in the places where clients have them: `mcpServers` and `servers`, the same in `mcp`, and for each of
/// Claude Code's projects.
fn nodes(root: &Node) -> Option<Vec<(&str, &Node)>> {
    let projects = root.get("projects").map(Node::members).unwrap_or_default();
    let holders = [Some(root), root.get("mcp")].into_iter().flatten();
    let holders = holders.chain(projects.iter().map(|project| &project.node));
    let lists: Vec<_> = holders
        .flat_map(|holder| ["mcpServers", "servers"].map(|name| holder.get(name)))
        .flatten()
        .filter(|list| matches!(list.value, Value::Object(_)))
        .collect();
    let servers = lists.iter().flat_map(|list| list.members()).map(|member| (member.name.as_str(), &member.node));
    (!lists.is_empty()).then(|| servers.collect())
}

fn state(server: &Node) -> State {
    let is_once = |name: &str| server.members().iter().filter(|member| member.name == name).count() < 2;
    let readable = ["command", "args"].into_iter().all(is_once) && items(server).is_some();
    match server.get("command").map(Node::text) {
        Some(Some(_)) if readable && own(server, STDIO).is_some() => State::Wrapped,
        Some(Some(_)) if readable && own(server, MCP).is_some() => State::Own,
        Some(Some(command)) if readable && !command.is_empty() => State::Plain,
        None if server.get("url").is_some() || server.get("serverUrl").is_some() => State::Remote,
        _ => State::Unknown,
    }
}

/// The arguments; none at all for what is no list.
fn items(server: &Node) -> Option<&[Node]> {
    match server.get("args").map(|node| &node.value) {
        None => Some(&[]),
        Some(Value::Array(items)) => Some(items),
        Some(_) => None,
    }
}

/// The arguments of a server that runs this subcommand of ours.
fn own<'a>(server: &'a Node, subcommand: &str) -> Option<&'a [Node]> {
    let program = Path::new(server.get("command")?.text()?).file_stem()?.to_str()?;
    let items = items(server)?;
    let is_ours = program == env!("CARGO_PKG_NAME") && items.first()?.text() == Some(subcommand);
    is_ours.then_some(items)
}

fn put(text: &str, server: &Node, wrapper: &Wrapper, edits: &mut Edits) {
    let Some(member) = server.member("command") else { return };
    let command = &member.node.span;
    let args = server.get("args");
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let marks: &[&str] = if args.is_none() { &[WITHOUT_ARGS] } else { &[] };
    let before = wrapper.arguments.iter().map(String::as_str).chain(marks.iter().copied());
    let mut new: Vec<String> = [STDIO].into_iter().chain(before).chain(["--"]).map(quoted).collect();
    // As it is written, so that it can be put back as it was.
    new.push(text[command.clone()].to_owned());
    match args {
        None => {
            let blanks = blanks_before(text, member.start);
            edits.0.push((command.end..command.end, format!(",{blanks}\"args\": [{}]", new.join(", "))));
        }
        Some(args) => {
            let start = args.span.start + 1;
            let blanks = leading_blanks(&text[start..]);
            let comma = if items(server).is_some_and(|items| !items.is_empty()) { "," } else { "" };
            let new = match blanks {
                "" => new.join(", ") + if comma.is_empty() { "" } else { ", " },
                blanks => format!("{blanks}{}{comma}", new.join(&format!(",{blanks}"))),
            };
            edits.0.push((start..start, new));
        }
    }
    edits.0.push((command.clone(), quoted(&wrapper.program)));
}

fn take(text: &str, server: &Node, edits: &mut Edits) {
    let (State::Wrapped, Some(items)) = (state(server), own(server, STDIO)) else { return };
    let Some(end) = items.iter().position(|item| item.text() == Some("--")) else { return };
    let (Some(command), Some(inner)) = (server.get("command"), items.get(end + 1)) else { return };
    let Some(args) = server.member("args").filter(|_| inner.text().is_some()) else { return };
    edits.0.push((command.span.clone(), text[inner.span.clone()].to_owned()));
    let had_none = items[..end].iter().any(|item| item.text() == Some(WITHOUT_ARGS)) && items.len() == end + 2;
    let between = text.get(command.span.end..args.start).unwrap_or("?");
    if had_none && between.trim_start().starts_with(',') && between.trim().len() == 1 {
        edits.0.push((command.span.end..args.node.span.end, String::new()));
        return;
    }
    let start = args.node.span.start + 1;
    let after = after_blanks(text, inner.span.end);
    let is_last = items.len() == end + 2;
    let mut until = if is_last { inner.span.end } else { after + 1 };
    // With blanks after the bracket, each argument was put behind the same blanks; without, each was put before one.
    if !is_last && leading_blanks(&text[start..]).is_empty() && text[until..].starts_with(' ') {
        until += 1;
    }
    edits.0.push((start..until, String::new()));
}

/// The blanks at the beginning of a text.
fn leading_blanks(text: &str) -> &str {
    &text[..text.len() - text.trim_start_matches([' ', '\t', '\r', '\n']).len()]
}

/// The blanks before a position.
fn blanks_before(text: &str, at: usize) -> &str {
    let before = &text[..at];
    &before[before.trim_end_matches([' ', '\t', '\r', '\n']).len()..]
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
