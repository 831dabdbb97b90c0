//! Logs that were forged without the keys: entries are removed, and invented entries claim that a cleanup removed them.
//! Verification and a start refuse each of them, and none overwrites published checkpoints.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_audit_log::event::{Body, Channel, Event, Kind, OutcomeDetail, Payload};
use mcp_audit_log::evidence::{ExternalCheckpoint, VerifyError, VerifyFinding};
use mcp_audit_log::publish::Destinations;
use mcp_audit_log::signer::{Resume, SignerOptions};
use mcp_audit_log::time::{DAY, ManualClock};
use mcp_audit_log::{AuditLog, OpenError, verify_log};
use rusqlite::Connection;
use serde_json::json;

use crate::forger::Forger;
use crate::support::{access, clock, newest, open, options, read};

const CLEANUP: &str = "MCP: Cleanup Old Audit Logs";

/// A closed log, and the data that outsiders have about it.
struct Genuine {
    folder: tempfile::TempDir,
    published: tempfile::TempDir,
    clock: Arc<ManualClock>,
    /// A checkpoint of each day, the oldest first.
    kept: Vec<String>,
    /// Where it begins.
    first: u64,
    /// How many entries its last checkpoint covers.
    signed: u64,
}

async fn call(log: &AuditLog) {
    let payload = Payload { request: Some(Body::whole("{\"a\":1}")), response: None };
    let event = Event::new(log.view().now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    log.record_durably(Event { payload: Some(payload), ..event }).await.expect("stored");
}

/// Several days with some calls each, with payloads. From day `cleaned` on, each day has a cleanup.
async fn genuine(cleaned: Option<u32>) -> Genuine {
    let (folder, published, clock) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"), clock());
    let places = Destinations { folder: Some(published.path().to_owned()), ..Destinations::default() };
    let log = options(folder.path(), &clock).publish(places).open().expect("a log");
    let admin = access(log.view(), &["admin"]);
    let wanted = json!({ "retention_days": 4, "log_payloads": true, "payload_retention_days": 2 });
    log.change_settings(&admin, wanted.as_object().expect("an object")).expect("changed");
    let mut kept = Vec::new();
    for day in 0..8 {
        for _ in 0..3 {
            call(&log).await;
        }
        log.sign().expect("signed");
        kept.push(newest(log.view()).expect("a checkpoint").checkpoint.note);
        until_published(&log, folder.path());
        if cleaned.is_some_and(|from| day >= from) {
            let state = log.run_cron(&admin, CLEANUP).expect("run");
            assert_eq!(state.last_succeeded, Some(true), "{:?}", state.last_message);
        }
        clock.advance(DAY);
    }
    log.close();
    drop(log);
    // Once more, so that a start has counted what there is.
    open(folder.path(), &clock).close();
    let verified = verify_log(folder.path(), &SignerOptions::default(), keep(&kept[7]), &|_, _, _| {}).expect("whole");
    let (first, signed) = (verified.first, verified.signed.expect("signed"));
    assert_eq!(first > 0, cleaned.is_some());
    Genuine { folder, published, clock, kept, first, signed }
}

/// Waits until the log has recorded that its newest checkpoint arrived. Before that, the cleanup may not use it.
fn until_published(log: &AuditLog, folder: &Path) {
    let raw = Connection::open(folder.join("mcp-audit-log.db")).expect("a raw connection");
    let missing = "SELECT (SELECT max(number) FROM checkpoint) - (SELECT coalesce(max(number), 0) FROM place)";
    let deadline = Instant::now() + Duration::from_secs(30);
    while raw.query_row(missing, [], |row| row.get::<_, i64>(0)).expect("read") > 0 {
        assert!(Instant::now() < deadline, "it does not arrive");
        log.sign_due().expect("looked");
        std::thread::yield_now();
    }
}

fn keep(note: &str) -> Vec<ExternalCheckpoint> {
    vec![ExternalCheckpoint { name: "kept".into(), note: read(note) }]
}

fn wrong(folder: &Path, kept: Vec<ExternalCheckpoint>) -> Result<VerifyFinding, String> {
    match verify_log(folder, &SignerOptions::default(), kept, &|_, _, _| {}) {
        Err(VerifyError::Wrong(wrong)) => Ok(wrong),
        other => Err(format!("missed: {other:?}")),
    }
}

/// The files in a folder of checkpoints, by name.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("files")
        .map(|file| file.expect("a file").path())
        .map(|path| (path.display().to_string(), fs::read_to_string(&path).expect("text")))
        .collect();
    files.sort();
    files
}

