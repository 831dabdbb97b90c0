//! Every operation of the document × every role × own, other and absent: the status, and the content.
//!
//! The table lists the rights. An operation without a row fails, and so does a row without an operation.

use axum::http::StatusCode;
use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail};
use mcp_audit_log::time::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::support::{Caller, World, call};

/// No sign-in, a token without groups, and every role alone.
const ROLES: &[&str] = &[
    "nobody",
    "wrong token",
    "user",
    "power-user",
    "admin",
    "auditor",
    "billing-admin",
    "owner",
    "super-admin",
    "service",
];
const READERS: &[&str] = &["user", "power-user", "admin", "auditor", "owner", "super-admin"];
/// Roles that see figures.
const COUNTERS: &[&str] = &["user", "power-user", "admin", "auditor", "billing-admin", "owner", "super-admin"];
const CONFIGURERS: &[&str] = &["admin", "owner", "super-admin"];
const OVERSEERS: &[&str] = &["admin", "auditor", "owner", "super-admin"];
const SIGNED_IN: &[&str] =
    &["user", "power-user", "admin", "auditor", "billing-admin", "owner", "super-admin", "service"];
/// Roles that send events, and read nothing.
const SENDERS: &[&str] = &["service"];

/// The object of an operation, and the status for roles with the right. Other signed-in roles get 403.
enum About {
    /// No object: one status.
    All(u16),
    /// The viewer's own object, another user's for roles that see only their own, the same for roles that see all, and
    /// an absent one.
    One { own: u16, hidden: u16, seen: u16, absent: u16 },
}

/// A row: method, path below the API's address, body, roles, result.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str], About);

const fn one(own: u16, hidden: u16, seen: u16, absent: u16) -> About {
    About::One { own, hidden, seen, absent }
}

const VIEW: &str = r#"{"name":"mine","query":"outcome=error"}"#;
const ALERT: &str = r#"{"count":5,"minutes":60}"#;
const EVENT: &str = r#"{"channel":"api","method":"GET","status_code":200}"#;
const TOKEN: &str = r#"{"user":"uma","groups":["user"]}"#;
const HOLD: &str = r#"{"from":"2026-01-01","reason":"case 7"}"#;

