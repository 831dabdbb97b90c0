//! The folders that `mcp-audit-log policy new` writes: each builds without this repository, passes `check` and its own
//! cases, judges and grants as the one in Rust does, and records.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail, Target};
use mcp_audit_log::field::Field;
use mcp_audit_log::filter::Domain;
use mcp_audit_log::policy::{Limits, Policy};
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::{Options, Viewer};
use mcp_audit_log_policy_tools::cases::{Touched, run};
use mcp_audit_log_policy_tools::check::check;
use mcp_audit_log_policy_tools::declared::{extension_of_toml, policy_of_toml};
use mcp_audit_log_policy_tools::difference::differences;
use mcp_audit_log_tests::{binary, product};

/// A folder of a new policy, built.
struct Built {
    folder: tempfile::TempDir,
    name: &'static str,
    /// The component.
    path: PathBuf,
}

impl Built {
    /// Writes the folder as the command does, with these further words, and runs its build with tools that are installed.
    fn new(name: &'static str, lang: &str, words: &[&str], component: &str, tools: impl Fn(&mut Command)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let first = ["policy", "new", name, "--lang", lang];
        let new = product(first.iter().chain(words).copied()).current_dir(&folder).output().expect("the command");
        let said = String::from_utf8_lossy(&new.stdout).into_owned();
        assert!(new.status.success() && said.contains(component), "{said}{}", String::from_utf8_lossy(&new.stderr));
        let inside = folder.path().join(name);
        // The command that it says, on a shell.
        let line = said.lines().find_map(|line| line.trim().strip_prefix(&format!("cd {name} && "))).expect("a build");
        let mut build = Command::new("sh");
        build.args(["-c", &line.replace("npm install", "npm run --silent build")]).current_dir(&inside);
        for unset in ["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CLIPPY_ARGS", "CARGO_TARGET_DIR"] {
            build.env_remove(unset);
        }
        tools(&mut build);
        let built = build.output().expect("a shell");
        let said = [built.stdout, built.stderr].concat();
        assert!(built.status.success(), "{lang}: {}", String::from_utf8_lossy(&said));
        Self { path: inside.join(component), folder, name }
    }

    /// The policy in Rust, which the others are compared with; it is built once.
    fn rust_policy() -> &'static Self {
        static BUILT: OnceLock<Built> = OnceLock::new();
        BUILT.get_or_init(|| Self::rust(&[]))
    }

    fn rust(words: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let new = Self::new("orders", "rust", words, "target/wasm32-unknown-unknown/release/orders.wasm", |build| {
            // What the workspace's policies were built with is there already, by the versions of its lock file.
            let lock = build.get_current_dir().expect("a folder").join("Cargo.lock");
            fs::copy(root.join("Cargo.lock"), lock).expect("copied");
            build.env("CARGO_NET_OFFLINE", "true");
        });
        assert!(new.folder.path().join("orders/sdk/wit/policy.wit").is_file());
        new
    }

    fn js(words: &[&str]) -> Self {
        Self::new("orders", "js", words, component(words), |build| {
            let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("npm/node_modules/.bin");
            assert!(tools.join("componentize-qjs").exists(), "run tests/run, or `npm ci` in tests/npm first");
            let path = std::env::var("PATH").unwrap_or_default();
            build.env("PATH", format!("{}:{path}", tools.display()));
        })
    }

    fn c(words: &[&str]) -> Self {
        Self::new("orders", "c", words, component(words), |build| {
            let python = tool("python");
            build.env("CC", format!("{} -m ziglang cc --target=wasm32-freestanding", python.display()));
            build.env("MCP_AUDIT_LOG", binary());
        })
    }

    fn python(words: &[&str]) -> Self {
        Self::new("orders", "python", words, component(words), |build| {
            build.env("COMPONENTIZE_PY", tool("componentize-py"));
        })
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).expect("a component")
    }

    fn load(&self) -> Policy {
        Policy::load(&self.bytes(), Limits::default(), SystemClock.now()).expect(self.name)
    }

    /// The default policy under it, an extension.
    fn over_the_default(&self) -> Policy {
        over_the_default(self.bytes())
    }

    /// Its own cases pass.
    fn passes_its_cases(&self, policy: &Policy) {
        let cases = self.folder.path().join(self.name).join("cases");
        let cases = fs::read_dir(cases).expect("cases").next().expect("a file").expect("a file").path();
        let cases = fs::read_to_string(cases).expect("cases");
        let cases = serde_json::from_str(&cases).expect("JSON");
        let done = run(policy, &cases, &mut Touched::default()).expect("cases");
        assert!(done.cases > 2 && done.failures.is_empty() && done.faults.is_empty(), "{done:?}");
    }

    /// A log starts with it, and records what it judges.
    fn records(&self) {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Options::new(folder.path()).policy(self.bytes()).open().expect("a log");
        let event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
        let target = Some(Target::Tool("place_order".into()));
        let event = Event { method: Some("tools/call".into()), target, ..event };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(log.record_durably(event)).expect("recorded");
        let viewer = Viewer { user: "root".into(), groups: vec!["admin".into()], instance: None };
        let access = log.view().access(&viewer);
        let of_mcp = Domain::equals(Field::Channel, "mcp");
        let entries = log.view().reader(&access).page(of_mcp, None, 10).expect("a page").entries;
        let actions: Vec<_> = entries.iter().filter_map(|entry| entry.text(Field::Action)).collect();
        assert_eq!(actions, ["order.placed"]);
        log.close();
    }
}

