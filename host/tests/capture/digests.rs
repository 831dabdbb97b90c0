//! Digests of bodies: an entry has a keyed digest of each body and nothing else, and only the owner of the log's key
//! can check a text against it.

use std::path::Path;
use std::process::{Command, Output};

use mcp_audit_log::entry::Entry;
use mcp_audit_log::field::Field;
use sha2::{Digest, Sha256};

use crate::prepared_answers::*;
use crate::support::*;

async fn switch(log: &Log, name: &str, on: bool) {
    let (log, access) = (log.log.clone(), log.access());
    let wanted = serde_json::json!({ name: on }).as_object().expect("an object").clone();
    let change = move || log.change_settings(&access, &wanted).map(drop);
    tokio::task::spawn_blocking(change).await.unwrap().expect("changed");
}

fn digest(entry: &Entry, what: &str) -> Option<String> {
    entry.details.get(&format!("{what}_digest")).map(|digest| digest.as_str().expect("a text").to_owned())
}

fn matches(folder: &Path, entry: &Entry, what: &str, text: &str) -> Output {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-audit-log"));
    command.args(["match", "--data"]).arg(folder).args(["--entry", &entry.id.to_string()]);
    command.arg(format!("--{what}")).arg(file.path()).output().expect("run")
}

fn all_files(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for item in std::fs::read_dir(folder).expect("a folder") {
        let path = item.expect("an item").path();
        if path.is_dir() {
            bytes.extend(all_files(&path));
        } else {
            bytes.extend(std::fs::read(&path).expect("a file"));
        }
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_recognises_a_text_that_is_not_stored() {
    let log = Log::open();
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"note":"the canary sings"}}}"#;
    let result = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"the canary is paid"}]}}"#;
    let in_events: &'static str = Box::leak(format!("event: message\ndata: {result}\n\n").into_boxed_str());
    let unreadable = "{'note':'the canary mumbles'}";
    let answers = vec![
        answer(200, JSON, result),
        answer(200, EVENTS, in_events),
        answer(200, JSON, "{}"),
        answer(200, JSON, result),
    ];
    let url = server(&log, answers).await;
    exchange(post(&url, &[], request)).await;
    log.wait_for(1).await;
    switch(&log, "digest_bodies", true).await;
    exchange(post(&url, &[], request)).await;
    exchange(post(&url, &[], unreadable)).await;
    exchange(post(&url, &[], &format!("[ {request} ,\n{}]", call("2", "other")))).await;
    let entries = log.wait_for(5).await;
    assert_eq!((digest(&entries[0], "request"), digest(&entries[0], "response")), (None, None), "off by default");
    let told = digest(&entries[1], "request").expect("a digest");
    assert_eq!(told.len(), 64);
    // Without the key not even the right guess shows.
    let plain: String = Sha256::digest(request).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_ne!(told, plain);
    assert_eq!(digest(&entries[3], "request"), Some(told), "in a batch a message is the same message");
    assert_ne!(digest(&entries[4], "request"), digest(&entries[3], "request"));
    assert_eq!(digest(&entries[3], "response"), digest(&entries[1], "response"));
    assert_eq!(entries[2].text(Field::ErrorType), Some("unreadable_request"));
    assert!(entries.iter().all(|entry| !entry.has_payload));
    log.log.close();

    for canary in ["the canary", "sings", "is paid", "mumbles"] {
        assert!(!contains(&all_files(log.folder.path()), canary), "{canary} is on the disk");
    }
    let folder = log.folder.path();
    let changed = request.replace("sings", "sing");
    for (entry, what, text, expected) in [
        (1, "request", request.to_owned(), true),
        (1, "request", format!(" {request}\n"), true),
        (1, "request", changed, false),
        (1, "request", request.replace("\"id\":1", "\"id\": 1"), false),
        (1, "request", result.to_owned(), false),
        (1, "response", result.to_owned(), true),
        (1, "response", in_events.to_owned(), false),
        (2, "request", unreadable.to_owned(), true),
        (2, "request", format!("{unreadable} "), false),
        (2, "response", "{}".to_owned(), true),
        (3, "request", request.to_owned(), true),
    ] {
        let output = matches(folder, &entries[entry], what, &text);
        assert_eq!(output.status.success(), expected, "{entry} {what} {text}: {output:?}");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let is = if expected { " is the " } else { " is not the " };
        assert!(said.contains(is), "{said} {output:?}");
    }
    let none = matches(folder, &entries[0], "request", request);
    assert!(!none.status.success() && String::from_utf8_lossy(&none.stderr).contains("digest_bodies"), "{none:?}");
    std::fs::rename(folder.join("secret.key"), folder.join("elsewhere")).expect("moved");
    let keyless = matches(folder, &entries[1], "request", request);
    assert!(
        !keyless.status.success() && String::from_utf8_lossy(&keyless.stderr).contains("secret.key"),
        "{keyless:?}"
    );
    assert!(!folder.join("secret.key").exists(), "and no other key is made in its place");
    // Another log's key cannot be used here: the digests depend on the key, and without it no guess can be tested.
    let other = Log::open();
    std::fs::copy(other.folder.path().join("secret.key"), folder.join("secret.key")).expect("copied");
    let foreign = matches(folder, &entries[1], "request", request);
    assert!(
        !foreign.status.success() && String::from_utf8_lossy(&foreign.stdout).contains(" is not the "),
        "{foreign:?}"
    );
}
