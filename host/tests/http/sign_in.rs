//! Signing in: tokens, sessions, links, and requests that another site makes a browser send.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{World, call};

#[tokio::test]
async fn only_the_sign_in_is_open_without_credentials() {
    let world = World::new();
    let stranger = world.stranger();
    for path in [
        "/api/v1/entries",
        "/api/v1/entries/x",
        "/api/v1/settings",
        "/api/v1/crons",
        "/api/v1/extent",
        "/api/v1/holds",
        "/api/v1/views",
        "/api/v1/me",
        "/api/v1/manifest",
    ] {
        let answer = stranger.get(path).await;
        answer.problem(401, "Bearer");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{path}");
    }
    for (path, to) in
        [("/", "/sign-in"), ("/settings", "/sign-in?next=%2Fsettings"), ("/?user=a", "/sign-in?next=%2F%3Fuser%3Da")]
    {
        let answer = stranger.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, to));
    }
    for path in ["/sign-in", "/healthz", "/readyz"] {
        assert_eq!(stranger.get(path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_token_signs_a_browser_in_and_is_recorded() {
    let world = World::new();
    let (secret, _) = world.token("ada", &["admin"]);
    let browser = world.stranger().header("sec-fetch-site", "same-origin");
    let answer = browser.form("/sign-in", &format!("token={secret}&next=%2Fsettings")).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/settings"));
    let cookie = answer.header("set-cookie");
    for part in ["mcp_audit_log_session=", "; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie} lacks {part}");
    }
    assert!(!cookie.contains(&secret), "the secret is in the cookie");
    for next in ["%2F%2Fevil.example", "https%3A%2F%2Fevil.example", "%2F%5Cevil.example", ""] {
        let answer = browser.form("/sign-in", &format!("token={secret}&next={next}")).await;
        assert_eq!(answer.header("location"), "/", "{next}");
    }
    // Sign-ins are queued; when a later event is durable, they are too.
    world.record(call("ada", "search")).await;
    let entries = world.bearer("root", &["admin"]).entries("method=sign_in.succeeded").await;
    assert_eq!(entries.len(), 5);
    assert_eq!((&entries[0]["user"], &entries[0]["ip"]), (&json!("ada"), &json!("203.0.113.7")));
}

#[tokio::test]
async fn wrong_credentials_are_refused_and_recorded_without_the_secret() {
    let world = World::new();
    let wrong = world.stranger().header("authorization", "Bearer mcpa_canary-token");
    wrong.get("/api/v1/entries").await.problem(401, "Unknown token");
    let browser = world.stranger().header("sec-fetch-site", "same-origin");
    let page = browser.form("/sign-in", "token=mcpa_canary-token").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("Unknown token") && !page.text.contains("canary"));
    let page = browser.get("/sign-in/canary-code").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("link is not valid") && !page.header("set-cookie").contains("session"));
    assert_eq!(browser.get("/sign-in/%ff").await.status, StatusCode::FORBIDDEN);
    let admin = world.bearer("root", &["admin"]);
    world.record(call("ada", "search")).await;
    let entries = admin.entries("method=sign_in.failed").await;
    assert_eq!(entries.len(), 4);
    assert!(entries.iter().all(|entry| entry["outcome"] == "denied" && entry["ip"] == "203.0.113.7"));
    assert!(!admin.get("/api/v1/entries").await.text.contains("canary"));
    let mixed = world.browser("ada", &["admin"]).await.header("authorization", "Bearer mcpa_wrong");
    mixed.get("/api/v1/me").await.problem(401, "Unknown token");
}

#[tokio::test]
async fn programs_without_a_token_are_recorded() {
    let world = World::new();
    world.stranger().get("/api/v1/entries").await.problem(401, "Bearer");
    world.stranger().header("authorization", "Basic canary").get("/api/v1/me").await.problem(401, "Bearer");
    world.stranger().header("cookie", "mcp_audit_log_session=canary").get("/api/v1/me").await.problem(401, "Bearer");
    assert_eq!(world.stranger().get("/").await.status, StatusCode::SEE_OTHER);
    world.record(call("ada", "search")).await;
    let admin = world.bearer("root", &["admin"]);
    assert_eq!(admin.entries("method=sign_in.failed").await.len(), 3);
    assert!(!admin.get("/api/v1/entries").await.text.contains("canary"));
}

