//! The pages under a path of a vendor's own application, with the vendor's own sign-in.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use mcp_audit_log::http::SignInLinks;
use mcp_audit_log::http::{Site, router};
use mcp_audit_log::identity::Identity;

use crate::support::{World, call, viewer};

fn nested() -> World {
    let mut world = World::new();
    let site = Site::new(world.log.clone(), Identity::new(world.tokens.clone()), SignInLinks::clone(&world.links));
    world.router = Router::new().nest("/audit", router(site.mounted_at("/audit/").over_https()));
    world
}

#[tokio::test]
async fn every_link_stays_below_the_mount() {
    let world = nested();
    let id = world.record(call("ada", "search")).await;
    let code = world.links.create(&world.token("ada", &["admin"]).1, None).expect("a code");
    let answer = world.stranger().get(&format!("/audit/sign-in/{code}")).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/audit"));
    assert!(
        answer.header("set-cookie").contains("; Path=/audit;") && answer.header("set-cookie").ends_with("; Secure")
    );
    let browser = world.stranger().header("cookie", &answer.cookie());
    for path in [
        "/audit",
        "/audit?user=ada",
        "/audit?by=user&by=tool&limit=1",
        "/audit?limit=1",
        "/audit/settings",
        "/audit/policies",
        &format!("/audit/entries/{id}"),
        "/audit/sign-in",
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        for attribute in ["href=\"", "src=\"", "action=\""] {
            for (at, _) in page.text.match_indices(attribute) {
                let target = page.text[at + attribute.len()..].split('"').next().expect("a value");
                assert!(target.starts_with("/audit") || target.starts_with('#'), "{path}: {target}");
            }
        }
    }
    let away = world.stranger().get("/audit/settings").await;
    assert_eq!(away.header("location"), "/audit/sign-in?next=%2Fsettings");
}

#[tokio::test]
async fn a_viewer_from_the_embedder_is_trusted() {
    let world = World::new();
    world.record(call("ada", "search")).await;
    let request = |method: &str, site: &str| {
        let request = Request::builder().method(method).uri("/api/v1/me").header("sec-fetch-site", site);
        request.extension(viewer("ada", &["user"])).body(Body::empty()).expect("a request")
    };
    assert_eq!(world.ask(request("GET", "cross-site")).await.json()["user"], "ada");
    assert_eq!(world.ask(request("DELETE", "cross-site")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.ask(request("DELETE", "same-origin")).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_vendors_style_sheet_is_loaded_last() {
    let css = ":root { --mcp-audit-log-accent: #0a7; }";
    let world = World::with(|site| site.styled(css));
    let page = world.stranger().get("/sign-in").await;
    let sheets: Vec<_> =
        page.text.split("rel=\"stylesheet\" href=\"").skip(1).filter_map(|l| l.split('"').next()).collect();
    assert_eq!(sheets.len(), 2, "{}", page.text);
    let [ours, theirs] = [world.stranger().get(sheets[0]).await, world.stranger().get(sheets[1]).await];
    assert_eq!(
        (theirs.status, theirs.text.as_str(), theirs.header("content-type")),
        (StatusCode::OK, css, "text/css; charset=utf-8")
    );
    assert!(page.header("content-security-policy").contains("style-src 'self'"));
    let documented = include_str!("../../../docs/pages.md");
    for property in ours.text.split("var(--mcp-audit-log-").skip(1).filter_map(|rest| rest.split([',', ')']).next()) {
        let (name, soft) = property.strip_suffix("-soft").map_or((property, false), |name| (name, true));
        assert!(
            documented.contains(&format!("`--mcp-audit-log-{name}`")),
            "{property} is not in docs/pages.md ({soft})"
        );
    }
}

#[tokio::test]
async fn the_tools_of_the_log_are_below_the_mount() {
    let world = nested();
    let ada = world.bearer("ada", &["user"]).header("accept", "application/json, text/event-stream");
    let ask = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let answer = ada.post("/audit/api/mcp", ask).await.json();
    assert_eq!(answer["result"]["tools"][0]["name"], "search_entries", "{answer}");
}
