//! The vocabularies of an event: its channel, its kind and its outcome.

/// A vocabulary with one text per case, used on the wire, in the database and in filters.
///
/// The crate that uses it depends on `serde`.
#[macro_export]
macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $case:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $case,)+ }

        impl $name {
            /// Every case, in order.
            pub const ALL: &'static [Self] = &[$(Self::$case),+];

            /// The text of the case.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$case => $text),+ }
            }

            /// The case with this text.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// The channel through which an event came in.
    #[non_exhaustive]
    Channel {
        /// MCP over HTTP, through the layer or the proxy.
        Mcp = "mcp",
        /// MCP over standard input and output.
        Stdio = "stdio",
        /// OAuth endpoints beside an MCP endpoint.
        Oauth = "oauth",
        /// The vendor's own API under an MCP token.
        Api = "api",
        /// Administration of the platform.
        Admin = "admin",
        /// The audit log itself.
        System = "system",
    }
}

vocabulary! {
    /// The shape of an event.
    #[non_exhaustive]
    Kind {
        /// The intent of a request, recorded before it is forwarded (strict recording).
        Intent = "intent",
        /// A client's request with its answer.
        Request = "request",
        /// A client's notification.
        Notification = "notification",
        /// A server's notification, over standard input and output.
        ServerNotification = "server-notification",
        /// An answer that came after its call already had an entry with an outcome.
        LateAnswer = "late-answer",
        /// A server's request (sampling, elicitation, roots, ping) with the client's answer.
        ServerRequest = "server-request",
        /// A stream from the server that was opened or closed.
        Stream = "stream",
        /// A session that was ended by its client.
        Session = "session",
        /// An HTTP exchange that carried no readable message: refused, broken or not MCP.
        Http = "http",
        /// An action or observation of the log itself.
        System = "system",
    }
}

vocabulary! {
    /// The outcome. No case will be added: the contract has the same four.
    Outcome {
        /// It was done.
        Success = "success",
        /// It failed, or success is unknown.
        Error = "error",
        /// It was not allowed.
        Denied = "denied",
        /// It has not ended; another entry has the outcome.
        Pending = "pending",
    }
}

impl Outcome {
    /// The outcomes of ended events.
    pub const ENDED: &'static [Self] = &[Self::Success, Self::Error, Self::Denied];
    /// The outcomes that count as errors.
    pub const FAILED: [Self; 2] = [Self::Error, Self::Denied];
}

vocabulary! {
    /// The exact outcome: the first that applies, in this order.
    #[non_exhaustive]
    OutcomeDetail {
        /// The upstream could not be reached, or broke off before its head.
        TransportError = "transport-error",
        /// 401, 403, or refused by a rule.
        Denied = "denied",
        /// Another status of 400 or above.
        Rejected = "rejected",
        /// A JSON-RPC error.
        RpcError = "rpc-error",
        /// A tool's result with `isError`.
        ToolError = "tool-error",
        /// The result asks the client for more input (2026-07-28).
        InputRequired = "input-required",
        /// The result is a task, and the client asks for its result later.
        TaskCreated = "task-created",
        /// The server ended the stream without an answer and lets the client fetch it later; the answer is a separate
        /// entry.
        Deferred = "deferred",
        /// The client cancelled it.
        Cancelled = "cancelled",
        /// The client hung up before the answer.
        ClientClosed = "client-closed",
        /// The server's answer ended before it was whole.
        Incomplete = "incomplete",
        /// It has not happened yet; another entry has the outcome.
        Intended = "intended",
        /// Accepted without an answer (202).
        Accepted = "accepted",
        /// Answered.
        Ok = "ok",
        /// The outcome is unknown.
        Unknown = "unknown",
    }
}

impl OutcomeDetail {
    /// The outcome of an HTTP status, if nothing else is known of the answer.
    pub fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Denied,
            400.. => Self::Rejected,
            _ => Self::Ok,
        }
    }

    /// The outcome of this detail. A detail such as `unknown` is never a success.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Ok | Self::Accepted | Self::InputRequired | Self::TaskCreated => Outcome::Success,
            Self::Denied => Outcome::Denied,
            Self::Intended | Self::Deferred => Outcome::Pending,
            _ => Outcome::Error,
        }
    }
}
