//! What a domain is read against: who asks, and when. The same tokens are another domain for another viewer.

use super::DomainError;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    now: Timestamp,
    user: Option<&'a str>,
    instance: Option<&'a str>,
}

/// What a term compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A value that is the same for everybody.
    Value(Value),
    /// Something of whoever asks.
    Viewer(Own),
}

/// What a viewer has of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// The user's name.
    User,
    /// The instance of the platform.
    Instance,
}

impl<'a> Context<'a> {
    /// `user` of `instance` asks at `now`. Empty names are none.
    pub fn new(now: Timestamp, user: Option<&'a str>, instance: Option<&'a str>) -> Self {
        let named = |name: Option<&'a str>| name.filter(|name| !name.trim().is_empty());
        Self { now, user: named(user), instance: named(instance) }
    }

    /// Nobody asks, at `now`: whatever is relative to the viewer is refused.
    pub fn nobody(now: Timestamp) -> Self {
        Self::new(now, None, None)
    }

    /// Somebody who lacks nothing: what is refused here is refused whoever asks.
    pub(super) fn anybody(now: Timestamp) -> Self {
        Self::new(now, Some("viewer"), Some("tenant"))
    }

    /// The moment that relative times count from.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The viewer's own. One who has none gets an error, since "not set" would be an answer to another question.
    pub(super) fn own(&self, own: Own) -> Result<Value, DomainError> {
        let (own, lack) = match own {
            Own::User => (self.user, "you have no user name, so no entry is your own"),
            Own::Instance => (self.instance, "you belong to no tenant, so no entry is of your tenant"),
        };
        own.map(Value::from).ok_or_else(|| DomainError::new(lack))
    }
}

impl Own {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Instance => "instance",
        }
    }

    /// What `text` is the word for.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Instance].into_iter().find(|own| own.as_str() == text)
    }
}

impl<T: Into<Value>> From<T> for Operand {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}
