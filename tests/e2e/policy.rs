//! `mcp-audit-log policy` as an author uses it: exit codes, what is printed, and files of cases.

use std::fs;
use std::path::{Path, PathBuf};

use mcp_audit_log_boundary_tests as evil;
use mcp_audit_log_tests::{Process, READY, Server, product, run};
use serde_json::{Value, json};

/// A folder with components.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, component) in [("vendor", evil::VENDOR), ("iban", evil::IBAN)] {
            fs::write(folder.path().join(format!("{name}.wasm")), component).expect("written");
        }
        for mode in ["panic", "bad-action"] {
            let component = evil::mistaken(evil::POLICY_0_7, mode).expect("a mode");
            fs::write(folder.path().join(format!("{mode}.wasm")), component).expect("written");
        }
        fs::write(folder.path().join("broken.wasm"), "no component").expect("written");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The exit code, and what is printed: names that end with `.wasm` or `/` are of this folder.
    fn policy(&self, words: &str) -> (Option<i32>, String, String) {
        let word = |word: &str| match word.ends_with(".wasm") || word.ends_with('/') {
            true => self.path(word.trim_end_matches('/')).to_string_lossy().into_owned(),
            false => word.to_owned(),
        };
        let words: Vec<_> = std::iter::once("policy".to_owned()).chain(words.split(' ').map(word)).collect();
        let output = run(words.iter().map(String::as_str));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn a_policy_is_inspected_and_compared() {
    let desk = Desk::new();
    let (code, shown, _) = desk.policy("inspect");
    assert_eq!(code, Some(0));
    for words in [
        concat!("policy     mcp-audit-log-policy ", env!("CARGO_PKG_VERSION")),
        "contract   mcp-audit-log:policy/policy@0.7.0",
        "GROUP",
        "tool.called",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let (code, shown, _) = desk.policy("inspect --extend iban.wasm --json");
    assert_eq!((code, &parsed(&shown)["layers"][1]["name"]), (Some(0), &json!("iban")));
    let (code, shown, _) = desk.policy("inspect --against default");
    assert_eq!((code, shown.as_str()), (Some(0), "No difference.\n"));
    let (code, shown, _) = desk.policy("inspect vendor.wasm --against default");
    assert!(code == Some(1) && shown.contains("record rule"), "{shown}");
    let (code, shown, _) = desk.policy("inspect --extend iban.wasm --against default --json");
    let parts: Vec<_> =
        parsed(&shown)["differences"].as_array().expect("a list").iter().map(|one| one["part"].clone()).collect();
    assert!(code == Some(1) && parts.contains(&json!("mask")), "{shown}");
    let (code, _, said) = desk.policy("inspect iban.wasm");
    assert!(code == Some(2) && said.contains("pass it with --extend"), "{said}");
    let (code, _, said) = desk.policy("inspect none.wasm");
    assert!(code == Some(2) && said.contains("check the path that FILE names"), "{said}");
}

#[test]
fn a_policy_is_checked() {
    let desk = Desk::new();
    let (code, shown, _) = desk.policy("check");
    assert!(
        code == Some(0)
            && shown.contains(concat!("OK       mcp-audit-log-policy ", env!("CARGO_PKG_VERSION")))
            && shown.contains("no findings"),
        "{shown}"
    );
    let (code, shown, _) = desk.policy("check bad-action.wasm");
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(code, Some(1), "{shown}");
    assert!(lines[0].starts_with("FINDING  action-name: mcp-audit-log-evil-policy: the action \"Evil"), "{shown}");
    assert!(lines[1].starts_with("         Name it <resource>.<verb>"), "{shown}");
    let (code, shown, _) = desk.policy("check bad-action.wasm --json");
    assert_eq!((code, &parsed(&shown)["findings"][0]["rule"]), (Some(1), &json!("action-name")));
    let (code, shown, _) = desk.policy("check broken.wasm");
    assert!(code == Some(1) && shown.starts_with("FINDING  load: not a loadable WebAssembly component"), "{shown}");
    let (code, _, said) = desk.policy("check none.wasm");
    assert!(code == Some(2) && said.contains("cannot be read"), "{said}");
}

fn write(folder: &Path, name: &str, json: &Value) {
    fs::write(folder.join(name), json.to_string()).expect("written");
}

#[test]
fn cases_are_run_updated_and_counted() {
    let desk = Desk::new();
    let folder = desk.path("cases");
    fs::create_dir(&folder).expect("a folder");
    let (code, _, said) = desk.policy("test cases/");
    assert!(code == Some(2) && said.contains("has no cases"), "{said}");
    let call = json!({ "name": "a call", "event": { "channel": "mcp", "method": "tools/call", "target": "search" } });
    write(&folder, "calls.json", &json!([call]));
    write(&folder, "viewers.json", &json!({ "name": "a user", "viewer": { "user": "uma", "groups": ["user"] } }));
    let (code, shown, _) = desk.policy("test cases/");
    assert!(code == Some(1) && shown.contains("calls.json: a call\n        it has no verdict yet"), "{shown}");
    let (code, shown, _) = desk.policy("test cases/ --update");
    assert!(code == Some(0) && shown.matches("WRITTEN").count() == 2, "{shown}");
    let (code, shown, _) = desk.policy("test cases/ --coverage");
    assert!(code == Some(0) && shown.contains("actions   1 of ") && shown.contains("oauth.token"), "{shown}");
    assert!(shown.ends_with("OK      2 cases\n"), "{shown}");
    // Another policy answers otherwise, and one that panics says where.
    let (code, shown, _) = desk.policy("test cases/ --policy bad-action.wasm");
    assert!(
        code == Some(1) && shown.contains("verdict.action is \"Evil things were judged\"; \"tool.called\" is expected"),
        "{shown}"
    );
    let (code, shown, _) = desk.policy("test cases/ --policy panic.wasm --json");
    assert!(code == Some(1) && shown.contains("in mcp_audit_log_evil_policy::"), "{shown}");
    let (code, shown, _) = desk.policy("test cases/ --policy panic.wasm --update");
    assert!(code == Some(1) && !shown.contains("WRITTEN") && shown.contains("2 of 2 cases failed"), "{shown}");
    write(&folder, "calls.json", &json!([{ "event": { "channel": "tv" } }]));
    let (code, _, said) = desk.policy("test cases/");
    assert!(code == Some(2) && said.contains("calls.json: case 1: event: no channel \"tv\""), "{said}");
}

#[test]
fn policies_are_measured_by_turns() {
    let desk = Desk::new();
    let (code, shown, _) = desk.policy("bench default vendor.wasm --rounds 5");
    assert!(code == Some(0) && shown.contains("B ÷ A") && shown.contains("fuel an event"), "{shown}");
    let (code, shown, _) = desk.policy("bench --extend iban.wasm --rounds 5 --json");
    let report = parsed(&shown);
    assert_eq!((code, report["policies"].as_array().map(Vec::len)), (Some(0), Some(1)));
    assert!(report["policies"][0]["fuel"].as_u64().is_some_and(|fuel| fuel > 1_000), "{shown}");
    let (code, _, said) = desk.policy("bench panic.wasm");
    assert!(code == Some(2) && said.contains("judges no golden event"), "{said}");
}

#[test]
fn where_signatures_are_demanded_only_a_signed_policy_starts() {
    let desk = Desk::new();
    let (code, key, said) = desk.policy("sign vendor.wasm --extend iban.wasm --key vendor.key/ --new vendor.example");
    assert!(code == Some(0) && said.contains("is signed in") && key.starts_with("vendor.example+"), "{said}");
    let (code, again, _) = desk.policy("sign vendor.wasm --key vendor.key/");
    assert_eq!((code, again), (Some(0), key.clone()), "the same key");
    let (code, _, said) = desk.policy("sign vendor.wasm --key vendor.key/ --new vendor.example");
    assert!(code == Some(2) && said.contains("exists"), "a key is not replaced: {said}");
    let (code, _, said) = desk.policy("sign --key vendor.key/");
    assert!(code == Some(2) && said.contains("name a component"), "{said}");

    let config = desk.path("signed.toml");
    let text = format!("policy = \"vendor.wasm\"\nextend = [\"iban.wasm\"]\npolicy_signers = [\"{}\"]\n", key.trim());
    fs::write(&config, text).expect("written");
    let config = config.to_string_lossy();
    let mut server = Server::with(&[], &["--config", &config]);
    let api = server.api("admin");
    let started = parsed(&api.get("/api/v1/entries?method=log.started").text);
    let id = started["entries"][0]["id"].as_str().expect("an id");
    let text = api.get(&format!("/api/v1/entries/{id}")).text;
    assert!(text.contains(r#""policy_signers":"vendor.example; vendor.example""#), "{text}");
    activates_only_what_is_signed(&desk, &server);
    server.stop();
    // The log has kept the notes, so that the next start needs no file of the vendor.
    let notes = ["vendor", "iban"].map(|name| desk.path(&format!("{name}.wasm.note")));
    let signed = notes.each_ref().map(|path| fs::read(path).expect("a note"));
    notes.iter().for_each(|path| fs::remove_file(path).expect("removed"));
    let data = server.data().to_string_lossy().into_owned();
    let mut again =
        Process::start(&mut product(["serve", "--listen", "127.0.0.1:0", "--data", &data, "--config", &config]));
    again.line_after(READY);
    again.stop();
    notes.iter().zip(signed).for_each(|(path, note)| fs::write(path, note).expect("written"));

    let data = desk.path("data").to_string_lossy().into_owned();
    let refused = || {
        let output = run(["serve", "--listen", "127.0.0.1:0", "--data", &data, "--config", &config]);
        assert_eq!(output.status.code(), Some(1), "refused");
        String::from_utf8(output.stderr).expect("text")
    };
    fs::remove_file(desk.path("iban.wasm.note")).expect("removed");
    let said = refused();
    assert!(said.contains(concat!("iban ", env!("CARGO_PKG_VERSION"))) && said.contains("has no signature"), "{said}");
    // A note about another component says nothing about this one.
    fs::copy(desk.path("vendor.wasm.note"), desk.path("iban.wasm.note")).expect("copied");
    assert!(refused().contains("has no signature"));
    desk.policy("sign --extend iban.wasm --key other.key/ --new vendor.example");
    let said = refused();
    assert!(said.contains("not signed by a trusted key"), "{said}");
}

/// The server runs two signed components and demands signatures.
fn activates_only_what_is_signed(desk: &Desk, server: &Server) {
    let token = server.token("root", "admin");
    let ask = |words: &[&str]| {
        let server = ["--reason", "a test", "--server", server.address()];
        let mut command = product(["policy"].iter().chain(words).chain(&server).copied());
        let output = command.env("MCP_AUDIT_LOG_TOKEN", &token).output().expect("it runs");
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).expect("text"))
    };
    let path = desk.path("bad-action.wasm").to_string_lossy().into_owned();
    let (code, said) = ask(&["activate", &path]);
    assert!(code != Some(0) && said.contains("has no signature"), "{said}");
    desk.policy("sign bad-action.wasm --key stranger.key/ --new stranger.example");
    let (code, said) = ask(&["activate", &path]);
    assert!(code != Some(0) && said.contains("not signed by a trusted key"), "{said}");
    let path = desk.path("vendor.wasm").to_string_lossy().into_owned();
    let (code, said) = ask(&["activate", &path]);
    assert!(code == Some(0) && said.contains("judges now: mcp-audit-log-example-policy"), "{said}");
    let (code, said) = ask(&["rollback"]);
    assert!(code == Some(0) && said.contains("judges now: iban"), "{said}");
}
