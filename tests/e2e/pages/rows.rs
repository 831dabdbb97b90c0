//! The rows of the list: actions for a value, an entry below its row, and the way back to a row.

use mcp_audit_log_tests::Scripts;
use thirtyfour::Key;

use crate::support::{Visitor, World};

/// The list that the tests begin with.
const LIST: &str = "/?method=tools%2Fcall&limit=50";
/// The address of the row that has the focus, without the host.
const FOCUSED: &str = "return document.activeElement.pathname";
/// Where the focused row is on the screen.
const TOP: &str = "return Math.round(document.activeElement.getBoundingClientRect().top)";

/// Clicks at the beginning of the text of a cell.
async fn click_text(visitor: &Visitor<'_>, selector: &str) {
    let cell = visitor.browser.one(selector).await;
    let width = cell.rect().await.expect("its size").width as i64;
    let chain = visitor.page().action_chain().move_to_element_with_offset(&cell, 24 - width / 2, 0);
    chain.click().perform().await.expect("clicked");
}

#[tokio::test]
async fn a_click_on_a_value_offers_what_to_do_with_it() {
    let world = World::lively();
    let admin = world.visitor("admin", Scripts::On).await;
    admin.opens(LIST).await;
    click_text(&admin, ".log tbody tr:nth-child(2) td.server").await;
    let server = admin.reads(".actions p").await;
    assert_eq!(server, "crm");
    admin.follows("Not this").await;
    admin.sees(".facets", "Server is not crm").await;
    assert!(admin.rows().await.iter().all(|row| !row.contains("crm")));
    click_text(&admin, ".log tbody tr:nth-child(2) td.target").await;
    let tool = admin.reads(".actions p").await;
    admin.follows("Only this").await;
    admin.sees(".facets", &tool).await;
    assert!(admin.rows().await.iter().all(|row| row.contains(&tool) && !row.contains("crm")));
    click_text(&admin, ".log tbody tr:nth-child(2) td.user").await;
    admin.follows("Group by this").await;
    admin.browser.one("table.groups").await;
    assert!(admin.address().await.ends_with("&by=user"), "{}", admin.address().await);
}

#[tokio::test]
async fn actions_are_reached_by_keys_and_text_is_selected_by_the_mouse() {
    let world = World::lively();
    let admin = world.visitor("admin", Scripts::On).await;
    admin.opens(LIST).await;
    admin.presses("jjm").await;
    let outcome = admin.reads(".actions p").await;
    admin.hits(Key::Right).await;
    assert_eq!((outcome.as_str(), admin.reads(".actions p").await.as_str()), ("success", "tools/call"));
    admin.hits(Key::Escape).await;
    assert_eq!(admin.visible(".actions").await, 0);
    let row = admin.runs(FOCUSED).await;
    assert!(row.as_str().is_some_and(|path| path.starts_with("/entries/")), "the row has the focus again: {row}");
    admin.presses("m").await;
    admin.hits(Key::Down).await;
    admin.hits(Key::Enter).await;
    admin.sees(".facets", "Outcome is not success").await;

    let cell = admin.browser.one(".log tbody tr:nth-child(2) td.target").await;
    let width = cell.rect().await.expect("its size").width as i64;
    let chain = admin.page().action_chain().move_to_element_with_offset(&cell, 14 - width / 2, 0);
    chain.click_and_hold().move_by_offset(60, 0).release().perform().await.expect("dragged");
    let selected = admin.runs("return String(getSelection())").await;
    assert!(selected.as_str().is_some_and(|text| text.len() > 3), "{selected}");
    assert_eq!(admin.visible(".actions").await, 0, "a selection is no click");
    admin.browser.one("table.log").await;
}

#[tokio::test]
async fn an_entry_opens_below_its_row() {
    let world = World::lively();
    let admin = world.visitor("admin", Scripts::On).await;
    admin.opens("/?tool=create_invoice&outcome=error").await;
    admin.presses("j ").await;
    admin.sees(".shown-entry", "The tool said that it failed.").await;
    admin.sees(".shown-entry", "This call").await;
    assert!(admin.browser.barriers().await.is_empty(), "{:#?}", admin.browser.barriers().await);
    let list = admin.address().await;
    admin.hits(Key::Escape).await;
    assert_eq!(admin.browser.all(".shown-entry").await.len(), 0);
    admin.hits(Key::Right).await;
    admin.sees(".shown-entry", "The tool said that it failed.").await;
    admin.hits(Key::Left).await;
    assert_eq!(admin.browser.all(".shown-entry").await.len(), 0);
    assert_eq!(admin.address().await, list);
    admin.hits(Key::Enter).await;
    admin.sees("#error", "The tool said that it failed.").await;
}

#[tokio::test]
async fn escape_returns_to_the_row_on_an_older_page() {
    let world = World::lively();
    let admin = world.visitor("admin", Scripts::On).await;
    admin.opens(LIST).await;
    for rows in [100, 150] {
        admin.clicks("#older").await;
        admin.browser.one(&format!(".log tbody tr:nth-child({rows})")).await;
    }
    admin.runs("document.querySelector('.log tbody tr:nth-child(130) .time a').focus()").await;
    admin.presses("k").await;
    let (row, top) = (admin.runs(FOCUSED).await, admin.runs(TOP).await.as_i64().expect("a place"));
    admin.hits(Key::Enter).await;
    admin.browser.one("#fields").await;
    admin.hits(Key::Escape).await;
    admin.browser.one(".log tbody tr:nth-child(129)").await;
    admin.browser.one(".log tbody tr:nth-child(129) .time a:focus").await;
    assert_eq!(admin.runs(FOCUSED).await, row);
    let back = admin.runs(TOP).await.as_i64().expect("a place");
    assert!((back - top).abs() < 40, "at {back}, and before at {top}");
}

#[tokio::test]
async fn the_page_of_an_entry_leads_on_without_a_script() {
    let world = World::lively();
    let admin = world.visitor("admin", Scripts::Off).await;
    admin.opens(&format!("/entries/{}", world.newest("tool=create_invoice&outcome=error"))).await;
    let server = "#fields dd:has(a[href$=\"server=billing\"]) .acts a";
    admin.leaves_by(server).await;
    admin.sees(".facets", "Server is not billing").await;
    admin.goes_back().await;
    admin.leaves_by(&format!("{server}:nth-child(2)")).await;
    admin.sees("table.groups", "billing").await;
}
