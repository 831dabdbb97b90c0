//! A: an MCP gateway platform. Its users search for servers, tools, connections and errors.

use std::time::Duration;

use mcp_audit_log::Right;
use mcp_audit_log::event::{Client, Event, OutcomeDetail};
use mcp_audit_log::field::Field;

use crate::support::{HOUR, World, caller, viewer};

async fn played() -> World {
    let world = World::new();
    let now = world.now();
    let at = |minutes: i64| now.plus(-minutes * HOUR / 60);
    let client = Client { name: Some("Claude".into()), ip: Some("10.0.0.7".into()), ..Client::default() };
    let call = |minutes, user, connection, tool| {
        Event::tool_call(at(minutes), "crm", tool).by(caller(user, connection)).with(client.clone())
    };
    world
        .play([
            call(150, "uma", "umas-laptop", "search").failed(
                OutcomeDetail::ToolError,
                "tool_error",
                "The tool reported an error",
            ),
            call(50, "uma", "umas-laptop", "search").took(Duration::from_millis(80)),
            call(40, "uma", "umas-laptop", "export").failed(OutcomeDetail::RpcError, "-32602", "Invalid params"),
            call(30, "uma", "umas-phone", "export").failed(OutcomeDetail::RpcError, "-32602", "Invalid params"),
            call(20, "bob", "bobs-desk", "search").status(429),
            call(10, "bob", "bobs-desk", "search").took(Duration::from_secs(3)),
        ])
        .await;
    world
}

const ERRORS_OF_THE_LAPTOP: &str = r#"[["connection","=","umas-laptop"],["outcome","!=","success"],["at",">=","-1h"]]"#;

#[tokio::test]
async fn errors_of_a_connection_in_the_last_hour() {
    let world = played().await;
    for groups in [&["admin"][..], &["owner"], &["auditor"], &["user", "auditor"]] {
        let found =
            world.ask(&viewer("ada", groups), ERRORS_OF_THE_LAPTOP, &[Field::Tool, Field::ErrorType, Field::Ip]);
        assert_eq!(found, ["export -32602 10.0.0.7"], "{groups:?}");
    }
    assert_eq!(world.count(&viewer("uma", &["user"]), ERRORS_OF_THE_LAPTOP), 1, "one's own");
    assert_eq!(world.count(&viewer("bob", &["power-user"]), ERRORS_OF_THE_LAPTOP), 0, "others' are invisible");
}

#[tokio::test]
async fn users_see_their_own_entries_and_admins_all() {
    let world = played().await;
    let calls = r#"[["action","=","tool.called"]]"#;
    for (user, group, count) in [
        ("uma", "user", 4),
        ("bob", "power-user", 2),
        ("bob", "power-user-plus", 2),
        ("eve", "user", 0),
        ("eve", "admin", 6),
    ] {
        assert_eq!(world.count(&viewer(user, &[group]), calls), count, "{user} {group}");
    }
    assert_eq!(world.entries(&viewer("ada", &["billing-admin"]), "[]").map(|found| found.len()), None);
    assert_eq!(world.entries(&viewer("ada", &[]), "[]").map(|found| found.len()), None);
}

#[tokio::test]
async fn payloads_are_for_auditors_beside_any_role() {
    let world = played().await;
    for (groups, payloads, export) in [
        (&["user"][..], false, false),
        (&["admin"], false, true),
        (&["user", "auditor"], true, true),
        (&["billing-admin"], false, false),
    ] {
        let access = world.access(&viewer("ada", groups));
        assert_eq!((access.may(Right::ReadPayloads), access.may(Right::Export)), (payloads, export), "{groups:?}");
    }
}

#[tokio::test]
async fn a_slow_call_and_a_refused_one_are_found() {
    let world = played().await;
    let ada = viewer("ada", &["admin"]);
    let slow = world.ask(&ada, r#"[["duration_us",">",1000000]]"#, &[Field::User, Field::DurationUs]);
    assert_eq!(slow, ["bob 3000000"]);
    let limited =
        world.ask(&ada, r#"[["status_code","=",429]]"#, &[Field::Outcome, Field::ErrorType, Field::ErrorMessage]);
    assert_eq!(limited, ["error 429 Too many requests"]);
}
