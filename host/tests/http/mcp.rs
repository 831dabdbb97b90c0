//! The log as MCP tools: what each role gets, that a question is an entry, and what a mistake is answered with.

use axum::http::StatusCode;
use mcp_audit_log::event::{Event, Failure, OutcomeDetail};
use serde_json::{Value, json};

use crate::support::{Caller, World, call, call_with};

const PATH: &str = "/api/mcp";
/// The address of an entry that is not there.
const NO_ID: &str = "01930000-0000-7000-8000-000000000000";

/// Sends a message of the protocol, as a client does.
async fn send(caller: &Caller<'_>, method: &str, params: Value) -> (u16, Value) {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let answer = caller.post(PATH, &message.to_string()).await;
    (answer.status.as_u16(), answer.json())
}

/// The result of a call of a tool: whether it is an error, its structured content, and its text.
async fn ask(caller: &Caller<'_>, tool: &str, arguments: Value) -> (bool, Value, String) {
    let (status, answer) = send(caller, "tools/call", json!({ "name": tool, "arguments": arguments })).await;
    assert_eq!(status, 200, "{answer}");
    let result = &answer["result"];
    let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}")).to_owned();
    (result["isError"] == true, result["structuredContent"].clone(), text)
}

async fn found(caller: &Caller<'_>, tool: &str, arguments: Value) -> Value {
    let (is_error, json, text) = ask(caller, tool, arguments).await;
    assert!(!is_error, "{tool}: {text}");
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON as text"), json);
    json
}

async fn refused(caller: &Caller<'_>, tool: &str, arguments: Value) -> String {
    let (is_error, json, text) = ask(caller, tool, arguments).await;
    assert!(is_error && json.is_null(), "{tool}: {text}");
    text
}

fn client<'a>(caller: Caller<'a>) -> Caller<'a> {
    caller.header("accept", "application/json, text/event-stream")
}

fn bearer<'a>(world: &'a World, user: &str, groups: &[&str]) -> Caller<'a> {
    client(world.bearer(user, groups))
}

fn failed(user: &str, tool: &str, session: &str) -> Event {
    let mut event = call(user, tool);
    event.client.session = Some(session.to_owned());
    event.detail = OutcomeDetail::ToolError;
    event.failure = Some(Failure { kind: "out_of_stock".into(), message: "The tool failed.".into(), code: None });
    event
}

/// Roles, and for each tool whether it answers: search, get, group, usage, explain, describe.
const ROLES: &[(&str, [bool; 6])] = &[
    ("user", [true; 6]),
    ("admin", [true; 6]),
    ("auditor", [true; 6]),
    ("owner", [true; 6]),
    ("billing-admin", [false, false, false, true, false, true]),
    ("service", [false, false, false, false, false, true]),
];
/// Roles that see entries or figures of others.
const OF_ALL: &[&str] = &["admin", "auditor", "owner", "billing-admin"];

