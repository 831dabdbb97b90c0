//! The first command of a new user: a log that fills, and a link for each role.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use mcp_audit_log_tests::{Api, Process, READY, assert_plain, eventually, listed, product, text};

#[test]
fn the_demo_shows_a_log_that_fills() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut command = product(["demo", "--listen", "127.0.0.1:0", "--for", "5", "--data"]);
    command.arg(&data);
    let mut demo = Process::start(&mut command);

    let address = demo.line_after(READY);
    let links = eventually("three sign-in links", || Some(links(&demo.output())).filter(|links| links.len() == 3));
    let pages: Vec<String> = links.iter().map(|link| page_behind(&address, link)).collect();
    assert_eq!(pages.iter().collect::<HashSet<_>>().len(), 3, "three people see three pages");

    let end = demo.wait();
    assert!(end.success(), "it ended with {end}: {}", demo.output());
    assert_plain(&demo.output());
    three_users_with_successes_and_failures(&only_folder(&data));
}

/// The folder of a demo. Each demo has a new folder below the given one.
fn only_folder(data: &Path) -> PathBuf {
    let mut folders = std::fs::read_dir(data).expect("a folder").map(|entry| entry.expect("a folder").path());
    let folder = folders.next().expect("a folder of the demo");
    assert_eq!(folders.next(), None, "one demo, one folder");
    folder
}

fn links(output: &str) -> Vec<String> {
    let words = output.split_whitespace().filter(|word| word.contains("/sign-in/"));
    words.map(str::to_owned).collect()
}

/// The page after a sign-in link was followed, with its session.
fn page_behind(address: &str, link: &str) -> String {
    assert!(link.starts_with(address.trim_end_matches('/')), "{link} does not lead to {address}");
    let anonymous = Api::anonymous(address);
    let entered = anonymous.get(link);
    assert_eq!(entered.status, 303, "{entered:?}");
    let cookie = entered.header("set-cookie").expect("a session").split(';').next().expect("a cookie").to_owned();
    let page = anonymous.with("cookie", &cookie).get(entered.header("location").expect("somewhere to go"));
    assert_eq!(page.status, 200, "{page:?}");
    page.text
}

fn three_users_with_successes_and_failures(data: &Path) {
    let calls: Vec<_> = listed(data).into_iter().filter(|entry| text(entry, "channel") == "mcp").collect();
    let users: HashSet<_> = calls.iter().map(|entry| text(entry, "user")).filter(|user| *user != "-").collect();
    assert!(users.len() >= 3, "{users:?}");
    for outcome in ["success", "error"] {
        let found =
            calls.iter().any(|entry| text(entry, "outcome") == outcome && text(entry, "method") == "tools/call");
        assert!(found, "no call ended in {outcome}: {calls:#?}");
    }
}
