//! Eighteen kinds of secrets, as they come in arguments, in states and in bodies.

use mcp_audit_log_model::event::{Body, Event, Payload, Resource};
use serde_json::json;

use super::{NOW, call};

/// The part of each secret that must not be seen.
pub const MARK: &str = "hunter2SECREThunter2";

/// A kind of secret.
#[derive(Clone, Copy, Debug)]
pub struct SecretKind {
    /// Its name.
    pub name: &'static str,
    /// The key under which it comes.
    pub key: &'static str,
    /// Its value; `{}` is the [`MARK`].
    value: &'static str,
}

const fn kind(name: &'static str, key: &'static str, value: &'static str) -> SecretKind {
    SecretKind { name, key, value }
}

/// All of them. The last eight are known by their look, under a key that says nothing.
pub const KINDS: [SecretKind; 18] = [
    kind("password", "password", "{}"),
    kind("passphrase", "private_key_passphrase", "{}"),
    kind("one-time code", "otp", "{}"),
    kind("session", "session_id", "{}"),
    kind("OAuth code verifier", "code_verifier", "{}"),
    kind("client secret", "client_secret", "{}"),
    kind("API key", "api_key", "{}"),
    kind("credentials", "credentials", "{}"),
    kind("cookie", "note", "Cookie: sid={}"),
    kind("bearer token", "note", "Authorization: Bearer {}"),
    kind("password in an address", "note", "postgres://joe:{}@db/x"),
    kind("key of a model provider", "note", "sk-{}"),
    kind("GitHub token", "note", "ghp_{}"),
    kind("GitLab token", "note", "glpat-{}"),
    kind("Google key", "note", "AIza{}hunter2SECREThunter2"),
    kind("Slack token", "note", "xoxb-{}"),
    kind("Stripe key", "note", "sk_live_{}"),
    kind("private key", "note", "-----BEGIN RSA PRIVATE KEY-----\n{}"),
];

impl SecretKind {
    /// The secret.
    pub fn value(&self) -> String {
        self.value.replace("{}", MARK)
    }

    /// The secret as it comes: in the arguments and the body of a call, and in the states and lines of a change.
    pub fn events(&self) -> [Event; 3] {
        let (state, empty) = (json!({ self.key: self.value(), "name": "A" }), json!({ "name": "B" }));
        let body = Payload { request: Some(Body::whole(state.to_string())), response: None };
        let value = json!(self.value());
        let call = ["model", "id", "name", "carrier"]
            .into_iter()
            .fold(call("write"), |call, name| call.argument(name, &json!("plain")));
        let admin = Event::admin(NOW, "provider.updated", Resource::provider("7"));
        [
            Event { payload: Some(body), ..call.argument(self.key, &value) },
            Event::updated(NOW, Resource::provider("7"), &empty, &state),
            admin.fact("field", self.key).fact("old", self.value()).fact("new", "other"),
        ]
    }
}
