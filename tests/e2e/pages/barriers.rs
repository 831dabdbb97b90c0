//! Every page and state at every width, in light and dark: axe-core finds no barrier, and no column is too narrow.

use mcp_audit_log_tests::{Browser, Scripts, Stub};
use serde_json::json;

use crate::support::World;

const WIDTHS: [u32; 5] = [390, 768, 1_024, 1_280, 1_920];
/// Elements whose text is cut although they show next to nothing of it, or whose text lies over others, and cells that
/// break their words. What is cut shows eight characters at least.
const NARROW: &str = r#"
const found = [];
for (const cell of document.querySelectorAll("main :is(td, th, dt, dd, li, a, button, summary, label, h1, h2, h3, p, span)")) {
  if (!cell.checkVisibility() || cell.closest(".hidden, svg, .outcome:has(> .hidden)") || cell.clientWidth === 0) continue;
  const style = getComputedStyle(cell);
  const room = cell.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const isNarrow = room < 4.4 * parseFloat(style.fontSize);
  const isBroken = cell.matches("td, th") && isNarrow && cell.textContent.trim().length > 8 && style.whiteSpaceCollapse !== "preserve" && style.textWrapMode !== "nowrap";
  const isOver = cell.scrollWidth > cell.clientWidth + 1 && style.display !== "inline" && style.overflowX !== "auto";
  if (!isBroken && !(isOver && (isNarrow || style.overflowX === "visible"))) continue;
  found.push(`${cell.tagName.toLowerCase()}.${cell.className} "${cell.textContent.trim().slice(0, 40)}" has ${Math.round(room)} px`);
}
return found;
"#;

#[tokio::test]
async fn axe_finds_no_barrier_on_any_page_at_any_width() {
    let world = World::lively();
    let mut found = Vec::new();
    for group in ["admin", "auditor", "user", "billing-admin"] {
        let browser = world.visitor(group, Scripts::On).await;
        let pages = world.pages().into_iter().filter(|page| page.group == group).map(|page| (page.name, page.path));
        for (name, path) in pages.chain([("sign-in", "/sign-in".to_owned())]) {
            browser.open(&format!("{}{path}", world.server.address())).await;
            for width in WIDTHS {
                browser.on_a_screen(width, 900, false).await;
                let mut barriers = browser.barriers().await;
                browser.on_a_screen(width, 900, true).await;
                barriers.extend(browser.pale_texts().await.iter().map(|one| format!("dark: {one}")));
                found.extend(barriers.into_iter().map(|one| format!("{name} of {group}, {width}: {one}")));
            }
        }
    }
    assert!(found.is_empty(), "{} barriers:\n{}", found.len(), found.join("\n"));
}

#[tokio::test]
async fn no_column_is_too_narrow_for_its_content() {
    let world = World::lively();
    let mut found = Vec::new();
    for group in ["admin", "auditor", "user", "billing-admin"] {
        let browser = world.visitor(group, Scripts::On).await;
        for page in world.pages().into_iter().filter(|page| page.group == group) {
            browser.open(&format!("{}{}", world.server.address(), page.path)).await;
            for width in WIDTHS {
                browser.on_a_screen(width, 900, false).await;
                let narrow = browser.runs(NARROW).await;
                let narrow = narrow.as_array().expect("a list").iter();
                found.extend(narrow.map(|one| format!("{}, {width}: {one}", page.name)));
                if !browser.fits().await {
                    found.push(format!("{} is wider than {width} pixels", page.name));
                }
            }
        }
    }
    assert!(found.is_empty(), "{} narrow places:\n{}", found.len(), found.join("\n"));
}

#[tokio::test]
async fn a_narrow_column_is_found() {
    let bad =
        "<!doctype html><main><table><tr><td style='max-width:20px;overflow:hidden'>customer</td></tr></table></main>";
    let stub = Stub::page(bad);
    let browser = Browser::start(Scripts::On).await;
    browser.open(&stub.url()).await;
    assert_eq!(browser.runs(NARROW).await, json!(["td. \"customer\" has 20 px"]));
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
