//! Listings of tools, for the comparison of definitions.

use std::fmt::Write as _;

use mcp_audit_log_core::secret::Secret;
use mcp_audit_log_model::event::{Caller, Event, OutcomeDetail};
use mcp_audit_log_service::ToolListing;

use crate::parse::jsonrpc::Message;

/// The purpose for which the key of callers' digests is derived.
const VIEWERS: &str = "callers of tool listings";

/// The listing in `answer`, if `call` asked for one and got it. The viewer is missing.
pub(crate) fn tool_listing(event: &Event, call: &Message, answer: &Message) -> Option<ToolListing> {
    let is_listing = call.method.as_deref() == Some("tools/list") && event.detail == OutcomeDetail::Ok && answer.whole;
    let result = answer.result.as_ref().filter(|_| is_listing)?;
    Some(ToolListing {
        server: event.server.clone()?,
        viewer: String::new(),
        user: event.caller.user.clone(),
        entry: event.id,
        at: event.occurred_at,
        tools: result.tools.clone()?,
        cursor: call.params.cursor,
        next: result.next_cursor,
        is_seeded: false,
    })
}

/// A caller as a digest under the log's key. All runs of an agent are one.
pub(crate) fn viewer(secret: &Secret, caller: &Caller, credentials: Option<&[u8]>) -> String {
    let caller = Caller { agent_instance: None, ..caller.clone() };
    let code = secret.code(VIEWERS, &format!("{caller:?} {credentials:?}"));
    code[..8].iter().fold(String::with_capacity(16), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::document::{Document, Keep, read};
    use mcp_audit_log_core::recorder::Budget;
    use mcp_audit_log_model::event::{Channel, Kind};
    use mcp_audit_log_model::time::Timestamp;

    fn answered(json: &str, budget: usize) -> Message {
        let mut document = Document::new(Keep { tools: Some(Budget::new(budget)), ..Keep::default() });
        json.as_bytes().chunks(7).for_each(|piece| document.push(piece));
        document.into_parts().messages.list.remove(0)
    }

    fn listing(call: &str, answer: &Message) -> Option<ToolListing> {
        let event = Event::new(Timestamp::EPOCH, Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
        let event = Event { server: Some("crm".to_owned()), ..event };
        tool_listing(&event, &read(call.as_bytes()).list[0], answer)
    }

    const CALL: &str = r#"{"id":1,"method":"tools/list","params":{"cursor":"a"}}"#;

    #[test]
    fn a_listing_has_its_tools_as_sent_and_its_cursors() {
        let answer = answered(r#"{"id":1,"result":{"tools":[{"name":"a","x":["}"]}, 1],"nextCursor":"b"}}"#, 1 << 20);
        let found = listing(CALL, &answer).expect("a listing");
        assert_eq!(&found.tools[..], br#"[{"name":"a","x":["}"]}, 1]"#);
        assert!(found.cursor.is_some() && found.next.is_some() && found.cursor != found.next);
        let last = answered(r#"{"id":1,"result":{"tools":[],"nextCursor":null}}"#, 1 << 20);
        let last = listing(r#"{"id":1,"method":"tools/list","params":{"cursor":null}}"#, &last).expect("a listing");
        assert_eq!((last.cursor, last.next), (None, None));
    }

    #[test]
    fn other_answers_are_no_listings() {
        let answer = answered(r#"{"id":1,"result":{"tools":[]}}"#, 1 << 20);
        assert!(listing(CALL, &answer).is_some());
        assert!(listing(r#"{"id":1,"method":"tools/call"}"#, &answer).is_none());
        for answer in [
            r#"{"id":1,"result":{"tools":{}}}"#,
            r#"{"id":1,"result":{"tools":[]}"#,
            r#"{"id":1,"result":{}}"#,
            r#"{"id":1,"error":{"code":1}}"#,
        ] {
            assert!(listing(CALL, &answered(answer, 1 << 20)).is_none(), "{answer}");
        }
    }

    #[test]
    fn lists_of_tools_take_only_the_memory_that_there_is() {
        let long = |length: usize| format!(r#"{{"id":1,"result":{{"tools":["{}"]}}}}"#, "x".repeat(length));
        assert!(listing(CALL, &answered(&long(1_000), 2_000)).is_some());
        assert!(listing(CALL, &answered(&long(1_000), 900)).is_none(), "no memory");
        assert!(listing(CALL, &answered(&long(600 << 10), 8 << 20)).is_none(), "too long");
        let messages = read(long(1_000).as_bytes());
        assert!(messages.list[0].result.as_ref().is_some_and(|result| result.tools.is_none()), "nothing compares it");
        let budget = Budget::new(10_000);
        let mut document = Document::new(Keep { tools: Some(std::sync::Arc::clone(&budget)), ..Keep::default() });
        document.push(long(1_000).as_bytes());
        let parts = document.into_parts();
        assert_eq!(budget.held(), 1_004);
        drop(parts);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn a_caller_is_the_same_in_every_run_and_differs_by_credentials() {
        let secret = Secret::open(tempfile::tempdir().expect("a folder").path()).expect("made");
        let anna = Caller::user("anna").agent("planner", "run-1");
        let of = |caller: &Caller, credentials| viewer(&secret, caller, credentials);
        assert_eq!(of(&anna, None), of(&Caller::user("anna").agent("planner", "run-2"), None));
        assert_ne!(of(&anna, None), of(&Caller::user("anna"), None));
        let nobody = Caller::default();
        assert_ne!(of(&nobody, Some(b"a")), of(&nobody, Some(b"b")));
        assert_ne!(of(&nobody, Some(b"a")), of(&nobody, None));
        assert_eq!(of(&anna, None).len(), 16);
    }
}
