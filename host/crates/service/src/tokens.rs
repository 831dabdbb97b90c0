//! Tokens: creating and revoking them over the API. Every such action becomes an entry.
//!
//! The file of tokens keeps each action in an outbox, written together with the change. The log reads the outbox,
//! records the action, and deletes it only after the entry is durable. The entry's id is fixed in the outbox and the
//! log stores an id once, so an interruption never duplicates it.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use mcp_audit_log_contract::access::{Grant, GrantInternals, Right, Viewer};
use mcp_audit_log_contract::manifest::UserGroup;
use mcp_audit_log_core::recorder::{RecordError, RecorderControl, StateChange, Unready};
use mcp_audit_log_model::event::{Channel, Event, Kind, OutcomeDetail, Target};
use mcp_audit_log_model::format::prefix;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_store::{NewToken, Outbox, PendingAction, Token, TokenAction, Tokens};

use super::{AuditLog, ChangeError, Inner, RunError};

/// A token to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// Its user.
    pub user: String,
    /// The name of the connection that will use it.
    pub connection: String,
    /// Its groups: only groups of its creator, and groups that those imply.
    pub groups: Vec<String>,
    /// Its expiry; `None`: never.
    pub expires_at: Option<Timestamp>,
}

impl TokenRequest {
    /// A token that never expires, with these groups of the policy.
    pub fn new(user: impl Into<String>, connection: impl Into<String>, groups: Vec<String>) -> Self {
        Self { user: user.into(), connection: connection.into(), groups, expires_at: None }
    }

    /// The same, but it expires at `at`.
    pub fn expires(self, at: Option<Timestamp>) -> Self {
        Self { expires_at: at, ..self }
    }
}

impl AuditLog {
    /// The tokens of the viewer's tenant, oldest first. Blocks.
    ///
    /// # Errors
    /// The viewer may not manage tokens, or the tokens cannot be read.
    pub fn tokens(&self, access: &Grant, tokens: &Tokens) -> Result<Vec<Token>, ChangeError> {
        access.require(Right::Manage)?;
        let mut listed = tokens.list().map_err(ChangeError::Tokens)?;
        listed.retain(|token| token.instance == access.viewer().instance);
        Ok(listed)
    }

    /// The groups that the viewer may give to a token, in the policy's order.
    pub fn groups_to_give(&self, access: &Grant) -> Vec<String> {
        let manifest = self.view().manifest();
        let names = manifest.groups.iter().map(|group| group.name.clone());
        names.filter(|name| self.may_give(access.viewer(), std::slice::from_ref(name)).is_ok()).collect()
    }

    /// Creates a token of the viewer's tenant and returns its secret, which cannot be retrieved again. When this
    /// returns, the entry about it is durable, or will be recorded as soon as the log can be written again. Blocks.
    ///
    /// # Errors
    /// The viewer may not manage tokens or give these groups, the token is invalid, or nothing can be recorded at
    /// present.
    pub fn create_token(
        &self,
        access: &Grant,
        tokens: &Tokens,
        wanted: TokenRequest,
    ) -> Result<(String, Token), ChangeError> {
        self.may_change_tokens(access, TokenAction::Created)?;
        let TokenRequest { user, connection, groups, expires_at } = wanted;
        self.may_give(access.viewer(), &groups)?;
        let viewer = Viewer { user, groups, instance: access.viewer().instance.clone() };
        let wanted = NewToken::new(viewer, connection).expires(expires_at);
        let made = tokens.create_by(access.actor().clone(), &wanted, self.view().now()).map_err(ChangeError::Tokens)?;
        self.tell_now(tokens);
        Ok(made)
    }

    /// Revokes a token of the viewer's tenant, and every session that began with it. The action is recorded as in
    /// [`AuditLog::create_token`]. Blocks.
    ///
    /// # Errors
    /// The viewer may not manage tokens, there is no such token in their tenant, or nothing can be recorded at
    /// present.
    pub fn revoke_token(&self, access: &Grant, tokens: &Tokens, id: &str) -> Result<(), ChangeError> {
        self.may_change_tokens(access, TokenAction::Revoked)?;
        let token = tokens.by_id(id).map_err(ChangeError::Tokens)?;
        let token = token.filter(|token| token.instance == access.viewer().instance);
        let token = token.ok_or(ChangeError::Missing("token"))?;
        let revoked =
            tokens.revoke(&token.id, access.actor().clone(), self.view().now()).map_err(ChangeError::Tokens)?;
        self.tell_now(tokens);
        if revoked { Ok(()) } else { Err(ChangeError::Missing("token")) }
    }

