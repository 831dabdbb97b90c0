//! Where, by whom and how an exchange went: what all of its events share.

use std::time::Instant;

use super::classify::{Ending, Scene};
use super::digest::Digest;
use super::exchange::{End, Exchange};
use super::head::trace_id;
use crate::event::{Body, Channel, Client, Payload};
use crate::value::Value;

impl Exchange {
    pub(super) fn ending(&self, digest: &Digest) -> Ending {
        let (received, readable) = digest.response();
        Ending {
            failed: self.failure.get(),
            status: self.status(),
            headless: self.response.get().is_none(),
            end: digest.ended.map_or(End::ClientClosed, |(end, _)| end),
            cancelled: false,
            closing_cancels: self.head.is_stateless() || digest.stateless,
            readable,
            empty: received == 0,
        }
    }

    pub(super) fn scene(&self) -> Scene {
        let session = self.head.session.as_ref().or_else(|| self.response.get()?.session.as_ref());
        let (client, _) = self.sessions.known(self).unwrap_or_default();
        Scene {
            channel: Channel::Mcp,
            server: self.head.server.to_string(),
            path: Some(self.head.path.clone()),
            status: self.status(),
            caller: self.caller.get().cloned().unwrap_or_default(),
            client: Client {
                name: client.name,
                version: client.version,
                session: session.map(|session| self.sessions.name(session)),
                ip: self.head.peer.map(|peer| peer.ip().to_canonical().to_string()),
                user_agent: self.head.user_agent(),
            },
            trace_id: self.head.traceparent().and_then(trace_id).map(str::to_owned),
        }
    }

    pub(super) fn status(&self) -> Option<u16> {
        self.response.get().map(|head| head.status)
    }

    pub(super) fn ended_at(&self, digest: &Digest) -> Instant {
        digest.ended.map_or_else(Instant::now, |(_, at)| at)
    }

    pub(super) fn micros(&self, until: Instant) -> u64 {
        micros(self.head.started, until)
    }
}

pub(super) fn micros(from: Instant, until: Instant) -> u64 {
    until.saturating_duration_since(from).as_micros().try_into().unwrap_or(u64::MAX)
}

pub(super) fn integer(count: u64) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

/// A payload of the bodies that were kept; none when none was.
pub(super) fn payload(request: Option<Body>, response: Option<Body>) -> Option<Payload> {
    (request.is_some() || response.is_some()).then_some(Payload { request, response })
}
