//! Exports over HTTP: their content and the rights. Each export is recorded, and an aborted one never ends cleanly.

use axum::http::StatusCode;
use http_body_util::BodyExt;
use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail};
use mcp_audit_log::export::{Column, Format};
use mcp_audit_log::time::{Clock, SystemClock};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Answer, Caller, GROUPS, World, call, call_with};

const CANARY: &str = "canary-in-a-body";

/// The bytes of a file.
async fn file(caller: &Caller<'_>, query: &str) -> (StatusCode, Vec<u8>) {
    let response = caller.open(&format!("/api/v1/export?{query}")).await;
    let status = response.status();
    (status, response.into_body().collect().await.expect("all of it").to_bytes().to_vec())
}

/// The id of the export that an answer belongs to.
fn id(answer: &Answer) -> String {
    let link = answer.header("link");
    let (_, rest) = link.split_once("/api/v1/exports/").unwrap_or_else(|| panic!("no id in {link:?}"));
    rest.split('>').next().expect("an id").to_owned()
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|part| part == word.as_bytes())
}

async fn told(world: &World, action: &str) -> Vec<Value> {
    world.bearer("root", &["admin"]).entries(&format!("action={action}")).await
}

#[tokio::test]
async fn json_lines_are_the_entries_of_the_api_oldest_first() {
    let world = World::new();
    for tool in ["one", "two", "three"] {
        world.record(call("ada", tool)).await;
    }
    let admin = world.bearer("root", &["admin"]);
    let mut entries = admin.entries("user=ada").await;
    entries.reverse();
    let answer = admin.get("/api/v1/export?format=jsonl&user=ada").await;
    let lines: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for (line, entry) in lines.iter().zip(&mut entries) {
        entry["details"] = json!({});
        assert_eq!(line, entry);
    }
    assert_eq!((lines.len(), answer.header("content-type")), (3, "application/x-ndjson"));
    let name = answer.header("content-disposition");
    assert!(name.starts_with("attachment; filename=\"mcp-audit-log-20") && name.ends_with(".jsonl\""), "{name}");
    let chosen = admin.get("/api/v1/export?format=jsonl&user=ada&columns=tool,seq").await.text;
    assert!(chosen.starts_with("{\"tool\":\"one\",\"seq\":"), "{chosen}");
}

#[tokio::test]
async fn csv_has_a_header_and_no_formula() {
    let world = World::new();
    world.record(call("=HYPERLINK(\"http://x\")", "a,\"b\"\nc")).await;
    let admin = world.bearer("root", &["admin"]);
    let answer =
        admin.get("/api/v1/export?format=csv&method=tools/call&columns=user,tool,status_code,has_payload").await;
    let expected = "\u{feff}user,tool,status_code,has_payload\r\n\
                    \"'=HYPERLINK(\"\"http://x\"\")\",\"a,\"\"b\"\"\nc\",,false\r\n";
    assert_eq!(answer.text, expected);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
}

#[tokio::test]
async fn an_export_holds_only_visible_entries_and_needs_the_right() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    world.record(call("bob", "secret_tool")).await;
    for groups in GROUPS {
        let may = ["admin", "owner", "super-admin", "auditor"].iter().any(|group| groups.contains(group));
        let (status, bytes) = file(&world.bearer("ada", groups), "format=jsonl&method=tools/call").await;
        assert_eq!(status, if may { StatusCode::OK } else { StatusCode::FORBIDDEN }, "{groups:?}");
        assert_eq!(contains(&bytes, "secret_tool"), may, "{groups:?}");
    }
    let elsewhere = world.bearer_in("eu-1", "root", &["admin"]);
    assert_eq!(file(&elsewhere, "format=jsonl").await, (StatusCode::OK, Vec::new()));
}

