//! One direction of a pipe: its lines, and the requests in it that wait for their answer.

use std::collections::VecDeque;

use super::Moment;
use crate::capture::parse::document::{Keep, Parts};
use crate::capture::parse::jsonrpc::{Id, Message};
use crate::capture::parse::reader::{Format, Reader};
use crate::event::Body;

/// One direction.
pub(in crate::capture) struct Lines {
    reader: Reader,
    /// Whether the line's beginning was lost, so that its end is no message.
    torn: bool,
    pub(in crate::capture) pending: VecDeque<Pending>,
}

/// A message, which may wait for its answer.
#[derive(Clone)]
pub(in crate::capture) struct Pending {
    pub(in crate::capture) message: Message,
    pub(in crate::capture) since: Moment,
    pub(in crate::capture) body: Option<Body>,
    /// How long it is.
    pub(in crate::capture) length: u64,
    pub(in crate::capture) progress: i64,
    /// When its sender cancelled it.
    pub(in crate::capture) cancelled: Option<Moment>,
}

/// An answer.
pub(in crate::capture) struct Answer {
    pub(in crate::capture) message: Message,
    pub(in crate::capture) at: Moment,
    pub(in crate::capture) body: Option<Body>,
    pub(in crate::capture) length: u64,
}

impl Lines {
    pub(in crate::capture) fn new() -> Self {
        Self { reader: Reader::new(Format::Lines, Keep::default()), torn: false, pending: VecDeque::new() }
    }

    pub(in crate::capture) fn read(&mut self, mut piece: &[u8], keep: Keep, torn: bool) -> Vec<Parts> {
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

    /// What is left at the end.
    pub(in crate::capture) fn rest(&mut self) -> Parts {
        self.reader.rest()
    }

    /// Takes the request that `answer` belongs to. Unreadable ids count as equal. Clients reuse ids: a cancelled
    /// request gets an answer that says so, and any other answer only if nothing else waits for it.
    pub(in crate::capture) fn take(&mut self, answer: &Message) -> Option<Pending> {
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
    pub(in crate::capture) fn cancel(&mut self, id: &Id, at: Moment) {
        let fits = |pending: &&mut Pending| pending.message.id.as_ref() == Some(id) && pending.cancelled.is_none();
        self.pending.iter_mut().find(fits).into_iter().for_each(|pending| pending.cancelled = Some(at));
    }
}

impl Pending {
    pub(in crate::capture) fn new(message: Message, since: Moment, body: Option<Body>, length: u64) -> Self {
        Self { message, since, body, length, progress: 0, cancelled: None }
    }
}

impl Answer {
    pub(in crate::capture) fn of(Pending { message, since, body, length, .. }: Pending) -> Self {
        Self { message, at: since, body, length }
    }
}