#[tokio::test]
async fn a_session_cannot_be_tampered_with_and_ends() {
    let world = World::new();
    let browser = world.browser("ada", &["user"]).await;
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
    let cookie = browser.cookie();
    let other = world.token("root", &["admin"]).1.id;
    let (_, value) = cookie.split_once('=').expect("a cookie");
    let mut parts: Vec<_> = value.split('.').collect();
    let (id, until) = (parts[0].to_owned(), parts[1].to_owned());
    parts[0] = &other;
    let as_other = format!("mcp_audit_log_session={}", parts.join("."));
    let longer = cookie.replace(&until, &format!("{until}0"));
    for forged in [
        as_other,
        longer,
        cookie.replace(&id, ""),
        format!("mcp_audit_log_session={id}"),
        "mcp_audit_log_session=".into(),
    ] {
        let answer = world.stranger().header("cookie", &forged).get("/api/v1/me").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{forged}");
    }
    let several = world.stranger().header("cookie", &format!("a=b; mcp_audit_log_session=x; {cookie}"));
    assert_eq!(several.get("/api/v1/me").await.json()["user"], "ada");
    let elsewhere = world.stranger().header("cookie", &world.browser("ada", &["user"]).await.cookie());
    let out = browser.form("/sign-out", "").await;
    assert_eq!(out.status, StatusCode::SEE_OTHER);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    let copy = world.stranger().header("cookie", &cookie);
    assert_eq!(copy.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(elsewhere.get("/api/v1/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn another_site_cannot_make_a_browser_change_anything() {
    let world = World::new();
    let browser = world.browser("root", &["admin"]).await;
    let cookie = browser.cookie();
    let changes = [
        "/settings",
        "/settings/crons",
        "/settings/holds",
        "/settings/holds/release",
        "/views",
        "/views/01930000-0000-7000-8000-000000000000/delete",
        "/sign-out",
        "/sign-in",
    ];
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("x-none", "1"),
    ] {
        let foreign = world.stranger().header("cookie", &cookie).header(name, value);
        for path in changes {
            let answer = foreign.form(path, "log_payloads=true&name=x&token=x").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {value}");
        }
        foreign.patch("/api/v1/settings", r#"{"log_payloads":true}"#).await.problem(403, "nothing was done");
    }
    assert!(!world.log.keeps_payloads());
    let own = world.stranger().header("cookie", &cookie).header("origin", "https://log.example");
    assert_eq!(own.form("/settings", "retention_days=30").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_link_signs_in_its_user() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    let page = world.browser("ada", &["user"]).await.get("/").await;
    assert!(page.text.contains("search") && page.text.contains("Sign out"));
}

/// A session's request has just looked its token up by the id, which is not secret: lists and entries contain it.
#[tokio::test]
async fn a_tokens_id_does_not_sign_in() {
    let world = World::new();
    let (_, token) = world.token("root", &["admin", "auditor"]);
    let code = world.links.create(&token, None).expect("a code");
    let cookie = world.stranger().get(&format!("/sign-in/{code}")).await.cookie();
    let session = world.stranger().header("cookie", &cookie);
    for guess in [format!("id:{}", token.id), token.id.clone()] {
        assert_eq!(session.get("/api/v1/me").await.json()["user"], "root");
        let page = world.stranger().header("sec-fetch-site", "same-origin");
        let answer = page.form("/sign-in", &format!("token={guess}")).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (StatusCode::FORBIDDEN, ""));
        let bearer = world.stranger().header("authorization", &format!("Bearer {guess}"));
        assert_eq!(bearer.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    }
}

/// Without a further refusal, the number of refusals is still recorded.
#[tokio::test]
async fn many_refused_sign_ins_are_counted() {
    let world = World::new();
    for at in 0..30 {
        let guess = world.stranger().header("authorization", &format!("Bearer mcpa_{at}"));
        assert_eq!(guess.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    }
    let admin = world.bearer("root", &["admin"]);
    loop {
        let told = admin.entries("method=sign_in.failed").await;
        let (numbers, alone): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|entry| entry["error_type"] == "too_many_refusals");
        if let [first, ..] = &numbers[..] {
            assert!(alone.len() >= 10 && alone.len() < 30, "{}", alone.len());
            let more = format!("{} more refused sign-ins were counted", 30 - alone.len());
            assert!(numbers.len() > 1 || first["error_message"].as_str().is_some_and(|text| text.starts_with(&more)));
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_sign_out_is_recorded() {
    let world = World::new();
    let browser = world.browser("uma", &["user"]).await;
    assert_eq!(browser.form("/sign-out", "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.form("/sign-out", "").await.status, StatusCode::SEE_OTHER, "nobody is there any more");
    world.record(mcp_audit_log::event::Event::tool_call(world.log.view().now(), "up", "search")).await;
    let told = world.bearer("root", &["admin"]).entries("method=sign_in.ended").await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["user"], &told[0]["ip"]), (&"uma".into(), &"203.0.113.7".into()));
}
