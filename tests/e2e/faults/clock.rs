//! (short: one file per fault) A clock that is wrong under a running process, by more than a year ahead or by a day
//! back: no entry is removed early, and times of recording never go back.

use mcp_audit_log::Options;
use mcp_audit_log_tests::fault::{Oracle, Seen, Shim, Subject, rows, verified};

const DAY: i64 = 86_400;
/// The numbers of entries before and after the clock is set.
const ENTRIES: usize = 300;

#[test]
fn a_clock_jump_under_a_running_process_removes_nothing() {
    let (folder, shim) = (tempfile::tempdir().expect("a folder"), Shim::new());
    let mut oracle = Oracle::default();
    let mut subject = Subject::faulty(folder.path(), &shim);
    for seconds in [0, 400 * DAY, -DAY, 0] {
        shim.clock(seconds);
        for order in [format!("send {ENTRIES}").as_str(), "sign", "clean"] {
            let said = subject.does(order, &mut oracle).expect("it lives").concat();
            assert!(said.is_empty() || said.starts_with("true 0 entries"), "{order}, at {seconds}: {said}");
        }
        oracle.judge(&subject.entries().expect("it lives"));
    }
    subject.close(&mut oracle);
    verified(folder.path());
    let rows = rows(&Options::new(folder.path()).view().expect("a log"));
    assert!(rows.windows(2).all(|pair| pair[0].recorded_at >= pair[1].recorded_at), "newest first");
    oracle.account(&rows.iter().rev().map(Seen::from).collect::<Vec<_>>());
}
