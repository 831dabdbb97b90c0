//! One item, many, lines: the limits of a request, and one bad item does not affect others.

use axum::body::Body;
use axum::http::Request;
use mcp_audit_log::event::{Caller, Event};
use mcp_audit_log::signer::SignerOptions;
use mcp_audit_log::verify_log;
use serde_json::{Value, json};

use crate::support::World;
use crate::{EVENTS, id, item, only, with};

#[tokio::test]
async fn one_object_an_array_and_json_lines_are_equivalent() {
    let world = World::new();
    let service = world.bearer("platform", &["service"]);
    let (one, two, three) = (item(), item(), item());
    assert_eq!(only(&service.events(&one).await)["id"], one["id"]);
    let many = service.events(&json!([one, two])).await;
    assert_eq!(many.status, 200);
    assert_eq!((&many.json()["results"][0]["result"], &many.json()["stored"]), (&"duplicate".into(), &1.into()));
    let lines = service.lines(&format!("\n{one}\r\n\n  {two}\n{three}")).await.json();
    let results: Vec<_> = lines["results"].as_array().expect("results").iter().map(|one| &one["result"]).collect();
    assert_eq!(results, ["duplicate", "duplicate", "stored"]);
    assert_eq!(lines["results"][2]["seq"].as_u64(), many.json()["results"][1]["seq"].as_u64().map(|seq| seq + 1));
    for empty in ["[]", "[ ]"] {
        assert_eq!(service.post(EVENTS, empty).await.json()["results"], json!([]));
    }
    assert_eq!(service.lines("\n\n").await.json()["results"], json!([]));
}

#[tokio::test]
async fn a_bad_line_does_not_affect_others() {
    let world = World::new();
    let secret = world.token("platform", &["service"]).0;
    let (first, last) = (item(), item());
    let lines =
        [first.to_string().as_bytes(), b"{\"channel\":\"\xff\"}", b"{", b"{}}", b"\x00", last.to_string().as_bytes()]
            .join(&b'\n');
    let request = Request::post(EVENTS)
        .header("authorization", format!("Bearer {secret}"))
        .header("content-type", "application/x-ndjson; charset=utf-8")
        .body(Body::from(lines))
        .expect("a request");
    let answer = world.ask(request).await;
    assert_eq!(answer.status, 207, "{}", answer.text);
    let answer = answer.json();
    let results: Vec<_> = answer["results"].as_array().expect("results").iter().map(|one| &one["result"]).collect();
    assert_eq!(results, ["stored", "refused", "refused", "refused", "refused", "stored"]);
    assert!(answer["results"][1]["reason"].as_str().expect("a reason").contains("not valid JSON in UTF-8"));
}

/// In an array nothing after the fault can be parsed reliably, so the request is refused.
#[tokio::test]
async fn a_body_that_is_not_json_is_refused_as_a_whole() {
    let world = World::new();
    let service = world.bearer("platform", &["service"]);
    for body in ["", "{", "[{]", "[{},]", "nonsense", &format!("[{},", item())] {
        service.post(EVENTS, body).await.problem(400, "not valid JSON");
    }
    for kind in ["", "text/plain", "application/x-www-form-urlencoded", "application/problem+json"] {
        service.send("POST", EVENTS, kind, &item().to_string()).await.problem(415, "application/x-ndjson");
    }
    let packed = world.bearer("platform", &["service"]).header("content-encoding", "gzip");
    packed.events(&item()).await.problem(415, "not compressed");
    assert_eq!(world.bearer("root", &["admin"]).entries("channel=api").await.len(), 0);
}

#[tokio::test]
async fn an_oversized_request_is_refused_with_the_limit() {
    let world = World::new();
    let service = world.bearer("platform", &["service"]);
    let many: Vec<Value> = (0..1_001).map(|_| item()).collect();
    service.events(&json!(many)).await.problem(413, "has 1001 items; at most 1000 are allowed");
    let lines: Vec<_> = many.iter().map(Value::to_string).collect();
    service.lines(&lines.join("\n")).await.problem(413, "items; at most 1000 are allowed");
    let long = " ".repeat((8 << 20) + 1);
    service.post(EVENTS, &long).await.problem(413, "at most 8388608 bytes");
    service.header("content-length", "99999999").post(EVENTS, "{}").await.problem(413, "at most 8388608 bytes");
    assert_eq!(world.bearer("root", &["admin"]).entries("channel=api").await.len(), 0);
    let answer = world.bearer("platform", &["service"]).events(&json!(many[..1_000])).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["stored"]), (200, &1_000.into()));
}

