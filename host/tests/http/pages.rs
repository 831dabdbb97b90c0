//! The content of pages: nothing that runs, nothing from other hosts, and hostile values as plain text.

use axum::http::StatusCode;
use mcp_audit_log::event::{Body, OutcomeDetail, Payload, Target};

use crate::support::{World, call};

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{202e}\u{1b}[31m";

/// The worst that a user's name may be, and a reason: characters that do not show are refused in both.
const VISIBLE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

/// Pages of every kind, each with hostile values in it.
async fn pages(world: &World) -> Vec<(String, String)> {
    let mut event = call(HOSTILE, HOSTILE).fact(HOSTILE, HOSTILE);
    event.target = Some(Target::Tool(format!("{HOSTILE}{}", "A".repeat(10_000))));
    event.detail = OutcomeDetail::ToolError;
    event.failure = Some(mcp_audit_log::event::Failure { kind: HOSTILE.into(), message: HOSTILE.into(), code: None });
    event.server = Some(HOSTILE.into());
    event.caller.connection = Some(HOSTILE.into());
    event.client.user_agent = Some(HOSTILE.into());
    let text = format!("<b>{HOSTILE}");
    let json = serde_json::json!({ &text: [text, { "x": "A".repeat(10_000) }] }).to_string();
    let body = |text: String| Some(Body::whole(text));
    event.payload = Some(Payload { request: body(json), response: body(HOSTILE.repeat(100)) });
    world.keep_payloads().await;
    let id = world.record(event).await;
    let encoded: String = HOSTILE.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let browser = world.browser(VISIBLE, &["admin", "auditor"]).await.header("accept", "text/html");
    let form = format!("view_name=%3Cscript%3Ealert(1)%3C%2Fscript%3E&view_shared=true&tool={encoded}");
    assert_eq!(browser.form("/views", &form).await.status, StatusCode::SEE_OTHER);
    let form = format!("from=2026-01-01&to=&reason={encoded}");
    assert_eq!(browser.form("/settings/holds", &form).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let visible: String = VISIBLE.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let form = format!("from=2026-01-01&to=&reason={visible}");
    assert_eq!(browser.form("/settings/holds", &form).await.status, StatusCode::SEE_OTHER);
    let reason = [("reason", "", VISIBLE), ("extensions", "x.toml", "name = 'x'\nversion = '1'")];
    assert_eq!(browser.upload("/policies", &reason).await.status, StatusCode::OK);
    let mut pages = Vec::new();
    for path in [
        "/".to_owned(),
        format!("/?q={encoded}&tool={encoded}&domain={encoded}"),
        format!("/?{encoded}={encoded}"),
        "/?by=tool&by=user&sort=errors".to_owned(),
        "/?columns=time,tool,user,server,connection,error_message,session".to_owned(),
        format!("/?columns={encoded}"),
        format!("/?by={encoded}&sort={encoded}"),
        format!("/entries/{id}?show=payload"),
        format!("/entries/{encoded}"),
        "/settings".to_owned(),
        "/policies".to_owned(),
        format!("/policies?before={encoded}"),
        "/integrity".to_owned(),
        format!("/integrity?verification={encoded}"),
        "/usage?sort=errors".to_owned(),
        format!("/usage?q={encoded}&tool={encoded}&from={encoded}"),
        format!("/usage?{encoded}={encoded}&by={encoded}&sort={encoded}"),
        format!("/usage?tool={encoded}&user={encoded}"),
        format!("/sign-in?next={encoded}"),
        format!("/settings?ran={encoded}"),
        "/nothing".to_owned(),
    ] {
        let page = browser.get(&path).await;
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        pages.push((path, page.text));
    }
    pages
}

#[tokio::test]
async fn hostile_values_are_plain_text() {
    let world = World::new();
    for (path, page) in pages(&world).await {
        for (at, _) in page.match_indices("<script") {
            assert!(page[at..].starts_with("<script src=\"/assets/"), "{path} has a script of its own");
        }
        assert_eq!(page.matches("<img").count(), 1, "{path}: the mark of the site is the only image");
        for inline in [" onerror=alert(1)>\u{202e}", "style=", "javascript:", " onclick", "<style"] {
            assert!(!page.contains(inline), "{path} has {inline}");
        }
        // The value of a control must go back as it was typed; everywhere else no hidden character remains.
        let outside: String =
            page.split("value=\"").map(|part| part.split_once('"').map_or(part, |(_, rest)| rest)).collect();
        assert!(!outside.contains(['\u{202e}', '\u{1b}']), "{path} has hidden characters");
        for attribute in ["href=\"", "src=\"", "action=\""] {
            for (at, _) in page.match_indices(attribute) {
                let target = page[at + attribute.len()..].chars().next();
                assert!(matches!(target, Some('/' | '#')), "{path} leads elsewhere");
            }
        }
    }
}

/// The target column of the rows of a list.
fn tools(page: &str) -> Vec<&str> {
    let cells = page.split("class=\"target\">").skip(1);
    cells.map(|cell| cell.split('<').next().unwrap_or_default()).collect()
}

/// The address of a link to another page of the list.
fn turn(page: &str, id: &str) -> Option<String> {
    let rest = page.split(&format!("id=\"{id}\" class=\"button\" href=\"")).nth(1)?;
    Some(rest.split('"').next()?.replace("&#38;", "&"))
}

#[tokio::test]
async fn the_list_shows_entries_and_links_to_them() {
    let world = World::new();
    for at in 0..3 {
        world.record(call("ada", &format!("tool_{at}"))).await;
    }
    let browser = world.browser("root", &["admin"]).await;
    let page = browser.get("/?filter=tool_calls&limit=2").await;
    assert_eq!(tools(&page.text), ["tool_2", "tool_1"]);
    assert!(page.text.contains("class=\"outcome success\">success"));
    assert!(page.text.contains("name=\"filter\" value=\"tool_calls\""), "a search keeps the quick filter");
    assert_eq!(turn(&page.text, "newer"), None);
    let page = browser.get(&turn(&page.text, "older").expect("older")).await;
    assert_eq!((tools(&page.text), turn(&page.text, "older")), (vec!["tool_0"], None));
    assert!(page.text.contains("Newest</a>"));
    let page = browser.get(&turn(&page.text, "newer").expect("newer")).await;
    assert_eq!((tools(&page.text), turn(&page.text, "newer")), (vec!["tool_2", "tool_1"], None));
    assert!(turn(&page.text, "older").is_some());
    let page = browser.get("/?limit=0").await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.text.contains("from 1 to 500") && page.text.contains("role=\"alert\""));
}

#[tokio::test]
async fn inputs_offer_existing_values() {
    let world = World::new();
    world.record(call("ada", "search <b>")).await;
    world.record(call("ada", "not \u{202e}offered")).await;
    let browser = world.browser("ada", &["user"]).await;
    let page = browser.get("/").await.text;
    assert!(page.contains("list=\"values-tool\" data-more"), "the others can be asked for: {page}");
    assert!(page.contains("list=\"values-tool\"") && page.contains("<datalist id=\"values-tool\">"), "{page}");
    let menu = page.split("<datalist id=\"values-tool\">").nth(1).expect("a menu").split("</datalist>").next();
    assert_eq!(menu, Some("<option value=\"search &#60;b&#62;\">"), "what cannot be seen is not offered");
    let rows_only = browser.header("sec-fetch-dest", "empty").get("/").await.text;
    assert!(rows_only.contains("search &#60;b&#62;") && !rows_only.contains("<option value=\"search"), "{rows_only}");
}

#[tokio::test]
async fn a_viewer_without_rights_is_told_what_to_do() {
    let world = World::new();
    let page = world.browser("bill", &[]).await.get("/").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("ask an administrator") && page.text.contains("Sign out"));
    let page = world.browser("ada", &["user"]).await.get("/?tool=none").await;
    assert!(page.text.contains("Nothing matches.") && !page.text.contains("/settings"));
}

