//! The viewer, the time and its zone for which a domain is read. The same tokens become another domain for another viewer.

use super::DomainError;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::time_zone::TimeZone;
use mcp_audit_log_model::value::Value;

/// The viewer, the time and its zone.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    now: Timestamp,
    zone: TimeZone,
    user: Option<&'a str>,
    instance: Option<&'a str>,
}

/// The value to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A value that is the same for every viewer.
    Value(Value),
    /// A value of the viewer.
    Viewer(ViewerValue),
}

/// The values that a viewer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewerValue {
    /// The user's name.
    User,
    /// The tenant.
    Instance,
}

impl<'a> Context<'a> {
    /// The context of `user` of `instance` at `now`. An empty name counts as absent.
    pub fn new(now: Timestamp, user: Option<&'a str>, instance: Option<&'a str>) -> Self {
        let named = |name: Option<&'a str>| name.filter(|name| !name.trim().is_empty());
        Self { now, zone: TimeZone::UTC, user: named(user), instance: named(instance) }
    }

    /// The same with the days of this zone instead of those of UTC.
    pub fn in_zone(self, zone: TimeZone) -> Self {
        Self { zone, ..self }
    }

    /// No viewer, at `now`: tokens that refer to the viewer are refused.
    pub fn without_viewer(now: Timestamp) -> Self {
        Self::new(now, None, None)
    }

    /// A viewer who has every value: tokens that fail here fail for every viewer.
    pub(super) fn any_viewer(now: Timestamp) -> Self {
        Self::new(now, Some("viewer"), Some("tenant"))
    }

    /// The zone whose days a day is.
    pub fn zone(&self) -> TimeZone {
        self.zone
    }

    /// The time from which relative times count.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// A value of the viewer. It is an error if the viewer lacks it, because "not set" would change the meaning.
    pub(super) fn own(&self, own: ViewerValue) -> Result<Value, DomainError> {
        let (own, lack) = match own {
            ViewerValue::User => (self.user, "you have no user name, so no entry is your own"),
            ViewerValue::Instance => (self.instance, "you belong to no tenant, so no entry is of your tenant"),
        };
        own.map(Value::from).ok_or_else(|| DomainError::new(lack))
    }
}

impl ViewerValue {
    /// The name in tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Instance => "instance",
        }
    }

    /// The value that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Instance].into_iter().find(|own| own.as_str() == text)
    }
}

impl<T: Into<Value>> From<T> for Operand {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}
