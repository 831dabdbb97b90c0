//! E: an Odoo MCP server. Calls touch business records, connections come by OAuth, and settings are changed.

use mcp_audit_log::event::{Client, Event, OauthStep, OutcomeDetail};
use mcp_audit_log::field::Field;
use serde_json::json;

use crate::support::{World, assert_nowhere, caller, viewer};

async fn played() -> World {
    let world = World::new();
    let now = world.now();
    let uma = || caller("uma", "Claude Desktop");
    let call = |tool: &str, model: &str| Event::tool_call(now, "odoo", tool).argument("model", &json!(model));
    let invoice = |tool| call(tool, "account.move").argument("record_name", &json!("INV/2026/0042"));
    world
        .play([
            Event::oauth(now, OauthStep::Register, "c1").by(uma()),
            Event::oauth(now, OauthStep::Authorize, "c1").by(uma()),
            Event::oauth(now, OauthStep::Token, "c1").by(uma()).failed(
                OutcomeDetail::Rejected,
                "invalid_grant",
                "The code is used up",
            ),
            Event::oauth(now, OauthStep::Token, "c1").by(uma()),
            Event::connection_created(now, "Claude Desktop").by(caller("uma", "web")),
            invoice("read_record").by(uma()),
            invoice("update_record").by(caller("bob", "Cursor")).argument("values", &json!({ "note": "canary" })),
            call("update_record", "account.move").argument("record_id", &json!(43)).by(uma()),
            call("search_records", "res.partner").argument("domain", &json!(["canary"])).by(uma()),
            Event::oauth(now, OauthStep::Revoke, "c1").by(caller("ada", "web")),
            Event::connection_revoked(now, "Claude Desktop").by(caller("ada", "web")),
            Event::tool_call(now, "odoo", "read_record").with(Client::default()).status(401),
        ])
        .await;
    world
}

const INVOICE: &str = r#"[["model","=","account.move"],["record_id","=","INV/2026/0042"]]"#;

#[tokio::test]
async fn who_touched_the_invoice() {
    let world = played().await;
    let shown = [Field::User, Field::Tool, Field::Connection];
    let all = ["bob update_record Cursor", "uma read_record Claude Desktop"];
    assert_eq!(world.ask(&viewer("ada", &["admin"]), INVOICE, &shown), all);
    assert_eq!(world.ask(&viewer("olga", &["auditor"]), INVOICE, &shown), all);
    assert_eq!(world.ask(&viewer("uma", &["user"]), INVOICE, &shown), all[1..]);
    assert_eq!(world.count(&viewer("eve", &["user"]), INVOICE), 0);
    // The other content of the calls is not stored.
    assert_nowhere(&world, &viewer("ada", &["admin"]), "canary");
}

#[tokio::test]
async fn the_oauth_events_of_a_connection() {
    let world = played().await;
    let admin = viewer("ada", &["admin"]);
    let shown = [Field::Action, Field::Outcome, Field::ResourceType, Field::User];
    let found = world.ask(&admin, r#"[["channel","=","oauth"]]"#, &shown);
    assert_eq!(
        found,
        [
            "connection.revoked success connection ada",
            "oauth.revoke success oauth_client ada",
            "connection.created success connection uma",
            "oauth.token success oauth_client uma",
            "oauth.token error oauth_client uma",
            "oauth.authorize success oauth_client uma",
            "oauth.register success oauth_client uma",
        ]
    );
    let revoked = r#"[["action","=","connection.revoked"],["resource_name","=","Claude Desktop"]]"#;
    assert_eq!(world.ask(&admin, revoked, &[Field::User]), ["ada"]);
    assert_eq!(world.count(&viewer("uma", &["user"]), r#"[["channel","=","oauth"]]"#), 5, "what others did is theirs");
    let failed =
        world.ask(&admin, r#"[["error_type","=","invalid_grant"]]"#, &[Field::ErrorMessage, Field::ResourceId]);
    assert_eq!(failed, ["The code is used up c1"]);
}

#[tokio::test]
async fn a_refused_call_without_a_user_is_seen_by_admins_only() {
    let world = played().await;
    let denied = r#"[["outcome","=","denied"]]"#;
    assert_eq!(world.ask(&viewer("ada", &["admin"]), denied, &[Field::User, Field::ErrorType]), ["not set 401"]);
    assert_eq!(world.count(&viewer("uma", &["user"]), denied), 0);
}

#[tokio::test]
async fn a_changed_setting_is_an_entry() {
    let world = played().await;
    let admin = viewer("ada", &["admin"]);
    let wanted = json!({ "retention_days": 30 });
    let access = world.access(&admin);
    world.log.change_settings(&access, wanted.as_object().expect("an object")).expect("changed");
    let entry = world.one(&admin, r#"[["action","=","settings.updated"]]"#);
    assert_eq!(crate::support::changes(&entry), ["retention_days: 90 > 30"]);
    assert_eq!(entry.text(Field::User), Some("ada"));
    for who in [viewer("uma", &["user"]), viewer("olga", &["auditor"]), viewer("bill", &["billing-admin"])] {
        assert!(world.log.change_settings(&world.access(&who), wanted.as_object().expect("an object")).is_err());
    }
}
