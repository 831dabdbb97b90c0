//! Classifies a message and its answer: finds the outcome and builds the event.

use mcp_audit_log_model::event::{Caller, Channel, Client, Event, Failure, Kind, OutcomeDetail};
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
    pub(crate) fn event(&self, at: Timestamp, kind: Kind, detail: OutcomeDetail) -> Event {
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
    /// Whether the id of this answer differs from that of `request`. A failure may have no id.
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
    /// Whether the client cancels a call by closing its stream.
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
    pub(crate) fn detail(&self, shape: Shape, answer: Option<&Message>) -> OutcomeDetail {
        // A redirect did not execute the call.
        let redirected = || self.status.filter(|status| (300..400).contains(status)).map(|_| OutcomeDetail::Rejected);
        let by_http = self.by_http().or_else(redirected);
        // A server may answer a cancelled call in any words: it stays cancelled.
        let is_cancelled = |answer: &Message| self.cancelled || answer.is_cancelled();
        let cancelled = || answer.is_some_and(is_cancelled).then_some(OutcomeDetail::Cancelled);
        let broken = self.end == End::Broken && self.one_document;
        let succeeded = |detail: &OutcomeDetail| !matches!(detail, OutcomeDetail::RpcError | OutcomeDetail::ToolError);
        let by_answer = || answer.and_then(Self::by_answer).filter(|detail| !(broken && succeeded(detail)));
        by_http.or_else(cancelled).or_else(by_answer).unwrap_or_else(|| match answer {
            // It ends before its kind is known.
            Some(_) if self.no_answer != NoAnswer::Unreadable => {
                Self { no_answer: NoAnswer::CutOff, ..*self }.without_answer(shape)
            }
            _ => self.without_answer(shape),
        })
    }

    /// Why it failed, when it did, that ended with `detail`.
    fn failure(&self, detail: OutcomeDetail, answer: Option<&Message>) -> Option<Failure> {
        let no_answer =
            self.end == End::Complete && matches!(detail, OutcomeDetail::Incomplete | OutcomeDetail::Unknown);
        match answer {
            None if no_answer => Some(self.no_answer.failure()),
            _ => failure(detail, self.status, answer.and_then(|answer| answer.error).flatten(), self.failed),
        }
    }

    /// The outcome of an exchange without a message.
    pub(crate) fn of_http(&self) -> OutcomeDetail {
        self.by_http().unwrap_or(match self.end {
            End::ClientClosed => OutcomeDetail::ClientClosed,
            End::Broken => OutcomeDetail::Incomplete,
            End::Complete if self.status == Some(202) => OutcomeDetail::Accepted,
            End::Complete => OutcomeDetail::Ok,
        })
    }

    fn by_http(&self) -> Option<OutcomeDetail> {
        let unanswered = self.failed.and_then(Transport::unanswered);
        match self.status {
            _ if unanswered.is_some() => unanswered,
            _ if self.headless && self.end == End::Broken => Some(OutcomeDetail::TransportError),
            Some(401 | 403) => Some(OutcomeDetail::Denied),
            Some(400..) => Some(OutcomeDetail::Rejected),
            _ => None,
        }
    }

    /// `None` for an answer that ends before its kind is known.
    fn by_answer(answer: &Message) -> Option<OutcomeDetail> {
        let Some(result) = &answer.result else { return answer.error.map(|_| OutcomeDetail::RpcError) };
        let detail = match result.result_type.as_deref() {
            _ if answer.error.is_some() => OutcomeDetail::RpcError,
            _ if result.is_error => OutcomeDetail::ToolError,
            Some("input_required") => OutcomeDetail::InputRequired,
            Some("task") => OutcomeDetail::TaskCreated,
            _ if !answer.whole => return None,
            _ => OutcomeDetail::Ok,
        };
        Some(detail)
    }

    fn without_answer(&self, shape: Shape) -> OutcomeDetail {
        let expected = shape == Shape::Request;
        match self.end {
            _ if self.cancelled => OutcomeDetail::Cancelled,
            End::ClientClosed if expected && self.closing_cancels => OutcomeDetail::Cancelled,
            End::ClientClosed => OutcomeDetail::ClientClosed,
            End::Broken => OutcomeDetail::Incomplete,
            End::Complete if !expected || (self.status == Some(202) && self.empty) => OutcomeDetail::Accepted,
            End::Complete if self.resumable && self.no_answer == NoAnswer::StreamEnded => OutcomeDetail::Deferred,
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
    if detail == OutcomeDetail::Ok && asks_for_task && result.is_some_and(|result| result.task_id.is_some()) {
        detail = OutcomeDetail::TaskCreated;
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
    if let (OutcomeDetail::Cancelled, Some(answer)) = (detail, answer) {
        // An answer came although the call was cancelled.
        let answered = Ending::by_answer(answer).unwrap_or(OutcomeDetail::Incomplete);
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

    fn detail(ending: Ending, answer: &str) -> OutcomeDetail {
        ending.detail(Shape::Request, read(answer.as_bytes()).list.first())
    }

    #[test]
    fn answers_have_their_outcomes() {
        for (answer, expected) in [
            (r#"{"result":{"content":[]},"id":1}"#, OutcomeDetail::Ok),
            (r#"{"result":{"isError":true},"id":1}"#, OutcomeDetail::ToolError),
            (r#"{"result":{"isError":"true"},"id":1}"#, OutcomeDetail::ToolError),
            (r#"{"result":{"isError":1},"id":1}"#, OutcomeDetail::ToolError),
            (r#"{"result":{"isError":"false"},"id":1}"#, OutcomeDetail::Ok),
            (r#"{"result":{"isError":null},"id":1}"#, OutcomeDetail::Ok),
            (r#"{"result":{},"error":null,"id":1}"#, OutcomeDetail::Ok),
            (r#"{"error":false,"result":{},"id":1}"#, OutcomeDetail::Ok),
            (r#"{"error":{},"error":null,"result":{},"id":1}"#, OutcomeDetail::Ok),
            (r#"{"error":null,"result":{"isError":true},"id":1}"#, OutcomeDetail::ToolError),
            (r#"{"error":{"code":-1},"result":null,"id":1}"#, OutcomeDetail::RpcError),
            (r#"{"error":"no","result":{},"id":1}"#, OutcomeDetail::RpcError),
            (r#"{"error":{},"result":{},"id":1}"#, OutcomeDetail::RpcError),
            (r#"{"result":null,"id":1}"#, OutcomeDetail::Ok),
            (r#"{"method":null,"result":{},"id":1}"#, OutcomeDetail::Ok),
            (r#"{"result":{"resultType":"input_required"},"id":1}"#, OutcomeDetail::InputRequired),
            (r#"{"result":{"resultType":"task"},"id":1}"#, OutcomeDetail::TaskCreated),
            (r#"{"error":{"code":-32601},"id":1}"#, OutcomeDetail::RpcError),
            (r#"{"id":1,"result":{"content":[{"#, OutcomeDetail::Incomplete),
            ("", OutcomeDetail::Incomplete),
        ] {
            assert_eq!(detail(ENDING, answer), expected, "{answer}");
        }
    }

    #[test]
    fn a_cancelled_call_stays_cancelled_whatever_the_answer() {
        let error = r#"{"error":{"code":-32800},"id":1}"#;
        assert_eq!(detail(ENDING, error), OutcomeDetail::Cancelled);
        let cancelled = Ending { cancelled: true, ..ENDING };
        for answer in [error, r#"{"error":{"code":0},"id":1}"#, r#"{"result":{},"id":1}"#, ""] {
            assert_eq!(detail(cancelled, answer), OutcomeDetail::Cancelled, "{answer}");
        }
        assert_eq!(detail(Ending { status: Some(403), ..cancelled }, error), OutcomeDetail::Denied);
    }

    #[test]
    fn the_first_matching_outcome_is_taken() {
        let (error, whole) = (r#"{"error":{"code":-32601},"id":1}"#, r#"{"result":{},"id":1}"#);
        for (ending, answer, expected) in [
            (
                Ending { failed: Some(Transport::UpstreamRefused), status: Some(502), ..ENDING },
                "",
                OutcomeDetail::TransportError,
            ),
            (
                Ending { failed: Some(Transport::ClientClosed), status: Some(400), ..ENDING },
                "",
                OutcomeDetail::ClientClosed,
            ),
            (
                Ending { failed: Some(Transport::ClientBrokenBody), status: Some(400), ..ENDING },
                "",
                OutcomeDetail::Rejected,
            ),
            (
                Ending { failed: Some(Transport::UpstreamCutOff), end: End::Broken, ..ENDING },
                "",
                OutcomeDetail::Incomplete,
            ),
            (Ending { status: Some(403), ..ENDING }, error, OutcomeDetail::Denied),
            (Ending { status: Some(404), ..ENDING }, error, OutcomeDetail::Rejected),
            (Ending { end: End::ClientClosed, ..ENDING }, error, OutcomeDetail::RpcError),
            (Ending { end: End::ClientClosed, ..ENDING }, "", OutcomeDetail::ClientClosed),
            (Ending { end: End::ClientClosed, closing_cancels: true, ..ENDING }, "", OutcomeDetail::Cancelled),
            (Ending { end: End::Broken, ..ENDING }, "", OutcomeDetail::Incomplete),
            // A client that got less than was announced has no answer, though we could read one; an event that came is
            // one.
            (Ending { end: End::Broken, ..ENDING }, whole, OutcomeDetail::Incomplete),
            (Ending { end: End::Broken, one_document: false, ..ENDING }, whole, OutcomeDetail::Ok),
            (Ending { end: End::Broken, ..ENDING }, error, OutcomeDetail::RpcError),
            (Ending { end: End::Broken, status: None, headless: true, ..ENDING }, "", OutcomeDetail::TransportError),
            (Ending { status: Some(202), empty: true, ..ENDING }, "", OutcomeDetail::Accepted),
            (Ending { no_answer: NoAnswer::Unreadable, ..ENDING }, "", OutcomeDetail::Unknown),
            (Ending { no_answer: NoAnswer::NotMcp, resumable: true, ..ENDING }, "", OutcomeDetail::Unknown),
            (Ending { no_answer: NoAnswer::StreamEnded, resumable: true, ..ENDING }, "", OutcomeDetail::Deferred),
            (Ending { status: Some(307), empty: true, ..ENDING }, "", OutcomeDetail::Rejected),
            (Ending { resumable: true, end: End::Broken, ..ENDING }, "", OutcomeDetail::Incomplete),
        ] {
            assert_eq!(detail(ending, answer), expected, "{ending:?}");
        }
    }
}
