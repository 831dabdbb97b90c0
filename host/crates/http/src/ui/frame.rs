//! The frame of every page, and pages with a message: an error, or the confirmation of a link from another site.

use askama::Template;
use axum::http::header::{ALLOW, RETRY_AFTER};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_model::time_zone::TimeZone;

use super::text::Shown;
use super::{assets, draw};
use crate::problem::Problem;
use crate::session::auth::Visitor;
use crate::site::{ALERTS, Site, Tab};

/// The data of the layout.
pub(crate) struct Frame {
    pub(crate) base: String,
    pub(crate) home: String,
    pub(crate) title: String,
    pub(crate) css: &'static str,
    /// The vendor's own style sheet.
    pub(crate) style: Option<String>,
    pub(crate) js: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) tabs: Vec<TabLink>,
    pub(crate) user: Option<Shown>,
    /// The name of the viewer's time zone.
    pub(crate) zone: &'static str,
    pub(crate) reads: bool,
    pub(crate) counts: bool,
    pub(crate) oversees: bool,
}

/// An item of the navigation, as a link.
pub(crate) struct TabLink {
    pub(crate) label: &'static str,
    pub(crate) href: String,
    /// The value of `aria-current`.
    pub(crate) current: &'static str,
    /// Whether the viewer sees it.
    pub(crate) is_shown: bool,
    /// How many alerts are raised, where it is about alerts and some are.
    pub(crate) raised: Option<usize>,
}

impl Frame {
    /// The frame for a signed-in visitor, or without one. `here` is the path of the tab that the page belongs to; empty
    /// if it belongs to none.
    pub(crate) fn new(site: &Site, visitor: Option<&Visitor>, here: &str, title: impl Into<String>) -> Self {
        let access = visitor.map(|visitor| &visitor.access);
        let raised = || access.map(|access| site.log.raised_alerts(access)).filter(|raised| *raised > 0);
        let tab = |tab: &Tab| TabLink {
            raised: if tab.path == ALERTS { raised() } else { None },
            label: tab.label,
            href: site.address(tab.path),
            current: if tab.path == here { "page" } else { "false" },
            is_shown: access.is_some_and(|access| (tab.is_for)(site, access)),
        };
        Self {
            base: site.base.clone(),
            home: site.home().to_owned(),
            title: title.into(),
            css: &assets::CSS.address,
            style: site.style.as_ref().map(|style| style.address.clone()),
            js: &assets::JS.address,
            icon: &assets::ICON.address,
            tabs: site.tabs.iter().map(tab).collect(),
            zone: access.map_or(TimeZone::UTC, |access| access.zone()).name(),
            user: access.map(|access| Shown::line(&access.viewer().user)),
            reads: access.is_some_and(|access| access.may(Right::Read)),
            counts: access.is_some_and(|access| access.may(Right::ReadUsage)),
            oversees: access.is_some_and(|access| access.may_oversee()),
        }
    }
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    frame: Frame,
    what: &'a str,
    action: String,
}

/// Asks the viewer to confirm `what`, which `uri` would do.
pub(crate) fn confirm(visitor: &Visitor, uri: &Uri, what: &str) -> Response {
    let frame = Frame::new(&visitor.site, Some(visitor), "", "Confirm this link");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    draw(StatusCode::OK, &ConfirmPage { frame, what, action: format!("{}{path}", visitor.site.base) })
}

#[derive(Template)]
#[template(path = "error.html")]
struct Page {
    frame: Frame,
    detail: Shown,
}

/// The answer, or a page if the answer is a problem.
pub(crate) fn as_page(site: &Site, visitor: Option<&Visitor>, response: Response) -> Response {
    let Some(problem) = response.extensions().get::<Problem>() else { return response };
    let frame = Frame::new(site, visitor, "", problem.title());
    let mut page = draw(problem.status(), &Page { frame, detail: Shown::line(problem.detail()) });
    for name in [ALLOW, RETRY_AFTER] {
        if let Some(value) = response.headers().get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page
}
