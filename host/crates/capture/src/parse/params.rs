//! The fields of a message's parameters and result that are read: names, marks, and the tools of a listing.

use bytes::Bytes;
use mcp_audit_log_model::event::Argument;

use super::json::{Take, text};
use super::jsonrpc::{Id, NAME};

/// The most arguments that the policy sees.
const ARGUMENTS: usize = 64;
/// The longest argument that the policy sees, in bytes.
const ARGUMENT: usize = 4_096;
/// The longest number or literal that is read.
const WORD: usize = 32;
/// The longest list of tools that is read, in bytes.
const TOOLS: usize = 512 << 10;
/// No value.
const NULL: &[u8] = b"null";

/// The fields that are read from a message's `params`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params {
    pub(crate) name: Option<String>,
    pub(crate) uri: Option<String>,
    pub(crate) ref_name: Option<String>,
    pub(crate) ref_uri: Option<String>,
    pub(crate) task_id: Option<String>,
    pub(crate) level: Option<String>,
    pub(crate) request_id: Option<Id>,
    pub(crate) request_state: Option<u64>,
    /// The cursor of a listing, hashed.
    pub(crate) cursor: Option<u64>,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) client: Named,
    pub(crate) protocol_version: Option<String>,
    pub(crate) progress_token: Option<Id>,
    pub(crate) traceparent: Option<String>,
    /// The argument that is being read.
    argument: Option<String>,
    meta: Meta,
}

/// The values read from `_meta`; some messages have the same ones in `params` itself.
#[derive(Clone, Debug, Default)]
struct Meta {
    client: Named,
    protocol_version: Option<String>,
    progress_token: Option<Id>,
}

/// A name with a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
}

/// The fields that are read from a message's `result`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) is_error: bool,
    pub(crate) result_type: Option<String>,
    pub(crate) protocol_version: Option<String>,
    pub(crate) server: Named,
    pub(crate) task_id: Option<String>,
    pub(crate) request_state: Option<u64>,
    /// The list of tools, as it was sent, if it is short enough and there is memory for it.
    pub(crate) tools: Option<Bytes>,
    /// The cursor of the next page, hashed.
    pub(crate) next_cursor: Option<u64>,
    /// The id in the task itself.
    task: Option<String>,
}

/// An object or array that is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Batch,
    Message,
    Params,
    Reference,
    Arguments,
    Client,
    Meta,
    MetaClient,
    Result,
    Server,
    Task,
    Error,
}

/// A value that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Method,
    Id,
    /// An error that is no object.
    Error,
    Code,
    Name,
    Uri,
    RefName,
    RefUri,
    TaskId,
    Level,
    RequestId,
    RequestState,
    Cursor,
    Argument,
    ClientName,
    ClientVersion,
    Protocol,
    ProgressToken,
    MetaClientName,
    MetaClientVersion,
    MetaProtocol,
    MetaProgressToken,
    Traceparent,
    IsError,
    ResultType,
    ResultProtocol,
    ServerName,
    ServerVersion,
    ResultState,
    ResultTaskId,
    Tools,
    NextCursor,
    TaskTaskId,
}

pub(crate) type Taking = Take<Place, Field>;

/// A text, with its quotes.
pub(crate) fn name(field: Field) -> Taking {
    Take::field(field, NAME + 2)
}

impl Params {
    /// How to read the value of a key. An earlier value with the same key is dropped: like nearly every parser, this
    /// one lets the last of equal keys count.
    pub(crate) fn member(&mut self, place: Place, key: String) -> Taking {
        match (place, key.as_str()) {
            (Place::Params, "name") => name(Field::Name),
            (Place::Params, "uri") => name(Field::Uri),
            (Place::Params, "taskId") => name(Field::TaskId),
            (Place::Params, "level") => name(Field::Level),
            (Place::Params, "requestId") => name(Field::RequestId),
            (Place::Params, "requestState") => Take::field(Field::RequestState, 0),
            (Place::Params, "cursor") => Take::field(Field::Cursor, NULL.len()),
            (Place::Params, "protocolVersion") => name(Field::Protocol),
            (Place::Params, "progressToken") => name(Field::ProgressToken),
            (Place::Params, "ref") => {
                (self.ref_name, self.ref_uri) = (None, None);
                Take::inside(Place::Reference)
            }
            (Place::Params, "arguments") => {
                self.arguments.clear();
                Take::inside(Place::Arguments)
            }
            (Place::Params, "clientInfo") => {
                self.client = Named::default();
                Take::inside(Place::Client)
            }
            (Place::Params, "_meta") => {
                (self.meta, self.traceparent) = (Meta::default(), None);
                Take::inside(Place::Meta)
            }
            (Place::Reference, "name") => name(Field::RefName),
            (Place::Reference, "uri") => name(Field::RefUri),
            (Place::Client, "name") => name(Field::ClientName),
            (Place::Client, "version") => name(Field::ClientVersion),
            (Place::Meta, "io.modelcontextprotocol/clientInfo") => {
                self.meta.client = Named::default();
                Take::inside(Place::MetaClient)
            }
            (Place::Meta, "io.modelcontextprotocol/protocolVersion") => name(Field::MetaProtocol),
            (Place::Meta, "progressToken") => name(Field::MetaProgressToken),
            (Place::Meta, "traceparent") => name(Field::Traceparent),
            (Place::MetaClient, "name") => name(Field::MetaClientName),
            (Place::MetaClient, "version") => name(Field::MetaClientVersion),
            (Place::Arguments, _) => self.argument(key),
            _ => Take::NOTHING,
        }
    }