/// Every format, every column alone and all together, every filter on payloads, for every role without the right to
/// them.
#[tokio::test]
async fn an_export_has_payloads_only_with_the_right() {
    let world = World::new();
    world.keep_payloads().await;
    world.record(call_with("ada", CANARY, CANARY)).await;
    let content = ["request", "response", "payload_notes"];
    let mut queries: Vec<String> = Column::all().map(|column| format!("columns={}", column.name())).collect();
    queries.extend(
        ["", "payloads=true", "payloads=false", "columns=seq,response,request", "columns=seq&payloads=true"]
            .map(String::from),
    );
    // A part of it, since a refusal repeats what was searched for.
    queries.extend(["q=canary-in", "q=has_payload:true", "q=response:canary-in", "q=request:*"].map(String::from));
    queries.push("domain=%5B%5B%22request%22,%22like%22,%22canary-in%22%5D%5D".to_owned());
    for groups in [&["admin"][..], &["owner"], &["super-admin"], &["user"], &["billing-admin"], &["service"], &[]] {
        let caller = world.bearer("ada", groups);
        let browser = world.browser("ada", groups).await;
        for format in Format::ALL {
            for query in &queries {
                let query = format!("format={}&{query}", format.name());
                let (status, bytes) = file(&caller, &query).await;
                let asks =
                    query.split(['&', '=', ',']).any(|word| content.contains(&word)) || query.contains("payloads=true");
                assert!(!contains(&bytes, CANARY), "{groups:?} {query}");
                assert!(!(asks && status.is_success()), "{groups:?} {query}: {status}");
            }
            let page = browser.open(&format!("/export?format={}&payloads=true", format.name())).await;
            let body = page.into_body().collect().await.expect("a page").to_bytes();
            assert!(!contains(&body, CANARY), "{groups:?}");
        }
    }
    let auditor = world.bearer("eve", &["auditor"]);
    for query in ["format=csv&payloads=true", "format=jsonl&columns=response", "format=parquet&columns=seq,request"] {
        assert!(contains(&file(&auditor, query).await.1, CANARY), "{query}");
    }
    assert!(!contains(&file(&auditor, "format=jsonl").await.1, CANARY), "content comes only when it is asked for");
}

#[tokio::test]
async fn an_export_is_recorded_before_and_after_and_its_manifest_describes_the_file() {
    let world = World::new();
    world.keep_payloads().await;
    world.record(call_with("ada", "{}", CANARY)).await;
    let auditor = world.bearer("eve", &["auditor"]);
    let response = auditor.open("/api/v1/export?format=csv&user=ada&payloads=true").await;
    let started = told(&world, "export.started").await;
    assert_eq!(started.len(), 1, "before the first byte is taken");
    let answer = world.read(response).await;
    let id = id(&answer);
    assert_eq!((&started[0]["id"], &started[0]["user"]), (&json!(id), &json!("eve")));
    let manifest = auditor.get_json(format!("/api/v1/exports/{id}")).await;
    let completed = &told(&world, "export.completed").await[0];
    assert_eq!((&completed["parent"], &completed["resource_id"]), (&json!(id), &json!(id)));
    let hash: String = Sha256::digest(&answer.text).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(manifest["sha256"], hash);
    for (member, value) in [
        ("bytes", json!(answer.text.len())),
        ("rows", json!(1)),
        ("format", json!("csv")),
        ("filter", json!("[[\"user\",\"=\",\"ada\"]]")),
        ("payloads", json!(true)),
        ("user", json!("eve")),
        ("order", json!("oldest first")),
    ] {
        assert_eq!(manifest[member], value, "{member} in {manifest}");
    }
    assert_eq!(manifest["first_place"], manifest["last_place"]);
    assert!(manifest["columns"].as_array().expect("names").len() > 50);
    let size = manifest["checkpoint"].as_str().and_then(|note| note.lines().nth(1)?.parse().ok());
    assert!(size > manifest["last_place"].as_u64(), "the checkpoint is about all of it: {manifest}");
    world.bearer("uma", &["user"]).get(&format!("/api/v1/exports/{id}")).await.problem(403, "export entries");
    world.bearer_in("eu-1", "root", &["admin"]).get(&format!("/api/v1/exports/{id}")).await.problem(404, "export");
    auditor.get(&format!("/api/v1/exports/{}", started[0]["parent"])).await.problem(404, "export");
}

#[tokio::test]
async fn an_aborted_export_ends_with_an_error_and_is_recorded() {
    let world = World::new();
    let row = call("ada", &"x".repeat(200));
    for _ in 0..2_000 {
        let id = mcp_audit_log::event::new_id(row.occurred_at);
        world.log.record(Event { id, ..row.clone() }).expect("recorded");
    }
    world.record(call("ada", "last")).await;
    let token = world.token("root", &["admin"]);
    let caller = world.stranger().header("authorization", &format!("Bearer {}", token.0));
    let mut body = caller.open("/api/v1/export?format=jsonl").await.into_body();
    assert!(body.frame().await.expect("a piece").is_ok());
    drop(body);
    let failed = eventually(&world).await;
    assert_eq!((&failed["outcome"], &failed["error_message"]), (&json!("error"), &json!("The client disconnected.")));
    assert!(told(&world, "export.completed").await.is_empty());
    let id = failed["parent"].as_str().expect("an id");
    world.bearer("root", &["admin"]).get(&format!("/api/v1/exports/{id}")).await.problem(404, "not complete");
    // The log ends in the middle.
    let body = caller.open("/api/v1/export?format=jsonl").await.into_body();
    world.log.close();
    let read = body.collect().await;
    assert!(read.is_err(), "a file that is not whole has no clean end");
}

