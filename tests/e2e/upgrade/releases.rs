//! A log that each released version wrote opens in this one, and answers as it did.
//!
//! `tests/fixture` writes the log of the version that is about to be released, with its answers, by this version's code.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mcp_audit_log::event::{Body, Caller, Channel, Client, Event, Kind, OutcomeDetail, Payload, Resource, Target};
use mcp_audit_log::filter::Domain;
use mcp_audit_log::hold::NewHold;
use mcp_audit_log::saved_view::NewView;
use mcp_audit_log::time::{Clock, DAY, HOUR, ManualClock, Timestamp};
use mcp_audit_log::tool_definition::{KnownTool, ToolListing};
use mcp_audit_log::{AuditLog, Grant, Options, Viewer};
use mcp_audit_log_tests::run;
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use crate::{fixtures, open, restore, signer, told, verified};

/// Names the version whose fixture is to be written.
const RELEASE: &str = "RELEASE";
const DATABASES: [&str; 2] = ["mcp-audit-log.db", "tokens.db"];
const CLEANUP: &str = "MCP: Cleanup Old Audit Logs";
/// The key of the fixtures' folders.
const SECRET: [u8; 32] = [5; 32];
/// How long the log records.
const DAYS: i64 = 60;
/// Before the first entry that opening the log adds.
const UNTIL: &str = "2026-03-02T12:00:00Z";

#[test]
fn a_log_of_each_release_opens_verifies_and_answers_as_it_did() {
    if let Some(version) = std::env::var_os(RELEASE) {
        write_fixture(&fixtures().join("releases").join(version));
    }
    let releases: Vec<PathBuf> = fs::read_dir(fixtures().join("releases"))
        .expect("fixtures")
        .map(|item| item.expect("a folder").path())
        .filter(|path| path.is_dir())
        .collect();
    assert!(!releases.is_empty());
    for release in releases {
        let folder = tempfile::tempdir().expect("a folder");
        for database in DATABASES {
            restore(&release.join(format!("{database}.sql")), &folder.path().join(database));
        }
        fs::copy(release.join("signing.last"), folder.path().join("signing.last")).expect("copied");
        fs::write(folder.path().join("secret.key"), SECRET).expect("written");
        let opened = open(folder.path()).unwrap_or_else(|error| panic!("{}: {error}", release.display()));
        opened.close();
        drop(opened);
        let said = verified(folder.path(), &["--checkpoint", &release.join("signing.last").to_string_lossy()]);
        assert!(said.starts_with("WHOLE"), "{}: {said}", release.display());
        let expected: Value =
            serde_json::from_slice(&fs::read(release.join("answers.json")).expect("answers")).expect("JSON");
        let answers = answers(folder.path());
        for (question, expected) in expected.as_object().expect("an object") {
            contains(&answers[question], expected, &format!("{}: {question}", release.display()));
        }
    }
}

/// What was answered then must be in the answer of now, which may have more members.
fn contains(now: &Value, then: &Value, place: &str) {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            then.iter().for_each(|(name, then)| contains(&now[name], then, &format!("{place}.{name}")));
        }
        (Value::Array(now), Value::Array(then)) => {
            assert_eq!(now.len(), then.len(), "{place}");
            now.iter()
                .zip(then)
                .enumerate()
                .for_each(|(at, (now, then))| contains(now, then, &format!("{place}[{at}]")));
        }
        _ => assert_eq!(now, then, "{place}"),
    }
}

