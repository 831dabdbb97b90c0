//! Judgements made again from a bundle, in an empty folder without the log; and each forgery of what judged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mcp_audit_log::event::{Body, Caller, Channel, Event, Kind, OutcomeDetail, Payload, Target};
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::{AuditLog, Options, PolicyRequest, Viewer};
use mcp_audit_log_boundary_tests as evil;
use mcp_audit_log_tests::{assert_plain, run};
use serde_json::{Value, json};

/// A log with a vendor's policy, a changed setting, and an extension that was activated later; and the bundles of it.
struct World {
    /// What an outsider has.
    elsewhere: tempfile::TempDir,
    folder: tempfile::TempDir,
    keys: Vec<String>,
}

fn call(user: &str, server: &str, tool: &str, arguments: &Value) -> Event {
    let event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    let request = json!({ "method": "tools/call", "params": { "name": tool, "arguments": arguments } });
    let payload = Payload { request: Some(Body::whole(request.to_string())), response: None };
    let event = Event {
        method: Some("tools/call".into()),
        target: Some(Target::Tool(tool.into())),
        server: Some(server.into()),
        caller: Caller { user: Some(user.into()), ..Caller::default() },
        payload: Some(payload),
        ..event
    };
    arguments.as_object().into_iter().flatten().fold(event, |event, (name, value)| event.argument(name, value))
}

