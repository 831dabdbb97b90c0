//! The API's proofs, checked as a client would; and erased payloads, whose entries stay provable.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;

use mcp_audit_log::ledger::{Hash, leaf_hash, verify_consistency, verify_inclusion};
use mcp_audit_log::time::{DAY, ManualClock, Timestamp};
use serde_json::{Value, json};

use crate::support::{World, call, call_with};

fn bytes(text: &Value) -> Vec<u8> {
    STANDARD.decode(text.as_str().expect("base64")).expect("base64")
}

fn hash(text: &Value) -> Hash {
    Hash::from_slice(&bytes(text)).expect("a hash")
}

fn hashes(list: &Value) -> Vec<Hash> {
    list.as_array().expect("a list").iter().map(hash).collect()
}

/// Checks the proof of an entry using only its own data; returns size and root.
fn checked(proof: &Value) -> (u64, Hash) {
    let number = |name: &str| proof[name].as_u64().expect("a number");
    let (leaf, root) = (bytes(&proof["leaf"]), hash(&proof["root"]));
    assert_eq!(&leaf[18..], Hash::of(&bytes(&proof["content"])).as_bytes());
    assert_eq!(leaf[2..10], number("index").to_be_bytes());
    let path = hashes(&proof["proof"]);
    verify_inclusion(&leaf_hash(&leaf), number("index"), number("size"), &path, &root).expect("proved");
    (number("size"), root)
}

#[tokio::test]
async fn an_entry_is_proved_to_viewers_who_may_see_it() {
    let world = World::new();
    let id = world.record(call("ada", "search")).await;
    let ada = world.bearer("ada", &["user"]);
    let proof = ada.get(&format!("/api/v1/entries/{id}/proof")).await.json();
    let (size, root) = checked(&proof);
    assert!(String::from_utf8_lossy(&bytes(&proof["content"])).contains("search"));
    for _ in 0..5 {
        world.record(call("bob", "search")).await;
    }
    let later = ada.get(&format!("/api/v1/entries/{id}/proof")).await.json();
    let (new_size, new_root) = checked(&later);
    assert!(new_size >= size + 5 && later["leaf"] == proof["leaf"]);
    let again = ada.get(&format!("/api/v1/entries/{id}/proof?size={size}")).await.json();
    assert_eq!(checked(&again), (size, root));
    let admin = world.bearer("root", &["admin"]);
    let link = admin.get(&format!("/api/v1/proofs/consistency?from={size}&to={new_size}")).await.json();
    assert_eq!((hash(&link["from_root"]), hash(&link["to_root"])), (root, new_root));
    verify_consistency((size, &root), (new_size, &new_root), &hashes(&link["proof"])).expect("proved");
    ada.get(&format!("/api/v1/proofs/consistency?from={size}")).await.problem(403, "");
    world.bearer("bob", &["user"]).get(&format!("/api/v1/entries/{id}/proof")).await.problem(404, "");
    for query in ["", "?from=x", "?from=-1", "?from=99999", "?from=3&to=1"] {
        admin.get(&format!("/api/v1/proofs/consistency{query}")).await.problem(400, "");
    }
    ada.get(&format!("/api/v1/entries/{id}/proof?size=1")).await.problem(400, "");
}

#[tokio::test]
async fn erasing_a_payload_keeps_the_proof_of_its_entry() {
    let world = World::new();
    world.keep_payloads().await;
    let id = world.record(call_with("ada", r#"{"note":"canary"}"#, "{}")).await;
    let both = world.bearer("root", &["admin", "auditor"]);
    let path = format!("/api/v1/entries/{id}");
    let before = both.get(&format!("{path}/proof")).await.json();
    let reason = r#"{"reason":"a request under article 17"}"#;
    for groups in [&["admin"][..], &["auditor"], &["user"]] {
        let one = world.bearer("root", groups);
        let answer = one.send("DELETE", &format!("{path}/payload"), "application/json", reason).await;
        answer.problem(403, "");
    }
    let erase = async |body: &str| both.send("DELETE", &format!("{path}/payload"), "application/json", body).await;
    erase(r#"{"reason":" "}"#).await.problem(422, "");
    let hold = both.post("/api/v1/holds", r#"{"from":"2020-01-01","reason":"case 7"}"#).await.json();
    let held = erase(reason).await;
    assert!(held.status.is_client_error() && held.text.contains("legal hold"), "{}", held.text);
    assert!(both.get(&path).await.text.contains("canary"));
    let release = format!("/api/v1/holds/{}/release", hold["id"].as_str().expect("an id"));
    both.post(&release, r#"{"reason":"closed"}"#).await;
    assert_eq!(erase(reason).await.status, StatusCode::NO_CONTENT);
    erase(reason).await.problem(404, "");
    let shown = both.get(&path).await.json();
    assert_eq!((&shown["has_payload"], &shown["payload"]), (&json!(false), &json!(null)));
    let size = before["size"].as_u64().expect("a size");
    assert_eq!(both.get(&format!("{path}/proof?size={size}")).await.json(), before);
    checked(&both.get(&format!("{path}/proof")).await.json());
    assert_eq!(both.entries("method=payload.erased&outcome=denied").await.len(), 3, "who may not tried");
    let told = both.entries("method=payload.erased&outcome=success").await;
    let one = both.get(&format!("/api/v1/entries/{}", told[0]["id"].as_str().expect("an id"))).await.json();
    assert_eq!((told.len(), &one["parent"], &one["user"]), (1, &json!(id), &json!("root")));
    assert_eq!(one["details"]["reason"], "a request under article 17");
    let verified = mcp_audit_log_store::verify(world.folder.path(), &[], &|_, _, _| {}).expect("whole");
    assert_eq!(verified.checks.iter().find(|check| check.0 == "payloads").map(|check| check.1), Some(0));
}

#[tokio::test]
async fn archived_checkpoints_are_paged() {
    let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-01-01T12:00:00Z").expect("a time")));
    let world = World::at(&clock);
    for _ in 0..3 {
        world.record(call_with("ada", "{}", "{}")).await;
        world.log.sign().expect("signed");
        clock.advance(DAY);
    }
    let auditor = world.bearer("root", &["auditor"]);
    let mut numbers = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = auditor.get(&format!("/api/v1/checkpoints{query}")).await.json();
        let found = page["checkpoints"].as_array().expect("a list").clone();
        assert!(found.iter().all(|one| one["link"].is_array() && one["note"].is_string()));
        numbers.extend(found.iter().map(|one| one["number"].as_u64().expect("a number")));
        let Some(next) = page["next"].as_u64() else { break };
        query = format!("?limit=2&before={next}");
    }
    assert_eq!(numbers, [4, 3, 1], "the first says that the log began empty, the second is of the same day");
    for query in ["?before=x", "?before=-1", "?before=1&before=2", "?after=1"] {
        auditor.get(&format!("/api/v1/checkpoints{query}")).await.problem(400, "");
    }
}
