//! SIGHUP does not end a server, and its start reports which policy runs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Ends the server also when the test fails.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn signal(server: &Server, name: &str) {
    let id = server.0.id().to_string();
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} \"$0\""), &id]).status().expect("a shell");
    assert!(sent.success());
}

/// Reads until a line contains this.
fn line(output: &mut impl BufRead, mark: &str) -> String {
    let lines = output.by_ref().lines();
    let found = lines.map(|line| line.expect("text")).find(|line| line.contains(mark));
    found.unwrap_or_else(|| panic!("it never said {mark:?}"))
}

#[test]
fn sighup_is_ignored_and_the_start_names_the_policy() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-audit-log"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path());
    command.env_remove("MCP_AUDIT_LOG").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = Server(command.spawn().expect("it starts"));
    let mut said = BufReader::new(server.0.stdout.take().expect("its output"));
    let mut noted = BufReader::new(server.0.stderr.take().expect("its notes"));
    let policy = line(&mut noted, "the policy is ");
    assert!(policy.contains("mcp-audit-log-policy 0.") && policy.contains("(sha256:"), "{policy}");
    line(&mut said, "listening on");
    signal(&server, "HUP");
    line(&mut noted, "SIGHUP is ignored");
    signal(&server, "TERM");
    assert!(server.0.wait().expect("its end").success(), "a clean end");
}