/// The answers to questions about entries before [`UNTIL`], and about the states of the log.
fn answers(data: &Path) -> Value {
    let mut answers = Map::new();
    let mut ask = |name: &str, command: &str, arguments: &[&str]| {
        answers.insert(name.to_owned(), told(data, command, arguments).into());
    };
    for (name, query) in [("newest", ""), ("errors", "outcome:error"), ("text", "customer")] {
        ask(name, "list", &["--to", UNTIL, "--limit", "20", "--query", query]);
    }
    for field in ["action", "outcome", "user", "kind", "server", "tool"] {
        ask(&format!("by {field}"), "groups", &["--to", UNTIL, "--by", field]);
    }
    ask("usage", "usage", &["--from", "2026-01-01", "--to", "2026-03-01", "--by", "tool", "--by", "user"]);
    let tokens = run(["token", "list", "--data", &data.to_string_lossy()]);
    let tokens = String::from_utf8_lossy(&tokens.stdout);
    answers.insert("tokens".to_owned(), tokens.lines().filter(|line| line.contains("uma")).count().into());
    let log = open(data).expect("the log");
    let admin = admin(&log);
    let holds = log.holds(&admin).expect("holds");
    answers.insert("holds".to_owned(), holds.iter().map(|hold| hold.reason.as_str()).collect());
    let views = log.views(&admin).expect("views");
    answers.insert("views".to_owned(), views.iter().map(|view| view.name.as_str()).collect());
    let tools = log.known_tools(&admin).expect("tools");
    answers.insert("tools".to_owned(), tools.iter().map(known).collect());
    let settings = ["log_payloads", "retention_days"].map(|key| format!("{:?}", log.view().settings().get(key)));
    answers.insert("settings".to_owned(), settings.to_vec().into());
    log.close();
    Value::Object(answers)
}

fn known(tool: &KnownTool) -> Value {
    json!([tool.server, tool.tool, tool.definitions.len(), tool.changed_at.to_string()])
}

fn admin(log: &AuditLog) -> Grant {
    log.view().access(&Viewer::new("root", ["admin", "auditor"]))
}

fn write_fixture(release: &Path) {
    fs::create_dir_all(release).expect("a folder");
    let folder = tempfile::tempdir().expect("a folder");
    write_log(folder.path());
    let token =
        run(["token", "create", "--data", &folder.path().to_string_lossy(), "--user", "uma", "--group", "user"]);
    assert!(token.status.success(), "{}", String::from_utf8_lossy(&token.stderr));
    for database in DATABASES {
        fs::write(release.join(format!("{database}.sql")), dump(&folder.path().join(database))).expect("written");
    }
    fs::copy(folder.path().join("signing.last"), release.join("signing.last")).expect("copied");
    let answers = serde_json::to_string_pretty(&answers(folder.path())).expect("JSON");
    fs::write(release.join("answers.json"), answers + "\n").expect("written");
}

/// Entries of all kinds over two months with payloads, two cleanups, an erased payload, a hold, a view, a changed tool.
fn write_log(folder: &Path) {
    fs::write(folder.join("secret.key"), SECRET).expect("written");
    let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-01-01T12:00:00Z").expect("a time")));
    let log = Options::new(folder).clock(Arc::clone(&clock) as Arc<dyn Clock>).own_schedule().signer(signer());
    let log = log.open().expect("a log");
    let change = |wanted: Value| log.change_settings(&admin(&log), wanted.as_object().expect("an object"));
    change(json!({ "log_payloads": true, "retention_days": 40 })).expect("changed");
    let query = vec![("outcome".to_owned(), "error".to_owned())];
    log.save_view(&admin(&log), NewView { name: "failures".to_owned(), shared: true, query }).expect("saved");
    for day in 0..DAYS {
        for number in 0..10 {
            log.record(event(clock.now(), day * 10 + number)).expect("recorded");
            clock.advance(HOUR);
        }
        list_tools(&log, if day < 30 { "Finds customers." } else { "Finds customers, and sends them elsewhere." });
        log.sign().expect("signed");
        if day == 49 {
            let page = log.view().reader(&admin(&log)).page(Domain::TRUE, None, 100).expect("a page");
            let with_payload = page.entries.iter().find(|entry| entry.has_payload).expect("an entry with payload");
            log.erase_payload(&admin(&log), with_payload.id, "it was a mistake").expect("erased");
        }
        if day == 50 {
            let [from, to] =
                ["2026-02-10T00:00:00Z", "2026-02-15T00:00:00Z"].map(|time| Timestamp::parse(time).expect("a time"));
            log.place_hold(&admin(&log), NewHold::new(from, "case 7").until(to)).expect("placed");
        }
        if [50, DAYS - 1].contains(&day) {
            let state = log.run_cron(&admin(&log), CLEANUP).expect("a run");
            assert_eq!(state.last_succeeded, Some(true), "{:?}", state.last_message);
        }
        clock.advance(DAY - 10 * HOUR);
    }
    log.close();
}

