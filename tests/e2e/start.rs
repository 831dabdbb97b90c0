//! Faults before the first request: each is reported in plain words, with the remedy.

use std::net::TcpListener;

use mcp_audit_log_tests::{assert_plain, run};

/// Runs the binary, which must fail, and returns its message.
fn refused<'a>(arguments: impl IntoIterator<Item = &'a str>) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!output.status.success(), "it did not fail, and said: {said}");
    assert!(output.status.code().is_some(), "it was killed by a signal, and said: {said}");
    assert_plain(&said);
    said
}

fn names(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "the message does not say {word:?}: {said}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let said = refused(["serve", "--data", &data.to_string_lossy(), "--listen", &address]);
    names(&said, &[&address, "--listen"]);
}

/// Below a regular file, because nothing is unwritable for root.
#[test]
fn a_data_folder_that_cannot_be_used_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let data = file.path().join("data").to_string_lossy().into_owned();
    names(&refused(["serve", "--listen", "127.0.0.1:0", "--data", &data]), &[&data, "--data"]);
    names(&refused(["token", "create", "--user", "u", "--group", "user", "--data", &data]), &[&data, "--data"]);
    names(&refused(["stdio", "--data", &data, "--", "true"]), &[&data, "--data"]);
}

#[test]
fn an_invalid_policy_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").to_string_lossy().into_owned();
    let serve = |policy: &str| refused(["serve", "--listen", "127.0.0.1:0", "--data", &data, "--policy", policy]);
    let file = folder.path().join("policy.wasm");
    let path = file.to_string_lossy();

    names(&serve(&path), &[&path]);
    for content in [&b"not a component"[..], b"", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0"] {
        std::fs::write(&file, content).expect("a file");
        names(&serve(&path), &["policy"]);
    }
}

#[test]
fn a_data_folder_in_use_is_named() {
    let server = mcp_audit_log_tests::Server::start(&[]);
    let data = server.data().to_string_lossy().into_owned();
    names(&refused(["serve", "--listen", "127.0.0.1:0", "--data", &data]), &[&data]);
}

#[test]
fn a_wrong_upstream_is_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").to_string_lossy().into_owned();
    for upstream in ["everything", "=http://127.0.0.1:1/mcp", "everything=", "everything=nonsense", "a/b=http://x/"] {
        let said = refused(["serve", "--listen", "127.0.0.1:0", "--data", &data, "--upstream", upstream]);
        names(&said, &["--upstream"]);
    }
}