/// The words that begin an extension.
const EXTENDS: &[&str] = &["--extends", "default"];

/// The component that such a folder builds.
fn component(words: &[&str]) -> &'static str {
    if words == EXTENDS { "extension.wasm" } else { "policy.wasm" }
}

fn over_the_default(extension: Vec<u8>) -> Policy {
    let policy = Policy::builtin(Limits::default(), SystemClock.now()).expect("the default policy");
    policy.extended(&[extension], SystemClock.now()).expect("it fits")
}

/// A tool of tests/languages/requirements.txt.
fn tool(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/languages/bin").join(name);
    assert!(path.exists(), "{} is missing: run tests/run first", path.display());
    path
}

/// Judges and grants as the one in Rust does: nothing but the digest is different.
fn is_the_same(rust: &Policy, other: &Policy) {
    let differences = differences(rust, other);
    let only_the_digest = differences.iter().all(|one| matches!(one.part, "policy" | "extension"));
    assert!(!differences.is_empty() && only_the_digest, "{differences:#?}");
}

#[test]
fn a_new_policy_in_rust_builds_outside_of_the_repository_and_is_green() {
    let built = Built::rust_policy();
    let policy = built.load();
    assert_eq!(check(&policy).findings, []);
    built.passes_its_cases(&policy);
    built.records();
}

