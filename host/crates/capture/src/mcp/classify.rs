//! Classifies a message and its answer: finds the outcome and builds the event.

use mcp_audit_log_model::event::{Caller, Channel, Client, Detail, Event, Failure, Kind};
use mcp_audit_log_model::time::Timestamp;

use super::facts::{is_name, target};
use super::failure::{NoAnswer, failure};
use crate::parse::jsonrpc::{Message, Shape};
use crate::parse::params::Named;
use crate::tap::End;
use crate::tap::transport::Transport;

/// The context shared by all events of one exchange, or of one pipe.
#[derive(Clone)]
pub(crate) struct EventContext {
    pub(crate) channel: Channel,
    pub(crate) server: String,
    pub(crate) path: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) caller: Caller,
    pub(crate) client: Client,
    pub(crate) trace_id: Option<String>,
    /// The revision of MCP in use.
    pub(crate) protocol: Option<String>,
}

impl EventContext {
    /// An event in this scene.
    pub(crate) fn event(&self, at: Timestamp, kind: Kind, detail: Detail) -> Event {
        let event = Event {
            server: Some(self.server.clone()),
            path: self.path.clone(),
            status_code: self.status,
            caller: self.caller.clone(),
            client: self.client.clone(),
            trace_id: self.trace_id.clone(),
            ..Event::new(at, self.channel, kind, detail)
        };
        match self.protocol.as_deref().filter(|revision| is_name(revision)) {
            Some(revision) => event.fact("protocol_version", revision),
            None => event,
        }
    }

    /// The client as a message itself names it.
    pub(crate) fn introduce(&mut self, client: &Named) {
        if client.name.is_some() {
            (self.client.name, self.client.version) = (client.name.clone(), client.version.clone());
        }
    }
}

impl Message {
    /// Whether its id differs from that of the request. A failure may have no id.
    pub(crate) fn answers_another(&self, request: &Self) -> bool {
        request.id.is_some() && self.id != request.id && (self.id.is_some() || self.error.is_none())
    }

    /// Whether it answers a cancelled call with the code for cancellation.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.error == Some(Some(-32800))
    }
}

/// The inputs from which an outcome is decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    /// The failure of the transport, if it is known.
    pub(crate) failed: Option<Transport>,
    pub(crate) status: Option<u16>,
    /// Whether the expected head did not arrive.
    pub(crate) headless: bool,
    pub(crate) end: End,
    /// Whether the answer is one document, which is useless to the client if it is incomplete.
    pub(crate) one_document: bool,
    pub(crate) cancelled: bool,
    /// Whether the client may ask for the rest of the answer's stream.
    pub(crate) resumable: bool,
    /// Whether closing is the client's way to cancel.
    pub(crate) closing_cancels: bool,
    /// The reason why there is no answer, if the exchange ended without one.
    pub(crate) no_answer: NoAnswer,
    /// Whether no body followed the head.
    pub(crate) empty: bool,
}

impl Ending {
    /// The outcome of a request without an answer when the connection ends or the client cancels it.
    pub(crate) fn unanswered(cancelled: bool) -> Self {
        Self {
            failed: None,
            status: None,
            headless: false,
            end: End::Broken,
            one_document: false,
            cancelled,
            resumable: false,
            closing_cancels: false,
            no_answer: NoAnswer::CutOff,
            empty: false,
        }
    }

    /// The first matching outcome of a message with this answer.
    pub(crate) fn detail(&self, shape: Shape, answer: Option<&Message>) -> Detail {
        // A redirect did not execute the call.
        let redirected = || self.status.filter(|status| (300..400).contains(status)).map(|_| Detail::Rejected);
        let by_http = self.by_http().or_else(redirected);
        // A server may answer a cancelled call in any words: it stays cancelled.
        let is_cancelled = |answer: &Message| self.cancelled || answer.is_cancelled();
        let cancelled = || answer.is_some_and(is_cancelled).then_some(Detail::Cancelled);
        let broken = self.end == End::Broken && self.one_document;
        let succeeded = |detail: &Detail| !matches!(detail, Detail::RpcError | Detail::ToolError);
        let by_answer = || answer.and_then(Self::by_answer).filter(|detail| !(broken && succeeded(detail)));
        by_http.or_else(cancelled).or_else(by_answer).unwrap_or_else(|| match answer {
            // It ends before its kind is known.
            Some(_) if self.no_answer != NoAnswer::Unreadable => {
                Self { no_answer: NoAnswer::CutOff, ..*self }.without_answer(shape)
            }
            _ => self.without_answer(shape),
        })
    }

