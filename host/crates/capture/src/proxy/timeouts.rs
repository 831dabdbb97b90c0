//! How long an upstream may take, step by step. There is no limit on a whole exchange: calls and streams live long.

use std::time::Duration;

/// The default limit on connecting.
const CONNECT: Duration = Duration::from_secs(5);

/// Time limits of an upstream. `None` means the limit of all upstreams, and then the default; zero means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// For the name's resolution, the connection and TLS together. Five seconds by default.
    pub connect: Option<Duration>,
    /// For the handshake of TLS alone. By default, the remaining time of `connect`.
    pub tls: Option<Duration>,
    /// From the last byte of the request to the first of the answer. Without limit by default, as tools may work for
    /// hours.
    pub first_byte: Option<Duration>,
    /// Between two pieces of an answer. Without limit by default, because streams may be silent.
    pub idle: Option<Duration>,
}

impl Timeouts {
    /// These limits, with unset ones taken from `all`.
    pub(crate) fn or(self, all: Self) -> Self {
        Self {
            connect: self.connect.or(all.connect),
            tls: self.tls.or(all.tls),
            first_byte: self.first_byte.or(all.first_byte),
            idle: self.idle.or(all.idle),
        }
    }

    pub(crate) fn connect(self) -> Option<Duration> {
        limit(self.connect.or(Some(CONNECT)))
    }

    pub(crate) fn tls(self) -> Option<Duration> {
        limit(self.tls)
    }

    pub(crate) fn first_byte(self) -> Option<Duration> {
        limit(self.first_byte)
    }

    pub(crate) fn idle(self) -> Option<Duration> {
        limit(self.idle)
    }
}

fn limit(said: Option<Duration>) -> Option<Duration> {
    said.filter(|limit| !limit.is_zero())
}