#[tokio::test]
async fn the_first_of_two_with_one_id_counts() {
    let world = World::new();
    let service = world.bearer("platform", &["service"]);
    let own = id();
    let (first, second) = (with(&json!({ "id": own, "user": "anna" })), with(&json!({ "id": own, "user": "otto" })));
    let answer = service.events(&json!([first, second])).await.json();
    assert_eq!((&answer["stored"], &answer["refused"]), (&1.into(), &1.into()));
    let seen = world.bearer("root", &["admin"]).entries("channel=api").await;
    assert_eq!((seen.len(), &seen[0]["user"]), (1, &"anna".into()));
}

/// If another event has the id, that does not prove that this one was stored.
#[tokio::test]
async fn an_id_of_another_event_is_refused_and_no_duplicate() {
    let world = World::new();
    let eu = world.bearer_in("eu", "platform", &["service"]);
    let us = world.bearer_in("us", "platform", &["service"]);
    let first = with(&json!({ "method": "key.revoked", "user": "ada", "channel": "admin" }));
    assert_eq!(only(&eu.events(&first).await)["result"], "stored");
    assert_eq!(only(&eu.events(&first).await)["result"], "duplicate");
    let answer = eu.events(&changed(&first, "method", "user.deleted")).await;
    assert_eq!(answer.status.as_u16(), 422, "{}", answer.text);
    let result = only(&answer);
    assert_eq!((&result["result"], &result["field"]), (&"refused".into(), &"id".into()), "{result}");
    // Ids belong to a tenant: another one learns nothing of them, and loses nothing.
    let theirs = changed(&first, "user", "otto");
    assert_eq!(only(&us.events(&theirs).await)["result"], "stored");
    assert_eq!(only(&us.events(&theirs).await)["result"], "duplicate");
    assert_eq!(only(&us.events(&first).await)["result"], "refused");
    let platform = world.bearer("platform", &["service"]);
    assert_eq!(only(&platform.events(&first).await)["result"], "stored", "whoever belongs to none is one more");
    let path = format!("/api/v1/entries/{}", first["id"].as_str().expect("an id"));
    for (instance, user) in [("eu", "ada"), ("us", "otto")] {
        let admin = world.bearer_in(instance, "root", &["admin"]);
        assert_eq!(admin.get_json(path.clone()).await["user"], user);
        assert_eq!(admin.entries("channel=admin&method=key.revoked").await.len(), 1);
    }
    let root = world.bearer("root", &["admin"]);
    assert_eq!(root.get_json(path).await["user"], "ada");
    let all = format!("domain=%5B%5B%22id%22,%22=%22,{}%5D%5D", first["id"].to_string().replace('"', "%22"));
    assert_eq!(root.entries(&all).await.len(), 1, "whoever belongs to none sees what belongs to none");
    // The first one in a request counts against the others of the same request too.
    let item = item();
    let answer = eu.events(&json!([item, changed(&item, "user", "mallory"), item])).await.json();
    let results: Vec<_> = answer["results"].as_array().expect("results").iter().map(|one| &one["result"]).collect();
    assert_eq!(results, ["stored", "refused", "duplicate"], "{answer}");
    world.log.close();
    verify_log(world.folder.path(), &SignerOptions::default(), Vec::new(), &|_, _, _| {})
        .expect("an honest log is whole");
}

/// The id of an open call is in its intent, where its caller can read it.
#[tokio::test]
async fn a_sender_cannot_suppress_a_call_by_taking_its_id() {
    let world = World::new();
    let service = world.bearer("platform", &["service"]);
    let event = Event::tool_call(world.log.view().now(), "cluster", "delete").by(Caller::user("uma"));
    let taken = with(&json!({ "id": event.id.to_string(), "channel": "mcp", "method": "tools/call", "user": "uma" }));
    assert_eq!(only(&service.events(&taken).await)["result"], "stored");
    for _ in 0..2 {
        // A second time, as after a commit with an unknown result.
        world.log.record_durably(event.clone()).await.expect("stored");
    }
    let root = world.bearer("root", &["admin"]);
    let calls = root.entries("tool=delete").await;
    assert_eq!(calls.len(), 1, "once: {calls:?}");
    assert_ne!(calls[0]["id"], taken["id"]);
    let path = format!("/api/v1/entries/{}", calls[0]["id"].as_str().expect("an id"));
    assert_eq!(root.get_json(path).await["details"]["id_taken"], taken["id"]);
}

fn changed(item: &serde_json::Value, name: &str, value: &str) -> serde_json::Value {
    let mut item = item.clone();
    item[name] = value.into();
    item
}
