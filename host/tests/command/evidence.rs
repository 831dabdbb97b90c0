//! The proofs and verifications of the command line, and its exit codes.

use std::path::Path;
use std::process::{Command, Output};

use mcp_audit_log::Options;
use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail};
use mcp_audit_log::time::{Clock, SystemClock};
use serde_json::Value;

fn run(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-audit-log"));
    command.args(arguments).env("MCP_AUDIT_LOG_DATA", data).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// A log with some entries; the id of one of them.
fn log(folder: &Path) -> String {
    let log = Options::new(folder).open().expect("a log");
    let events: Vec<_> =
        (0..9).map(|_| Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok)).collect();
    let id = events[4].id.to_string();
    events.into_iter().for_each(|event| log.record(event).expect("taken"));
    // Beside a log that is open nothing is wrong either.
    assert_eq!(run(folder, &["verify"]).status.code(), Some(0));
    log.close();
    id
}

#[test]
fn the_exit_code_of_verify_shows_the_result() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(run(folder.path(), &["verify"]).status.code(), Some(2), "there is no log yet");
    log(folder.path());
    let whole = run(folder.path(), &["verify"]);
    let (told, progress) = (text(&whole.stdout), text(&whole.stderr));
    assert_eq!(whole.status.code(), Some(0), "{told}{progress}");
    assert!(told.starts_with("WHOLE") && told.contains("root   ") && told.contains("Not proved"), "{told}");
    assert!(progress.contains("checking entries"), "{progress}");
    let raw = rusqlite::Connection::open(folder.path().join("mcp-audit-log.db")).expect("raw");
    mcp_audit_log_store::show_columns(&raw).expect("a view");
    let guard = "SELECT sql FROM sqlite_schema WHERE name = 'entry_no_update'";
    let guard: String = raw.query_row(guard, [], |row| row.get(0)).expect("a trigger");
    let change = "UPDATE entries SET occurred_at = occurred_at + 1 WHERE seq = 3";
    raw.execute_batch(&format!("DROP TRIGGER entry_no_update; {change}; {guard}")).expect("changed");
    drop(raw);
    let wrong = run(folder.path(), &["verify"]);
    let told = text(&wrong.stdout);
    assert_eq!(wrong.status.code(), Some(1), "{told}");
    assert!(told.starts_with("WRONG  entries: in entry, at seq 3: ") && told.contains("evidence"), "{told}");
    std::fs::write(folder.path().join("mcp-audit-log.db"), "nothing").expect("written");
    assert_eq!(run(folder.path(), &["verify"]).status.code(), Some(1), "missing evidence fails");
}

#[test]
fn a_bundle_is_proved_only_by_external_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    log(folder.path());
    let (file, data) = (folder.path().join("bundle"), folder.path().join("data"));
    std::fs::create_dir(&data).expect("a folder");
    let path = file.to_string_lossy().into_owned();
    assert!(run(folder.path(), &["bundle", "-o", &path]).status.success());
    let keys = text(&run(folder.path(), &["key", "list"]).stdout);
    let verify = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-audit-log"));
        command.arg("verify").args(arguments).env_remove("MCP_AUDIT_LOG_DATA").output().expect("it runs")
    };
    let proved = verify(&["--bundle", &path, "--key", keys.lines().next().expect("a key")]);
    assert_eq!(proved.status.code(), Some(0), "{proved:?}");
    assert!(text(&proved.stdout).starts_with("PROVED  ") && text(&proved.stdout).contains("no trusted key confirms"));
    let own = verify(&["--bundle", &path]);
    assert_eq!(own.status.code(), Some(3), "{own:?}");
    assert!(text(&own.stdout).starts_with("UNPROVED  ") && !text(&own.stdout).contains(" PROVED"));
    for unread in
        [&["--bundle", &data.to_string_lossy()][..], &["--bundle", &path, "--key", "nonsense"], &["--key", "x"]]
    {
        assert_eq!(verify(unread).status.code(), Some(2), "{unread:?}");
    }
    std::fs::write(&file, b"{\"format\":\"\xff\"}\n").expect("written");
    let unread = verify(&["--bundle", &path]);
    assert_eq!(unread.status.code(), Some(2), "{unread:?}");
    std::fs::write(&file, "{}\n").expect("written");
    assert_eq!(verify(&["--bundle", &path]).status.code(), Some(1));
}

