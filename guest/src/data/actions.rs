//! The catalogue of actions: the `<resource>.<verb>` vocabulary with a label each.
//!
//! An action that is missing here is recorded all the same; it only has no label and is not offered as a filter.

use crate::contract::Action;

/// The catalogue as the pages show it.
pub(crate) fn declared() -> Vec<Action> {
    let owned = |(name, label): &(&str, &str)| Action { name: (*name).to_owned(), label: (*label).to_owned() };
    [MCP, OAUTH, API, ADMIN, SYSTEM].into_iter().flatten().map(owned).collect()
}

const MCP: &[(&str, &str)] = &[
    ("session.initialized", "Session initialized"),
    ("session.confirmed", "Session confirmed by the client"),
    ("session.pinged", "Ping"),
    ("session.deleted", "Session deleted"),
    ("server.discovered", "Server discovered"),
    ("tool.called", "Tool called"),
    ("tool.listed", "Tools listed"),
    ("tool.list_changed", "Tool list changed"),
    ("resource.read", "Resource read"),
    ("resource.listed", "Resources listed"),
    ("resource.subscribed", "Resource subscribed"),
    ("resource.unsubscribed", "Resource unsubscribed"),
    ("resource.updated", "Resource updated"),
    ("resource.list_changed", "Resource list changed"),
    ("resource_template.listed", "Resource templates listed"),
    ("prompt.got", "Prompt fetched"),
    ("prompt.listed", "Prompts listed"),
    ("prompt.list_changed", "Prompt list changed"),
    ("completion.requested", "Completion requested"),
    ("logging.level_set", "Logging level set"),
    ("logging.sent", "Log message sent"),
    ("subscription.opened", "Subscription opened"),
    ("subscription.acknowledged", "Subscription acknowledged"),
    ("task.got", "Task fetched"),
    ("task.result_got", "Task result fetched"),
    ("task.listed", "Tasks listed"),
    ("task.updated", "Task updated"),
    ("task.cancelled", "Task cancelled"),
    ("task.status_changed", "Task status changed"),
    ("sampling.requested", "Sampling requested by the server"),
    ("elicitation.requested", "Input requested by the server"),
    ("elicitation.completed", "Input completed"),
    ("root.listed", "Roots listed"),
    ("root.list_changed", "Root list changed"),
    ("request.progressed", "Progress reported"),
    ("request.cancelled", "Request cancelled"),
    ("request.passed", "HTTP request without a message"),
    ("request.rejected", "HTTP request rejected"),
    ("stream.opened", "Stream opened"),
    ("stream.closed", "Stream closed"),
];

const OAUTH: &[(&str, &str)] = &[
    ("oauth.authorize", "OAuth authorization"),
    ("oauth.token", "OAuth token issued"),
    ("oauth.register", "OAuth client registered"),
    ("oauth.revoke", "OAuth token revoked"),
    ("oauth.introspect", "OAuth token introspected"),
    ("oauth.userinfo", "OAuth user information read"),
    ("oauth.callback", "OAuth callback"),
    ("oauth.discover", "OAuth metadata read"),
    ("oauth.requested", "Other OAuth request"),
    ("connection.created", "Connection created"),
    ("connection.revoked", "Connection revoked"),
];

const API: &[(&str, &str)] = &[("api.called", "API called")];

const ADMIN: &[(&str, &str)] = &[
    ("model.enabled", "Model enabled"),
    ("model.disabled", "Model disabled"),
    ("provider.created", "Provider created"),
    ("provider.updated", "Provider updated"),
    ("provider.deleted", "Provider deleted"),
    ("user.created", "User created"),
    ("user.deleted", "User deleted"),
    ("user.role_changed", "User role changed"),
    ("api_key.created", "API key created"),
    ("api_key.revoked", "API key revoked"),
    ("announcement.created", "Announcement created"),
    ("announcement.archived", "Announcement archived"),
    ("sso.configured", "Single sign-on configured"),
    ("sso.enabled", "Single sign-on enabled"),
    ("sso.disabled", "Single sign-on disabled"),
    ("mcp_server.created", "MCP server created"),
    ("mcp_server.updated", "MCP server updated"),
    ("mcp_server.deleted", "MCP server deleted"),
    ("mcp_oauth_client.created", "MCP OAuth client created"),
    ("mcp_oauth_client.updated", "MCP OAuth client updated"),
    ("mcp_oauth_client.deleted", "MCP OAuth client deleted"),
    ("agent.created", "Agent created"),
    ("agent.updated", "Agent updated"),
    ("agent.deleted", "Agent deleted"),
    ("agent.connected", "Agent connected for the first time"),
    ("policy.created", "Policy created"),
    ("policy.updated", "Policy updated"),
    ("policy.deleted", "Policy deleted"),
];

const SYSTEM: &[(&str, &str)] = &[
    ("log.started", "Audit log started"),
    ("log.stopped", "Audit log stopped"),
    ("log.gap", "Events lost"),
    ("event.unjudged", "Recorded without a policy's judgement"),
    ("log.exported", "Audit log exported"),
    ("log.verified", "Audit log verified"),
    ("settings.updated", "Settings updated"),
    ("policy.loaded", "Policy loaded"),
    ("policy.failed", "Policy failed"),
    ("cron.started", "Cron started by hand"),
    ("retention.started", "Cleanup started"),
    ("retention.completed", "Cleanup completed"),
    ("retention.failed", "Cleanup failed"),
    ("payload.read", "Payload read"),
    ("payload.erased", "Payload erased"),
    ("hold.placed", "Legal hold placed"),
    ("hold.released", "Legal hold released"),
    ("view.shared", "Saved view shared"),
    ("view.updated", "Shared view updated"),
    ("view.deleted", "Shared view deleted"),
];
