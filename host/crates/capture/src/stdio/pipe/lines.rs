//! One direction of a pipe: its lines, and the requests in it that wait for their answer.

use std::collections::VecDeque;

use mcp_audit_log_model::event::Body;

use super::Moment;
use crate::parse::document::{Keep, Parts};
use crate::parse::jsonrpc::{Id, Message};
use crate::parse::reader::{Format, Reader};

/// One direction.
pub(crate) struct Lines {
    reader: Reader,
    /// Whether the line's beginning was lost, so that the rest is not a message.
    torn: bool,
    /// When the last chunk came.
    seen: Option<Moment>,
    pub(crate) pending: VecDeque<Pending>,
}

/// A message, which may wait for its answer.
#[derive(Clone)]
pub(crate) struct Pending {
    pub(crate) message: Message,
    pub(crate) since: Moment,
    pub(crate) body: Option<Body>,
    /// How long it is.
    pub(crate) length: u64,
    pub(crate) progress: i64,
    /// When its sender cancelled it.
    pub(crate) cancelled: Option<Moment>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) message: Message,
    pub(crate) at: Moment,
    pub(crate) body: Option<Body>,
    pub(crate) length: u64,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self { reader: Reader::new(Format::Lines, Keep::default()), torn: false, seen: None, pending: VecDeque::new() }
    }

    pub(crate) fn read(&mut self, mut piece: &[u8], moment: Moment, keep: Keep, torn: bool) -> Vec<Parts> {
        self.seen = Some(moment);
        self.reader.keep(keep);
        if torn {
            self.torn = true;
            drop(self.reader.rest());
        }
        if self.torn {
            let Some(end) = piece.iter().position(|byte| *byte == b'\n') else { return Vec::new() };
            piece = &piece[end + 1..];
            self.torn = false;
        }
        let mut lines = Vec::new();
        self.reader.push(piece, &mut |line| lines.push(line));
        lines
    }

    /// The rest at the end of the stream, and when its last byte came.
    pub(crate) fn rest(&mut self) -> (Parts, Option<Moment>) {
        (self.reader.rest(), self.seen)
    }

    /// Whether a complete document arrived without its line end.
    pub(crate) fn is_whole(&self) -> bool {
        !self.torn && self.reader.is_whole()
    }

    /// Takes the request that `answer` belongs to. Unreadable ids count as equal. Clients reuse ids: an answer with the
    /// cancellation code goes to a cancelled request, and any other answer only if no other request waits for it.
    pub(crate) fn take(&mut self, answer: &Message) -> Option<Pending> {
        let of_cancelled = answer.is_cancelled();
        let fits = |pending: &Pending| pending.message.id == answer.id;
        let likely = |pending: &Pending| fits(pending) && pending.cancelled.is_some() == of_cancelled;
        let at = self.pending.iter().position(likely).or_else(|| self.pending.iter().position(fits)).or_else(|| {
            // A number for a text, or a text for a number.
            let text = answer.id.as_ref()?.text();
            self.pending.iter().position(|pending| pending.message.id.as_ref().is_some_and(|id| id.text() == text))
        })?;
        self.pending.remove(at)
    }

    /// The sender cancels the request with this id.
    pub(crate) fn cancel(&mut self, id: &Id, at: Moment) {
        let fits = |pending: &&mut Pending| pending.message.id.as_ref() == Some(id) && pending.cancelled.is_none();
        self.pending.iter_mut().find(fits).into_iter().for_each(|pending| pending.cancelled = Some(at));
    }
}

impl Pending {
    pub(crate) fn new(message: Message, since: Moment, body: Option<Body>, length: u64) -> Self {
        Self { message, since, body, length, progress: 0, cancelled: None }
    }
}

impl Answer {
    pub(crate) fn of(Pending { message, since, body, length, .. }: Pending) -> Self {
        Self { message, at: since, body, length }
    }
}