/// The entry about an aborted export, as soon as it exists.
async fn eventually(world: &World) -> Value {
    loop {
        if let Some(entry) = told(world, "export.failed").await.pop() {
            return entry;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_lost_right_ends_an_export_and_their_number_is_bounded() {
    let world = World::new();
    for _ in 0..5_000 {
        world.log.record(call("ada", &"x".repeat(200))).expect("recorded");
    }
    world.record(call("ada", "last")).await;
    let (secret, token) = world.token("root", &["admin"]);
    let caller = world.stranger().header("authorization", &format!("Bearer {secret}"));
    let mut open = Vec::new();
    for _ in 0..4 {
        let answer = caller.open("/api/v1/export?format=jsonl").await;
        assert_eq!(answer.status(), StatusCode::OK);
        open.push(answer);
    }
    caller.get("/api/v1/export?format=jsonl").await.problem(503, "Too many exports");
    world.tokens.revoke(&token.id, "root", SystemClock.now()).expect("revoked");
    // Rights are asked for again when they are two seconds old; there is nothing but time to wait for.
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    for answer in open {
        assert!(answer.into_body().collect().await.is_err(), "it went on without a token");
    }
}

#[tokio::test]
async fn errors_name_the_parameter() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    for (query, word) in [
        ("", "use one of csv, jsonl, parquet"),
        ("format=xml", "use one of csv"),
        ("format=csv&columns=nonsense", "unknown column"),
        ("format=csv&columns=user,user", "is given twice"),
        ("format=csv&payloads=perhaps", "is not valid; use true or false"),
        ("format=csv&limit=10", "everything that matches"),
        ("format=csv&q=tol:x", "tol"),
        ("format=csv&wrong=1", "Unknown parameter"),
    ] {
        admin.get(&format!("/api/v1/export?{query}")).await.problem(400, word);
    }
    assert!(told(&world, "export.started").await.is_empty(), "nothing was begun");
}

#[tokio::test]
async fn the_page_offers_an_export_only_with_the_right() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    for groups in GROUPS {
        let page = world.browser("ada", groups).await.get("/?user=ada&limit=5&sort=key").await;
        let may = ["admin", "owner", "super-admin", "auditor"].iter().any(|group| groups.contains(group));
        assert_eq!(page.text.contains("action=\"/export\""), may, "{groups:?}");
        assert_eq!(page.text.contains("name=\"payloads\""), groups.contains(&"auditor"), "{groups:?}");
    }
    let browser = world.browser("root", &["admin"]).await;
    let page = browser.get("/?user=ada&limit=5&sort=key").await.text;
    let (_, form) = page.split_once("action=\"/export\"").expect("the form");
    let form = form.split("</form>").next().expect("its end");
    assert!(
        form.contains("name=\"user\" value=\"ada\"") && !form.contains("limit") && !form.contains("sort"),
        "{form}"
    );
    let file = browser.get("/export?user=ada&format=csv").await;
    assert!(file.text.contains("search"), "{}", file.text);
    let wrong = browser.get("/export?user=ada&format=xml").await;
    assert!(wrong.status == StatusCode::BAD_REQUEST && wrong.text.contains("<html"), "{}", wrong.text);
}

#[tokio::test]
async fn parquet_has_types() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    let world = World::new();
    let event =
        Event { duration_us: Some(7), ..Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok) };
    let at = event.occurred_at;
    world.record(Event { method: Some("grüße".to_owned()), ..event }).await;
    let admin = world.bearer("root", &["admin"]);
    let (_, bytes) = file(
        &admin,
        "format=parquet&method=gr%C3%BC%C3%9Fe&columns=seq,method,duration_us,occurred_at,has_payload,user",
    )
    .await;
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("a file");
    let rows: Vec<_> = reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row")).collect();
    let row: Vec<_> = rows[0].get_column_iter().map(|(name, field)| (name.as_str(), field.clone())).collect();
    assert_eq!(rows.len(), 1);
    let seq = row[0].1.clone();
    let expected = [
        ("seq", seq.clone()),
        ("method", Field::Str("grüße".to_owned())),
        ("duration_us", Field::Long(7)),
        ("occurred_at", Field::TimestampMicros(at.as_micros())),
        ("has_payload", Field::Bool(false)),
        ("user", Field::Null),
    ];
    assert_eq!(row, expected);
    assert!(matches!(seq, Field::Long(_)));
}
