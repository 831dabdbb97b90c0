//! The rules for OAuth and for connections. Codes, verifiers, secrets and tokens never get here, and nothing is kept.

use super::action;
use crate::contract::{Affected, Event, Verdict};
use crate::sdk::verdict::{by_id, by_name, called, text_fact};

/// The action of each endpoint, by the last segment of its path.
const ENDPOINTS: &[(&str, &str)] = &[
    ("authorize", "oauth.authorize"),
    ("token", "oauth.token"),
    ("register", "oauth.register"),
    ("revoke", "oauth.revoke"),
    ("introspect", "oauth.introspect"),
    ("userinfo", "oauth.userinfo"),
    ("callback", "oauth.callback"),
    ("jwks", "oauth.discover"),
    ("jwks.json", "oauth.discover"),
];

/// The verdict on an OAuth event. A source that knows the action passes it as the method.
pub(super) fn rule(event: &Event) -> Verdict {
    let action = action::named(event).unwrap_or_else(|| endpoint(event.path.as_deref().unwrap_or_default()));
    Verdict { affected: affected(action, event), ..called(action) }
}

fn endpoint(path: &str) -> &'static str {
    // The issuer's own path may follow the well-known one, so the last segment means nothing.
    if path.contains("/.well-known/") {
        return "oauth.discover";
    }
    let segment = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    ENDPOINTS.iter().find(|(name, _)| *name == segment).map_or("oauth.requested", |(_, action)| action)
}

fn affected(action: &str, event: &Event) -> Option<Affected> {
    if action::resource(action) == "connection" {
        return by_name("connection", event.target.as_deref().or(event.connection.as_deref()));
    }
    by_id("oauth_client", text_fact(event, "client_id").or(event.target.as_deref()))
}

/// The actions that this channel gives, for the test that all of them are in the catalogue.
#[cfg(test)]
pub(super) fn actions() -> impl Iterator<Item = &'static str> {
    ENDPOINTS.iter().map(|(_, action)| *action).chain(["oauth.discover", "oauth.requested"])
}
