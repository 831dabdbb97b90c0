//! (short: one file per question) The size of a page: it is small, and loads nothing from other hosts.

use mcp_audit_log_tests::Scripts;
use serde_json::Value;

use crate::support::World;

/// Most bytes of a page's HTML.
const MOST: usize = 100_000;

#[tokio::test]
async fn pages_are_small_and_load_from_no_other_host() {
    let world = World::lively();
    for group in ["admin", "auditor"] {
        let browser = world.visitor(group, Scripts::On).await;
        for page in world.pages().into_iter().filter(|page| page.group == group) {
            browser.open(&format!("{}{}", world.server.address(), page.path)).await;
            let source = browser.source().await;
            assert!(source.len() < MOST, "{} has {} bytes", page.name, source.len());
            let asked = "return performance.getEntriesByType('resource').map(entry => entry.name)";
            let asked = browser.page().execute(asked, Vec::new()).await.expect("an answer");
            let Value::Array(asked) = asked.json().clone() else { panic!("a list") };
            assert!(!asked.is_empty(), "the style sheet at least");
            let own = |address: &Value| address.as_str().is_some_and(|one| one.starts_with(world.server.address()));
            assert!(asked.iter().all(own), "{}: {asked:?}", page.name);
        }
    }
}