fn event(at: Timestamp, number: i64) -> Event {
    let user = ["anna", "ben", "uma"][number as usize % 3];
    let caller = Caller::user(user).connection(format!("{user}s-laptop"));
    let event = match number % 7 {
        0 => Event::api_call(at, "POST", "/v1/orders", if number % 2 == 0 { 201 } else { 500 }),
        1 => Event::admin(at, "api_key.revoked", Resource::api_key(format!("key-{number}")).named("CI")),
        _ => {
            let detail = if number % 5 == 0 { OutcomeDetail::ToolError } else { OutcomeDetail::Ok };
            let event = Event::new(at, Channel::Mcp, Kind::Request, detail);
            let tool = ["search", "delete_customer", "create_invoice"][number as usize % 3];
            let payload = Payload {
                request: Some(Body::whole(json!({ "customer": number, "password": "hunter2" }).to_string())),
                response: Some(Body::whole(json!({ "done": number }).to_string())),
            };
            Event {
                method: Some("tools/call".to_owned()),
                target: Some(Target::Tool(tool.to_owned())),
                server: Some(["crm", "shop"][number as usize % 2].to_owned()),
                payload: Some(payload),
                ..event
            }
        }
    };
    let client =
        Client { name: Some("fixture".to_owned()), session: Some(format!("s-{}", number / 10)), ..Client::default() };
    event.by(caller).with(client).took(Duration::from_millis(number.unsigned_abs() + 1))
}

fn list_tools(log: &AuditLog, description: &str) {
    let at = log.view().now();
    let tools = json!([{ "name": "search", "description": description, "inputSchema": { "type": "object" } }]);
    let event = Event {
        method: Some("tools/list".to_owned()),
        ..Event::new(at, Channel::Mcp, Kind::Request, OutcomeDetail::Ok)
    };
    log.tool_watch().compare(&ToolListing {
        server: "crm".to_owned(),
        viewer: "anna".to_owned(),
        user: Some("anna".to_owned()),
        entry: event.id,
        at,
        tools: tools.to_string().into(),
        cursor: None,
        next: None,
        is_seeded: false,
    });
    log.record(event).expect("recorded");
}

/// A database as SQL.
fn dump(path: &Path) -> String {
    let database = Connection::open(path).expect("a database");
    let number = |sql: &str| database.pragma_query_value(None, sql, |row| row.get::<_, i64>(0)).expect(sql);
    let mut sql = String::new();
    for pragma in ["auto_vacuum", "application_id", "user_version"] {
        writeln!(sql, "PRAGMA {pragma} = {};", number(pragma)).expect("written");
    }
    sql.push_str("BEGIN;\n");
    let order = "CASE type WHEN 'table' THEN 0 ELSE 1 END, name";
    let things = format!("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY {order}");
    let mut things = database.prepare(&things).expect("the schema");
    let things = things.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("the schema");
    let things: Vec<(String, String, String)> = things.collect::<Result<_, _>>().expect("the schema");
    let (tables, others): (Vec<_>, Vec<_>) = things.into_iter().partition(|(kind, ..)| kind == "table");
    for (_, name, create) in &tables {
        writeln!(sql, "{create};").expect("written");
        let mut columns = database.prepare(&format!("SELECT name FROM pragma_table_info('{name}')")).expect("columns");
        let columns = columns.query_map([], |row| row.get::<_, String>(0)).expect("columns");
        let columns: Vec<String> = columns.map(|name| format!("quote(\"{}\")", name.expect("a name"))).collect();
        let select = format!("SELECT {} FROM \"{name}\"", columns.join(" || ',' || "));
        let mut rows = database.prepare(&select).expect("rows");
        let rows = rows.query_map([], |row| row.get::<_, String>(0)).expect("rows");
        rows.for_each(|row| writeln!(sql, "INSERT INTO \"{name}\" VALUES({});", row.expect("a row")).expect("written"));
    }
    others.iter().for_each(|(_, _, create)| writeln!(sql, "{create};").expect("written"));
    sql.push_str("COMMIT;\n");
    sql
}