    /// The failure of a message that ended with `detail`, if it failed.
    fn failure(&self, detail: Detail, answer: Option<&Message>) -> Option<Failure> {
        let no_answer = self.end == End::Complete && matches!(detail, Detail::Incomplete | Detail::Unknown);
        match answer {
            None if no_answer => Some(self.no_answer.failure()),
            _ => failure(detail, self.status, answer.and_then(|answer| answer.error).flatten(), self.failed),
        }
    }

    /// The outcome of an exchange without a message.
    pub(crate) fn of_http(&self) -> Detail {
        self.by_http().unwrap_or(match self.end {
            End::ClientClosed => Detail::ClientClosed,
            End::Broken => Detail::Incomplete,
            End::Complete if self.status == Some(202) => Detail::Accepted,
            End::Complete => Detail::Ok,
        })
    }

    fn by_http(&self) -> Option<Detail> {
        let unanswered = self.failed.and_then(Transport::unanswered);
        match self.status {
            _ if unanswered.is_some() => unanswered,
            _ if self.headless && self.end == End::Broken => Some(Detail::TransportError),
            Some(401 | 403) => Some(Detail::Denied),
            Some(400..) => Some(Detail::Rejected),
            _ => None,
        }
    }

    /// `None` for an answer that ends before its kind is known.
    fn by_answer(answer: &Message) -> Option<Detail> {
        let Some(result) = &answer.result else { return answer.error.map(|_| Detail::RpcError) };
        let detail = match result.result_type.as_deref() {
            _ if answer.error.is_some() => Detail::RpcError,
            _ if result.is_error => Detail::ToolError,
            Some("input_required") => Detail::InputRequired,
            Some("task") => Detail::TaskCreated,
            _ if !answer.whole => return None,
            _ => Detail::Ok,
        };
        Some(detail)
    }

    fn without_answer(&self, shape: Shape) -> Detail {
        let expected = shape == Shape::Request;
        match self.end {
            _ if self.cancelled => Detail::Cancelled,
            End::ClientClosed if expected && self.closing_cancels => Detail::Cancelled,
            End::ClientClosed => Detail::ClientClosed,
            End::Broken => Detail::Incomplete,
            End::Complete if !expected || (self.status == Some(202) && self.empty) => Detail::Accepted,
            End::Complete if self.resumable && self.no_answer == NoAnswer::StreamEnded => Detail::Deferred,
            End::Complete => self.no_answer.detail(),
        }
    }
}