    fn argument(&mut self, key: String) -> Taking {
        self.arguments.retain(|argument| argument.name != key);
        if self.arguments.len() >= ARGUMENTS || key.len() > ARGUMENT {
            return Take::NOTHING;
        }
        self.argument = Some(key);
        Take::field(Field::Argument, ARGUMENT)
    }

    /// Stores a value; `None` if it is too long.
    pub(crate) fn value(&mut self, field: Field, raw: Option<&[u8]>, sum: u64) {
        let as_text = || raw.and_then(text);
        let as_id = || raw.and_then(Id::read);
        match field {
            Field::Name => self.name = as_text(),
            Field::Uri => self.uri = as_text(),
            Field::RefName => self.ref_name = as_text(),
            Field::RefUri => self.ref_uri = as_text(),
            Field::TaskId => self.task_id = as_text(),
            Field::Level => self.level = as_text(),
            Field::RequestId => self.request_id = as_id(),
            Field::RequestState => self.request_state = Some(sum),
            Field::Cursor => self.cursor = cursor(raw, sum),
            Field::ClientName => self.client.name = as_text(),
            Field::ClientVersion => self.client.version = as_text(),
            Field::Protocol => self.protocol_version = as_text(),
            Field::ProgressToken => self.progress_token = as_id(),
            Field::MetaClientName => self.meta.client.name = as_text(),
            Field::MetaClientVersion => self.meta.client.version = as_text(),
            Field::MetaProtocol => self.meta.protocol_version = as_text(),
            Field::MetaProgressToken => self.meta.progress_token = as_id(),
            Field::Traceparent => self.traceparent = as_text(),
            Field::Argument => {
                let json = raw.and_then(|raw| std::str::from_utf8(raw).ok()).filter(|json| !json.contains('\0'));
                let argument = self.argument.take().zip(json);
                self.arguments.extend(argument.map(|(name, json)| Argument { name, json: json.to_owned() }));
            }
            _ => {}
        }
    }

    /// The message is read: values of `_meta` count where `params` has none, in any order.
    pub(crate) fn settle(&mut self) {
        let Meta { client, protocol_version, progress_token } = std::mem::take(&mut self.meta);
        if self.client.name.is_none() {
            self.client = client;
        }
        self.protocol_version = self.protocol_version.take().or(protocol_version);
        self.progress_token = self.progress_token.take().or(progress_token);
        self.argument = None;
    }

    /// The approximate memory that it holds, beyond its own size.
    pub(crate) fn held(&self) -> usize {
        let texts = [&self.name, &self.uri, &self.ref_name, &self.ref_uri, &self.task_id, &self.level];
        let texts = texts.into_iter().flatten().map(String::len).sum::<usize>();
        texts + self.arguments.iter().map(|argument| argument.name.len() + argument.json.len()).sum::<usize>()
    }
}

impl Answer {
    /// How to read the value of a key.
    pub(crate) fn member(&mut self, place: Place, key: &str) -> Taking {
        match (place, key) {
            (Place::Result, "isError") => Take::field(Field::IsError, WORD),
            (Place::Result, "resultType") => name(Field::ResultType),
            (Place::Result, "protocolVersion") => name(Field::ResultProtocol),
            (Place::Result, "requestState") => Take::field(Field::ResultState, 0),
            (Place::Result, "taskId") => name(Field::ResultTaskId),
            (Place::Result, "tools") => Take::field(Field::Tools, TOOLS),
            (Place::Result, "nextCursor") => Take::field(Field::NextCursor, NULL.len()),
            (Place::Result, "serverInfo") => {
                self.server = Named::default();
                Take::inside(Place::Server)
            }
            (Place::Result, "task") => {
                self.task = None;
                Take::inside(Place::Task)
            }
            (Place::Server, "name") => name(Field::ServerName),
            (Place::Server, "version") => name(Field::ServerVersion),
            (Place::Task, "taskId") => name(Field::TaskTaskId),
            _ => Take::NOTHING,
        }
    }

    /// Takes a value.
    pub(crate) fn value(&mut self, field: Field, raw: Option<&[u8]>, sum: u64) {
        let as_text = || raw.and_then(text);
        match field {
            Field::IsError => self.is_error = raw.is_some_and(says_true),
            Field::ResultType => self.result_type = as_text(),
            Field::ResultProtocol => self.protocol_version = as_text(),
            Field::ServerName => self.server.name = as_text(),
            Field::ServerVersion => self.server.version = as_text(),
            Field::ResultState => self.request_state = Some(sum),
            Field::ResultTaskId => self.task_id = as_text(),
            Field::Tools => self.tools = raw.filter(|raw| raw.starts_with(b"[")).map(Bytes::copy_from_slice),
            Field::NextCursor => self.next_cursor = cursor(raw, sum),
            Field::TaskTaskId => self.task = as_text(),
            _ => {}
        }
    }

    /// The message is read: the id in the task itself takes precedence.
    pub(crate) fn settle(&mut self) {
        self.task_id = self.task.take().or(self.task_id.take());
    }
}

/// A cursor, which is opaque, by its hash; null is none.
fn cursor(raw: Option<&[u8]>, sum: u64) -> Option<u64> {
    (raw != Some(NULL)).then_some(sum)
}

/// Whether a value means `true` for lenient clients: some servers write `"true"`.
fn says_true(raw: &[u8]) -> bool {
    matches!(raw, b"true" | b"1") || text(raw).is_some_and(|text| text.eq_ignore_ascii_case("true") || text == "1")
}

/// Whether a value at the position of an error is an error: `null`, `false` and empty values are not.
pub(crate) fn says_error(raw: Option<&[u8]>) -> bool {
    !matches!(raw, Some(b"null" | b"false" | b"0" | b"\"\""))
}
