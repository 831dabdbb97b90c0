//! The reason why a call has no answer, and the choice among several answers.

use mcp_audit_log::field::Field;

use crate::prepared_answers::*;
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_only_answer_of_an_exchange_is_its_answer() {
    let log = Log::open();
    let failed = |id: &str| answer(200, JSON, format!(r#"{{"id":{id},"result":{{"isError":true}}}}"#));
    let url = server(&log, vec![failed("1"), failed("\"other\""), failed("\"1\"")]).await;
    for id in ["\"1\"", "1", "\"1\""] {
        exchange(post(&url, &[], &call(id, "echo"))).await;
    }
    let entries = log.wait_for(3).await;
    assert_eq!(lines(&entries), ["request tools/call echo tool-error 200"; 3]);
    let differs: Vec<_> = entries.iter().map(|entry| entry.details.contains_key("answer_id_differs")).collect();
    assert_eq!(differs, [true, true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_without_an_answer_are_recorded_with_a_reason() {
    let log = Log::open();
    log.keep_payloads(true).await;
    let cases = [
        (200, "text/html", "<html>Sign in</html>", "unknown", "not_mcp", true),
        (200, JSON, "{}", "unknown", "not_mcp", true),
        (200, JSON, "", "incomplete", "no_answer", false),
        (200, EVENTS, ": hi\n\n", "incomplete", "no_answer", false),
        (200, JSON, r#"{"id":1,"result":{"content":[{"#, "incomplete", "incomplete", false),
        (200, JSON, r#"[{"id":8,"result":{}},{"id":9,"result":{}}]"#, "incomplete", "no_answer", false),
        (307, "text/html", "moved", "rejected", "307", true),
    ];
    let answers = cases.iter().map(|(status, kind, body, ..)| answer(*status, kind, *body)).collect();
    let url = server(&log, answers).await;
    for _ in &cases {
        exchange(post(&url, &[], &call("1", "echo"))).await;
    }
    let entries = log.wait_for(cases.len()).await;
    for (entry, (status, _, body, detail, kind, kept)) in entries.iter().zip(&cases) {
        let told = [Field::OutcomeDetail, Field::ErrorType].map(|field| entry.text(field));
        assert_eq!(told, [Some(*detail), Some(*kind)], "{status} {body}");
        let (log, access, id) = (log.log.clone(), log.access(), entry.id);
        let read = tokio::task::spawn_blocking(move || log.read_payload(&access, id)).await.unwrap();
        let (_, payload) = read.expect("readable").expect("kept");
        assert!(!kept || payload.response.as_deref() == Some(*body), "{status} {body}");
    }
    assert_eq!(entries[6].text(Field::ErrorMessage), Some("Redirected: the call was not executed here"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_search_finds_a_fault_whatever_its_status() {
    let log = Log::open();
    let fault = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#;
    let url = server(&log, [200, 400, 404, 403].map(|status| answer(status, JSON, fault)).into()).await;
    for _ in 0..4 {
        exchange(post(&url, &[], &call("1", "echo"))).await;
    }
    let entries = log.wait_for(4).await;
    assert!(entries.iter().all(|entry| entry.text(Field::ErrorType) == Some("-32602")), "{entries:#?}");
    let details: Vec<_> = entries.iter().map(|entry| entry.text(Field::OutcomeDetail)).collect();
    assert_eq!(details, [Some("rpc-error"), Some("rejected"), Some("rejected"), Some("denied")]);
}
