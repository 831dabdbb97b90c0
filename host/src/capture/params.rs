//! What is read of a message's parameters and of its result: names and marks, never their text.

use super::json::Cursor;
use super::jsonrpc::{Id, NAME};
use crate::event::Argument;

/// Most arguments that the policy is shown.
const ARGUMENTS: usize = 64;
/// Longest argument that the policy is shown, in bytes.
const ARGUMENT: usize = 4_096;

/// What is read of a message's `params`.
#[derive(Clone, Debug, Default)]
pub(super) struct Params {
    pub(super) name: Option<String>,
    pub(super) uri: Option<String>,
    pub(super) ref_name: Option<String>,
    pub(super) ref_uri: Option<String>,
    pub(super) task_id: Option<String>,
    pub(super) level: Option<String>,
    pub(super) request_id: Option<Id>,
    pub(super) request_state: Option<u64>,
    pub(super) arguments: Vec<Argument>,
    pub(super) client: Named,
    pub(super) protocol_version: Option<String>,
    pub(super) progress_token: Option<Id>,
    pub(super) traceparent: Option<String>,
}

/// A name with a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
}

/// What is read of a message's `result`.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) is_error: bool,
    pub(super) result_type: Option<String>,
    pub(super) protocol_version: Option<String>,
    pub(super) server: Named,
    pub(super) task_id: Option<String>,
    pub(super) request_state: Option<u64>,
}

impl Params {
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        cursor.object(|key, cursor| {
            match key {
                "name" => self.name = cursor.text(NAME)?,
                "uri" => self.uri = cursor.text(NAME)?,
                "ref" => self.reference(cursor)?,
                "taskId" => self.task_id = cursor.text(NAME)?,
                "level" => self.level = cursor.text(NAME)?,
                "requestId" => self.request_id = Id::read(cursor.skip()?),
                "requestState" => self.request_state = Some(fingerprint(cursor.skip()?)),
                "arguments" => self.read_arguments(cursor)?,
                "clientInfo" => self.client.read(cursor)?,
                "protocolVersion" => self.protocol_version = cursor.text(NAME)?,
                "progressToken" => self.progress_token = Id::read(cursor.skip()?),
                "_meta" => self.meta(cursor)?,
                _ => drop(cursor.skip()?),
            }
            Some(())
        })
    }

    fn reference(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        (self.ref_name, self.ref_uri) = (None, None);
        cursor.object(|key, cursor| {
            match key {
                "name" => self.ref_name = cursor.text(NAME)?,
                "uri" => self.ref_uri = cursor.text(NAME)?,
                _ => drop(cursor.skip()?),
            }
            Some(())
        })
    }

    fn read_arguments(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        self.arguments.clear();
        cursor.object(|key, cursor| {
            let raw = cursor.skip()?;
            let text = std::str::from_utf8(raw).ok().filter(|text| text.len() <= ARGUMENT && !text.contains('\0'));
            if let Some(text) = text.filter(|_| self.arguments.len() < ARGUMENTS && key.len() <= ARGUMENT) {
                self.arguments.push(Argument { name: key.to_owned(), json: text.to_owned() });
            }
            Some(())
        })
    }

    fn meta(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        cursor.object(|key, cursor| {
            match key {
                "io.modelcontextprotocol/clientInfo" => self.client.read(cursor)?,
                "io.modelcontextprotocol/protocolVersion" => self.protocol_version = cursor.text(NAME)?,
                "progressToken" => self.progress_token = Id::read(cursor.skip()?),
                "traceparent" => self.traceparent = cursor.text(NAME)?,
                _ => drop(cursor.skip()?),
            }
            Some(())
        })
    }
}

impl Answer {
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        cursor.object(|key, cursor| {
            match key {
                "isError" => self.is_error = cursor.boolean()?.unwrap_or(false),
                "resultType" => self.result_type = cursor.text(NAME)?,
                "protocolVersion" => self.protocol_version = cursor.text(NAME)?,
                "serverInfo" => self.server.read(cursor)?,
                "requestState" => self.request_state = Some(fingerprint(cursor.skip()?)),
                "taskId" => self.task_id = cursor.text(NAME)?,
                "task" => self.task(cursor)?,
                _ => drop(cursor.skip()?),
            }
            Some(())
        })
    }

    fn task(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        cursor.object(|key, cursor| {
            match key {
                "taskId" => self.task_id = cursor.text(NAME)?,
                _ => drop(cursor.skip()?),
            }
            Some(())
        })
    }
}

impl Named {
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        *self = Self::default();
        cursor.object(|key, cursor| {
            match key {
                "name" => self.name = cursor.text(NAME)?,
                "version" => self.version = cursor.text(NAME)?,
                _ => drop(cursor.skip()?),
            }
            Some(())
        })
    }
}

/// What recognises an opaque state when the client sends it back; it says nothing about what is in it.
fn fingerprint(raw: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    raw.hash(&mut hasher);
    hasher.finish()
}
