//! Invariants of the sources: which module may name what, names, and the length of files.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mcp_audit_log::policy::CONTRACTS;
use sha2::{Digest, Sha256};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file below `folder`, as its path from the workspace's root and its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder).expect("a folder") {
            let path = item.expect("an item").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
                found.push((name, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// The code of the façade and of the crates below it.
fn code() -> Vec<(String, String)> {
    [sources("host/src"), sources("host/crates")].concat()
}

/// The manifest of the façade and of each crate below it, with the name of its folder.
fn manifests() -> Vec<(String, String)> {
    let crates = fs::read_dir(root().join("host/crates")).expect("a folder").map(|item| item.expect("an item").path());
    let folders = crates.chain([root().join("host")]);
    let read = |folder: PathBuf| {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest"))
    };
    folders.map(read).collect()
}

/// Only files whose path begins with one of `allowed` may contain one of `words`.
fn only_in(allowed: &[&str], words: &[&str]) {
    for (path, text) in code() {
        let named = words.iter().find(|word| text.contains(**word));
        let here = allowed.iter().any(|allowed| path.starts_with(allowed));
        assert!(here || named.is_none(), "{path} names {named:?}, which belongs in {allowed:?}");
    }
}

#[test]
fn each_external_dependency_is_named_in_one_module() {
    only_in(&["host/crates/sandbox/"], &["wasmtime::"]);
    // Only the policy may grant access, and the log for reading its own last entry.
    only_in(
        &["host/crates/contract/", "host/crates/sandbox/src/from_wit.rs", "host/crates/service/src/open.rs"],
        &["Grant::new("],
    );
    only_in(&["host/crates/store/"], &["rusqlite", "SELECT ", "INSERT INTO", "DELETE FROM"]);
    only_in(&["host/crates/model/src/time.rs"], &["Utc::now", "SystemTime::now", "Local::now", "now_v7"]);
    // The guide shows how axum mounts the log.
    only_in(&["host/crates/http/", "host/crates/capture/", "host/src/cli/", "host/src/guide.rs"], &["axum::"]);
    only_in(&["host/crates/http/src/metrics.rs"], &["prometheus_client"]);
    only_in(&["host/crates/export/"], &["parquet::basic", "parquet::file", "csv::Writer", "csv::{"]);
    only_in(&["host/src/cli/"], &["clap::"]);
    only_in(&["host/crates/http/src/mcp/", "host/src/cli/demo/"], &["rmcp::"]);
}

/// A crate can use only the dependencies in its manifest, so these lists enforce the separation.
#[test]
fn each_external_dependency_belongs_to_one_crate() {
    for (dependency, allowed) in [
        ("wasmtime", &["sandbox"][..]),
        ("rusqlite", &["store"]),
        ("axum", &["capture", "http", "host"]),
        ("askama", &["http"]),
        ("parquet", &["export"]),
        ("prometheus-client", &["http"]),
        ("rmcp", &["http", "host"]),
        ("clap", &["host"]),
    ] {
        for (krate, manifest) in manifests() {
            let own = manifest.split("[dev-dependencies]").next().unwrap_or_default();
            let named = own.lines().any(|line| {
                line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with('.') || rest.starts_with(' '))
            });
            assert!(
                !named || allowed.contains(&krate.as_str()),
                "{krate} depends on {dependency}; only {allowed:?} may"
            );
        }
    }
}

/// A second verifier, or a program that only filters, can use these crates on any platform.
#[test]
fn the_lower_crates_do_no_input_or_output() {
    for krate in ["model", "filter", "contract", "ledger", "index"] {
        for (path, text) in sources(&format!("host/crates/{krate}/src")) {
            let words = [
                "std::fs",
                "std::net",
                "std::process",
                "std::env",
                "std::thread",
                "tokio",
                "rusqlite",
                "hyper",
                "axum",
            ];
            let named = words.iter().find(|word| text.contains(**word));
            assert!(named.is_none(), "{path} names {named:?}; {krate} does no input or output");
        }
    }
}

/// `Routes::at` takes a route with its documentation; a plain router would accept a route without.
#[test]
fn every_route_of_the_api_is_documented() {
    for (path, text) in sources("host/crates/http/src/api") {
        let plain = [".route(", ".route_service(", ".nest("].iter().find(|word| text.contains(**word));
        assert!(plain.is_none(), "{path} has {plain:?}: add routes with Routes::at, as http/openapi/mod.rs says");
    }
}

#[test]
fn every_file_says_why_it_exists_and_has_a_readable_length() {
    // Files that declare modules, or that cargo looks for, are as short as they are.
    const ROOTS: [&str; 4] = ["mod.rs", "lib.rs", "main.rs", "build.rs"];
    let folders = ["host/src", "host/crates", "host/benches", "host/examples", "host/tests", "guest", "tests"];
    for (path, text) in folders.into_iter().flat_map(sources).filter(|(path, _)| !path.contains("node_modules")) {
        assert!(text.starts_with("//!"), "{path} does not begin with a line about itself");
        let lines = text.lines().count();
        assert!(lines <= 400, "{path} has {lines} lines; split it");
        let is_root = ROOTS.iter().any(|root| path.ends_with(&format!("/{root}")));
        let has_reason = text.starts_with("//! (short: ");
        assert!(
            lines >= 40 || is_root || has_reason,
            "{path} has {lines} lines; merge it into a neighbour, or begin it with `//! (short: reason)`"
        );
    }
}

/// `docs/design/house.md` has figures about the source code, and each public type name is declared once.
#[test]
fn the_page_about_the_house_is_current() {
    let checked = Command::new(root().join("tests/house")).arg("--check").output().expect("Python");
    let said = [checked.stdout, checked.stderr].concat();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// Embedders copy from these documents, so they show what compiles and is tested.
#[test]
fn the_documents_embed_as_the_example_does() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect("a file");
    let code = |path: &str| {
        let text = read(path);
        let (_, section) = text.split_once("## Embed it").expect("a section");
        let (_, code) = section.split_once("```rust\n").expect("its code");
        code.split_once("```").expect("its end").0.to_owned()
    };
    let example = read("host/examples/embed.rs");
    assert!(code("docs/embedding.md") == example, "copy host/examples/embed.rs to docs/embedding.md");
    assert!(example.contains(&code("README.md")), "README.md shows a part of host/examples/embed.rs, as it is there");
}

/// Policies are built against these exact types: a change needs a new version of the package, and the new hash here.
/// A version that is still loaded never changes.
#[test]
fn the_contract_changes_only_with_its_version() {
    let contracts = [
        ("wit/policy.wit", "0.7.0", "400fc54ff3c36ba10638ee2a9c58052d3047d715020eab71e5c26d19decfa25e"),
        ("wit/0.6/policy.wit", "0.6.0", "dfb993b33e76cff5028402a9fb538d1f87153c0f7620ff09d1771e42d5b11dde"),
    ];
    for ((path, version, expected), contract) in contracts.into_iter().zip(CONTRACTS) {
        let wit = fs::read_to_string(root().join(path)).expect("the contract");
        // Comments may change; types may not.
        let code: Vec<_> = wit.lines().map(|line| line.split("//").next().unwrap_or_default().trim()).collect();
        let hash = Sha256::digest(code.concat()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert!(wit.contains(&format!("package mcp-audit-log:policy@{version};")), "{path}");
        assert_eq!((contract, hash.as_str()), (&*format!("mcp-audit-log:policy/policy@{version}"), expected), "{path}");
    }
}
