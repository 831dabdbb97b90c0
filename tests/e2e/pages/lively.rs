//! A log with all kinds of entries, and the addresses of all pages.

use serde_json::{Value, json};

use crate::support::World;

/// Addresses that cover every page of the product, for a user of a group.
pub(crate) struct Page {
    pub(crate) name: &'static str,
    pub(crate) group: &'static str,
    pub(crate) path: String,
}

const USERS: [&str; 5] = ["ada", "bob", "carla", "dan", "emma"];
const TOOLS: [(&str, &str); 6] = [
    ("crm", "search_customers"),
    ("crm", "update_customer"),
    ("billing", "create_invoice"),
    ("files", "read_file"),
    ("files", "list_folder"),
    ("web", "fetch_page"),
];

impl World {
    /// Two days of calls, changes and refusals; the newest of them with a payload.
    pub(crate) fn lively() -> Self {
        let world = Self::of(&Value::from_iter((0..240).rev().map(call)));
        world.server.api("admin").set(json!({ "log_payloads": true }));
        let changed = json!({ "channel": "admin", "method": "user.role_changed", "user": "root", "outcome": "success", "occurred_at": ago(3),
            "resource_type": "user", "resource_id": "u-7", "resource_name": "emma",
            "old": { "role": "user", "teams": ["eu"] }, "new": { "role": "admin", "teams": ["eu", "us"] } });
        world.send(&json!([changed, failed()]));
        world
    }

    /// The id of the newest entry in the result of this search.
    pub(crate) fn newest(&self, search: &str) -> String {
        let entries = self.server.api("auditor").entries(search);
        entries[0]["id"].as_str().expect("an id").to_owned()
    }

    /// The id of a token.
    fn token_id(&self) -> String {
        let tokens = self.server.api("admin").get("/api/v1/tokens").json();
        tokens["tokens"][0]["id"].as_str().expect("an id").to_owned()
    }

    /// The session of the newest entry in the result of this search.
    pub(crate) fn session(&self, search: &str) -> String {
        let entries = self.server.api("auditor").entries(search);
        entries[0]["session"].as_str().expect("a session").to_owned()
    }

    /// All pages, in their different states.
    pub(crate) fn pages(&self) -> Vec<Page> {
        let page = |name, group, path: &str| Page { name, group, path: path.to_owned() };
        let failed = format!("/entries/{}", self.newest("outcome=error&tool=create_invoice"));
        vec![
            page("log", "admin", "/"),
            page("filtered", "auditor", "/?q=tool:search*&outcome=success&from=-24h"),
            page("counts", "admin", "/?from=-24h&counts=shown"),
            page("timeline", "admin", &format!("/timeline?session={}", self.session("tool=create_invoice"))),
            page("groups", "admin", "/?by=server&by=tool&from=-7d"),
            page("nothing", "user", "/?tool=there-is-none"),
            page("mistake", "admin", "/?q=nonsense:1"),
            page("entry", "auditor", &format!("{failed}?show=payload")),
            page("entry-of-an-admin", "admin", &failed),
            page("why", "admin", &format!("{failed}?show=why")),
            page("connection", "auditor", "/timeline?connection=adas-laptop"),
            page("changes", "admin", &format!("/entries/{}", self.newest("action=user.role_changed"))),
            page("usage", "admin", "/usage?from=-7d"),
            page("usage-of-pairs", "admin", "/usage?from=-7d&by=user,llm_model&sort=cost"),
            page("durations", "admin", "/usage?from=-7d&sort=p95"),
            page("usage-of-one", "billing-admin", "/usage?tool=read_file"),
            page("alerts", "admin", "/alerts"),
            page("servers", "admin", "/servers"),
            page("integrity", "auditor", "/integrity"),
            page("policies", "admin", "/policies"),
            page("policies-of-an-auditor", "auditor", "/policies"),
            page("settings", "admin", "/settings"),
            page("settings-of-an-auditor", "auditor", "/settings"),
            page("times", "user", "/times"),
            page("tokens", "admin", &format!("/tokens?token={}", self.token_id())),
            page("missing", "user", "/entries/00000000-0000-7000-8000-000000000000"),
        ]
    }
}

fn ago(minutes: u64) -> String {
    let at = std::time::SystemTime::now() - std::time::Duration::from_secs(minutes * 60);
    let micros = at.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_micros();
    mcp_audit_log::time::Timestamp::from_micros(micros as i64).to_string()
}

fn call(at: u64) -> Value {
    let (server, tool) = TOOLS[(at * at % 7) as usize % TOOLS.len()];
    let outcome = match at % 11 {
        3 => "error",
        7 => "denied",
        _ => "success",
    };
    let user = USERS[(at * 7 % 5) as usize];
    // Some are a model's, which has tokens and a cost.
    let [tokens, cost] = [(at % 8 == 5).then_some(400 + at * 17), (at % 8 == 5).then_some(90_000 + at * 1_234)];
    json!({ "channel": "mcp", "kind": "request", "method": "tools/call", "tool": tool, "server": server, "user": user,
        "provider": tokens.map(|_| "anthropic"), "llm_model": tokens.map(|_| "claude"), "input_tokens": tokens,
        "output_tokens": tokens, "cost_micros": cost, "outcome": outcome, "duration_us": 900 + at * at * 41 % 700_000, "connection": format!("{user}s-laptop"),
        "session": format!("s-{}", at / 12), "client_name": "claude-desktop", "client_version": "1.4.0",
        "occurred_at": ago(5 + at * 12) })
}

fn failed() -> Value {
    json!({ "channel": "mcp", "kind": "request", "method": "tools/call", "tool": "create_invoice", "server": "billing",
        "user": "ada", "outcome_detail": "tool-error", "status_code": 200, "duration_us": 84_211,
        "connection": "adas-laptop", "session": "s-0", "error_type": "tool_error",
        "error_message": "The tool said that it failed.", "occurred_at": ago(2),
        "payload": {
            "request": { "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": "create_invoice",
                "arguments": { "customer": "ACME GmbH", "lines": [{ "item": "Support", "hours": 3.5 }] } } },
            "response": { "jsonrpc": "2.0", "id": 7, "result": { "isError": true,
                "content": [{ "type": "text", "text": "The period 2026-10 is closed." }] } } } })
}