const TABLE: &[Row] = &[
    ("get", "/api/v1/entries", "", READERS, About::All(200)),
    ("get", "/api/v1/entries/tail", "", READERS, About::All(200)),
    ("get", "/api/v1/entries/{id}", "", READERS, one(200, 404, 200, 404)),
    ("get", "/api/v1/entries/{id}/proof.tlog", "", READERS, one(200, 404, 200, 404)),
    ("get", "/api/v1/checkpoint", "", OVERSEERS, About::All(200)),
    ("get", "/api/v1/checkpoints", "", OVERSEERS, About::All(200)),
    ("post", "/api/v1/clock/confirm", "", CONFIGURERS, About::All(204)),
    ("get", "/api/v1/entries/{id}/proof", "", READERS, one(200, 404, 200, 404)),
    ("get", "/api/v1/entries/{id}/why", "", READERS, one(200, 404, 200, 404)),
    // It takes two roles at once.
    ("delete", "/api/v1/entries/{id}/payload", r#"{"reason":"a wish"}"#, &[], About::All(204)),
    ("get", "/api/v1/proofs/consistency", "", OVERSEERS, About::All(200)),
    ("post", "/api/v1/events", EVENT, SENDERS, About::All(200)),
    ("get", "/api/v1/export", "", OVERSEERS, About::All(200)),
    ("get", "/api/v1/bundle", "", OVERSEERS, About::All(200)),
    ("get", "/api/v1/exports/{id}", "", OVERSEERS, one(200, 200, 200, 404)),
    ("get", "/api/v1/groups", "", READERS, About::All(200)),
    ("get", "/api/v1/overview", "", READERS, About::All(200)),
    ("get", "/api/v1/usage", "", COUNTERS, About::All(200)),
    ("get", "/api/v1/values/{field}", "", READERS, one(200, 200, 200, 400)),
    ("get", "/api/v1/settings", "", OVERSEERS, About::All(200)),
    ("patch", "/api/v1/settings", r#"{"retention_days":60}"#, CONFIGURERS, About::All(200)),
    ("get", "/api/v1/settings/mcp-audit", "", READERS, About::All(200)),
    ("get", "/api/v1/settings/mcp-tokens/{token_id}/audit", "", READERS, one(200, 404, 200, 404)),
    ("get", "/api/v1/crons", "", OVERSEERS, About::All(200)),
    ("post", "/api/v1/crons/{name}/run", "", CONFIGURERS, one(202, 202, 202, 404)),
    ("get", "/api/v1/verification", "", OVERSEERS, About::All(200)),
    ("post", "/api/v1/verification", "", OVERSEERS, About::All(202)),
    ("get", "/api/v1/extent", "", OVERSEERS, About::All(200)),
    ("get", "/api/v1/holds", "", OVERSEERS, About::All(200)),
    ("post", "/api/v1/holds", HOLD, CONFIGURERS, About::All(201)),
    ("post", "/api/v1/holds/{id}/release", r#"{"reason":"over"}"#, CONFIGURERS, one(200, 200, 200, 404)),
    ("get", "/api/v1/views", "", READERS, About::All(200)),
    ("post", "/api/v1/views", VIEW, READERS, About::All(201)),
    ("put", "/api/v1/views/{id}", VIEW, READERS, one(200, 404, 404, 404)),
    ("delete", "/api/v1/views/{id}", "", READERS, one(204, 404, 404, 404)),
    ("get", "/api/v1/tokens", "", CONFIGURERS, About::All(200)),
    ("post", "/api/v1/tokens", TOKEN, CONFIGURERS, About::All(201)),
    ("delete", "/api/v1/tokens/{id}", "", CONFIGURERS, one(204, 204, 204, 404)),
    ("get", "/api/v1/policy", "", OVERSEERS, About::All(200)),
    ("get", "/api/v1/policy/history", "", OVERSEERS, About::All(200)),
    // Both are refused to every role: the policy is active already, and no other one judged before.
    ("post", "/api/v1/policy", r#"{"reason":"a try"}"#, CONFIGURERS, About::All(422)),
    ("post", "/api/v1/policy/rollback", r#"{"reason":"a try"}"#, CONFIGURERS, About::All(422)),
    ("put", "/api/v1/views/{id}/alert", ALERT, READERS, one(200, 404, 404, 404)),
    ("delete", "/api/v1/views/{id}/alert", "", READERS, one(204, 404, 404, 404)),
    ("get", "/api/v1/alerts", "", READERS, About::All(200)),
    ("get", "/api/v1/tools", "", OVERSEERS, About::All(200)),
    ("get", "/api/v1/manifest", "", SIGNED_IN, About::All(200)),
    ("get", "/api/v1/me", "", SIGNED_IN, About::All(200)),
    ("get", "/api/v1/openapi.json", "", ROLES, About::All(200)),
    ("get", "/healthz", "", ROLES, About::All(200)),
    ("get", "/readyz", "", ROLES, About::All(200)),
];

/// The owner of an object.
#[derive(Clone, Copy, Debug)]
enum Whose {
    Own,
    Other,
    Absent,
}

/// Texts that only roles that see all may get.
const HIDDEN: &[&str] = &["bob", "secret_tool"];

#[tokio::test]
async fn each_role_has_exactly_the_rights_of_the_table() {
    let world = World::new();
    world.record(over_http("ada", "search")).await;
    world.record(over_http("bob", "secret_tool")).await;
    let document = mcp_audit_log::http::openapi();
    let told = operations(&document);
    for (method, path, ..) in TABLE {
        assert!(told.iter().any(|(m, p)| m == method && p == path), "{method} {path} is not in the document");
    }
    let row = |(method, path): &(String, String)| {
        let row = TABLE.iter().find(|row| row.0 == method && row.1 == path);
        row.unwrap_or_else(|| panic!("{method} {path} has no row: say in the table who may do it"))
    };
    for row in told.iter().map(row).collect::<Vec<_>>() {
        for role in ROLES {
            match &row.4 {
                About::All(status) => try_one(&world, &document, row, role, Whose::Own, *status).await,
                About::One { own, hidden, seen, absent } => {
                    let other = if OVERSEERS.contains(role) { seen } else { hidden };
                    for (whose, status) in [(Whose::Own, own), (Whose::Other, other), (Whose::Absent, absent)] {
                        try_one(&world, &document, row, role, whose, *status).await;
                    }
                }
            }
        }
    }
}

async fn try_one(world: &World, document: &Value, row: &Row, role: &str, whose: Whose, for_those_who_may: u16) {
    let (method, path, body, may, _) = row;
    let expected = match role {
        _ if may.contains(&role) => for_those_who_may,
        "nobody" | "wrong token" => 401,
        _ => 403,
    };
    let at = address(world, path, role, whose).await;
    let caller = somebody(world, role);
    let what = format!("{role}: {method} {at} ({whose:?})");
    if *path == "/api/v1/entries/tail" {
        assert_eq!(caller.open(&at).await.status().as_u16(), expected, "{what}");
        return;
    }
    let kind = if body.is_empty() { "" } else { "application/json" };
    let answer = caller.send(&method.to_uppercase(), &at, kind, body).await;
    assert_eq!(answer.status.as_u16(), expected, "{what}: {}", answer.text);
    let told = &document["paths"][path][method]["responses"][answer.status.as_str()];
    assert!(told.is_object(), "{what}: status {} is not in the document", answer.status);
    let media = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
    assert!(answer.text.is_empty() || told["content"][&media].is_object(), "{what}: {media} is not in the document");
    if answer.status.is_client_error() {
        answer.problem(expected, "");
    }
    // Figures contain names, for roles that see all of them.
    let counts_all = *path == "/api/v1/usage" && *role == *"billing-admin";
    if !OVERSEERS.contains(&role) && !counts_all {
        for word in HIDDEN {
            assert!(!answer.text.contains(word), "{what} tells of {word}: {}", answer.text);
        }
    }
    if answer.status == StatusCode::ACCEPTED {
        world.idle().await;
        world.verified().await;
    }
}

fn operations(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().expect("paths");
    let of = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("operations").keys().cloned().collect::<Vec<_>>();
        methods.into_iter().map(|method| (method, path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

/// `ada` in this role.
fn somebody<'a>(world: &'a World, role: &str) -> Caller<'a> {
    match role {
        "nobody" => world.stranger(),
        "wrong token" => world.stranger().header("authorization", "Bearer mcpa_nonsense"),
        role => world.bearer("ada", &[role]),
    }
}

/// The path with an object that is `ada`'s, `bob`'s or absent, and its query.
async fn address(world: &World, path: &str, role: &str, whose: Whose) -> String {
    const NO_ID: &str = "01930000-0000-7000-8000-000000000000";
    let user = if matches!(whose, Whose::Own) { "ada" } else { "bob" };
    let part = match (path, whose) {
        ("/api/v1/export", _) => return format!("{path}?format=csv"),
        ("/api/v1/usage", _) => return format!("{path}?by=user&by=tool&compare=previous"),
        ("/api/v1/groups", _) => return format!("{path}?by=user&by=tool"),
        ("/api/v1/values/{field}", Whose::Absent) => "nonsense".to_owned(),
        ("/api/v1/values/{field}", _) => "user".to_owned(),
        (_, Whose::Absent) => NO_ID.to_owned(),
        ("/api/v1/exports/{id}", _) => exported(world, user).await,
        ("/api/v1/proofs/consistency", _) => return format!("{path}?from=1"),
        (
            "/api/v1/entries/{id}"
            | "/api/v1/entries/{id}/proof"
            | "/api/v1/entries/{id}/proof.tlog"
            | "/api/v1/entries/{id}/why"
            | "/api/v1/entries/{id}/payload",
            _,
        ) => world.record(over_http(user, "search")).await,
        ("/api/v1/settings/mcp-tokens/{token_id}/audit" | "/api/v1/tokens/{id}", _) => {
            world.token(user, &["user"]).1.id
        }
        ("/api/v1/crons/{name}/run", _) => world.cleanup(),
        ("/api/v1/holds/{id}/release", _) => made(world, user, "admin", "/api/v1/holds", HOLD).await,
        ("/api/v1/views/{id}/alert", _) if READERS.contains(&role) => {
            let id = made(world, user, role, "/api/v1/views", VIEW).await;
            let alert = format!("/api/v1/views/{id}/alert");
            let set = world.bearer(user, &[role]).send("PUT", &alert, "application/json", ALERT).await;
            assert_eq!(set.status, StatusCode::OK, "{}", set.text);
            id
        }
        ("/api/v1/views/{id}", _) if READERS.contains(&role) => made(world, user, role, "/api/v1/views", VIEW).await,
        _ => NO_ID.to_owned(),
    };
    match path.split_once('{') {
        Some((before, rest)) => format!("{before}{part}{}", rest.split_once('}').expect("its end").1),
        None => path.to_owned(),
    }
}

/// A complete export that `user` made as an administrator.
async fn exported(world: &World, user: &str) -> String {
    let answer = world.bearer(user, &["admin"]).get("/api/v1/export?format=csv&columns=seq").await;
    let link = answer.header("link").to_owned();
    link.split(['/', '>']).find(|part| part.len() == 36).expect("an id").to_owned()
}

/// Something of `user`'s that is new.
async fn made(world: &World, user: &str, group: &str, path: &str, body: &str) -> String {
    let body = match path {
        "/api/v1/views" => json!({ "name": format!("view {}", event_id()), "query": "outcome=error" }).to_string(),
        _ => body.to_owned(),
    };
    let answer = world.bearer(user, &[group]).post(path, &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json()["id"].as_str().expect("an id").to_owned()
}

fn event_id() -> String {
    Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok).id.to_string()
}

/// A call that came in over HTTP, by the token that every caller of these tests has.
fn over_http(user: &str, tool: &str) -> Event {
    let mut event = call(user, tool);
    event.caller.connection = Some("test".to_owned());
    event.path = Some(format!("/mcp/{tool}"));
    event.status_code = Some(200);
    event.fact("http_method", "POST")
}
