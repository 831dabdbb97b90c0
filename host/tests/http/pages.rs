//! What the pages hold: nothing that runs, nothing from elsewhere, and hostile values as plain text.

use axum::http::StatusCode;
use mcp_audit::event::{Detail, Target};

use crate::world::{World, call};

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{202e}\u{1b}[31m";

/// Pages of every kind, each with hostile values in it.
async fn pages(world: &World) -> Vec<(String, String)> {
    let mut event = call(HOSTILE, HOSTILE).fact(HOSTILE, HOSTILE);
    event.target = Some(Target::Tool(format!("{HOSTILE}{}", "A".repeat(10_000))));
    event.detail = Detail::ToolError;
    event.failure = Some(mcp_audit::event::Failure { kind: HOSTILE.into(), message: HOSTILE.into(), code: None });
    event.server = Some(HOSTILE.into());
    event.caller.connection = Some(HOSTILE.into());
    event.client.user_agent = Some(HOSTILE.into());
    let id = world.record(event).await;
    let encoded: String = HOSTILE.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let browser = world.browser(HOSTILE, &["admin", "auditor"]).await;
    let form = format!("view_name=%3Cscript%3Ealert(1)%3C%2Fscript%3E&view_shared=true&tool={encoded}");
    assert_eq!(browser.form("/views", &form).await.status, StatusCode::SEE_OTHER);
    let form = format!("from=2026-01-01&to=&reason={encoded}");
    assert_eq!(browser.form("/settings/holds", &form).await.status, StatusCode::SEE_OTHER);
    let mut pages = Vec::new();
    for path in [
        "/".to_owned(),
        format!("/?q={encoded}&tool={encoded}&domain={encoded}"),
        format!("/?{encoded}={encoded}"),
        format!("/entries/{id}?show=payload"),
        format!("/entries/{encoded}"),
        "/settings".to_owned(),
        format!("/sign-in?next={encoded}"),
        format!("/settings?ran={encoded}"),
        "/nothing".to_owned(),
    ] {
        let page = browser.get(&path).await;
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
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
        // What stands in a control must go back as it was typed; everywhere else nothing hidden remains.
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

#[tokio::test]
async fn the_list_shows_what_happened_and_leads_on() {
    let world = World::new();
    for at in 0..3 {
        world.record(call("ada", &format!("tool_{at}"))).await;
    }
    let browser = world.browser("root", &["admin"]).await;
    let page = browser.get("/?filter=tool_calls&limit=2").await;
    assert!(page.text.contains("tool_2") && page.text.contains("tool_1") && !page.text.contains("tool_0"));
    assert!(page.text.contains("class=\"outcome success\">success"));
    assert!(page.text.contains("name=\"filter\" value=\"tool_calls\""), "a search keeps the quick filter");
    let older = page.text.split("id=\"older\" class=\"button\" href=\"").nth(1).expect("more").split('"').next();
    let older = older.expect("an address").replace("&#38;", "&");
    let page = browser.get(&older).await;
    assert!(page.text.contains("tool_0") && !page.text.contains("tool_1") && page.text.contains("Back to the newest"));
    assert!(!page.text.contains("id=\"older\""));
    let page = browser.get("/?limit=0").await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.text.contains("from 1 to 500") && page.text.contains("role=\"alert\""));
}

#[tokio::test]
async fn who_may_not_read_is_told_what_to_do() {
    let world = World::new();
    for groups in [&["billing-admin"][..], &[]] {
        let page = world.browser("bill", groups).await.get("/").await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(page.text.contains("ask an administrator") && page.text.contains("Sign out"));
    }
    let page = world.browser("ada", &["user"]).await.get("/?tool=none").await;
    assert!(page.text.contains("Nothing matches.") && !page.text.contains("/settings"));
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_their_hash() {
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
