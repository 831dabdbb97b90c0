//! The tap: forwards traffic unchanged, clones its chunks and counts them. The capture source above (`mcp`, `api` or
//! `stdio`) decides what to do with a chunk.

pub(crate) mod audited;
pub(crate) mod body;
pub(crate) mod head;
pub(crate) mod slots;
pub(crate) mod tapped;
pub(crate) mod transport;

use axum::http::response;
use bytes::Bytes;

/// What a capture source does with the traffic of one exchange, or of one pipe. It is called on the path, so it neither
/// waits nor fails, and it changes nothing: what takes time is a closure for the recorder's thread.
pub(crate) trait Tap: Send + Sync + 'static {
    /// The response's head passes. A pipe has none.
    fn head(&self, _head: &response::Parts) {}

    /// A chunk from `from`, before it is forwarded.
    fn chunk(&self, from: Side, chunk: &Bytes);

    /// The exchange has ended, and the source records it. Only the first call has an effect.
    fn end(&self, end: End);
}

/// The sender of a chunk or a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The response was sent completely.
    Complete,
    /// The client hung up.
    ClientClosed,
    /// The server closed the connection, or its handler panicked.
    Broken,
}
