//! The bars above the list: a click on one narrows the range without a script, and a drag over several with one.

use mcp_audit_log_tests::Scripts;
use thirtyfour::By;

use crate::support::World;

/// The titles of the bars that are links.
const BARS: &str = "return document.querySelectorAll('.timebars a').length";

#[tokio::test]
async fn a_bar_narrows_the_range_without_a_script() {
    let world = World::lively();
    let admin = world.visitor("admin", Scripts::Off).await;
    admin.opens("/?method=tools/call").await;
    let all = admin.reads(".overview .sums b").await;
    assert_eq!(all, "241 entries");
    // The link of a bar is hidden from the tab key and from screen readers, so it is clicked with the mouse.
    admin.clicks(".timebars a:nth-of-type(3) path").await;
    admin.sees(".facets", "From").await;
    assert!(admin.address().await.starts_with("/?method=tools%2Fcall&from=20"), "{}", admin.address().await);
    let some = admin.reads(".overview .sums b").await;
    assert_ne!(some, all);
    assert_eq!(format!("{} entries", admin.rows().await.len()), some);
    admin.follows("Counts by value").await;
    admin.sees(".counts", "crm").await;
    admin.leaves_by(".counts section:nth-child(2) li a").await;
    assert!(admin.address().await.contains("&counts=shown&server="), "{}", admin.address().await);
}

#[tokio::test]
async fn a_drag_over_bars_narrows_the_range_to_them() {
    let world = World::lively();
    let admin = world.visitor("admin", Scripts::On).await;
    admin.opens("/?method=tools/call&outcome=error").await;
    let before = admin.runs(BARS).await.as_u64().expect("a number");
    let drawing = admin.page().find(By::Css(".timebars")).await.expect("bars");
    let width = drawing.rect().await.expect("its size").width as i64;
    let chain = admin.page().action_chain();
    // From the middle to the right of it, over a quarter of the bars.
    let drag = chain.move_to_element_center(&drawing).click_and_hold().move_by_offset(width / 8, 0);
    drag.move_by_offset(width / 8, 4).release().perform().await.expect("dragged");
    admin.sees(".facets", "From").await;
    let address = admin.address().await;
    assert!(address.starts_with("/?method=tools%2Fcall&outcome=error&from=20"), "{address}");
    assert!(address.contains("&to=20"), "{address}");
    let counted = admin.reads(".overview .sums b").await;
    let rows = admin.rows().await.len();
    assert_eq!(counted, format!("{rows} entries"));
    assert!(rows > 1 && (rows as u64) < before.max(22), "{rows} of {before} bars");
}