/// The event about a client's message and its answer.
pub(crate) fn of_message(
    scene: &EventContext,
    at: Timestamp,
    call: &Message,
    answer: Option<&Message>,
    ending: &Ending,
) -> Event {
    let shape = call.shape().unwrap_or(Shape::Notification);
    let kind = if shape == Shape::Notification { Kind::Notification } else { Kind::Request };
    let mut detail = ending.detail(shape, answer);
    let result = answer.and_then(|answer| answer.result.as_ref());
    // Revision 2025-11-25 signals it by the task itself; the newer one has its own type of result.
    let asks_for_task = !call.method.as_deref().is_some_and(|method| method.starts_with("tasks/"));
    if detail == Detail::Ok && asks_for_task && result.is_some_and(|result| result.task_id.is_some()) {
        detail = Detail::TaskCreated;
    }
    let mut event = scene.event(at, kind, detail);
    event.method = call.method.clone();
    event.target = target(call);
    event.request_id = call.id.as_ref().map(crate::parse::jsonrpc::Id::text);
    event.arguments = call.params.arguments.clone();
    let digests = [
        ("request_digest", call.digest.as_ref()),
        ("response_digest", answer.and_then(|answer| answer.digest.as_ref())),
    ];
    for (name, digest) in digests {
        event.facts.extend(digest.map(|digest| (name.to_owned(), digest.clone().into())));
    }
    if let (Detail::Cancelled, Some(answer)) = (detail, answer) {
        // An answer came although the call was cancelled.
        let answered = Ending::by_answer(answer).unwrap_or(Detail::Incomplete);
        event = event.fact("answer", answered.as_str());
        if let Some(code) = answer.error.flatten() {
            event = event.fact("answer_code", code);
        }
    }
    event.failure = ending.failure(detail, answer);
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::document::read;

    const ENDING: Ending = Ending {
        failed: None,
        status: Some(200),
        headless: false,
        end: End::Complete,
        one_document: true,
        cancelled: false,
        resumable: false,
        closing_cancels: false,
        no_answer: NoAnswer::CutOff,
        empty: false,
    };

    fn detail(ending: Ending, answer: &str) -> Detail {
        ending.detail(Shape::Request, read(answer.as_bytes()).list.first())
    }

    #[test]
    fn answers_have_their_outcomes() {
        for (answer, expected) in [
            (r#"{"result":{"content":[]},"id":1}"#, Detail::Ok),
            (r#"{"result":{"isError":true},"id":1}"#, Detail::ToolError),
            (r#"{"result":{"isError":"true"},"id":1}"#, Detail::ToolError),
            (r#"{"result":{"isError":1},"id":1}"#, Detail::ToolError),
            (r#"{"result":{"isError":"false"},"id":1}"#, Detail::Ok),
            (r#"{"result":{"isError":null},"id":1}"#, Detail::Ok),
            (r#"{"result":{},"error":null,"id":1}"#, Detail::Ok),
            (r#"{"error":false,"result":{},"id":1}"#, Detail::Ok),
            (r#"{"error":{},"error":null,"result":{},"id":1}"#, Detail::Ok),
            (r#"{"error":null,"result":{"isError":true},"id":1}"#, Detail::ToolError),
            (r#"{"error":{"code":-1},"result":null,"id":1}"#, Detail::RpcError),
            (r#"{"error":"no","result":{},"id":1}"#, Detail::RpcError),
            (r#"{"error":{},"result":{},"id":1}"#, Detail::RpcError),
            (r#"{"result":null,"id":1}"#, Detail::Ok),
            (r#"{"method":null,"result":{},"id":1}"#, Detail::Ok),
            (r#"{"result":{"resultType":"input_required"},"id":1}"#, Detail::InputRequired),
            (r#"{"result":{"resultType":"task"},"id":1}"#, Detail::TaskCreated),
            (r#"{"error":{"code":-32601},"id":1}"#, Detail::RpcError),
            (r#"{"id":1,"result":{"content":[{"#, Detail::Incomplete),
            ("", Detail::Incomplete),
        ] {
            assert_eq!(detail(ENDING, answer), expected, "{answer}");
        }
    }

    #[test]
    fn a_cancelled_call_stays_cancelled_whatever_the_answer() {
        let error = r#"{"error":{"code":-32800},"id":1}"#;
        assert_eq!(detail(ENDING, error), Detail::Cancelled);
        let cancelled = Ending { cancelled: true, ..ENDING };
        for answer in [error, r#"{"error":{"code":0},"id":1}"#, r#"{"result":{},"id":1}"#, ""] {
            assert_eq!(detail(cancelled, answer), Detail::Cancelled, "{answer}");
        }
        assert_eq!(detail(Ending { status: Some(403), ..cancelled }, error), Detail::Denied);
    }

    #[test]
    fn the_first_matching_outcome_is_taken() {
        let (error, whole) = (r#"{"error":{"code":-32601},"id":1}"#, r#"{"result":{},"id":1}"#);
        for (ending, answer, expected) in [
            (
                Ending { failed: Some(Transport::UpstreamRefused), status: Some(502), ..ENDING },
                "",
                Detail::TransportError,
            ),
            (Ending { failed: Some(Transport::ClientClosed), status: Some(400), ..ENDING }, "", Detail::ClientClosed),
            (Ending { failed: Some(Transport::ClientBrokenBody), status: Some(400), ..ENDING }, "", Detail::Rejected),
            (Ending { failed: Some(Transport::UpstreamCutOff), end: End::Broken, ..ENDING }, "", Detail::Incomplete),
            (Ending { status: Some(403), ..ENDING }, error, Detail::Denied),
            (Ending { status: Some(404), ..ENDING }, error, Detail::Rejected),
            (Ending { end: End::ClientClosed, ..ENDING }, error, Detail::RpcError),
            (Ending { end: End::ClientClosed, ..ENDING }, "", Detail::ClientClosed),
            (Ending { end: End::ClientClosed, closing_cancels: true, ..ENDING }, "", Detail::Cancelled),
            (Ending { end: End::Broken, ..ENDING }, "", Detail::Incomplete),
            // A client that got less than was announced has no answer, though we could read one; an event that came is one.
            (Ending { end: End::Broken, ..ENDING }, whole, Detail::Incomplete),
            (Ending { end: End::Broken, one_document: false, ..ENDING }, whole, Detail::Ok),
            (Ending { end: End::Broken, ..ENDING }, error, Detail::RpcError),
            (Ending { end: End::Broken, status: None, headless: true, ..ENDING }, "", Detail::TransportError),
            (Ending { status: Some(202), empty: true, ..ENDING }, "", Detail::Accepted),
            (Ending { no_answer: NoAnswer::Unreadable, ..ENDING }, "", Detail::Unknown),
            (Ending { no_answer: NoAnswer::NotMcp, resumable: true, ..ENDING }, "", Detail::Unknown),
            (Ending { no_answer: NoAnswer::StreamEnded, resumable: true, ..ENDING }, "", Detail::Deferred),
            (Ending { status: Some(307), empty: true, ..ENDING }, "", Detail::Rejected),
            (Ending { resumable: true, end: End::Broken, ..ENDING }, "", Detail::Incomplete),
        ] {
            assert_eq!(detail(ending, answer), expected, "{ending:?}");
        }
    }
}
