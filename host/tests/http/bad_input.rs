//! Invalid input to the API, and the resulting error.

use axum::http::StatusCode;

use crate::support::{World, call};

#[tokio::test]
async fn errors_in_a_query_are_named() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    let admin = world.bearer("root", &["admin"]);
    let deep = format!("domain=%5B{}%5D", "%22!%22,".repeat(100) + "%5B1,%22=%22,1%5D");
    let long = format!("tool={}", "a".repeat(5_000));
    for (query, word) in [
        ("limit=0", "1 to 500"),
        ("limit=501", "1 to 500"),
        ("limit=-1", "1 to 500"),
        ("limit=ten", "\"ten\""),
        ("limit=99999999999999999999", "1 to 500"),
        ("limit=1&limit=2", "once"),
        ("cursor=nonsense", "cursor"),
        ("cursor=AAAAAAAAAAAAAAAAAAAAAAA", "cursor"),
        ("cursor=12", "cursor"),
        ("from=nonsense", "from: \"nonsense\" is not a time"),
        ("to=2026-13-41", "to: "),
        ("from=-7x", "-7d"),
        ("status_code=ok", "status_code"),
        ("parent=x", "UUID"),
        ("filter=nope", "success"),
        ("offset=10", "\"offset\""),
        ("Tool=x", "tool"),
        ("payload=x&request=y", "\"payload\", \"request\""),
        ("q=tol:x", "did you mean tool?"),
        ("q=response:x", "payloads"),
        ("q=outcome:errors", "success, error, denied"),
        ("q=%22x", "not closed"),
        ("q=instance:@me", "you belong to no tenant"),
        ("domain=nonsense", "domain"),
        ("domain=%5B%5B%22payload%22,%22=%22,1%5D%5D", "payload"),
        ("domain=%5B%5B%22tool%22,%22~%22,1%5D%5D", "unknown operator"),
        ("domain=%5B%22%26%22%5D", "operand"),
        ("domain=%7B%7D", "list"),
        ("domain=%5B%5B%22tool%22,%22=%22,%7B%7D%5D%5D", "values"),
        (&deep, "nest"),
        (&long, "4096"),
    ] {
        let answer = admin.get(&format!("/api/v1/entries?{query}")).await;
        answer.problem(400, word);
        assert!(answer.text.len() < 2_000, "{query} is echoed at length");
    }
}

/// The faulty word or term has its own members, so that a form can point at it.
#[tokio::test]
async fn an_error_in_a_filter_has_its_position() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    for (query, parameter, term, position) in [
        ("q=outcome:error%20since:soon", "q", "since:soon", 15),
        ("domain=%5B%22!%22,%5B%22outcom%22,%22=%22,1%5D%5D", "domain", "[\"outcom\",\"=\",1]", 2),
    ] {
        let problem = admin.get(&format!("/api/v1/entries?{query}")).await.json();
        assert_eq!(problem["parameter"], parameter, "{problem}");
        assert_eq!((&problem["term"], &problem["position"]), (&term.into(), &position.into()), "{problem}");
    }
    let problem = admin.get("/api/v1/entries?tol=x").await.json();
    assert_eq!(problem["parameter"], "tol", "as it was sent, without quotes: {problem}");
    let problem = admin.get("/api/v1/entries?outcome=x").await.json();
    assert!(problem.get("term").is_none() && problem.get("position").is_none(), "the term is none that was sent");
}

/// Texts of a filter are data: they match nothing, break nothing and are not run.
#[tokio::test]
async fn hostile_texts_in_a_filter_match_nothing() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    let admin = world.bearer("root", &["admin"]);
    for text in ["'; DROP TABLE entry; --", "\" OR 1=1", "%' OR '1'='1", "\0", "\u{202e}", "<script>", "?1", "${x}"] {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for name in ["tool", "user", "method"] {
            assert_eq!(admin.entries(&format!("{name}={encoded}")).await.len(), 0, "{name}={text}");
        }
        let quoted: String =
            format!("\"{}\"", text.replace('"', "\\\"")).bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(admin.entries(&format!("q={quoted}")).await.len(), 0, "q={text}");
        let json = serde_json::json!([["tool", "ilike", text]]).to_string();
        let domain: String = json.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(admin.entries(&format!("domain={domain}")).await.len(), 0, "{text}");
    }
    assert_eq!(admin.entries("tool=search").await.len(), 1);
}

#[tokio::test]
async fn a_cursor_from_another_log_is_refused() {
    let (one, other) = (World::new(), World::new());
    for world in [&one, &other] {
        world.record(call("ada", "a")).await;
        world.record(call("ada", "b")).await;
    }
    let page = one.bearer("root", &["admin"]).get("/api/v1/entries?limit=1").await.json();
    let cursor = page["next"].as_str().expect("a cursor");
    assert!(one.bearer("x", &["admin"]).entries(&format!("cursor={cursor}")).await.len() > 1);
    other.bearer("root", &["admin"]).get(&format!("/api/v1/entries?cursor={cursor}")).await.problem(400, "cursor");
}

#[tokio::test]
async fn unknown_paths_are_problems() {
    let world = World::new();
    world.bearer("ada", &["user"]).get("/api/v1/nothing").await.problem(404, "No such page or endpoint");
    world.stranger().get("/api/v1/nothing").await.problem(401, "token");
    let browser = world.browser("ada", &["user"]).await.header("accept", "text/html,*/*;q=0.8");
    let page = browser.get("/nothing").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text.contains("No such page or endpoint") && page.text.starts_with("<!doctype html>"));
    // Unknown paths do not redirect to the sign-in, and a program gets a problem in JSON.
    for path in ["/nothing", "/.well-known/oauth-protected-resource", "/register"] {
        world.stranger().get(path).await.problem(404, "No such page or endpoint");
        world.stranger().post(path, "{}").await.problem(404, "No such page or endpoint");
        let page = world.stranger().header("accept", "text/html").get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.text.starts_with("<!doctype html>"), "{path}");
    }
}

#[tokio::test]
async fn a_parameter_is_given_a_limited_number_of_times_even_if_it_is_empty() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    let parents = |number: usize| vec!["parent="; number].join("&");
    assert_eq!(admin.get(&format!("/api/v1/groups?by=tool&{}", parents(1_000))).await.status, StatusCode::OK);
    admin.get(&format!("/api/v1/groups?by=tool&{}", parents(1_001))).await.problem(400, "at most 1000 times");
}
