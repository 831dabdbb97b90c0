//! The target and the facts of an event.

use mcp_audit_log_model::event::{Detail, Event, Target};
use mcp_audit_log_model::value::Value;
use uuid::Uuid;

use super::context::integer;
use super::exchange::Exchange;
use super::parse_state::{Arrived, ParseState};
use crate::parse::jsonrpc::Message;
use crate::parse::reader::Format;

impl Exchange {
    /// Further facts about the call.
    pub(crate) fn facts(
        &self,
        parse_state: &ParseState,
        event: &mut Event,
        call: Option<&Message>,
        answer: Option<&Arrived>,
    ) {
        let mut fact = |name: &str, value: Value| event.facts.push((name.to_owned(), value));
        fact("http_method", self.head.http_method.as_str().into());
        if let Some(challenge) = self.response.get().and_then(|head| head.challenge.as_ref()?.to_str().ok()) {
            // Only the scheme: the parameters are free text.
            fact("challenge", challenge.split(' ').next().unwrap_or_default().into());
        }
        if let Some(name) = answer.and_then(|answer| answer.message.result.as_ref()?.server.name.clone()) {
            fact("server_name", name.into());
        }
        // Of what has no message, where there are digests at all.
        let (asked, answered) = &parse_state.raw_digests;
        let digests = [("request_digest", asked, call.is_none()), ("response_digest", answered, answer.is_none())];
        for (name, digest, _) in digests.into_iter().filter(|(_, _, raw)| *raw) {
            digest.iter().for_each(|digest| fact(name, digest.clone().into()));
        }
        self.counts(parse_state, &mut fact);
        self.flags(parse_state, call, &mut fact);
        let differs = call.zip(answer).is_some_and(|(call, answer)| answer.message.answers_another(call));
        differs.then(|| fact("answer_id_differs", true.into()));
    }

    fn counts(&self, parse_state: &ParseState, fact: &mut impl FnMut(&str, Value)) {
        let (counters, (sent, _), (received, _)) =
            (&parse_state.counters, parse_state.request(), parse_state.response());
        fact("request_bytes", integer(sent));
        fact("response_bytes", integer(received));
        // With `server_requests` one can see that each of them has its entry.
        let counts = [
            ("notifications", counters.notifications),
            ("progress", counters.progress),
            ("server_requests", counters.server_requests),
        ];
        for (name, count) in counts {
            if count > 0 {
                fact(name, integer(count));
            }
        }
        if let Some((first, last)) = counters.progress_at {
            fact("progress_first_us", integer(self.micros(first)));
            fact("progress_last_us", integer(self.micros(last)));
        }
    }

    fn flags(&self, parse_state: &ParseState, call: Option<&Message>, fact: &mut impl FnMut(&str, Value)) {
        let ((_, sent_whole), (_, received_whole)) = (parse_state.request(), parse_state.response());
        let flags = [
            ("streamed", self.response.get().is_some_and(|head| head.format == Format::Events)),
            ("truncated", !sent_whole || !received_whole),
            ("resumed", self.head.resumed),
            ("resent", self.failure.is_resent()),
            ("header_mismatch", call.is_some_and(|call| self.mismatch(call))),
            ("ambiguous_keys", call.is_some_and(|call| call.ambiguous)),
        ];
        flags.into_iter().filter(|(_, set)| *set).for_each(|(name, _)| fact(name, true.into()));
    }

    /// Links related calls: a retry to the call that asked for input, a task request to the call that created the task.
    pub(crate) fn links(&self, event: &mut Event, call: &Message, answer: Option<&Arrived>) {
        let result = answer.and_then(|answer| answer.message.result.as_ref());
        let task = call.params.task_id.as_ref().and_then(|task| self.sessions.linked(self, task));
        event.parent = event.parent.or(task);
        let mut fact = |name: &str, id: Option<Uuid>| {
            event.facts.extend(id.map(|id| (name.to_owned(), id.to_string().into())));
        };
        fact("retry_of", call.params.request_state.and_then(|state| self.sessions.linked(self, state)));
        fact("task_of", task);
        match (
            event.detail,
            result.and_then(|result| result.request_state),
            result.and_then(|result| result.task_id.as_ref()),
        ) {
            (Detail::InputRequired, Some(state), _) => self.sessions.link(self, state, event.id),
            (Detail::TaskCreated, _, Some(task)) => {
                self.sessions.link(self, task, event.id);
                event.facts.extend(is_name(task).then(|| ("task".to_owned(), task.clone().into())));
            }
            _ => {}
        }
    }

    /// Whether a header contradicts the body, which is authoritative.
    pub(crate) fn mismatch(&self, call: &Message) -> bool {
        let differs = |header: Option<String>, body: Option<&str>| header.is_some() && header.as_deref() != body;
        let params = &call.params;
        let name = params.name.as_deref().or(params.uri.as_deref());
        differs(self.head.mcp_method(), call.method.as_deref())
            || (name.is_some() && differs(self.head.mcp_name(), name))
    }

