//! The cluster platform's two lists: format, order, limit, and the calls in them.

use mcp_audit_log::event::{Channel, Event};
use serde_json::{Value, json};

use crate::support::{World, call};

const ALL: &str = "/api/v1/settings/mcp-audit";

/// A call by HTTP under a token: of the vendor's API, or of an MCP server.
fn made(user: &str, connection: &str, channel: Channel, method: &str, path: &str) -> Event {
    let mut event = Event { channel, ..call(user, "search") };
    event.caller.connection = Some(connection.into());
    (event.method, event.path, event.status_code) = (Some(method.into()), Some(path.into()), Some(200));
    event
}

fn of(token: &str) -> String {
    format!("/api/v1/settings/mcp-tokens/{token}/audit")
}

fn paths(calls: &Value) -> Vec<&str> {
    calls.as_array().expect("an array").iter().map(|call| call["path"].as_str().expect("a path")).collect()
}

#[tokio::test]
async fn the_list_is_an_array_with_exact_members_newest_first() {
    let world = World::new();
    let first = world.record(made("ada", "laptop", Channel::Api, "GET", "/api/v1/nodes")).await;
    let mcp = made("ada", "laptop", Channel::Mcp, "tools/call", "/mcp/docs").fact("http_method", "POST");
    world.record(mcp).await;
    world.record(made("ada", "Hub Tunnel (hub)", Channel::Api, "TOOL", "/mcp/tool/search")).await;
    world.record(call("ada", "no path and no token")).await;
    let calls = world.bearer("root", &["admin"]).get_json(ALL.to_owned()).await;
    assert_eq!(paths(&calls), ["/mcp/tool/search", "/mcp/docs", "/api/v1/nodes"]);
    let methods: Vec<_> = calls.as_array().expect("an array").iter().map(|call| &call["method"]).collect();
    assert_eq!(methods, ["TOOL", "POST", "GET"]);
    let oldest = &calls[2];
    let created_at = oldest["created_at"].as_str().expect("a time");
    assert!(created_at.ends_with('Z') && created_at.contains('T'), "{created_at}");
    let expected = json!({
        "id": first, "token_name": "laptop", "method": "GET", "path": "/api/v1/nodes", "status_code": 200,
        "created_at": created_at,
    });
    assert_eq!(*oldest, expected);
    assert_eq!(
        oldest.as_object().expect("an object").keys().collect::<Vec<_>>(),
        ["id", "token_name", "method", "path", "status_code", "created_at"]
    );
}

#[tokio::test]
async fn the_default_is_a_hundred_calls_and_the_most_five_hundred() {
    let world = World::new();
    for at in 0..101 {
        world.log.record(made("ada", "laptop", Channel::Api, "GET", &format!("/{at}"))).expect("taken");
    }
    world.record(made("ada", "laptop", Channel::Api, "GET", "/last")).await;
    let admin = world.bearer("root", &["admin"]);
    assert_eq!(paths(&admin.get_json(ALL.to_owned()).await).len(), 100);
    assert_eq!(paths(&admin.get_json(format!("{ALL}?limit=2")).await), ["/last", "/100"]);
    assert_eq!(paths(&admin.get_json(format!("{ALL}?limit=500")).await).len(), 102);
    for query in ["limit=501", "limit=0", "limit=x", "limit=%ff", "offset=1"] {
        admin.get(&format!("{ALL}?{query}")).await.problem(400, "");
    }
}

#[tokio::test]
async fn a_tokens_calls_stay_after_it_is_revoked() {
    let world = World::new();
    let (ada, bob) = (world.token("ada", &["user"]).1, world.token("bob", &["user"]).1);
    world.record(made("ada", "test", Channel::Api, "GET", "/ada")).await;
    world.record(made("bob", "test", Channel::Api, "GET", "/bob")).await;
    world.record(made("ada", "other", Channel::Api, "GET", "/other-token")).await;
    let admin = world.bearer("root", &["admin"]);
    assert_eq!(paths(&admin.get_json(of(&ada.id)).await), ["/ada"]);
    assert_eq!(paths(&admin.get_json(of(&bob.id)).await), ["/bob"]);
    assert!(world.tokens.revoke(&ada.id, "root", world.log.view().now()).expect("revoked"));
    assert_eq!(paths(&admin.get_json(of(&ada.id)).await), ["/ada"], "what it did is still there");
    assert_eq!(paths(&world.bearer("ada", &["user"]).get_json(of(&ada.id)).await), ["/ada"]);
}

/// Another user's token, a token of another tenant, and a missing token give the same answer.
#[tokio::test]
async fn tokens_of_other_viewers_are_not_found() {
    let world = World::new();
    let (ada, bob) = (world.token("ada", &["user"]).1, world.token("bob", &["user"]).1);
    world.record(made("bob", "test", Channel::Api, "GET", "/bob")).await;
    let plain = world.bearer("ada", &["user"]);
    assert_eq!(paths(&plain.get_json(of(&ada.id)).await), [""; 0], "her own, which was never used");
    assert_eq!(paths(&plain.get_json(ALL.to_owned()).await), [""; 0]);
    let absent = plain.get(&of("01930000-0000-7000-8000-000000000000")).await;
    absent.problem(404, "No such token");
    let elsewhere = world.bearer_in("eu", "root", &["admin"]);
    for answer in [plain.get(&of(&bob.id)).await, plain.get(&of("nonsense")).await, elsewhere.get(&of(&bob.id)).await] {
        assert_eq!((answer.status, &answer.text), (absent.status, &absent.text));
    }
    world.bearer("bill", &["billing-admin"]).get(&of(&bob.id)).await.problem(403, "read entries");
}
