//! D: an agent gateway. Agents connect and leave, servers and policies change, and policies block calls.

use mcp_audit_log::event::{AgentTools, BlockingPolicy, Caller, Client, Event, Resource};
use mcp_audit_log::field::Field;
use mcp_audit_log::time::Timestamp;
use serde_json::json;

use crate::support::{World, changes, viewer};

fn no_deletes() -> BlockingPolicy {
    let description = Some("Nothing is deleted in production".to_owned());
    BlockingPolicy { id: "pol-1".into(), name: "No deletes".into(), description }
}

async fn played() -> World {
    let world = World::new();
    let now = world.now();
    let ada = || Caller::user("ada");
    let run = |user: &str, run: &str| Caller::user(user).agent("planner", run);
    let planner = || Resource::agent("a1").named("planner");
    let policy = |name: &str| Resource::policy("pol-1").named(name);
    let rules = |effect: &str| json!({ "name": "No deletes", "rules": [{ "tool": "delete_*", "effect": effect }] });
    let tools = AgentTools {
        allowed: vec!["read".into(), "search".into()],
        denied: vec!["delete_record".into()],
        conditional: vec!["send_mail".into()],
    };
    let client = Client { name: Some("planner-sdk".into()), version: Some("2.1".into()), ..Client::default() };
    let github = || Resource::mcp_server("s1").named("GitHub");
    world
        .play([
            Event::created(now, planner(), &json!({ "name": "planner", "owner": "uma" })).by(ada()),
            Event::agent_connected(now, planner(), &tools).by(Caller::user("uma")).with(client),
            Event::created(now, github(), &json!({ "url": "https://mcp.example" })).by(ada()),
            Event::created(now, policy("No deletes"), &rules("deny")).by(ada()),
            Event::tool_call(now, "crm", "delete_record").by(run("uma", "run-1")).blocked_by(no_deletes()),
            Event::tool_call(now, "crm", "read").by(run("uma", "run-2")),
            others(now),
            Event::updated(now, policy("Deletes by approval"), &rules("deny"), &rules("ask")).by(ada()),
            Event::deleted(now, policy("Deletes by approval"), &rules("ask")).by(ada()),
        ])
        .await;
    world
}

/// Another user's call, blocked by another policy.
fn others(now: Timestamp) -> Event {
    let policy = BlockingPolicy { id: "pol-2".into(), name: "Office hours".into(), description: None };
    Event::tool_call(now, "crm", "read").by(Caller::user("bob")).blocked_by(policy)
}

#[tokio::test]
async fn which_policy_blocked_the_call() {
    let world = played().await;
    let blocked = r#"[["error_type","=","blocked_by_policy"],["tool","=","delete_record"]]"#;
    for who in [viewer("uma", &["user"]), viewer("ada", &["admin"]), viewer("olga", &["auditor"])] {
        let entry = world.one(&who, blocked);
        assert_eq!((entry.text(Field::Policy), entry.text(Field::Outcome)), (Some("pol-1"), Some("denied")));
        // As it was then: it was renamed and deleted meanwhile.
        assert_eq!(entry.details["policy_name"], "No deletes");
        assert_eq!(entry.details["policy_description"], "Nothing is deleted in production");
    }
    assert_eq!(world.count(&viewer("bob", &["user"]), blocked), 0);
    let of_policy = r#"[["policy","=","pol-1"]]"#;
    assert_eq!(world.ask(&viewer("ada", &["admin"]), of_policy, &[Field::AgentInstance]), ["run-1"]);
}

#[tokio::test]
async fn the_history_of_a_policy_has_its_rules() {
    let world = played().await;
    let history = r#"[["resource_type","=","policy"],["resource_id","=","pol-1"]]"#;
    let ada = viewer("ada", &["admin"]);
    let shown = [Field::Action, Field::ResourceName, Field::User];
    let told = world.ask(&ada, history, &shown);
    assert_eq!(
        told,
        [
            "policy.deleted Deletes by approval ada",
            "policy.updated Deletes by approval ada",
            "policy.created No deletes ada"
        ]
    );
    let updated = world.one(&ada, r#"[["action","=","policy.updated"]]"#);
    assert_eq!(changes(&updated), [r#"rules.0.effect: "deny" > "ask""#]);
    let created = world.one(&ada, r#"[["action","=","policy.created"]]"#);
    assert_eq!(changes(&created)[1], r#"rules.0.tool: null > "delete_*""#);
    assert_eq!(world.count(&viewer("uma", &["user"]), history), 0);
}

#[tokio::test]
async fn the_tools_that_an_agent_got_when_it_connected() {
    let world = played().await;
    let connected = r#"[["action","=","agent.connected"],["agent","=","planner"]]"#;
    let entry = world.one(&viewer("ada", &["admin"]), connected);
    let told = ["tools_allowed", "tools_denied", "tools_conditional"].map(|bucket| entry.details[bucket].as_str());
    assert_eq!(told, [Some("read, search"), Some("delete_record"), Some("send_mail")]);
    let fields = [Field::ClientName, Field::ClientVersion, Field::ResourceType, Field::ResourceId, Field::ResourceName];
    let told = fields.map(|field| entry.text(field).unwrap_or_default());
    assert_eq!(told, ["planner-sdk", "2.1", "agent", "a1", "planner"]);
    assert_eq!(world.count(&viewer("uma", &["user"]), connected), 1, "it connected for her");
    assert_eq!(world.count(&viewer("bob", &["user"]), connected), 0);
}

#[tokio::test]
async fn every_run_of_an_agent_or_one_alone() {
    let world = played().await;
    let ada = viewer("ada", &["admin"]);
    let calls = |more: &str| format!(r#"[["agent","=","planner"],["action","=","tool.called"]{more}]"#);
    assert_eq!(world.count(&ada, &calls("")), 2);
    assert_eq!(world.count(&ada, &calls(r#",["agent_instance","=","run-2"]"#)), 1);
    let server = world.ask(&ada, r#"[["action","=","mcp_server.created"]]"#, &[Field::ResourceId, Field::ResourceName]);
    assert_eq!(server, ["s1 GitHub"]);
}
