//! The frame of every page: title, navigation, signed-in user.

use super::assets;
use super::text::Shown;
use crate::access::Right;
use crate::http::Site;
use crate::http::auth::Visitor;

/// The layout's part of a page.
pub(super) struct Frame {
    pub(super) base: String,
    pub(super) home: String,
    pub(super) title: String,
    pub(super) css: &'static str,
    /// The vendor's own style sheet.
    pub(super) style: Option<String>,
    pub(super) js: &'static str,
    pub(super) icon: &'static str,
    pub(super) here: Here,
    pub(super) user: Option<Shown>,
    pub(super) reads: bool,
    pub(super) counts: bool,
    pub(super) verifies: bool,
    pub(super) oversees: bool,
}

/// Which part of the navigation is current.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Here {
    Log,
    Usage,
    Integrity,
    Settings,
    Elsewhere,
}

impl Frame {
    /// The frame for a signed-in visitor, or without one.
    pub(super) fn new(site: &Site, visitor: Option<&Visitor>, here: Here, title: impl Into<String>) -> Self {
        let access = visitor.map(|visitor| &visitor.access);
        Self {
            base: site.base.clone(),
            home: site.home().to_owned(),
            title: title.into(),
            css: &assets::CSS.address,
            style: site.style.as_ref().map(|style| style.address.clone()),
            js: &assets::JS.address,
            icon: &assets::ICON.address,
            here,
            user: access.map(|access| Shown::line(&access.viewer().user)),
            reads: access.is_some_and(|access| access.may(Right::Read)),
            counts: access.is_some_and(|access| access.may(Right::ReadUsage)),
            verifies: access.is_some_and(|access| access.may(Right::Verify)),
            oversees: access.is_some_and(|access| access.may_oversee()),
        }
    }

    /// The value of `aria-current` for a part of the navigation.
    pub(super) fn current(&self, here: Here) -> &'static str {
        if self.here == here { "page" } else { "false" }
    }
}