    pub(crate) fn revision(&self, call: Option<&Message>, answer: Option<&Arrived>) -> Option<String> {
        let agreed = answer.and_then(|answer| answer.message.result.as_ref()?.protocol_version.clone());
        let asked = || call.and_then(|call| call.params.protocol_version.clone());
        let known = || self.sessions.known(self).1;
        agreed.or_else(|| self.head.protocol().map(str::to_owned)).or_else(asked).or_else(known)
    }
}

/// The longest identifier, in characters.
const NAME: usize = 128;

/// The target of a message.
pub(crate) fn target(message: &Message) -> Option<Target> {
    let params = &message.params;
    let reference = || {
        let prompt = params.ref_name.clone().map(Target::Prompt);
        prompt.or_else(|| params.ref_uri.as_deref().map(resource))
    };
    match message.method.as_deref()? {
        "tools/call" => params.name.clone().map(Target::Tool),
        "prompts/get" => params.name.clone().map(Target::Prompt),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" | "notifications/resources/updated" => {
            params.uri.as_deref().map(resource)
        }
        "completion/complete" => reference(),
        "logging/setLevel" => params.level.clone().map(Target::Other),
        "notifications/cancelled" => params.request_id.as_ref().map(|id| Target::Other(id.text())),
        method if method.starts_with("tasks/") => params.task_id.clone().map(Target::Other),
        _ => None,
    }
}

/// The target that `Mcp-Name` names, for a body that could not be read.
pub(crate) fn from_header(method: &str, name: String) -> Option<Target> {
    match method {
        "tools/call" => Some(Target::Tool(name)),
        "prompts/get" => Some(Target::Prompt(name)),
        "resources/read" => Some(resource(&name)),
        _ => None,
    }
}

fn resource(uri: &str) -> Target {
    Target::Resource(clean(uri))
}

/// The URI without user information, query and fragment, which may carry secrets. For a URI without a host, only the
/// scheme is kept unless the rest looks like a name, because `data:`, `javascript:` and `postgres:` hold content.
pub fn clean(uri: &str) -> String {
    let uri = uri.trim().split(['?', '#']).next().unwrap_or_default();
    if let Some((scheme, rest)) = uri.split_once("://") {
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit('@').next().unwrap_or_default();
        return format!("{scheme}://{host}{path}");
    }
    match uri.split_once(':') {
        Some((scheme, name)) if scheme.eq_ignore_ascii_case("data") || !is_name(name) => format!("{scheme}:"),
        None if !is_name(uri) => String::new(),
        _ => uri.to_owned(),
    }
}

/// Whether a text looks like a name or an identifier, and not like a sentence, a credential or code.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || "/_-.:#+~".contains(letter);
    !text.is_empty() && text.chars().count() <= NAME && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::document::read;

    #[test]
    fn names_are_found_for_each_method() {
        for (method, params, expected) in [
            ("tools/call", r#"{"name":"echo"}"#, Some(Target::Tool("echo".into()))),
            ("prompts/get", r#"{"name":"p"}"#, Some(Target::Prompt("p".into()))),
            ("resources/read", r#"{"uri":"demo://a/b?key=1"}"#, Some(Target::Resource("demo://a/b".into()))),
            ("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"p"}}"#, Some(Target::Prompt("p".into()))),
            ("completion/complete", r#"{"ref":{"uri":"x://y"}}"#, Some(Target::Resource("x://y".into()))),
            ("tasks/get", r#"{"taskId":"t"}"#, Some(Target::Other("t".into()))),
            ("logging/setLevel", r#"{"level":"info"}"#, Some(Target::Other("info".into()))),
            ("vendor/x", r#"{"name":"echo"}"#, None),
        ] {
            let json = format!(r#"{{"id":1,"method":"{method}","params":{params}}}"#);
            assert_eq!(target(&read(json.as_bytes()).list[0]), expected, "{json}");
        }
    }

    #[test]
    fn secrets_are_removed_from_uris() {
        for (uri, expected) in [
            ("https://user:pass@host/path?token=1#x", "https://host/path"),
            ("https://a@b@host", "https://host"),
            ("file:///etc/x", "file:///etc/x"),
            ("data:text/plain,secret", "data:"),
            ("plain", "plain"),
            ("urn:isbn:0451450523", "urn:isbn:0451450523"),
            (" data:text/plain,secret", "data:"),
            ("javascript:alert(1)", "javascript:"),
            ("postgres:user:secret@host/db", "postgres:"),
            ("db:password=secret;x", "db:"),
            ("no uri at all", ""),
        ] {
            assert_eq!(clean(uri), expected);
        }
    }
}
