//! The doctor of a server: what is well, what needs attention, and what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mcp_audit_log_tests::{Everything, Server, assert_plain, free_port, run};

/// The exit code and what was said.
fn asked(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(["doctor"].into_iter().chain(arguments.iter().copied()));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_plain(&said);
    (output.status.code(), said)
}

#[test]
fn the_doctor_of_a_healthy_server_is_content_and_names_each_fault() {
    let everything = Everything::start();
    let server = Server::start(&[("everything", &everything.url())]);
    let data = server.data();
    let (data, upstream) = (data.to_string_lossy(), format!("everything={}", everything.url()));
    let backups = tempfile::tempdir().expect("a folder");
    let backups = backups.path().to_string_lossy();
    let made = run(["backup", &backups, "--data", &data]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let well = ["--data", &data, "--upstream", &upstream, "--backups", &backups];
    let (code, said) = asked(&well);
    assert!(code == Some(0) && !said.contains("Needs attention"), "{said}");
    for about in ["version", "folder", "disk", "policy", "log", "clock", "checkpoint", "backup", "upstream everything"]
    {
        assert!(said.contains(&format!("OK               {about}: ")), "{about}: {said}");
    }
    // Each fault is the only one.
    let (gone, empty) = (format!("gone=http://127.0.0.1:{}/mcp", free_port()), tempfile::tempdir().expect("a folder"));
    let (missing, empty) = (empty.path().join("missing"), empty.path().to_string_lossy());
    let broken: [(&[&str], &str); 4] = [
        (&["--data", &data, "--upstream", &gone], "upstream gone: "),
        (&["--data", &data, "--backups", &empty], "backup: "),
        (&["--data", &missing.to_string_lossy()], "log: there is none"),
        (&["--data", &data, "--policy", "/nothing.wasm"], "log: "),
    ];
    for (arguments, expected) in broken {
        let (code, said) = asked(arguments);
        let needs: Vec<_> = said.lines().filter(|line| line.starts_with("Needs attention")).collect();
        assert!(code == Some(1) && needs.len() == 1 && needs[0].contains(expected), "{expected}: {said}");
    }
    fs::set_permissions(&*data, fs::Permissions::from_mode(0o755)).expect("opened");
    let (code, said) = asked(&["--data", &data]);
    assert!(code == Some(1) && said.contains("folder: ") && said.contains("chmod 700"), "{said}");
}
