//! The page of servers: hostile names and texts, its rights, and its size.

use axum::http::StatusCode;
use mcp_audit_log::tool_definition::ToolListing;
use serde_json::json;

use crate::support::World;

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{202e}";

impl World {
    /// A listing of these tools passes: names and descriptions.
    async fn lists(&self, server: &str, tools: &[(String, String)]) {
        let tools: Vec<_> = tools.iter().map(|(name, text)| json!({ "name": name, "description": text })).collect();
        let listing = ToolListing {
            server: server.to_owned(),
            viewer: "anna's".to_owned(),
            user: Some(HOSTILE.to_owned()),
            entry: uuid::Uuid::nil(),
            at: self.log.view().now(),
            tools: json!(tools).to_string().into(),
            cursor: None,
            next: None,
            is_seeded: false,
        };
        let watch = self.log.tool_watch();
        tokio::task::spawn_blocking(move || watch.compare(&listing)).await.expect("compared");
    }
}

fn tool(name: &str, text: &str) -> (String, String) {
    (name.to_owned(), text.to_owned())
}

#[tokio::test]
async fn servers_and_tools_with_hostile_names_are_shown_as_text() {
    let world = World::new();
    world.lists(HOSTILE, &[tool(HOSTILE, "one")]).await;
    world.lists(HOSTILE, &[tool(HOSTILE, HOSTILE), tool("other", "new")]).await;
    world.lists(HOSTILE, &[tool("other", "new")]).await;
    let admin = world.browser("root", &["admin"]).await;
    let encoded: String = HOSTILE.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for path in ["/servers".to_owned(), format!("/servers?server={encoded}")] {
        let page = admin.get(&path).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("&#60;script&#62;alert(1)") && page.text.contains("\\u{202e}"), "{}", page.text);
        assert!(!page.text.contains("<script>") && !page.text.contains("<img src=x"), "{}", page.text);
    }
    let page = admin.get(&format!("/servers?server={encoded}")).await.text;
    for word in ["changed", "added", "gone", "5 bytes"] {
        assert!(page.contains(word), "{word} is not on the page: {page}");
    }
    let missing = admin.get("/servers?server=unknown").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_who_oversees_all_tenants_sees_servers() {
    let world = World::new();
    world.lists("crm", &[tool("search", "Searches")]).await;
    for (groups, expected) in [(&["auditor"][..], 200), (&["admin"], 200), (&["user"], 403), (&["billing-admin"], 403)]
    {
        let answer = world.browser("ada", groups).await.get("/servers").await;
        assert_eq!(answer.status.as_u16(), expected, "{groups:?}");
    }
    assert_eq!(world.bearer_in("acme", "ina", &["admin"]).get("/api/v1/tools").await.status, StatusCode::FORBIDDEN);
    let tools = world.bearer("root", &["auditor"]).get("/api/v1/tools").await.json();
    assert_eq!((&tools["tools"][0]["server"], &tools["tools"][0]["tool"]), (&"crm".into(), &"search".into()));
    assert_eq!(tools["tools"][0]["definitions"][0]["hash"].as_str().map(str::len), Some(64));
    assert!(tools["tools"][0]["entry"].is_string() && tools["tools"][0]["gone"] == false);
}

#[tokio::test]
async fn the_page_of_a_server_with_many_tools_stays_small() {
    let world = World::new();
    let tools =
        |text: &str| (0..400).map(|at| tool(&format!("tool-{at}-{}", "x".repeat(100)), text)).collect::<Vec<_>>();
    world.lists("crm", &tools("one")).await;
    world.lists("crm", &tools("another")).await;
    let page = world.browser("root", &["admin"]).await.get("/servers?server=crm").await.text;
    assert!(page.len() < 100_000, "{} bytes", page.len());
    assert!(page.contains("300 more tools"), "{page}");
}
