//! Every error below `/api` is a problem, including those that no handler sees.

use axum::body::Body;
use axum::http::Request;

use crate::support::World;

#[tokio::test]
async fn unknown_api_paths_are_problems_and_not_pages() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    for path in ["/api/v1", "/api/v1/", "/api/v1/nope", "/api/v1/entries/x/y", "/api/v1/%ff", "/api/v1/entries/%ff"] {
        admin.get(path).await.problem(404, "");
    }
    for path in ["/api", "/api/", "/api/v2/entries", "/api/openapi.json", "/api/%ff"] {
        admin.get(path).await.problem(404, "No such page or endpoint");
        world.stranger().send("POST", path, "", "").await.problem(404, "No such page or endpoint");
    }
    world.stranger().get("/api/v1/nope").await.problem(401, "token");
}

#[tokio::test]
async fn an_unsupported_method_is_a_problem_with_the_allowed_ones() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    for (path, allowed) in [
        ("/api/v1/entries", "GET,HEAD"),
        ("/api/v1/settings", "GET,HEAD,PATCH"),
        ("/api/v1/views", "GET,HEAD,POST"),
        ("/api/v1/views/x", "PUT,DELETE"),
        ("/api/v1/events", "POST"),
        ("/api/v1/tokens", "GET,HEAD,POST"),
        ("/api/v1/tokens/x", "DELETE"),
        ("/api/v1/openapi.json", "GET,HEAD"),
        ("/healthz", "GET,HEAD"),
        ("/readyz", "GET,HEAD"),
    ] {
        for method in ["OPTIONS", "TRACE", "PROPFIND"] {
            let answer = admin.send(method, path, "", "").await;
            answer.problem(405, "Allow");
            assert_eq!(answer.header("allow"), allowed, "{method} {path}");
        }
    }
    let head = admin.send("HEAD", "/api/v1/entries", "", "").await;
    assert_eq!((head.status.as_u16(), head.header("content-type")), (200, "application/json"));
}

#[tokio::test]
async fn a_query_with_invalid_utf_8_is_a_problem() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    for query in ["tool=%ff", "%ff=x", "q=%C3%28", "q=%ED%A0%80"] {
        for path in ["/api/v1/entries", "/api/v1/groups", "/api/v1/values/tool", "/api/v1/settings/mcp-audit"] {
            admin.get(&format!("{path}?{query}")).await.problem(400, "UTF-8");
        }
    }
    assert_eq!(
        admin.get("/api/v1/entries?tool=%C3%A4&q=100%").await.status.as_u16(),
        200,
        "a percent sign alone is one"
    );
}

#[tokio::test]
async fn an_unacceptable_body_is_a_problem() {
    let world = World::new();
    let admin = world.bearer("root", &["admin"]);
    let long = format!(r#"{{"name":"{}","query":""}}"#, "x".repeat(70_000));
    for (method, path) in [
        ("PATCH", "/api/v1/settings"),
        ("POST", "/api/v1/views"),
        ("POST", "/api/v1/holds"),
        ("POST", "/api/v1/tokens"),
        ("PUT", "/api/v1/views/01930000-0000-7000-8000-000000000000"),
        ("POST", "/api/v1/holds/01930000-0000-7000-8000-000000000000/release"),
    ] {
        admin.send(method, path, "", "{}").await.problem(415, "application/json");
        admin.send(method, path, "text/plain", "{}").await.problem(415, "application/json");
        admin.send(method, path, "application/json", &long).await.problem(413, "64 KiB");
        for body in ["", "{", "[]", "null", "\"x\"", "{\"nope\": {}}"] {
            let answer = admin.send(method, path, "application/json", body).await;
            assert!([400, 404, 422].contains(&answer.status.as_u16()), "{method} {path} {body}: {}", answer.text);
            answer.problem(answer.status.as_u16(), "");
        }
        let bytes = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let token = world.token("root", &["admin"]).0;
        let bytes =
            bytes.header("authorization", format!("Bearer {token}")).body(Body::from(&b"{\"name\": \"\xff\"}"[..]));
        let answer = world.ask(bytes.expect("a request")).await;
        assert!([400, 404].contains(&answer.status.as_u16()), "{method} {path}: {}", answer.text);
        answer.problem(answer.status.as_u16(), "");
    }
}