/// The forger's claim about the cut at a `seq`.
const CLAIMS: [&str; 6] = ["nothing", "completed", "started", "started from there", "both", "both from there"];

fn claim(forger: &mut Forger, claim: &str, place: u64) {
    let counted = forger.counted();
    let mut say = |method: &str, first: u64, expected: u64| {
        let mut details = counted.clone();
        for (name, number) in [
            ("first_place", first),
            ("payloads_first_place", first),
            ("expected", expected),
            ("payloads_expected_below", first + expected),
        ] {
            details[name] = number.into();
        }
        forger.append(method, &details);
    };
    match claim {
        "completed" => say("retention.completed", place, 0),
        "started" => say("retention.started", 0, place),
        "started from there" => say("retention.started", place, 0),
        "both" => {
            say("retention.started", 0, place);
            say("retention.completed", place, 0);
        }
        "both from there" => {
            say("retention.started", place, 0);
            say("retention.completed", place, 0);
        }
        _ => {}
    }
}

/// The forger's changes of the stored checkpoints.
const ROWS: [&str; 7] = [
    "",
    "DELETE FROM checkpoint WHERE archived = 0",
    "DELETE FROM checkpoint WHERE number > 1",
    "DELETE FROM checkpoint",
    "DELETE FROM checkpoint WHERE number > (SELECT max(number) - 3 FROM checkpoint)",
    "UPDATE checkpoint SET link = zeroblob(length(link)) WHERE number = (SELECT max(number) FROM checkpoint WHERE archived)",
    // The newest note instead of an older one.
    "UPDATE checkpoint SET (size, signed_at, note) = (SELECT size, signed_at, note FROM checkpoint ORDER BY number DESC
        LIMIT 1) WHERE number = (SELECT max(number) FROM checkpoint WHERE archived)",
];

/// A log that is cut at the `seq` `place`, which may be above its end, with the claim `said` and the change `rows`.
fn forge(genuine: &Genuine, place: u64, said: &str, rows: &str) -> tempfile::TempDir {
    let mut forger = Forger::of(genuine.folder.path());
    while forger.number("SELECT max(seq) + 1 FROM entries") < place + 1 {
        forger.append("log.stopped", &json!({ "forged": true }));
    }
    forger.sql(rows);
    claim(&mut forger, said, place);
    forger.cut(place);
    forger.done()
}

/// Seqs below, at and above the size of the last checkpoint.
fn places(genuine: &Genuine) -> [u64; 4] {
    [genuine.first + 2, genuine.signed - 1, genuine.signed, genuine.signed + 4]
}

#[tokio::test]
async fn a_log_cut_by_someone_without_its_keys_never_verifies() {
    for cleaned in [None, Some(4)] {
        let genuine = genuine(cleaned).await;
        let mut tried = 0;
        for place in places(&genuine) {
            // Every claim with the rows as they are, and the best claims with every change of the rows.
            let claims = CLAIMS.iter().map(|said| (*said, ROWS[0]));
            let rows = ROWS[1..].iter().flat_map(|rows| [("both", *rows), ("both from there", *rows)]);
            for (said, rows) in claims.chain(rows) {
                let forged = forge(&genuine, place, said, rows);
                let what = format!("{cleaned:?}, cut at {place} of {}, {said}, {rows}", genuine.signed);
                wrong(forged.path(), Vec::new()).expect(&what);
                // An older checkpoint instead of the last signed one, and kept checkpoints.
                fs::write(forged.path().join("signing.last"), &genuine.kept[tried % 8]).expect("written");
                wrong(forged.path(), keep(&genuine.kept[7])).expect(&what);
                tried += 1;
            }
        }
        assert_eq!(tried, 4 * (6 + 12));
    }
}

fn start(folder: &Path, genuine: &Genuine, resume: Option<Resume>) -> Result<AuditLog, OpenError> {
    let places = Destinations { folder: Some(genuine.published.path().to_owned()), ..Destinations::default() };
    let signer = SignerOptions { resume, ..SignerOptions::default() };
    options(folder, &genuine.clock).publish(places).signer(signer).open()
}