#[tokio::test]
async fn assets_are_cached_under_their_hash() {
    let world = World::new();
    let page = world.stranger().get("/sign-in").await;
    let mut assets = 0;
    for (at, _) in page.text.match_indices("/assets/") {
        let path = page.text[at..].split('"').next().expect("an address");
        let asset = world.stranger().get(path).await;
        assert_eq!(asset.status, StatusCode::OK, "{path}");
        assert!(asset.header("cache-control").contains("immutable"));
        assert!(!asset.text.contains("http://") || path.ends_with(".svg"), "{path} names another site");
        assets += 1;
    }
    assert!(assets >= 3);
    assert_eq!(world.stranger().get("/assets/0000.css").await.status, StatusCode::NOT_FOUND);
}

/// Each viewer gets the tabs of their rights, and each page marks the tab that it belongs to.
#[tokio::test]
async fn the_navigation_has_the_tabs_of_the_viewers_rights_and_marks_the_current_one() {
    let world = World::new();
    let id = world.record(call("ada", "search")).await;
    let all = ["Log", "Alerts", "Usage", "Servers", "Integrity", "Policies", "Tokens", "Settings"];
    let auditors = ["Log", "Alerts", "Usage", "Servers", "Integrity", "Policies", "Settings"];
    for (group, tabs) in [
        ("admin", &all[..]),
        ("auditor", &auditors),
        ("user", &["Log", "Alerts", "Usage"]),
        ("billing-admin", &["Usage"]),
    ] {
        let browser = world.browser("ada", &[group]).await.header("accept", "text/html");
        for (path, current) in [
            ("/", "Log"),
            (&*format!("/entries/{id}"), "Log"),
            ("/usage", "Usage"),
            ("/integrity", "Integrity"),
            ("/policies", "Policies"),
            ("/tokens", "Tokens"),
            ("/settings", "Settings"),
        ] {
            let page = browser.get(path).await;
            let page = if page.status.is_redirection() { browser.get("/usage").await } else { page };
            let (_, navigation) = page.text.split_once("<nav").expect("a navigation");
            let (navigation, _) = navigation.split_once("</nav>").expect("its end");
            let links: Vec<_> = navigation.split("<a ").skip(1).collect();
            let label = |link: &&str| link.split(['>', '<']).nth(1).unwrap_or_default().to_owned();
            assert_eq!(links.iter().map(label).collect::<Vec<_>>(), tabs, "{group}: {path}");
            let marked: Vec<_> =
                links.iter().filter(|link| link.contains("aria-current=\"page\"")).map(label).collect();
            let expected = if page.status.is_success() && tabs.contains(&current) { vec![current] } else { vec![] };
            let expected = if path == "/" && !tabs.contains(&"Log") { vec!["Usage"] } else { expected };
            assert_eq!(marked, expected, "{group}: {path}");
        }
    }
}