#[test]
fn kept_checkpoints_are_compared_and_signing_resumes() {
    let folder = tempfile::tempdir().expect("a folder");
    log(folder.path());
    Options::new(folder.path()).own_schedule().open().expect("a log").close();
    let kept = folder.path().join("kept");
    let note = run(folder.path(), &["checkpoint"]).stdout;
    std::fs::write(&kept, note).expect("written");
    let path = kept.to_string_lossy().into_owned();
    assert_eq!(run(folder.path(), &["verify", "--checkpoint", &path]).status.code(), Some(0));
    let archived = text(&run(folder.path(), &["checkpoint", "--all"]).stdout);
    let first: Value = serde_json::from_str(archived.lines().last().expect("a line")).expect("JSON");
    assert_eq!((&first["number"], &first["size"], &first["link"]), (&1.into(), &0.into(), &serde_json::json!([])));
    std::fs::write(&kept, "nonsense").expect("written");
    assert_eq!(run(folder.path(), &["verify", "--checkpoint", &path]).status.code(), Some(2));
    std::fs::remove_file(folder.path().join("signing.last")).expect("removed");
    let wrong = run(folder.path(), &["verify"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stdout).contains("--last-signed"), "{}", text(&wrong.stdout));
    assert!(!run(folder.path(), &["key", "resume", "--reason", " "]).status.success());
    let resumed = run(folder.path(), &["key", "resume", "--reason", "the disk broke", "--as", "anna"]);
    assert!(resumed.status.success(), "{resumed:?}");
    assert_eq!(run(folder.path(), &["verify"]).status.code(), Some(0));
    assert!(text(&run(folder.path(), &["list", "action:signing.resumed"]).stdout).contains("anna"));
    assert!(!run(folder.path(), &["key", "resume", "--reason", "again"]).status.success(), "nothing is lost");
}

#[test]
fn a_checkpoint_that_says_nothing_of_this_log_ends_with_2() {
    let [folder, other] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    [&folder, &other].into_iter().for_each(|folder| drop(log(folder.path())));
    let foreign = folder.path().join("foreign");
    std::fs::write(&foreign, run(other.path(), &["checkpoint"]).stdout).expect("written");
    for (file, why) in [(foreign, "is not of this log"), (folder.path().join("missing"), "cannot be read")] {
        let path = file.to_string_lossy();
        let unread = run(folder.path(), &["verify", "--checkpoint", &path]);
        let (found, error) = (text(&unread.stdout), text(&unread.stderr));
        assert_eq!((unread.status.code(), found.as_str()), (Some(2), ""), "{error}");
        assert!(error.contains("nothing was verified") && error.contains(&*path) && error.contains(why), "{error}");
    }
    let own = folder.path().join("own");
    std::fs::write(&own, run(folder.path(), &["checkpoint"]).stdout).expect("written");
    assert_eq!(run(folder.path(), &["verify", "--checkpoint", &own.to_string_lossy()]).status.code(), Some(0));
}

#[test]
fn proofs_are_printed_as_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let id = log(folder.path());
    let json = |arguments: &[&str]| -> Value {
        let output = run(folder.path(), arguments);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
    };
    let proof = json(&["proof", "entry", &id]);
    let size = proof["size"].as_u64().expect("a size");
    assert!(size >= 9 && proof["leaf"].as_str().is_some_and(|leaf| leaf.len() == 68));
    let link = json(&["proof", "consistency", "5"]);
    assert_eq!((&link["from"], &link["to_root"]), (&5.into(), &proof["root"]));
    let own = run(folder.path(), &["proof", "consistency", "5", "--as", "uma", "--group", "user"]);
    assert!(!own.status.success());
    let none = run(folder.path(), &["erase", &id, "--reason", "a wish", "--group", "admin", "--group", "auditor"]);
    assert!(!none.status.success() && text(&none.stderr).contains("no payload of"), "{}", text(&none.stderr));
}
