//! `/alerts`: the viewer's alerts with the results of the last check, and the form that sets one on a saved view.

use askama::Template;
use axum::extract::Form;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_contract::alert::DEFINITIONS;
use mcp_audit_log_contract::saved_view::SavedView;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::format::count;
use mcp_audit_log_service::AlertStatus;
use serde::Deserialize;
use uuid::Uuid;

use super::api::condition;
use crate::problem::Problem;
use crate::query::search::query_of;
use crate::session::auth::Visitor;
use crate::session::page_clock::PageClock;
use crate::site::ALERTS;
use crate::ui::draw;
use crate::ui::frame::Frame;
use crate::ui::text::Shown;

#[derive(Template)]
#[template(path = "alerts.html")]
struct Page {
    frame: Frame,
    alerts: Vec<AlertLine>,
    /// The viewer's views: id, name, and whether it is chosen.
    views: Vec<(Uuid, Shown, bool)>,
    /// The fields whose new values are looked for: name, label, and whether it is chosen.
    fields: Vec<(&'static str, &'static str, bool)>,
    typed: Sent,
    error: Option<Shown>,
}

/// An alert as the page shows it.
struct AlertLine {
    /// Its view; `None` for the log's own.
    view: Option<Uuid>,
    name: Shown,
    href: String,
    condition: Shown,
    /// Since when it is raised, exactly, and its entry.
    raised: Option<(String, String, String)>,
    checked: Option<(String, String)>,
    found: Option<Shown>,
    error: Option<Shown>,
}

/// What a form sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Sent {
    #[serde(default)]
    view: String,
    #[serde(default)]
    count: String,
    #[serde(default)]
    new: String,
    #[serde(default)]
    minutes: String,
}

impl AlertLine {
    fn new(status: &AlertStatus, clock: PageClock, (base, home): (&str, &str)) -> Self {
        let AlertStatus { alert, name, query, result, .. } = status;
        let found = result.as_ref().map(|result| &result.found);
        let text = |finding: &mcp_audit_log_service::AlertFinding| match finding.values.as_slice() {
            [] => format!("{} in this time", count(finding.count)),
            values => values.join(", "),
        };
        Self {
            view: Some(alert.view).filter(|view| *view != DEFINITIONS),
            name: Shown::line(name),
            href: format!("{home}{}", query_of(query)),
            condition: Shown::line(&alert.condition.sentence(alert.minutes)),
            raised: alert.raised.map(|(at, entry)| (clock.ago(at), clock.both(at), format!("{base}/entries/{entry}"))),
            checked: result.as_ref().map(|result| (clock.ago(result.at), clock.both(result.at))),
            found: found.and_then(|found| found.as_ref().ok()).map(|finding| Shown::line(&text(finding))),
            error: found.and_then(|found| found.as_ref().err()).map(|error| Shown::line(error)),
        }
    }
}

/// The page.
pub(crate) async fn show(visitor: Visitor) -> Result<Response, Problem> {
    let typed = Sent { count: "1".to_owned(), minutes: "60".to_owned(), ..Sent::default() };
    page(&visitor, typed, None).await
}

/// `POST /alerts`: sets the alert of a view.
pub(crate) async fn set(visitor: Visitor, sent: Result<Form<Sent>, FormRejection>) -> Result<Response, Problem> {
    visitor.access.require(Right::Read)?;
    let Form(sent) = sent?;
    match read(&sent) {
        Err(problem) => page(&visitor, sent, Some(&problem)).await,
        Ok((view, condition, minutes)) => {
            let set = visitor.change(move |log, access| Ok(log.set_alert(access, view, condition, minutes)?)).await;
            match set {
                Ok(_) => Ok(back(&visitor)),
                Err(problem) if problem.status() == StatusCode::UNPROCESSABLE_ENTITY => {
                    page(&visitor, sent, Some(&problem)).await
                }
                Err(problem) => Err(problem),
            }
        }
    }
}

/// `POST /alerts/remove`.
pub(crate) async fn remove(visitor: Visitor, sent: Result<Form<Sent>, FormRejection>) -> Result<Response, Problem> {
    visitor.access.require(Right::Read)?;
    let Form(sent) = sent?;
    let view = Uuid::try_parse(&sent.view).map_err(|_| Problem::missing("view"))?;
    visitor.change(move |log, access| Ok(log.delete_alert(access, view)?)).await?;
    Ok(back(&visitor))
}

fn back(visitor: &Visitor) -> Response {
    Redirect::to(&visitor.site.address(ALERTS)).into_response()
}

fn read(sent: &Sent) -> Result<(Uuid, mcp_audit_log_contract::alert::AlertCondition, u32), Problem> {
    let number = |text: &str, what: &str| {
        text.trim().parse::<u32>().map_err(|_| Problem::invalid(format!("{what}: give a whole number.")))
    };
    let view = Uuid::try_parse(&sent.view).map_err(|_| Problem::invalid("View: choose a saved view."))?;
    let minutes = number(&sent.minutes, "Minutes")?;
    // A field counts, and the number stands in the form as its default.
    let condition = match sent.new.as_str() {
        "" => condition(Some(number(&sent.count, "Entries")?), None)?,
        field => condition(None, Some(field))?,
    };
    Ok((view, condition, minutes))
}

async fn page(visitor: &Visitor, typed: Sent, problem: Option<&Problem>) -> Result<Response, Problem> {
    let seen = visitor.search(|log, access| Ok((log.alerts(access)?, log.views(access)?))).await?;
    let (alerts, views) = seen;
    let (base, home) = (visitor.site.base.as_str(), visitor.site.home());
    let own = |view: &&SavedView| view.is_of(visitor.access.viewer());
    let fields = Field::ALL.iter().filter(|field| field.repeats() && field.is_offered());
    let page = Page {
        frame: Frame::new(&visitor.site, Some(visitor), ALERTS, "Alerts"),
        alerts: alerts.iter().map(|status| AlertLine::new(status, visitor.clock(), (base, home))).collect(),
        views: views
            .iter()
            .filter(own)
            .map(|view| (view.id, Shown::line(&view.name), view.id.to_string() == typed.view))
            .collect(),
        fields: fields.map(|field| (field.name(), field.label(), field.name() == typed.new)).collect(),
        typed,
        error: problem.map(|problem| Shown::line(problem.detail())),
    };
    Ok(draw(problem.map_or(StatusCode::OK, Problem::status), &page))
}