#[tokio::test]
async fn each_role_gets_from_each_tool_what_the_api_gives_it() {
    let world = World::new();
    let own = world.record(call("ada", "search")).await;
    let other = world.record(call("bob", "secret_tool")).await;
    for (role, answers) in ROLES {
        let ada = bearer(&world, "ada", &[role]);
        let tools = [
            ("search_entries", json!({ "fields": ["all"] })),
            ("get_entry", json!({ "id": own })),
            ("group_entries", json!({ "by": ["user", "tool"] })),
            ("get_usage", json!({ "by": ["user", "tool"], "step": "hour" })),
            ("explain_entry", json!({ "id": own })),
            ("describe_fields", json!({})),
        ];
        for ((tool, arguments), answers) in tools.into_iter().zip(answers) {
            let (is_error, _, text) = ask(&ada, tool, arguments).await;
            assert_eq!(is_error, !answers, "{role}: {tool}: {text}");
            assert!(answers == &true || text.contains("ask an administrator"), "{role}: {tool}: {text}");
            if !OF_ALL.contains(role) {
                assert!(!text.contains("bob") && !text.contains("secret_tool"), "{role}: {tool} tells of bob: {text}");
            }
        }
        // Absent and hidden are one answer.
        let ids = [(&other, OF_ALL.contains(role)), (&NO_ID.to_owned(), false)];
        for (id, is_seen) in ids {
            for tool in ["get_entry", "explain_entry"] {
                let (is_error, _, text) = ask(&ada, tool, json!({ "id": id })).await;
                let sees = is_seen && answers[1];
                assert_eq!(is_error, !sees, "{role}: {tool} {id}: {text}");
                assert!(sees || !answers[1] || text.contains("No such entry"), "{role}: {tool}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn every_request_needs_a_sign_in_as_the_api_does() {
    let world = World::new();
    let wrong = client(world.stranger().header("authorization", "Bearer mcpa_nonsense"));
    for (stranger, reason) in [(client(world.stranger()), "Send a token"), (wrong, "token")] {
        for method in ["initialize", "tools/list", "tools/call"] {
            let answer = stranger.post(PATH, &json!({ "jsonrpc": "2.0", "id": 1, "method": method }).to_string()).await;
            answer.problem(401, reason);
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{:?}", answer.headers);
        }
    }
    let browser = client(world.browser("ada", &["user"]).await).header("sec-fetch-site", "cross-site");
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    let answer = browser.header("origin", "https://evil.example").post(PATH, &body).await;
    answer.problem(403, "Cross-site");
    let ada = bearer(&world, "ada", &["user"]).header("host", "any.example");
    assert_eq!(ada.post(PATH, &body).await.status, StatusCode::OK, "a token, at whatever name the log has");
    assert_eq!(ada.get(PATH).await.status, StatusCode::METHOD_NOT_ALLOWED, "there is no stream to open");
}

#[tokio::test]
async fn tools_only_read_and_have_schemas() {
    let world = World::new();
    let (_, answer) = send(&bearer(&world, "ada", &["user"]), "tools/list", json!({})).await;
    let tools = answer["result"]["tools"].as_array().expect("tools");
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().expect("a name")).collect();
    let all = ["search_entries", "get_entry", "group_entries", "get_usage", "explain_entry", "describe_fields"];
    assert_eq!(names, all);
    for tool in tools {
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
        for schema in ["inputSchema", "outputSchema"] {
            assert_eq!(tool[schema]["type"], "object", "{tool}");
            assert!(!tool[schema].to_string().contains("$ref"), "{tool}");
        }
    }
    assert!(answer.to_string().len() < 64 << 10, "{} bytes", answer.to_string().len());
}

#[tokio::test]
async fn each_call_is_one_entry_that_no_question_finds() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    let ada = bearer(&world, "ada", &["user"]).header("user-agent", "assistant/1");
    for _ in 0..3 {
        let page = found(&ada, "search_entries", json!({ "where": { "user": "ada" } })).await;
        assert_eq!(page["entries"].as_array().map(Vec::len), Some(1), "{page}");
        let groups = found(&ada, "group_entries", json!({ "by": ["action"] })).await;
        assert_eq!(groups["entries"], 1, "{groups}");
    }
    refused(&ada, "search_entries", json!({ "q": "nonsense:1" })).await;
    refused(&bearer(&world, "eve", &["service"]), "search_entries", json!({})).await;
    send(&ada, "tools/list", json!({})).await;
    let entries = world.bearer("root", &["admin"]).entries("action=log.asked").await;
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            let word = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {}", word("user"), word("outcome"), word("error_type"))
        })
        .collect();
    let mut expected = vec!["eve denied denied", "ada error parameter"];
    expected.extend([["ada success -"; 2]; 3].concat());
    assert_eq!(told, expected, "newest first");
    assert_eq!((&entries[1]["user_agent"], &entries[1]["kind"]), (&json!("assistant/1"), &json!("system")));
    let path = format!("/api/v1/entries/{}", entries[2]["id"].as_str().expect("an id"));
    let details = world.bearer("root", &["admin"]).get_json(path).await["details"].clone();
    assert_eq!((&details["question"], &details["results"]), (&json!("group_entries"), &json!(1)), "{details}");
    assert_eq!(details["arguments"], r#"{"by":["action"]}"#);
    let with = found(&ada, "search_entries", json!({ "include_questions": true, "limit": 500 })).await;
    assert_eq!(with["entries"].as_array().map(Vec::len), Some(8), "{with}");
}

#[tokio::test]
async fn a_payload_is_read_only_when_asked_for_and_that_is_an_entry() {
    let world = World::new();
    world.keep_payloads().await;
    let id = world.record(call_with("bob", "the-question", "the-answer")).await;
    let auditor = bearer(&world, "otto", &["auditor"]);
    let readings = async || world.bearer("root", &["admin"]).entries("action=payload.read").await.len();
    let entry = found(&auditor, "get_entry", json!({ "id": id })).await;
    assert!(entry.get("payload").is_none() && entry["has_payload"] == true, "{entry}");
    assert_eq!(readings().await, 0);
    let admin = bearer(&world, "root", &["admin"]);
    let advice = refused(&admin, "get_entry", json!({ "id": id, "payload": true })).await;
    assert!(advice.contains("not allowed to read payloads"), "{advice}");
    let entry = found(&auditor, "get_entry", json!({ "id": id, "payload": true })).await;
    assert!(entry["payload"]["request"].as_str().is_some_and(|text| text.contains("the-question")), "{entry}");
    assert_eq!(readings().await, 1);
    for tool in ["search_entries", "explain_entry"] {
        let arguments = if tool == "explain_entry" { json!({ "id": id }) } else { json!({ "fields": ["all"] }) };
        let text = found(&auditor, tool, arguments).await.to_string();
        assert!(!text.contains("the-question") && !text.contains("the-answer"), "{text}");
    }
}

#[tokio::test]
async fn a_page_has_a_limit_in_bytes_and_its_cursor_goes_on_without_a_hole() {
    let world = World::new();
    for number in 0..120 {
        let mut event = failed("ada", &format!("tool-{number}"), "s1");
        event.failure = Some(Failure { kind: "long".into(), message: "x".repeat(900), code: None });
        world.record(event).await;
    }
    let ada = bearer(&world, "ada", &["user"]);
    let (mut seen, mut cursor, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let page = found(&ada, "search_entries", json!({ "limit": 500, "cursor": cursor })).await;
        assert!(page.to_string().len() <= 34_000, "{} bytes", page.to_string().len());
        let entries = page["entries"].as_array().expect("entries");
        seen.extend(entries.iter().map(|entry| entry["tool"].as_str().expect("a tool").to_owned()));
        (cursor, pages) = (page["next"].clone(), pages + 1);
        if cursor.is_null() {
            break;
        }
    }
    let expected: Vec<_> = (0..120).rev().map(|number| format!("tool-{number}")).collect();
    assert_eq!(seen, expected);
    assert!(pages > 2, "{pages}");
    let advice = refused(&ada, "group_entries", json!({ "by": ["error_message", "tool"], "limit": 120 })).await;
    assert!(advice.contains("Use a smaller limit"), "{advice}");
}

#[tokio::test]
async fn a_mistake_of_the_model_is_a_result_that_says_what_to_do() {
    let world = World::new();
    let ada = bearer(&world, "ada", &["user"]);
    for (tool, arguments, advice) in [
        ("search_entries", json!({ "q": "outcom:error" }), "did you mean outcome"),
        ("search_entries", json!({ "domain": [["x"]] }), "domain:"),
        ("search_entries", json!({ "from": "soon" }), "from:"),
        ("search_entries", json!({ "limit": 1_000 }), "whole number from 1 to 500"),
        ("search_entries", json!({ "cursor": "x" }), "not a cursor issued by this log"),
        ("search_entries", json!({ "sort": "cost" }), "Unknown parameter \"sort\""),
        ("search_entries", json!({ "fields": ["price"] }), "describe_fields lists them"),
        ("search_entries", json!({ "tz": "Mars" }), "is not a time zone"),
        ("search_entries", json!({ "columns": "tool" }), "fields"),
        ("get_entry", json!({}), "give the id of one entry"),
        ("get_entry", json!({ "id": "7" }), "No such"),
        ("get_entry", json!({ "id": NO_ID, "all": true }), "Unknown parameter \"all\""),
        ("group_entries", json!({}), "by: required"),
        ("group_entries", json!({ "by": ["price"] }), "not a field to group by"),
        ("get_usage", json!({ "range": "1y" }), "use one of: 24h"),
        ("get_usage", json!({ "format": "csv" }), "format: leave it out"),
        ("explain_entry", json!({ "id": NO_ID, "as": "bob" }), "not allowed"),
        ("describe_fields", json!({ "field": "error_message" }), "are not listed; use one of"),
        ("describe_fields", json!({ "fields": "x" }), "Unknown parameter"),
    ] {
        let text = refused(&ada, tool, arguments.clone()).await;
        assert!(text.contains(advice), "{tool} {arguments}: {text}");
    }
    // What no model sent is an error of the protocol.
    let (_, answer) = send(&ada, "tools/call", json!({ "name": "drop_entries" })).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("search_entries")), "{answer}");
    let (_, answer) = send(&ada, "prompts/get", json!({ "name": "users_of_a_tool" })).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

