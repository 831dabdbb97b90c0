//! B: a cluster platform with MCP tokens: one troubleshoot call is four entries, and some calls come through a tunnel.

use mcp_audit_log::event::Event;
use mcp_audit_log::field::Field;

use crate::support::{World, caller, viewer};

/// The world, and the id of the troubleshoot call.
async fn played() -> (World, String) {
    let world = World::new();
    let now = world.now();
    let uma = || caller("uma", "umas-token");
    let troubleshoot = Event::tool_call(now, "cluster", "troubleshoot").by(uma());
    let id = troubleshoot.id;
    let api = |path, status| Event::api_call(now.plus(1_000), "GET", path, status).by(uma()).under(id);
    let tunnelled = Event::tunnel_call(now, "Hub Tunnel (hub)", "list_pods").by(caller("bob", "bobs-token"));
    let others = Event::api_call(now, "DELETE", "/api/v1/pods/web-1", 403).by(caller("bob", "bobs-token"));
    world
        .play([
            troubleshoot,
            api("/api/v1/pods?token=canary", 200),
            api("/api/v1/events", 200),
            api("/api/v1/logs/web-1", 404),
            tunnelled,
            others,
        ])
        .await;
    (world, id.to_string())
}

const CALLS: &[Field] = &[Field::Method, Field::Path, Field::StatusCode, Field::Connection];

#[tokio::test]
async fn one_troubleshoot_call_is_four_entries() {
    let (world, id) = played().await;
    let family = format!(r#"["|",["id","=","{id}"],["parent","=","{id}"]]"#);
    for who in [viewer("uma", &["user"]), viewer("ada", &["admin"]), viewer("olga", &["auditor"])] {
        let found = world.ask(&who, &family, CALLS);
        assert_eq!(
            found,
            [
                "GET /api/v1/logs/web-1 404 umas-token",
                "GET /api/v1/events 200 umas-token",
                "GET /api/v1/pods 200 umas-token",
                "tools/call not set not set umas-token",
            ],
            "{}",
            who.user
        );
    }
    assert_eq!(world.count(&viewer("bob", &["user"]), &family), 0);
}

#[tokio::test]
async fn the_activity_of_one_token() {
    let (world, _) = played().await;
    let of_token = r#"[["connection","=","umas-token"],["channel","=","api"]]"#;
    assert_eq!(world.count(&viewer("ada", &["admin"]), of_token), 3);
    let actions = world.ask(&viewer("uma", &["user"]), of_token, &[Field::Action, Field::Outcome, Field::HttpMethod]);
    assert_eq!(actions, ["api.called error GET", "api.called success GET", "api.called success GET"]);
    assert_eq!(world.count(&viewer("bob", &["user"]), of_token), 0);
}

#[tokio::test]
async fn a_call_through_the_tunnel_is_labelled_with_it() {
    let (world, _) = played().await;
    let tunnel = r#"[["connection","=","Hub Tunnel (hub)"]]"#;
    let shown = [CALLS, &[Field::Action, Field::Tool, Field::ResourceName, Field::User]].concat();
    let expected = ["TOOL /mcp/tool/list_pods not set Hub Tunnel (hub) tool.called list_pods list_pods bob"];
    assert_eq!(world.ask(&viewer("ada", &["admin"]), tunnel, &shown), expected);
    assert_eq!(
        world.count(&viewer("ada", &["admin"]), r#"[["action","=","tool.called"]]"#),
        2,
        "beside the direct one"
    );
    assert_eq!(world.count(&viewer("uma", &["user"]), tunnel), 0);
}

#[tokio::test]
async fn a_refused_call_is_denied_and_no_query_is_kept() {
    let (world, _) = played().await;
    let denied = world.ask(&viewer("bob", &["user"]), r#"[["outcome","=","denied"]]"#, CALLS);
    assert_eq!(denied, ["DELETE /api/v1/pods/web-1 403 bobs-token"]);
    crate::support::assert_nowhere(&world, &viewer("ada", &["admin"]), "canary");
}
