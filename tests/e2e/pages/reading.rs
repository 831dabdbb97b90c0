//! Users read a log: an incident at night, the daily check in the morning, a view that a colleague shares.

use mcp_audit_log_tests::Scripts;
use serde_json::{Value, json};
use thirtyfour::Key;

use crate::support::{Visitor, World};

/// The events, oldest first: errors of one connection among others, and successful calls.
fn events() -> Value {
    let failed = |connection: &str, number: usize| {
        json!({ "channel": "mcp", "method": "tools/call", "tool": format!("tool_{number}"), "user": "uma",
                "connection": connection, "outcome_detail": "tool-error", "error_type": "tool_error",
                "error_message": format!("boom {number}") })
    };
    let went_well = json!({ "channel": "mcp", "method": "tools/call", "tool": "echo", "user": "uma",
                            "connection": "night-bot", "outcome": "success" });
    let mut events: Vec<_> = (1..=4).map(|number| failed("night-bot", number)).collect();
    events.extend([failed("day-bot", 5), went_well]);
    Value::Array(events)
}

#[tokio::test]
async fn an_incident_is_read_with_keys_alone() {
    let world = World::of(&events());
    let admin = world.visitor("admin", Scripts::On).await;
    admin.presses("/").await;
    admin.presses("connection:night-bot since:1h outcome:error").await;
    admin.hits(Key::Enter).await;
    admin.sees(".facets", "Connection is night-bot").await;
    let list = admin.address().await;
    assert_eq!(list, "/?q=connection%3Anight-bot+since%3A1h+outcome%3Aerror", "nothing empty is in the address");
    assert_eq!(admin.rows().await.len(), 4);
    for _ in 0..3 {
        admin.presses("j").await;
    }
    admin.hits(Key::Enter).await;
    admin.sees("#error", "boom 2").await;
    admin.hits(Key::Escape).await;
    admin.browser.one("table.log").await;
    assert_eq!(admin.address().await, list, "back where one was");
}

#[tokio::test]
async fn an_incident_is_read_without_a_script() {
    let world = World::of(&events());
    let admin = world.visitor("admin", Scripts::Off).await;
    admin.clicks(".search details summary").await;
    admin.types("input[name=connection]", "night-bot").await;
    admin.types("input[name=from]", "-1h").await;
    admin.clicks("select[name=outcome] option:nth-child(3)").await;
    admin.leaves_by(".search button[type=submit]").await;
    admin.sees(".facets", "night-bot").await;
    assert_eq!(admin.address().await, "/?outcome=error&from=-1h&connection=night-bot");
    admin.leaves_by("table.log tbody tr:nth-child(3) a").await;
    admin.sees("#error", "boom 2").await;
}

#[tokio::test]
async fn a_bookmark_leads_through_the_sign_in_to_the_morning_check() {
    let world = World::of(&events());
    for scripts in [Scripts::On, Scripts::Off] {
        let admin = world.visitor("admin", scripts).await;
        admin.leaves_by(".who button[type=submit]").await;
        // Signed out before the bookmark is opened, or both are on their way at once.
        admin.browser.one("input[name=token]").await;
        let bookmark = "/?outcome=error&from=-7d&by=connection&by=tool&sort=errors";
        admin.opens(bookmark).await;
        admin.is_at("/sign-in").await;
        admin.enters(&world.server.token("early-bird", "admin")).await;
        admin.sees("table.groups", "night-bot").await;
        assert_eq!(admin.address().await, bookmark);
        let inner = "tbody:has(.fold) .inner";
        assert_eq!(admin.visible(inner).await, 5);
        admin.clicks(".fold").await;
        assert_eq!(admin.visible(inner).await, 1, "folded {scripts:?}");
        admin.follows("night-bot").await;
        admin.browser.one("table.log").await;
        assert_eq!(admin.rows().await.len(), 4);
    }
}