async fn record(log: &AuditLog, events: Vec<Event>) {
    for event in events {
        log.record_durably(event).await.expect("recorded");
    }
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Options::new(folder.path()).policy(evil::VENDOR.to_vec()).open().expect("a log");
        let admin = log.view().access(&Viewer::new("root", ["admin"]));
        record(
            &log,
            vec![
                call("uma", "crm", "send_invoice", &json!({ "model": "account.move" })),
                call("otto", "payroll", "raise", &json!({})),
            ],
        )
        .await;
        let on = json!({ "log_payloads": true, "retention_days": 60 });
        log.change_settings(&admin, on.as_object().expect("an object")).expect("changed");
        record(
            &log,
            vec![call("uma", "crm", "search", &json!({ "model": "account.move", "id": 7, "password": "hunter2" }))],
        )
        .await;
        let request = PolicyRequest {
            policy: Some(evil::VENDOR.to_vec()),
            extensions: vec![evil::IBAN.to_vec()],
            reason: "a test".to_owned(),
            ..PolicyRequest::default()
        };
        log.activate_policy(&admin, &request).expect("activated");
        let hidden = call("otto", "crm", "search", &json!({}));
        let last = call("uma", "crm", "search", &json!({ "model": "account.move", "to": "DE89370400440532013000" }));
        record(&log, vec![hidden, last]).await;
        log.close();
        drop(log);
        let output = run(["key", "list", "--data", &folder.path().to_string_lossy()]);
        let keys = String::from_utf8_lossy(&output.stdout).lines().map(ToOwned::to_owned).collect();
        Self { elsewhere: tempfile::tempdir().expect("a folder"), folder, keys }
    }

    fn made(&self, name: &str, words: &[&str]) -> (Option<i32>, String) {
        let (data, path) = (self.folder.path().to_string_lossy(), self.elsewhere.path().join(name));
        let file = path.to_string_lossy().into_owned();
        let words = ["bundle", "--data", &data, "-o", &file].into_iter().chain(words.iter().copied());
        let output = run(words);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// A bundle with judgements, as text.
    fn bundle(&self, name: &str, words: &[&str]) -> String {
        let all = ["--with-judgement", "--group", "admin", "--group", "auditor"];
        let (code, said) = self.made(name, &all.into_iter().chain(words.iter().copied()).collect::<Vec<_>>());
        assert_eq!(code, Some(0), "{said}");
        fs::read_to_string(self.elsewhere.path().join(name)).expect("a bundle")
    }

    /// The exit code and what is said about this bundle, without the log.
    fn judged(&self, text: &str, words: &[&str]) -> (Option<i32>, String) {
        let path = self.elsewhere.path().join("given");
        fs::write(&path, text).expect("written");
        let file = path.to_string_lossy().into_owned();
        let mut all = vec!["verify", "--bundle", &file, "--judge"];
        self.keys.iter().for_each(|key| all.extend(["--key", key]));
        all.extend(words);
        let output = run(all);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !words.contains(&"--json") {
            assert_plain(&said);
        }
        (output.status.code(), format!("{said}{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// The exit code of the verifier in Python.
    fn by_python(&self, text: &str) -> Option<i32> {
        let path = self.elsewhere.path().join("given");
        fs::write(&path, text).expect("written");
        let output = Command::new(root().join("target/verifier/bin/python"))
            .arg(root().join("tests/verifier/verify_bundle.py"))
            .arg(&path)
            .args(&self.keys)
            .output()
            .expect("Python; run tests/run first");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("Traceback"), "{output:?}");
        output.status.code()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The lines that are of this kind, and the text without them.
fn parted(text: &str, kind: &str) -> (Vec<String>, String) {
    let begin = format!("{{\"judgement\":\"{kind}\"");
    let (of, others): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with(&begin));
    (of.into_iter().map(str::to_owned).collect(), others.into_iter().map(|line| format!("{line}\n")).collect())
}

#[tokio::test]
async fn an_outsider_makes_judgements_again_and_sees_what_judged() {
    let world = World::new().await;
    let text = world.bundle("all", &["--payloads"]);
    let (code, said) = world.judged(&text, &["--as", "uma", "--group", "user"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("PROVED") && !said.contains("UNPROVED") && !said.contains("DIFFERENT"), "{said}");
    let policies: Vec<_> = said.lines().filter(|line| line.starts_with("POLICY")).collect();
    assert!(
        policies[0].contains(concat!(
            "from seq 0 on: mcp-audit-log-example-policy ",
            env!("CARGO_PKG_VERSION"),
            " (sha256:"
        )),
        "{said}"
    );
    assert!(policies[1].ends_with("the same components, with log_payloads = true, retention_days = 60"), "{said}");
    assert!(policies[2].contains(concat!(", iban ", env!("CARGO_PKG_VERSION"), " (sha256:")), "{said}");
    assert!(said.contains("RULE       to uma, the rule of then showed seq 1,"), "{said}");
    let (code, said) = world.judged(&text, &["--json"]);
    let report: Value = serde_json::from_str(said.lines().next().expect("a line")).expect("JSON");
    assert_eq!((code, report["is_proved"].as_bool()), (Some(0), Some(true)));
    let entries = report["entries"].as_array().expect("entries");
    assert!(entries.iter().all(|entry| entry["result"] == "same" && entry["said_by"].is_u64()), "{report}");
    assert_eq!(world.by_python(&text), Some(0));
    // Only the calls of one user: the entries that say what judged come as proofs.
    let text = world.bundle("uma", &["user:uma"]);
    let (code, said) = world.judged(&text, &[]);
    assert!(code == Some(0) && said.contains("SAID BY    seq 4, 6, 9"), "{said}");
    assert_eq!(world.by_python(&text), Some(0));
    // A viewer of the bundle alone may neither configure nor verify.
    let (code, said) = world.made("not", &["--with-judgement", "--group", "user"]);
    assert!(code == Some(1) && said.contains("right") && !world.elsewhere.path().join("not").exists(), "{said}");
}

#[tokio::test]
async fn each_forgery_of_what_judged_is_found() {
    let world = World::new().await;
    let text = world.bundle("uma", &["user:uma", "--payloads"]);
    assert_eq!(world.judged(&text, &[]).0, Some(0));
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let (components, without_components) = parted(&text, "component");
    let (records, without_records) = parted(&text, "record");
    let (sealed, without_sealed) = parted(&text, "sealed");
    let iban = components.iter().find(|line| line.contains(&digest(evil::IBAN))).expect("a component");
    let middle = iban.len() / 2;
    let other = if iban[middle..].starts_with('A') { "B" } else { "A" };
    let changed = format!("{}{other}{}", &iban[..middle], &iban[middle + 1..]);
    let looping = evil::mistaken(evil::EXTENSION, "spin").expect("an extension");
    let swapped = replaced(iban, &component(&looping)).replace(&digest(evil::IBAN), &digest(&looping));
    let proof_of_another = replaced(
        "sealed\",\"proof\":\"c2sp.org/tlog-proof@v1\\nextra AAE",
        "sealed\",\"proof\":\"c2sp.org/tlog-proof@v1\\nextra AAI",
    );
    for (what, forged, sentence) in [
        ("a byte of a component", replaced(iban, &changed), "its bytes have another digest"),
        ("another component under its own digest", swapped, "says that something else judged it"),
        ("a setting", replaced("\"retention_days\":60", "\"retention_days\":61"), "says that something else judged it"),
        (
            "a mask of the host that is off",
            replaced("\"masks_off\":[]", "\"masks_off\":[\"passwords\"]"),
            "something else",
        ),
        (
            "a setting that nothing declares",
            replaced("\"usage_ret", "\"unknown\":1,\"usage_ret"),
            "says that something else judged it",
        ),
        ("a field of an event", replaced("\"server\":\"crm\"", "\"server\":\"cry\""), "do not match the signed root"),
        ("no component", replaced(&format!("{iban}\n"), ""), "is missing in the bundle"),
        ("none at all", without_components, "is missing in the bundle"),
        ("a component twice", replaced(iban, &format!("{iban}\n{iban}")), "is there twice"),
        ("no first record", replaced(&format!("{}\n", records[0]), ""), "does not have what judged it"),
        ("no last record", replaced(&format!("{}\n", records[2]), ""), "says that something else judged it"),
        ("another beginning", replaced("\"since\":7", "\"since\":8"), "says that something else judged it"),
        ("a changed proof", proof_of_another, "is not proved"),
        (
            "another spelling",
            replaced("{\"judgement\":\"record\",\"since\":7", "{\"judgement\":\"record\",\"since\": 7"),
            "not in the format",
        ),
        ("a line of another kind", format!("{text}{{\"judgement\":\"other\"}}\n"), "not in the format"),
        ("a cut end", text[..text.len() - 1].to_owned(), "more entries"),
    ] {
        assert_ne!(forged, text, "{what} changes nothing");
        let (code, said) = world.judged(&forged, &[]);
        assert!(code == Some(1) && said.contains("WRONG") && said.contains(sentence), "{what}: {code:?} {said}");
    }
    // Without what the log says, nothing is proved, and nothing is wrong.
    let (code, said) = world.judged(&without_sealed, &[]);
    assert!(code == Some(3) && said.contains("no entry in the bundle says what judged them"), "{said}");
    let (code, said) = world.judged(&replaced(&format!("{}\n", sealed[sealed.len() - 1]), ""), &[]);
    assert!(code == Some(3) && said.contains("began what judged them; up to"), "{said}");
    let (code, said) = world.judged(&without_records, &[]);
    assert!(code == Some(2) && said.contains("bundle --with-judgement"), "{said}");
    let (code, said) = world.judged(&parted(&text, "component").1.replace("\"judgement\"", "\"nothing\""), &[]);
    assert!(code == Some(1) && said.contains("more entries"), "{said}");
    for forged in [&replaced(iban, &changed), &proof_of_none(&text)] {
        assert_eq!(world.by_python(forged), Some(1));
    }
}

/// Other settings and components that no sealed entry contradicts give other judgements, or none.
#[tokio::test]
async fn a_judgement_that_differs_shows_both_and_a_component_that_loops_costs_little() {
    let world = World::new().await;
    let (_, text) = parted(&world.bundle("uma", &["user:uma", "--payloads"]), "sealed");
    let off = text.replacen("\"log_payloads\":true", "\"log_payloads\":false", 1);
    let (code, said) = world.judged(&off, &[]);
    assert!(
        code == Some(1)
            && said.contains("DIFFERENT  seq 5: payload: kept was recorded, not kept: the switch is off again"),
        "{said}"
    );
    let unknown = text.replacen("\"usage_ret", "\"unknown\":1,\"usage_ret", 1);
    let (code, said) = world.judged(&unknown, &[]);
    assert!(code == Some(1) && said.contains("not those that the policy declares"), "{said}");
    // The default policy has no invoices.
    let default = mcp_audit_log::policy::Policy::builtin_component();
    let with = |component: &[u8], before: &[u8]| {
        let (_, others) = parted(&text, "component");
        let lines = [evil::VENDOR, evil::IBAN].into_iter().filter(|one| *one != before).chain([component]);
        let lines: Vec<_> = lines.map(self::component).collect();
        format!("{}{}\n", others.replace(&digest(before), &digest(component)), lines.join("\n"))
    };
    let (code, said) = world.judged(&with(default, evil::VENDOR), &[]);
    assert!(said.contains("action: invoice.sent was recorded, tool.called again"), "{code:?} {said}");
    let looping = evil::mistaken(evil::EXTENSION, "spin").expect("an extension");
    let (code, said) = world.judged(&with(&looping, evil::IBAN), &[]);
    assert!(said.contains("fault: none was recorded, fuel again"), "{code:?} {said}");
    for (component, sentence) in [(evil::MANIFEST_SPIN, "fuel"), (b"nothing".as_slice(), "refuses the policy")] {
        let (code, said) = world.judged(&with(component, evil::VENDOR), &[]);
        assert!(code == Some(3) && said.contains("NOT JUDGED") && said.contains(sentence), "{code:?} {said}");
    }
}

#[tokio::test]
async fn a_bundle_without_judgements_or_components_says_what_to_do() {
    let world = World::new().await;
    let (code, said) = world.made("plain", &[]);
    assert_eq!(code, Some(0), "{said}");
    let plain = fs::read_to_string(world.elsewhere.path().join("plain")).expect("a bundle");
    assert!(!plain.contains("\"judgement\":\"record\""), "{plain}");
    let (code, said) = world.judged(&plain, &[]);
    assert!(code == Some(2) && said.contains("make a bundle with `mcp-audit-log bundle --with-judgement`"), "{said}");
    let name = digest(evil::VENDOR).replace("sha256:", "") + ".wasm";
    fs::remove_file(world.folder.path().join("policies").join(name)).expect("removed");
    let (code, said) = world.made("lost", &["--with-judgement", "--policy", "default", "--group", "admin"]);
    assert!(code == Some(1) && said.contains("restore the folder `policies` from a backup"), "{said}");
    assert!(!world.elsewhere.path().join("lost").exists());
}

fn digest(component: &[u8]) -> String {
    mcp_audit_log::policy::digest(component)
}

fn component(bytes: &[u8]) -> String {
    mcp_audit_log::ledger::JudgementLine::component(digest(bytes), bytes).line()
}

/// Another entry in a proof.
fn proof_of_none(text: &str) -> String {
    text.replacen("\\nindex ", "\\nindex 1", 1)
}
