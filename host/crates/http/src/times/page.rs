//! `/times`: the time zone, and whether lists show how long ago or exactly when. The log stores all times in UTC; this
//! changes what the viewer's browser shows, and which days their searches mean.

use askama::Template;
use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use axum::http::header::{REFERER, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use mcp_audit_log_model::time_zone::TimeZone;
use serde::Deserialize;

use crate::problem::Problem;
use crate::session::auth::Visitor;
use crate::session::times::{TimePreferences, unknown};
use crate::ui::draw;
use crate::ui::frame::Frame;

#[derive(Template)]
#[template(path = "times.html")]
struct Page {
    frame: Frame,
    zones: Vec<&'static str>,
    chosen: TimePreferences,
    now: String,
    back: String,
}

/// The form.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    /// The zone; unchanged if it is left out.
    tz: Option<String>,
    /// `exact` or `relative`; unchanged if it is left out.
    times: Option<String>,
    #[serde(default)]
    back: String,
}

/// `GET`: the form. It leads back to the page that the browser comes from.
pub(crate) async fn show(visitor: Visitor, headers: HeaderMap) -> Response {
    let chosen = visitor.times;
    let from = headers.get(REFERER).and_then(|value| value.to_str().ok()?.parse::<Uri>().ok());
    let back = from.as_ref().and_then(Uri::path_and_query).map_or("", |path| path.as_str());
    let mut zones: Vec<_> = TimeZone::offered().map(TimeZone::name).collect();
    if !zones.contains(&chosen.zone.name()) {
        zones.insert(0, chosen.zone.name());
    }
    let page = Page {
        frame: Frame::new(&visitor.site, Some(&visitor), "", "Times"),
        zones,
        now: chosen.zone.exact(visitor.clock().now),
        chosen,
        back: address(&visitor, back),
    };
    draw(StatusCode::OK, &page)
}

/// `POST`: keeps the choice, and returns to the page.
pub(crate) async fn choose(visitor: Visitor, sent: Result<Form<Wanted>, FormRejection>) -> Result<Response, Problem> {
    let Form(Wanted { tz, times, back }) = sent?;
    let zone = |name: &String| TimeZone::parse(name).ok_or_else(|| unknown(name));
    let chosen = TimePreferences {
        zone: tz.as_ref().map_or(Ok(visitor.times.zone), zone)?,
        is_exact: times.map_or(visitor.times.is_exact, |times| times == "exact"),
    };
    let cookie = AppendHeaders([(SET_COOKIE, chosen.set_cookie(&visitor.site))]);
    Ok((cookie, Redirect::to(&address(&visitor, &back))).into_response())
}

/// The address of a page of this site; the list for anything else.
fn address(visitor: &Visitor, back: &str) -> String {
    let (base, home) = (&visitor.site.base, visitor.site.home());
    let rest = back.strip_prefix(base.as_str()).unwrap_or_default();
    let is_page = back.split('?').next() != Some(&visitor.site.address("/times"));
    let is_path =
        is_page && rest.starts_with('/') && !rest.starts_with("//") && !rest.contains(['\\', '\r', '\n', '\t']);
    if is_path || back.starts_with(&format!("{home}?")) { back.to_owned() } else { home.to_owned() }
}