#[tokio::test]
async fn links_of_results_are_arguments_of_tools() {
    let world = World::new();
    for tool in ["search", "search", "write"] {
        world.record(call("ada", tool)).await;
    }
    let ada = bearer(&world, "ada", &["user"]);
    let groups = found(&ada, "group_entries", json!({ "by": ["tool"] })).await;
    let [first, _] = &groups["groups"].as_array().expect("groups")[..] else { panic!("{groups}") };
    assert_eq!((&first["keys"]["tool"], &first["count"]), (&json!("search"), &json!(2)), "{groups}");
    let page = found(&ada, "search_entries", json!({ "query": first["query"] })).await;
    assert_eq!(page["entries"].as_array().map(Vec::len), Some(2), "{page}");
    let usage = found(&ada, "get_usage", json!({ "query": groups["usage"], "by": ["tool"] })).await;
    assert_eq!(usage["totals"]["requests"], 3, "{usage}");
    assert!(usage.get("series").is_none(), "{usage}");
    let rows = usage["breakdowns"][0]["rows"].as_array().expect("rows");
    let page = found(&ada, "search_entries", json!({ "query": rows[1]["entries"] })).await;
    assert_eq!(page["entries"][0]["tool"], "write", "{page}");
    let values = found(&ada, "describe_fields", json!({ "field": "tool" })).await;
    assert_eq!(values["values"], json!(["search", "write"]), "{values}");
}
