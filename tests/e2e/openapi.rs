//! The server against its own document, by schemathesis, a property-based tester.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mcp_audit_log_tests::{Api, Server, Stub, assert_plain, eventually, run};

/// The number of cases for each operation, in the phases that generate cases.
const EXAMPLES: &str = "10";
/// The time in seconds after which the tester is stopped.
const PATIENCE: &str = "300";
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{}}}"#;

/// An admin who may also read payloads and send events may do everything; the content of this log does not matter.
#[test]
fn the_server_keeps_to_its_document() {
    let stub = Stub::answering_after(Duration::ZERO);
    let server = Server::start(&[("up", &stub.url())]);
    let groups = &["admin", "auditor", "service"];
    let token = mcp_audit_log_tests::token_in(&server.data(), "anna", groups, "annas-laptop");
    let admin = Api::new(server.address(), &token);
    admin.set(serde_json::json!({ "log_payloads": true }));
    for _ in 0..3 {
        assert_eq!(admin.post("/mcp/up", CALL).status, 200);
    }
    eventually("entries", || (admin.entries("tool=search").len() == 3).then_some(()));
    let output = schemathesis(&server, &token, &token_id(&server)).output().expect("schemathesis");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "schemathesis found something ({}):\n{said}", output.status);
    // An operation that was not tested does not count as good.
    let operations = operations(&admin);
    let all_but_the_tail = format!("Selected: {}/{operations}", operations - 1);
    assert!(said.contains(&all_but_the_tail), "not {all_but_the_tail}:\n{said}");
    assert_plain(&server.process().output());
}

fn operations(admin: &Api) -> usize {
    let document = admin.get("/api/v1/openapi.json").json();
    let paths = document["paths"].as_object().expect("paths");
    paths.values().map(|methods| methods.as_object().expect("operations").len()).sum()
}

fn schemathesis(server: &Server, token: &str, token_id: &str) -> Command {
    // Its findings are reproducible; a run that hangs is ended.
    let mut command = Command::new("timeout");
    command.arg(PATIENCE).arg(program()).arg("--config-file").arg(root().join("tests/schemathesis/schemathesis.toml"));
    command.args(["run", "--no-color", "--generation-deterministic", "--max-examples", EXAMPLES]);
    // The file, and not the served document: with the served one, schemathesis would leave out the route of the
    // document.
    command.arg(root().join("docs/openapi.json")).args(["--url", server.address()]);
    command.env("SCHEMATHESIS_HOOKS", root().join("tests/schemathesis/lines.py"));
    command
        .env("MCP_AUDIT_LOG_TEST_TOKEN", token)
        .env("MCP_AUDIT_LOG_TEST_TOKEN_ID", token_id)
        .current_dir(server.data());
    command
}

fn token_id(server: &Server) -> String {
    let data = server.data();
    let output = run(["token", "list", "--data", &data.to_string_lossy()]);
    let listed = String::from_utf8_lossy(&output.stdout);
    // Below the heading.
    let row = listed.lines().nth(1).expect("a row");
    row.split_whitespace().next().expect("an id").to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn program() -> PathBuf {
    let program = root().join("target/schemathesis/bin/schemathesis");
    assert!(program.is_file(), "{} is missing: run tests/run first", program.display());
    program
}
