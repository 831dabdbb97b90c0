//! Official clients and servers in TypeScript and Python, with calls and answers of any size, as JSON and as events,
//! encoded and not, payloads on and off, one and sixteen at once: one entry each, right in every field, and a bounded
//! memory.
//!
//! The long form also has 8 MB and 64 MB, and takes 24 GB of memory, mostly for clients and servers:
//! `cargo build --release --workspace --all-targets`, then `MCP_AUDIT_LOG_SIZES=long cargo test --release --workspace
//! --test sizes -- --nocapture`.

use std::collections::HashSet;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mcp_audit_log_tests::{Api, Process, Server, eventually, free_port, text};
use serde_json::{Value, json};

/// The most memory that the server may take, in MB, however large the bodies are: its budgets, and the usual memory of
/// a program.
const MOST_MB: u64 = 600;

/// An official SDK: how its server and its client are run.
struct Sdk {
    name: &'static str,
    program: PathBuf,
    script: PathBuf,
    modes: &'static [&'static str],
}

fn sdks() -> [Sdk; 2] {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let typescript = Sdk {
        name: "typescript",
        program: "node".into(),
        script: tests.join("npm/sizes.mjs"),
        modes: &["json", "events", "json-gzip", "events-gzip"],
    };
    let python = Sdk {
        name: "python",
        program: tests.join("../target/oauth/bin/python"),
        script: tests.join("sizes/sizes.py"),
        modes: &["json", "events", "json-gzip"],
    };
    [typescript, python]
}

impl Sdk {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // Sixteen answers of 64 MB are more than Node.js gives its heap by itself.
        command.arg(&self.script).stdin(Stdio::null()).env("NODE_OPTIONS", "--max-old-space-size=12000");
        command
    }

    fn serve(&self) -> (Process, u16) {
        let port = free_port();
        let process = Process::start(self.command().arg("serve").arg(port.to_string()));
        eventually("the official server listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        (process, port)
    }

    fn call(&self, url: &str, token: &str, size: usize, calls: usize, more: &[&str]) {
        let (size, calls) = (size.to_string(), calls.to_string());
        let arguments = ["call", "--url", url, "--token", token, "--size", &size, "--calls", &calls];
        let output = self
            .command()
            .args(arguments)
            .args(more)
            .output()
            .expect("the official client starts; run tests/run first");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} of {size} bytes at {url}: {complaint}", self.name);
    }
}

fn is_long() -> bool {
    std::env::var("MCP_AUDIT_LOG_SIZES").is_ok_and(|form| form == "long")
}

#[test]
fn each_call_of_a_burst_of_large_calls_is_an_entry() {
    let calls = if is_long() { 2_000 } else { 64 };
    let [typescript, _] = sdks();
    let (_upstream, port) = typescript.serve();
    let server = Server::start(&[("json", &format!("http://127.0.0.1:{port}/json"))]);
    let (admin, token) = (server.api("admin"), server.token("ursula", "user"));
    admin.set(json!({"log_payloads": true}));
    typescript.call(&server.mcp("json"), &token, 900_000, calls, &["--at-once", "32"]);
    let counted = eventually("an entry for each call", || {
        let answer = admin.get("/api/v1/groups?by=outcome_detail&method=tools/call&tool=echo").json();
        let groups = answer["groups"].as_array().expect("groups").clone();
        let count = |group: &Value| group["count"].as_u64().unwrap_or_default();
        (groups.iter().map(count).sum::<u64>() >= calls as u64).then_some(groups)
    });
    assert_eq!(counted.len(), 1, "each was answered well: {counted:?}");
    assert_eq!(text(&counted[0]["keys"], "outcome_detail"), "ok", "{counted:?}");
    assert_eq!(counted[0]["count"], calls, "no call is more than one entry");
    assert_eq!(admin.entries("action=log.gap").len(), 0, "nothing was lost");
    let peak = peak_mb(server.process().id());
    println!("{calls} calls of 900 kB, 32 at once: the server took {peak} MB at most");
    assert!(peak < MOST_MB, "{peak} MB");
}

