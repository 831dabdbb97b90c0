//! (short: one file per question) Accessibility of every page: axe-core finds nothing, in light and dark, on a desktop
//! and on a phone.

use mcp_audit_log_tests::{Browser, Scripts, Stub};

use crate::support::World;

/// Width, and whether it is dark.
const SCREENS: [(u32, bool); 3] = [(1280, false), (1280, true), (390, false)];

#[tokio::test]
async fn axe_finds_no_barrier_on_any_page() {
    let world = World::lively();
    let mut found = Vec::new();
    for group in ["admin", "auditor", "user", "billing-admin"] {
        let browser = world.visitor(group, Scripts::On).await;
        for page in world.pages().into_iter().filter(|page| page.group == group) {
            for (width, dark) in SCREENS {
                browser.on_a_screen(width, 900, dark).await;
                browser.open(&format!("{}{}", world.server.address(), page.path)).await;
                let barriers = browser.barriers().await;
                found.extend(barriers.into_iter().map(|one| format!("{}, {width}, dark: {dark}: {one}", page.name)));
            }
        }
        browser.open(&format!("{}/sign-in", world.server.address())).await;
        found.extend(browser.barriers().await.into_iter().map(|one| format!("sign-in of {group}: {one}")));
    }
    assert!(found.is_empty(), "{} barriers:\n{}", found.len(), found.join("\n"));
}

/// A page with a mistake on purpose: the test above finds it.
#[tokio::test]
async fn axe_finds_an_injected_barrier() {
    let bad = "<!doctype html><html><body><img src=x><p style='color:#ccc;background:#fff'>pale</p></body></html>";
    let stub = Stub::page(bad);
    let browser = Browser::start(Scripts::On).await;
    browser.open(&stub.url()).await;
    let found = browser.barriers().await.join("\n");
    for rule in ["image-alt", "color-contrast", "html-has-lang"] {
        assert!(found.contains(rule), "{rule} is missing in {found}");
    }
}