    /// Whether the viewer may, and whether it can be recorded.
    fn may_change_tokens(&self, access: &Grant, action: TokenAction) -> Result<(), ChangeError> {
        self.allow(access, Right::Manage, action.as_str())?;
        match self.0.recorder.ready() {
            Ok(()) | Err(Unready::Behind) => Ok(()),
            Err(_) => Err(RecordError::Unavailable.into()),
        }
    }

    /// A token may not have more rights than its creator: an administrator who may not read payloads could otherwise
    /// create an auditor.
    fn may_give(&self, maker: &Viewer, wanted: &[String]) -> Result<(), ChangeError> {
        let manifest = self.view().manifest();
        let held = held(&manifest.groups, &maker.groups);
        match wanted.iter().find(|group| !held.contains(group.as_str())) {
            None if wanted.is_empty() => Err(ChangeError::Refused("groups: give at least one group.".to_owned())),
            None => Ok(()),
            Some(group) => {
                let known: Vec<_> = manifest.groups.iter().map(|group| group.name.as_str()).collect();
                let is_known = known.contains(&group.as_str());
                let group = prefix(group, 80).to_owned();
                if !is_known {
                    let known = known.join(", ");
                    return Err(ChangeError::Refused(format!("groups: unknown group {group:?}; use one of: {known}.")));
                }
                let own = held.into_iter().collect::<Vec<_>>().join(", ");
                let advice = format!(
                    "groups: you may not give {group:?}; a token may have only groups of its creator. Yours are {own}."
                );
                Err(ChangeError::Refused(advice))
            }
        }
    }

    /// The action is done and in the outbox: a delayed entry is not a failure.
    fn tell_now(&self, tokens: &Tokens) {
        if let Err(error) = record(&self.0, tokens) {
            tracing::error!(%error, "the change of a token will be recorded later");
        }
    }

    /// Records what was done while no log was running. What is wrong with the tokens must not keep the log from
    /// opening.
    pub(super) fn record_old_changes(&self) {
        if let Err(error) = record_changes(&self.0) {
            tracing::error!(%error, "the changes of tokens will be recorded later");
        }
    }
}

/// Records what was done to the tokens in the log's own folder.
pub(super) fn record_changes(log: &Arc<Inner>) -> Result<(), RunError> {
    match Tokens::existing(&log.view.folder) {
        Some(tokens) => record(log, &tokens),
        None => Ok(()),
    }
}

fn record(log: &Inner, tokens: &Tokens) -> Result<(), RunError> {
    // One caller at a time, so that no action is recorded twice.
    let _changing = log.changing.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let pending = tokens.pending()?;
        if pending.is_empty() {
            return Ok(());
        }
        log.recorder.change(StateChange::default(), pending.iter().map(event).collect())?;
        tokens.delivered(&pending)?;
    }
}

/// An action on a token, as an event: never its secret, which is not stored.
fn event(pending: &PendingAction) -> Event {
    let PendingAction { id, action, at, by, token } = pending;
    let mut event = Event { id: *id, ..Event::new(*at, Channel::Admin, Kind::System, OutcomeDetail::Ok) };
    event.method = Some(action.as_str().to_owned());
    event.target = Some(Target::Other(token.id.clone()));
    event = event.by_actor(by, token.instance.as_deref());
    event = event.fact("resource_id", token.id.clone()).fact("resource_name", token.connection.clone());
    let expires = token.expires_at.map_or(Value::Unset, |at| at.to_string().into());
    let side = if *action == TokenAction::Created { "new" } else { "old" };
    for (field, value) in
        [("user", token.user.clone().into()), ("groups", token.groups.join(", ").into()), ("expires_at", expires)]
    {
        event = event.fact("field", field).fact(side, value);
    }
    event
}

/// A user's groups, with all implied groups.
fn held<'a>(groups: &'a [UserGroup], assigned: &[String]) -> BTreeSet<&'a str> {
    let mut held = BTreeSet::new();
    let mut next: Vec<&str> = assigned.iter().map(String::as_str).collect();
    while let Some(name) = next.pop() {
        if let Some(group) = groups.iter().find(|group| group.name == name)
            && held.insert(group.name.as_str())
        {
            next.extend(group.implies.iter().map(String::as_str));
        }
    }
    held
}
