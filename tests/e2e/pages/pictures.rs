//! The pictures of the pages in the documentation. Each run makes them; `tests/pictures` stores them.

use std::path::PathBuf;

use mcp_audit_log_tests::Scripts;

use crate::support::World;

/// A page, the name of its picture, its width and height, and whether it is dark.
const PICTURES: [(&str, &str, u32, u32, bool); 8] = [
    ("log", "log", 1280, 760, false),
    ("log", "log-dark", 1280, 760, true),
    ("log", "log-phone", 390, 760, false),
    ("groups", "groups", 1280, 760, false),
    ("entry", "entry", 1280, 900, false),
    ("usage", "usage", 1280, 900, false),
    ("integrity", "integrity", 1280, 900, false),
    ("settings", "settings", 1280, 900, false),
];

/// The variable with the folder for the pictures. Without it they are not stored.
const FOLDER: &str = "PICTURES";

#[tokio::test]
async fn each_page_fits_its_picture() {
    let world = World::lively();
    let folder = std::env::var_os(FOLDER).map(PathBuf::from);
    for (page, file, width, height, dark) in PICTURES {
        let page = world.pages().into_iter().find(|one| one.name == page).expect("a page");
        let browser = world.visitor(page.group, Scripts::On).await;
        browser.on_a_screen(width, height, dark).await;
        browser.open(&format!("{}{}", world.server.address(), page.path)).await;
        assert!(browser.fits().await, "{file} is wider than {width} pixels");
        let picture = browser.page().screenshot_as_png().await.expect("a picture");
        if let Some(folder) = &folder {
            std::fs::write(folder.join(format!("{file}.png")), picture).expect("written");
        }
    }
}

/// The name of the tool is what a row is about.
#[tokio::test]
async fn the_tool_is_readable_at_every_width() {
    const CUT: &str = "return [...document.querySelectorAll('.log td.target')]
        .filter(cell => cell.scrollWidth > cell.clientWidth).map(cell => cell.textContent.trim())";
    let world = World::lively();
    let browser = world.visitor("admin", Scripts::On).await;
    for width in [390, 768, 1024, 1280, 1920] {
        browser.on_a_screen(width, 760, false).await;
        browser.open(&format!("{}/?method=tools/call", world.server.address())).await;
        assert!(browser.reads(".log").await.contains("search_customers"), "there is a list");
        assert_eq!(browser.runs(CUT).await, serde_json::json!([]), "{width}");
    }
}

/// A truncated time would hide the hour.
#[tokio::test]
async fn times_are_not_truncated() {
    const CUT: &str = "return [...document.querySelectorAll('.log td.time')]
        .filter(cell => cell.scrollWidth > cell.clientWidth).map(cell => cell.textContent.trim())";
    let world = World::lively();
    let browser = world.visitor("admin", Scripts::On).await;
    browser.on_a_screen(1280, 760, false).await;
    for columns in
        ["", "&columns=occurred_at,tool", "&columns=time,tool,user,ip,path,session,agent,channel,method,server"]
    {
        browser.open(&format!("{}/?to=-24h{columns}", world.server.address())).await;
        assert!(browser.reads(".log").await.contains("search_customers"), "there is a list");
        assert_eq!(browser.runs(CUT).await, serde_json::json!([]), "{columns}");
    }
}
