//! Saved views: named searches. A view holds only a search; each viewer sees their own entries in it.

use uuid::Uuid;

use crate::access::{Grant, Right, Viewer};
use mcp_audit_log_model::name::is_hidden;
use mcp_audit_log_model::time::Timestamp;

/// The most views of a user.
pub const MOST_VIEWS: usize = 100;
/// The longest name, in characters.
pub const LONGEST_NAME: usize = 80;
/// The longest search, in bytes of its names and values.
pub const LONGEST_QUERY: usize = 4_096;

/// A search with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedView {
    /// Its id, a UUIDv7.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The user who owns it.
    pub owner: String,
    /// The tenant of the owner.
    pub instance: Option<String>,
    /// Whether other users of the tenant see it.
    pub shared: bool,
    /// The search: the parameters of a URL.
    pub query: Vec<(String, String)>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A change of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewChange {
    /// Create or replace this view.
    Save(SavedView),
    /// Delete the view with this id.
    Delete(Uuid),
}

/// A new view. It is checked when it is saved; its search is checked when it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewView {
    /// See [`SavedView::name`].
    pub name: String,
    /// See [`SavedView::shared`].
    pub shared: bool,
    /// See [`SavedView::query`].
    pub query: Vec<(String, String)>,
}

impl SavedView {
    /// Whether `viewer` owns it. The same name in another tenant is another user.
    pub fn is_of(&self, viewer: &Viewer) -> bool {
        self.owner == viewer.user && self.instance == viewer.instance
    }

    /// Whether a viewer who sees it may also change or delete it.
    pub fn may_be_changed(&self, access: &Grant) -> bool {
        let shared_here = self.shared && self.instance == access.viewer().instance;
        self.is_of(access.viewer()) || (shared_here && access.may(Right::Manage))
    }
}

impl NewView {
    /// A view of the search with these parameters, which only its owner sees.
    pub fn new(name: impl Into<String>, query: Vec<(String, String)>) -> Self {
        Self { name: name.into(), shared: false, query }
    }

    /// The same view, shared with other users of the tenant.
    pub fn shared(self) -> Self {
        Self { shared: true, ..self }
    }

    /// The view as it is stored: the name trimmed, the search without empty values and page cursors.
    ///
    /// # Errors
    /// The name or the search is not allowed; the error is a sentence for the user.
    #[doc(hidden)]
    pub fn checked(mut self) -> Result<Self, String> {
        self.name = self.name.trim().to_owned();
        self.query.retain(|(name, value)| !value.is_empty() && name != "cursor");
        let length = self.query.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        match self.name.chars().count() {
            0 => Err("Give the view a name.".to_owned()),
            count if count > LONGEST_NAME => {
                Err(format!("The name has {count} characters; use at most {LONGEST_NAME}."))
            }
            _ if self.name.chars().any(is_hidden) => Err("The name has invisible characters; remove them.".to_owned()),
            _ if length > LONGEST_QUERY => {
                Err(format!("The search has {length} bytes; use at most {LONGEST_QUERY}. Shorten it."))
            }
            _ => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::GrantInternals;
    use mcp_audit_log_filter::Domain;

    #[test]
    fn only_its_owner_and_for_shared_ones_admins_change_a_view() {
        let view = |shared| SavedView {
            id: Uuid::nil(),
            name: "errors".into(),
            owner: "ada".into(),
            instance: Some("a".into()),
            shared,
            query: Vec::new(),
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        };
        let access = |user: &str, instance: Option<&str>, rights: &[Right]| {
            let instance = instance.map(str::to_owned);
            let viewer = Viewer { user: user.into(), groups: Vec::new(), instance };
            Grant::new(viewer, rights.iter().copied().collect(), Domain::TRUE)
        };
        for shared in [false, true] {
            assert!(view(shared).may_be_changed(&access("ada", Some("a"), &[Right::Read])));
            assert!(!view(shared).may_be_changed(&access("bob", Some("a"), &[Right::Read])));
            assert_eq!(view(shared).may_be_changed(&access("bob", Some("a"), &[Right::Manage])), shared);
            for (user, instance) in [("ada", None), ("ada", Some("b")), ("bob", Some("b"))] {
                assert!(!view(shared).may_be_changed(&access(user, instance, &[Right::Manage])), "{user}");
            }
        }
    }

    #[test]
    fn names_and_searches_are_bounded() {
        let new = |name: &str, value: &str| NewView {
            name: name.into(),
            shared: false,
            query: vec![("q".into(), value.into()), ("cursor".into(), "x".into()), ("tool".into(), String::new())],
        };
        let kept = new(" errors ", "x").checked().expect("fits");
        assert_eq!((kept.name.as_str(), kept.query), ("errors", vec![("q".to_owned(), "x".to_owned())]));
        assert!(new(&"ä".repeat(80), &"x".repeat(4_095)).checked().is_ok());
        for (name, value) in [(" ", "x"), ("a\u{1b}b", "x"), (&"ä".repeat(81), "x"), ("a", &"x".repeat(4_096))] {
            assert!(new(name, value).checked().is_err(), "{name} {value}");
        }
    }
}