#[test]
fn a_call_of_any_size_is_one_entry() {
    let rounds: &[(usize, usize)] = match is_long() {
        true => &[
            (10_000, 1),
            (10_000, 16),
            (1_000_000, 16),
            (8_000_000, 1),
            (8_000_000, 16),
            (64_000_000, 1),
            (64_000_000, 16),
        ],
        false => &[(10_000, 16), (1_000_000, 4)],
    };
    let peaks = sdks().map(|sdk| (sdk.name, all_rounds(&sdk, rounds)));
    for (name, peak) in peaks {
        println!("{name}: the server took {peak} MB at most");
        assert!(peak < MOST_MB, "{name}: {peak} MB");
    }
}

/// Makes all calls of an SDK, and returns the server's peak memory, in MB.
fn all_rounds(sdk: &Sdk, rounds: &[(usize, usize)]) -> u64 {
    let (upstream, port) = sdk.serve();
    let urls: Vec<_> = sdk.modes.iter().map(|mode| (*mode, format!("http://127.0.0.1:{port}/{mode}"))).collect();
    let upstreams: Vec<_> = urls.iter().map(|(mode, url)| (*mode, url.as_str())).collect();
    let server = Server::start(&upstreams);
    let (admin, token) = (server.api("admin"), server.token("ursula", "user"));
    let mut made = vec![0; urls.len()];
    for payloads in [false, true] {
        admin.set(json!({"log_payloads": payloads}));
        for ((mode, _), made) in urls.iter().zip(&mut made) {
            for (size, calls) in rounds {
                sdk.call(&server.mcp(mode), &token, *size, *calls, &[]);
                *made += calls;
                let entries = calls_of(&admin, mode, *made);
                let entries = &entries[..*calls];
                entries.iter().for_each(|entry| is_right(&admin, entry, mode, *size, payloads));
                let ids: HashSet<_> = entries.iter().map(|entry| text(entry, "request_id")).collect();
                assert_eq!(ids.len(), *calls, "each call has an id of its own");
            }
        }
    }
    assert_eq!(admin.entries("action=log.gap").len(), 0, "nothing was lost");
    drop(upstream);
    peak_mb(server.process().id())
}

/// The entries of the calls in this mode, newest first, once there are `count` of them; never more.
fn calls_of(admin: &Api, mode: &str, count: usize) -> Vec<Value> {
    let query = format!("method=tools/call&server={mode}&limit=500");
    eventually("an entry for each call", || {
        let entries = admin.entries(&query);
        assert!(entries.len() <= count, "{} entries of {count} calls", entries.len());
        (entries.len() == count).then_some(entries)
    })
}

fn is_right(admin: &Api, entry: &Value, mode: &str, size: usize, payloads: bool) {
    let of = |name: &str| entry[name].as_u64().unwrap_or_else(|| panic!("no {name}: {entry}"));
    let said = ["kind", "method", "tool", "outcome", "outcome_detail", "user"].map(|name| text(entry, name));
    assert_eq!(said, ["request", "tools/call", "echo", "success", "ok", "ursula"], "{entry}");
    let size = size as u64;
    assert!((size..2 * size + 2_000).contains(&of("request_bytes")), "{size} at {mode}: {entry}");
    let answer = if mode.ends_with("-gzip") { 1..size } else { size..2 * size + 2_000 };
    assert!(answer.contains(&of("response_bytes")), "{size} at {mode}: {entry}");
    assert_eq!(entry["has_payload"], payloads, "{entry}");
    let whole = admin.entry(text(entry, "id")).json();
    assert_eq!(whole["details"].get("truncated"), None, "all of it was read: {whole}");
}

/// The peak memory of a process so far.
fn peak_mb(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1_024
}