#[tokio::test]
async fn a_view_is_saved_shared_and_opened_by_a_colleague() {
    let world = World::of(&events());
    let ada = world.visitor("admin", Scripts::On).await;
    ada.opens("/?connection=night-bot&columns=occurred_at,outcome,tool,error_message").await;
    ada.clicks(".menu summary").await;
    ada.types(".save input[name=view_name]", "The night").await;
    ada.clicks(".save input[name=view_shared]").await;
    ada.leaves_by(".save button").await;
    ada.browser.one(".views a[aria-current=true]").await;
    let bob = world.visitor("auditor", Scripts::Off).await;
    bob.follows("The night").await;
    bob.sees("table.log thead", "Error message").await;
    let rows = bob.rows().await;
    assert!(rows.len() == 5 && rows[1].contains("boom 4") && rows[1].contains(" utc"), "{rows:#?}");
    // Deleting asks for confirmation, and only users with the right see it.
    bob.clicks(".menu summary").await;
    assert_eq!(bob.visible(".view").await, 1);
    assert!(bob.browser.all(".view form").await.is_empty());
    ada.clicks(".menu summary").await;
    assert_eq!(ada.visible("button.danger").await, 0);
    ada.clicks(".view > details > summary").await;
    ada.clicks(".view details details > summary").await;
    ada.leaves_by("button.danger").await;
    ada.browser.one("table.log").await;
    assert!(ada.browser.all(".views a").await.is_empty());
}

#[tokio::test]
async fn shortcuts_do_not_fire_in_inputs_and_can_be_turned_off() {
    let world = World::of(&events());
    let admin = world.visitor("admin", Scripts::On).await;
    admin.presses("/").await;
    admin.presses("j/?k").await;
    let typed = admin.browser.one("#q").await.prop("value").await.expect("a value");
    assert_eq!(typed.as_deref(), Some("j/?k"));
    admin.hits(Key::Escape).await;
    assert_eq!(admin.visible("#keys").await, 0);
    admin.presses("?").await;
    admin.sees("#keys", "Next and previous row").await;
    admin.clicks("#keys input").await;
    admin.hits(Key::Escape).await;
    assert_eq!(admin.visible("#keys").await, 0);
    admin.presses("?").await;
    assert_eq!(admin.visible("#keys").await, 0, "they are off");
}

#[tokio::test]
async fn long_values_do_not_break_the_layout() {
    let long = "W".repeat(250);
    let world =
        World::of(&json!({ "channel": "mcp", "method": "tools/call", "tool": long, "user": long, "server": long,
        "connection": long, "outcome_detail": "tool-error", "error_type": "x", "error_message": "M".repeat(900) }));
    let admin = world.visitor("admin", Scripts::On).await;
    for width in [1280, 500] {
        admin.browser.page().set_window_rect(0, 0, width, 900).await.expect("a window");
        for path in ["/", "/?by=tool&by=user", &format!("/?tool={long}&q={long}")] {
            admin.opens(path).await;
            assert!(admin.fits().await, "{path} is too wide");
        }
        admin.leaves_by("table.log tbody a").await;
        admin.browser.one("#error").await;
        assert!(admin.fits().await, "the entry is too wide");
    }
}

impl Visitor<'_> {
    /// How many of these elements are visible.
    pub(crate) async fn visible(&self, selector: &str) -> usize {
        let mut visible = 0;
        for element in self.browser.all(selector).await {
            visible += usize::from(element.is_displayed().await.expect("an answer"));
        }
        visible
    }
}

#[tokio::test]
async fn why_is_asked_and_answered_without_a_script() {
    let world = World::of_two_users();
    for scripts in [Scripts::On, Scripts::Off] {
        let admin = world.visitor("admin", scripts).await;
        admin.opens("/?user=bob&tool=search").await;
        admin.leaves_by("table.log tbody tr a").await;
        admin.leaves_by("#why a.button").await;
        admin.sees("#why", "It is called tool.called").await;
        admin.sees("#why", "payload logging was off when this was recorded").await;
        admin.clicks("#why summary").await;
        admin.types("#why input[name=as]", "ada").await;
        admin.clicks("#why input[value=admin]").await;
        admin.clicks("#why input[value=user]").await;
        admin.leaves_by("#why button[type=submit]").await;
        admin.sees("#why", "ada does not see it: the entry does not meet the record rule.").await;
        admin.sees("#why .rule", "User is \"ada\"; the entry has \"bob\"").await;
        for width in [390, 768, 1280] {
            admin.on_a_screen(width, 900, width == 768).await;
            assert!(admin.fits().await, "wider than {width} pixels");
        }
        // The checker is a script.
        if matches!(scripts, Scripts::On) {
            assert_eq!(admin.browser.barriers().await, Vec::<String>::new());
        }
    }
}
