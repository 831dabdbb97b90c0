//! Times in the browser's zone: the script finds the zone once, and the page of times changes it without a script.

use mcp_audit_log_tests::Scripts;

use crate::support::World;

/// The times of the rows as shown, and on hover.
const SHOWN: &str = "return document.querySelector('.log .time a').textContent";
const HOVER: &str = "return document.querySelector('.log .time a').title";

#[tokio::test]
async fn times_are_shown_in_the_browsers_zone_until_the_viewer_chooses_another() {
    let world = World::lively();
    let admin = world.visitor("admin", Scripts::On).await;
    admin.in_zone("Asia/Tokyo").await;
    admin.opens("/?method=tools/call").await;
    admin.sees(".zone", "Asia/Tokyo").await;
    let hover = admin.runs(HOVER).await;
    let hover = hover.as_str().expect("a title");
    assert!(hover.contains(" JST · ") && hover.ends_with(" UTC"), "{hover}");
    admin.leaves_by(".swap").await;
    let exact = admin.runs(SHOWN).await;
    assert!(exact.as_str().is_some_and(|text| text.ends_with(" JST")), "{exact}");
    assert_eq!(admin.address().await, "/?method=tools%2Fcall", "the same page");
    admin.leaves_by(".swap").await;
    assert!(admin.runs(SHOWN).await.as_str().is_some_and(|text| text.ends_with(" ago")));
}

#[tokio::test]
async fn a_viewer_chooses_a_zone_without_a_script() {
    let world = World::lively();
    let admin = world.visitor("admin", Scripts::Off).await;
    admin.opens("/?method=tools/call&by=day").await;
    admin.sees(".zone", "UTC").await;
    admin.leaves_by(".zone").await;
    admin.one("main select").await.send_keys("America/New_Y").await.expect("chosen");
    admin.clicks("main input[value=exact]").await;
    admin.leaves_by("main button[type=submit]").await;
    assert_eq!(admin.address().await, "/?method=tools/call&by=day", "back on the page");
    admin.sees(".zone", "America/New_York").await;
    admin.opens("/?method=tools/call").await;
    let row = admin.reads(".log td.time").await;
    assert!(row.ends_with("EST") || row.ends_with("EDT"), "{row}");
}