#[tokio::test]
async fn a_log_cut_by_someone_without_its_keys_neither_starts_nor_publishes() {
    let resume = Resume { by: "otto".into(), reason: "lost".into() };
    for cleaned in [None, Some(4)] {
        let genuine = genuine(cleaned).await;
        let before = files(genuine.published.path());
        assert!(before.len() > 8, "{}", before.len());
        for place in places(&genuine) {
            let said = ["both", "both from there", "started", "nothing"];
            let (said, rows) = (said[(place % 4) as usize], ROWS[(place % 5) as usize]);
            let forged = forge(&genuine, place, said, rows);
            let memory = forged.path().join("signing.last");
            let what = format!("{cleaned:?}, cut at {place} of {}, {said}, {rows}", genuine.signed);
            let refused = |resume: Option<Resume>| match start(forged.path(), &genuine, resume) {
                Err(error) => error.to_string(),
                Ok(_) => panic!("it starts: {what}"),
            };
            assert!(refused(None).contains("does not match the last signed checkpoint"), "{what}");
            fs::write(&memory, &genuine.kept[0]).expect("written");
            refused(None);
            // The operator believes that `signing.last` was lost.
            fs::remove_file(&memory).expect("removed");
            refused(Some(resume.clone()));
        }
        assert_eq!(files(genuine.published.path()), before);
    }
}

/// The forger recreates everything, down to the first checkpoint, which was signed before the first entry. The folder
/// alone cannot show that; the published checkpoints can.
#[tokio::test]
async fn a_recreated_log_never_overwrites_published_checkpoints() {
    let genuine = genuine(None).await;
    let before = files(genuine.published.path());
    let mut forger = Forger::of(genuine.folder.path());
    let first = forger.text("SELECT note FROM checkpoint WHERE number = 1");
    forger.sql("DELETE FROM checkpoint WHERE number > 1");
    let counted = forger.counted();
    forger.append("log.started", &counted);
    let start_at = forger.number("SELECT max(seq) FROM entries");
    forger.sql(&format!("DELETE FROM payload; DELETE FROM entries WHERE seq < {start_at}; UPDATE entries SET seq = 0"));
    let forged = forger.done();
    assert_eq!(read(&first).checkpoint().size, 0, "anybody who has the file has one that is of an empty log");
    fs::write(forged.path().join("signing.last"), first).expect("written");
    let log = start(forged.path(), &genuine, None).expect("nothing in it tells");
    while log.view().reader(&access(log.view(), &["admin"])).extent().expect("read").entries < genuine.signed + 5 {
        call(&log).await;
    }
    log.sign().expect("signed");
    log.close();
    drop(log);
    assert_eq!(files(genuine.published.path()), before);
    wrong(forged.path(), keep(&genuine.kept[7])).expect("somebody kept one");
}

/// A signed intent, and a cut that goes further than the intent, or removes other things.
#[tokio::test]
async fn a_log_cut_further_than_its_signed_cleanup_is_detected() {
    let genuine = genuine(Some(4)).await;
    let intents = |sql: &str| Forger::of(genuine.folder.path()).number(sql);
    let newest = intents(
        "SELECT max(seq) FROM entries WHERE method IN
        (SELECT id FROM term WHERE field = 7 AND text = 'retention.started')",
    );
    for place in [genuine.first + 1, newest, newest + 1, newest + 2] {
        let forged = forge(&genuine, place, "nothing", "");
        wrong(forged.path(), keep(&genuine.kept[7])).expect("found");
        assert!(start(forged.path(), &genuine, None).is_err(), "{place}");
    }
    let payloads = Forger::of(genuine.folder.path());
    payloads.sql("UPDATE head SET payloads_pruned = payloads_pruned + 1");
    payloads.sql("DELETE FROM payload WHERE seq < (SELECT payloads_pruned FROM head)");
    let forged = payloads.done();
    wrong(forged.path(), Vec::new()).expect("found");
    let refused = start(forged.path(), &genuine, None).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("payloads below seq"), "{refused}");
}

/// Payloads whose rows are missing without an entry about an erasure.
#[tokio::test]
async fn a_payload_missing_without_an_entry_is_detected() {
    let genuine = genuine(Some(4)).await;
    for sql in [
        "DELETE FROM payload WHERE seq = (SELECT max(seq) FROM payload)",
        "DELETE FROM payload WHERE seq = (SELECT min(seq) FROM payload)",
        "DELETE FROM payload",
    ] {
        let forger = Forger::of(genuine.folder.path());
        assert!(forger.number("SELECT count(*) FROM payload") > 2);
        forger.sql(sql);
        let forged = forger.done();
        assert_eq!(wrong(forged.path(), Vec::new()).expect(sql).check, "payloads", "{sql}");
    }
}