#[test]
fn a_new_extension_in_any_language_judges_and_grants_alike_and_is_green() {
    let rust = Built::rust(EXTENDS);
    let [first, others @ ..] = [rust, Built::js(EXTENDS), Built::c(EXTENDS), Built::python(EXTENDS)];
    let stack = first.over_the_default();
    assert_eq!(check(&stack).findings, []);
    first.passes_its_cases(&stack);
    for built in others {
        let policy = built.over_the_default();
        assert_eq!(check(&policy).findings, []);
        is_the_same(&stack, &policy);
        built.passes_its_cases(&policy);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let new = product(["policy", "new", "orders", "--lang", "toml"].iter().chain(EXTENDS).copied());
    assert!({ new }.current_dir(&folder).output().expect("the command").status.success());
    let text = fs::read_to_string(folder.path().join("orders/extension.toml")).expect("declarations");
    let policy = over_the_default(extension_of_toml(&text).expect("an extension"));
    assert_eq!(check(&policy).findings, []);
    let cases = fs::read_to_string(folder.path().join("orders/cases/extension.json")).expect("cases");
    let done = run(&policy, &serde_json::from_str(&cases).expect("JSON"), &mut Touched::default()).expect("cases");
    assert!(done.cases > 2 && done.failures.is_empty(), "{done:?}");
}

#[test]
fn the_same_policy_in_javascript_and_c_judges_and_grants_alike_and_is_green() {
    let rust = Built::rust_policy().load();
    for built in [Built::js(&[]), Built::c(&[])] {
        let policy = built.load();
        assert_eq!(check(&policy).findings, []);
        is_the_same(&rust, &policy);
        built.passes_its_cases(&policy);
        built.records();
    }
}

/// The declarations are a part of the component, and so of its digest.
#[test]
fn the_same_policy_in_toml_judges_and_grants_alike_and_is_green() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |words: &[&str]| {
        let output = product(words.iter().copied()).current_dir(&folder).output().expect("the command");
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    assert_eq!(run(&["policy", "new", "orders", "--lang", "toml"]).0, Some(0));
    let (code, said) = run(&["policy", "check", "orders/policy.toml"]);
    assert!(code == Some(0) && said.contains("no findings"), "{said}");
    let (code, said) = run(&["policy", "test", "orders/cases", "--policy", "orders/policy.toml"]);
    assert!(code == Some(0) && said.contains("OK      5 cases"), "{said}");
    let text = fs::read_to_string(folder.path().join("orders/policy.toml")).expect("declarations");
    let load = |text: &str| {
        let component = policy_of_toml(text).expect("a component");
        Policy::load(&component, Limits::default(), SystemClock.now()).expect("a policy")
    };
    let policy = load(&text);
    is_the_same(&Built::rust_policy().load(), &policy);
    assert_ne!(policy.digest(), load(&text.replace("place_order", "buy")).digest());
    fs::write(folder.path().join("bad.toml"), "name = 'bad'").expect("written");
    let (code, said) = run(&["policy", "check", "bad.toml"]);
    assert!(code == Some(2) && said.contains("bad.toml: ") && said.contains("missing field `version`"), "{said}");
}

/// An extension in TOML: its group sees its entries, an action and a mask.
#[test]
fn an_extension_in_toml_lies_over_the_default_policy() {
    let text = r#"
        name = "shop"
        version = "1"
        [[group]]
        name = "seller"
        label = "Seller"
        rights = ["read"]
        sees = [["server", "=", "shop"]]
        [[restriction]]
        sees = [["server", "!=", "payroll"]]
        [[action]]
        name = "shop.ordered"
        label = "Ordered"
        when = ["|", ["target", "=", "place_order"], ["target", "=", "buy"], ["method", "=", "tools/call"]]
        [[mask]]
        name = "shop.ibans"
        keys = ["iban"]
        [payload]
        when = [["channel", "=", "mcp"]]
        masks = ["shop.ibans"]
        kib = 1
    "#;
    let policy = over_the_default(extension_of_toml(text).expect("an extension"));
    assert_eq!(check(&policy).findings, []);
    let cases = serde_json::json!([
        {
            "name": "bought",
            "settings": { "log_payloads": true },
            "event": { "channel": "mcp", "method": "tools/call", "target": "buy", "payload": true },
            "verdict": {
                "action": "shop.ordered",
                "affected": { "kind": "tool", "name": "buy" },
                "payload": { "masks": ["shop.ibans"], "max_bytes": 1024 }
            }
        },
        {
            "name": "another call",
            "settings": { "log_payloads": true },
            "event": { "channel": "stdio", "method": "tools/call", "target": "search", "payload": true },
            "verdict": { "action": "tool.called", "affected": { "kind": "tool", "name": "search" } }
        },
    ]);
    let done = run(&policy, &cases, &mut Touched::default()).expect("cases");
    assert!(done.cases == 2 && done.failures.is_empty(), "{done:?}");
    let viewer = Viewer { user: "sam".into(), groups: vec!["seller".into()], instance: None };
    let settings = mcp_audit_log::settings::Settings::load(&policy.manifest().settings, &Default::default());
    let grant = format!("{:?}", policy.access(&settings, &viewer, SystemClock.now()).expect("a grant"));
    assert!(grant.contains("shop") && grant.contains("payroll"), "{grant}");
}

#[test]
fn the_same_policy_in_python_judges_and_grants_alike_and_is_green() {
    let built = Built::python(&[]);
    let policy = built.load();
    assert_eq!(check(&policy).findings, []);
    is_the_same(&Built::rust_policy().load(), &policy);
    built.passes_its_cases(&policy);
    built.records();
}

#[test]
fn a_folder_is_never_overwritten_and_a_name_is_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = |words: &[&str]| {
        let words = ["policy", "new"].iter().chain(words).copied();
        let output = product(words).current_dir(&folder).output().expect("the command");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(new(&["orders"]).0, Some(0));
    let (code, said) = new(&["orders", "--lang", "js"]);
    assert!(code == Some(2) && said.contains("orders is there already"), "{said}");
    let (code, said) = new(&["../orders"]);
    assert!(code == Some(2) && said.contains("is no name for a policy"), "{said}");
}
