//! Pictures of the pages for the documentation.

use std::path::Path;

use crate::world::World;

/// What is shown, under which name, how wide and high, and whether in the dark.
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

#[tokio::test]
#[ignore = "makes docs/pictures anew: tests/pictures"]
async fn pictures_of_the_pages() {
    let world = World::start();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pictures");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (page, file, width, height, dark) in PICTURES {
        let page = world.pages().into_iter().find(|one| one.name == page).expect("a page");
        let browser = world.visitor(page.group).await;
        browser.on_a_screen(width, height, dark).await;
        browser.open(&format!("{}{}", world.server.address(), page.path)).await;
        let picture = browser.page().screenshot_as_png().await.expect("a picture");
        std::fs::write(folder.join(format!("{file}.png")), picture).expect("written");
    }
}
