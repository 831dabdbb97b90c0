//! OAuth of a proxy with `--open`, where the server differs from the official one: it returns the sign-in page itself,
//! it refuses a request for a token, and it names a second authorization server on another host.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use http_body_util::BodyExt;
use mcp_audit_log::field::Field;
use serde_json::{Value, json};

use super::plain_proxy;
use crate::support::{Log, contains, exchange, lines, send, serve};

/// A server with an authorization server on its host, and another one elsewhere.
async fn server() -> std::net::SocketAddr {
    let host = |headers: &HeaderMap| headers[header::HOST].to_str().unwrap().to_owned();
    let resource = move |headers: HeaderMap| async move {
        let own = format!("http://{}", host(&headers));
        Json(json!({ "resource": format!("{own}/base"), "authorization_servers": [own, "https://id.example/x"] }))
    };
    let metadata = move |headers: HeaderMap| async move {
        let own = format!("http://{}", host(&headers));
        Json(json!({
            "issuer": own,
            "authorization_endpoint": format!("{own}/ask?tenant=1"),
            "token_endpoint": format!("{own}/deep/token"),
        }))
    };
    let page = || async { ([(header::CONTENT_TYPE, "text/html")], "<form method=post>") };
    let refused = |body: String| async move {
        assert!(body.contains("code=secret-code"), "{body}");
        let answer = json!({ "error": "invalid_grant", "error_description": "secret-words" });
        (StatusCode::BAD_REQUEST, Json(answer)).into_response()
    };
    let challenge = || async {
        let metadata = r#"Bearer resource_metadata="http://inside/.well-known/oauth-protected-resource/base""#;
        (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, metadata)]).into_response() as Response
    };
    let router = Router::new()
        .route("/.well-known/oauth-protected-resource/base", get(resource))
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/ask", any(page))
        .route("/deep/token", any(refused))
        .route("/base", any(challenge));
    serve(router.fallback(any(|| async { "nobody may get here" }))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth_metadata_is_mapped_and_only_its_endpoints_are_served() {
    let log = Log::open();
    let url = plain_proxy(&log, server().await).await;
    let gateway = url.trim_end_matches("/mcp/up").to_owned();
    let get = async |path: &str| {
        let request = hyper::Request::get(format!("{gateway}{path}"));
        let answer = send(request.body(http_body_util::Full::default()).unwrap()).await;
        let (parts, body) = answer.into_parts();
        (parts, body.collect().await.unwrap().to_bytes())
    };
    let document = async |path: &str| {
        let (parts, body) = get(path).await;
        assert_eq!(parts.status, StatusCode::OK, "{path}");
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    let resource = document("/.well-known/oauth-protected-resource/mcp/up").await;
    assert_eq!(resource["resource"], url);
    assert_eq!(resource["authorization_servers"], json!([format!("{gateway}/oauth/up"), "https://id.example/x"]));
    let metadata = document("/.well-known/oauth-authorization-server/oauth/up").await;
    assert_eq!(metadata["issuer"], format!("{gateway}/oauth/up"));
    assert_eq!(metadata["authorization_endpoint"], format!("{gateway}/oauth/up/ask?tenant=1"));

    let (parts, _) = get("/oauth/up/ask?tenant=1&client_id=c1").await;
    let policy = &parts.headers[header::CONTENT_SECURITY_POLICY];
    assert_eq!((parts.status, policy), (StatusCode::OK, &"sandbox allow-forms allow-scripts".parse().unwrap()));
    for path in ["/oauth/up/base", "/oauth/up/", "/oauth/up/deep", "/oauth/up/deep/..%2fbase", "/oauth/none/ask"] {
        let (parts, body) = get(path).await;
        assert!(parts.status == StatusCode::NOT_FOUND && !contains(&body, "nobody"), "{path}: {body:?}");
    }
    let (parts, _) = get("/mcp/up").await;
    let expected = format!(r#"Bearer resource_metadata="{gateway}/.well-known/oauth-protected-resource/mcp/up""#);
    assert_eq!(parts.headers[header::WWW_AUTHENTICATE], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_step_is_an_entry_without_its_secrets() {
    let log = Log::open();
    let url = plain_proxy(&log, server().await).await;
    let token = url.replace("/mcp/up", "/oauth/up/deep/token");
    let form = "grant_type=authorization_code&code=secret-code&code_verifier=secret-verifier&scope=a+b";
    let request = hyper::Request::post(token)
        .header("content-type", "application/x-www-form-urlencoded")
        // The client's id and secret, as HTTP Basic has them.
        .header("authorization", "Basic YzE6c2VjcmV0LXBhc3N3b3Jk");
    let (status, body) = exchange(request.body(http_body_util::Full::from(form)).unwrap()).await;
    assert_eq!((status, body.contains("invalid_grant")), (400, true));
    let entry = log.wait_for(1).await.remove(0);
    assert_eq!(lines(std::slice::from_ref(&entry)), ["request oauth.token - rejected 400"]);
    assert_eq!((entry.text(Field::Channel), entry.text(Field::ErrorType)), (Some("oauth"), Some("invalid_grant")));
    let facts = ["grant_type", "client_id", "scope"].map(|name| entry.details[name].as_str().unwrap().to_owned());
    assert_eq!(facts, ["authorization_code", "c1", "a b"]);
    for secret in ["secret-code", "secret-verifier", "secret-password", "secret-words", "YzE6c2VjcmV0"] {
        assert!(!contains(&log.files(), secret), "{secret}");
    }
}
