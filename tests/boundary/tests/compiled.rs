//! (short: one question) Compiled code in a log's folder: who is content with it.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::fs;

use mcp_audit_log::Options;
use mcp_audit_log::policy::digest;
use mcp_audit_log_boundary_tests::VENDOR;

/// What reads a log needs no component whose code was compiled; what records does, because it must be shown later.
#[test]
fn a_reader_is_content_with_compiled_code_and_a_start_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    Options::new(folder.path()).policy(VENDOR.to_vec()).open().expect("a log").close();
    let path = |ending: &str| {
        let name = digest(VENDOR).replace("sha256:", "");
        folder.path().join("policies").join(format!("{name}.{ending}"))
    };
    let view = || Options::new(folder.path()).view().map(|log| log.policy_digest());
    assert_eq!(view().expect("read"), digest(VENDOR));
    fs::write(path("wasm"), "damaged").expect("written");
    assert_eq!(view().expect("its code is there"), digest(VENDOR));
    let start = Options::new(folder.path()).for_a_moment().open();
    let refused = start.err().expect("refused").to_string();
    assert!(refused.contains("is damaged"), "{refused}");
    fs::remove_file(path("seal")).expect("removed");
    let refused = view().expect_err("no code counts").to_string();
    assert!(refused.contains("is damaged"), "{refused}");
    fs::remove_file(path("wasm")).expect("removed");
    let refused = view().expect_err("nothing is left").to_string();
    assert!(refused.contains("No such file") && refused.contains(".wasm"), "{refused}");
}
