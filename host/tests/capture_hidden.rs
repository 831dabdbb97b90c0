//! What a hostile or sloppy side does to a message must not hide it, nor make a failure a success.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod capture;

use http_body_util::BodyExt;
use mcp_audit::field::Field;

use capture::told::*;
use capture::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_after_the_cancellation_is_an_entry_of_its_own() {
    let log = Log::open();
    log.keep_payloads(true).await;
    let (sender, body) = stream();
    let url = server(&log, vec![answer(200, EVENTS, body), answer(202, JSON, "")]).await;
    let mut held = send(post(&url, &[SESSION], &call("7", "wipe"))).await.into_body();
    sender.send(": on it\n\n").await.unwrap();
    next(&mut held).await;
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
    exchange(post(&url, &[SESSION], cancel)).await;
    log.wait_for(2).await;
    sender.send("data: {\"id\":7,\"result\":{\"content\":[]}}\n\n").await.unwrap();
    drop(sender);
    while held.frame().await.is_some() {}
    let entries = log.wait_for(3).await;
    assert_eq!(
        lines(&entries),
        [
            "request tools/call wipe cancelled 200",
            "notification notifications/cancelled - accepted 202",
            "request tools/call wipe ok 200",
        ]
    );
    let late = &entries[2];
    assert_eq!((late.parent, late.text(Field::RequestId)), (Some(entries[0].id), Some("7")));
    assert_eq!(late.details["after_cancel"], true);
    assert!(late.duration_us >= entries[0].duration_us && late.has_payload);
}
