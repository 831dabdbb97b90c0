//! Saved views: searches with a name. One is only a search, and shows each viewer what that viewer may see.

use uuid::Uuid;

use crate::access::{Access, Right, Viewer};
use mcp_audit_log_model::name::is_hidden;
use mcp_audit_log_model::time::Timestamp;

/// How many views a user may have.
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
    /// The user whose it is.
    pub owner: String,
    /// The platform's instance that the owner belongs to.
    pub instance: Option<String>,
    /// Whether others of the instance see it as well.
    pub shared: bool,
    /// The search: names and values as they stand in a URL.
    pub query: Vec<(String, String)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What becomes of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewChange {
    /// It is as given here from now on.
    Save(SavedView),
    /// It is gone.
    Delete(Uuid),
}

/// What is wanted of a view. It is checked when it is saved; whether the search makes sense is for whoever runs it.
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
    /// Whether it is `viewer`'s own. The same name in another instance is somebody else.
    pub fn is_of(&self, viewer: &Viewer) -> bool {
        self.owner == viewer.user && self.instance == viewer.instance
    }

    /// Whether somebody may change or delete it who sees it.
    pub fn may_be_changed(&self, access: &Access) -> bool {
        let shared_here = self.shared && self.instance == access.viewer().instance;
        self.is_of(access.viewer()) || (shared_here && access.may(Right::Manage))
    }
}

impl NewView {
    /// The same as it is stored: the name without space around it, the search without what is empty or a page's place.
    ///
    /// # Errors
    /// The sentence for whoever gave it.
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
    use crate::access::Grant;
    use mcp_audit_log_filter::Domain;

    #[test]
    fn a_view_is_changed_by_its_owner_and_where_it_is_shared_by_admins() {
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
            Access::new(viewer, rights.iter().copied().collect(), Domain::TRUE)
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
