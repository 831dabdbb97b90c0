//! `/settings`: the payload switch, the periods, the holds, the scheduled jobs and the size of the log. Auditors may
//! read it.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_contract::manifest::SettingField;
use mcp_audit_log_contract::settings::{LOG_PAYLOADS, RETENTION_DAYS, Settings};
use mcp_audit_log_core::growth::Growth;
use mcp_audit_log_index::LogStats;
use mcp_audit_log_model::format::{bytes, count};
use mcp_audit_log_model::value::Value;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::confirm;
use super::cron::Cron;
use super::hold::{Holds, Typed};
use super::setting_history;
use super::setting_history::Changed;
use crate::problem::Problem;
use crate::query::search::Pairs;
use crate::session::auth::Visitor;
use crate::session::page_clock::PageClock;
use crate::ui::draw;
use crate::ui::frame::Frame;

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    frame: Frame,
    notice: Option<String>,
    failed: bool,
    editable: bool,
    /// Why the viewer may not change settings.
    why_not: &'static str,
    fields: Vec<Field>,
    crons: Vec<Cron>,
    running: bool,
    holds: Holds,
    figures: Vec<(&'static str, String)>,
}

/// A setting as a control.
struct Field {
    key: String,
    label: String,
    help: String,
    allowed: String,
    /// The value in force, or the refused input.
    value: String,
    switch: bool,
    number: bool,
    on: bool,
    warns: bool,
    error: Option<String>,
    changed: Option<Changed>,
}

/// A refused form with its input.
#[derive(Default)]
pub(crate) struct Refused {
    settings: Map<String, Json>,
    hold: Typed,
}

impl From<Typed> for Refused {
    fn from(hold: Typed) -> Self {
        Self { hold, ..Self::default() }
    }
}

/// The action that the viewer just took.
#[derive(Deserialize)]
pub(crate) struct Done {
    #[serde(default)]
    saved: String,
    #[serde(default)]
    ran: String,
    #[serde(default)]
    runs: String,
    #[serde(default)]
    hold: String,
}

/// `GET`: the page.
pub(crate) async fn show(visitor: Visitor, Query(done): Query<Done>) -> Result<Response, Problem> {
    let notice = done.notice(&visitor);
    page(visitor, StatusCode::OK, notice, Refused::default()).await
}

impl Done {
    /// Only known notices are shown, because anyone can write a link.
    fn notice(&self, visitor: &Visitor) -> Option<String> {
        let is_job = |name: &str| visitor.site.log.view().manifest().crons.iter().any(|cron| cron.name == name);
        match self {
            Self { saved, .. } if saved == "true" => {
                Some("Saved. The change is in force and recorded in the log.".to_owned())
            }
            Self { hold, .. } if hold == "placed" => Some("The hold is in force and recorded in the log.".to_owned()),
            Self { hold, .. } if hold == "released" => {
                Some("The hold is released; the release is recorded in the log.".to_owned())
            }
            Self { ran, .. } if is_job(ran) => Some(format!("{ran} has started; see its progress below.")),
            Self { runs, .. } if is_job(runs) => Some(format!("{runs} is already running; see below.")),
            _ => None,
        }
    }
}

/// `POST`: saves the form. If a value is not allowed, the page shows the error beside its field, and nothing is
/// changed.
pub(crate) async fn change(visitor: Visitor, sent: Result<Form<Pairs>, FormRejection>) -> Result<Response, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Configure, "settings.updated")?;
    let Form(mut pairs) = sent?;
    let is_confirmed = confirm::is_confirmed(&mut pairs);
    let log = &visitor.site.log;
    let typed =
        |(key, text): &(String, String)| (key.clone(), typed(&log.view().manifest().settings, key, text.clone()));
    let wanted: Map<_, _> = pairs.iter().map(typed).collect();
    if log.view().settings().changes(&log.view().manifest().settings, &wanted).is_err() {
        let refused = Refused { settings: wanted, ..Refused::default() };
        return page(visitor, StatusCode::UNPROCESSABLE_ENTITY, None, refused).await;
    }
    if !is_confirmed && let Some(preview) = confirm::more_is_removed(&visitor, wanted.clone()).await? {
        return Ok(confirm::save(&visitor, &preview, pairs));
    }
    visitor.change(move |log, access| Ok(log.change_settings(access, &wanted)?)).await?;
    Ok(Redirect::to(&format!("{}/settings?saved=true", visitor.site.base)).into_response())
}

/// A form has only texts. A text that does not fit the setting's type stays a text, and is refused.
fn typed(fields: &[SettingField], key: &str, text: String) -> Json {
    let default = fields.iter().find(|field| field.key == key).map(|field| &field.default);
    match (default, text.trim()) {
        (Some(Value::Boolean(_)), "true") => Json::Bool(true),
        (Some(Value::Boolean(_)), "false") => Json::Bool(false),
        (Some(Value::Integer(_)), number) => number.parse::<i64>().map_or(Json::String(text), Json::from),
        _ => Json::String(text),
    }
}

/// The page with the refused input and the reason.
pub(crate) async fn page(
    visitor: Visitor,
    status: StatusCode,
    notice: Option<String>,
    refused: Refused,
) -> Result<Response, Problem> {
    let base = visitor.site.base.clone();
    let state = visitor.search(move |log, access| {
        let reader = log.view().reader(access);
        let extent = reader.extent()?;
        let holds = Holds::find(log, access, refused.hold)?;
        let growth = reader.growth(&extent, log.view().now())?;
        Ok((log.crons(access)?, holds, extent, growth, setting_history::last(log, access, &base)?))
    });
    let (crons, holds, extent, growth, changes) = state.await?;
    let log = &visitor.site.log;
    let (settings, clock) = (log.view().settings(), visitor.clock());
    let field = |field: &SettingField| {
        let changed = changes.get(&field.key).cloned();
        Field { changed, ..Field::new(field, settings.get(&field.key), refused.settings.get(&field.key)) }
    };
    let fields: Vec<_> = log.view().manifest().settings.iter().map(field).collect();
    let page = Page {
        frame: Frame::new(&visitor.site, Some(&visitor), "/settings", "Settings"),
        notice,
        failed: !refused.settings.is_empty(),
        editable: visitor.access.may(Right::Configure),
        why_not: why_not(&visitor.access),
        fields,
        running: crons.iter().any(|cron| cron.progress.is_some()),
        crons: crons.into_iter().map(|cron| Cron::new(cron, clock)).collect(),
        holds,
        figures: figures(&extent, growth, &settings, clock),
    };
    Ok(draw(status, &page))
}

/// The reason why a viewer may not change the settings. The default policy lets no viewer of a tenant change the whole
/// log.
fn why_not(access: &Grant) -> &'static str {
    match access.viewer().instance {
        Some(_) => {
            "You may view the settings. They apply to all tenants, so only administrators without a tenant may \
             change them."
        }
        None => "You may view the settings; only administrators may change them.",
    }
}

impl Field {
    fn new(field: &SettingField, value: &Value, wanted: Option<&Json>) -> Self {
        let given = wanted.map(|json| json.as_str().map_or_else(|| json.to_string(), str::to_owned));
        let refused = |json: &Json| match Value::from_json(json) {
            Some(value) => field.check(&value).err().map(|_| format!("Enter {}.", field.allowed())),
            None => Some(format!("Enter {}.", field.allowed())),
        };
        let value = given.unwrap_or_else(|| value.to_string());
        Self {
            key: field.key.clone(),
            label: field.label.clone(),
            help: field.help.clone(),
            allowed: field.allowed(),
            switch: matches!(field.default, Value::Boolean(_)),
            number: matches!(field.default, Value::Integer(_)),
            on: value == "true",
            warns: field.key == LOG_PAYLOADS,
            error: wanted.and_then(refused),
            changed: None,
            value,
        }
    }
}

/// The figures, as labels and values.
pub(crate) fn figures(
    extent: &LogStats,
    growth: Option<Growth>,
    settings: &Settings,
    clock: PageClock,
) -> Vec<(&'static str, String)> {
    let journal = bytes(extent.journal_bytes);
    let size =
        format!("{}, and {journal} of write-ahead log, which does not grow with the entries", bytes(extent.bytes));
    let mut figures = vec![("Entries", count(extent.entries)), ("Size on disk", size)];
    let (Some(oldest), Some(newest)) = (extent.oldest, extent.newest) else { return figures };
    figures.extend([("Oldest entry", clock.exact(oldest)), ("Newest entry", clock.exact(newest))]);
    let Some(growth) = growth else {
        figures.push(("Growth", "Available when the log spans an hour.".to_owned()));
        return figures;
    };
    let told = |growth: Growth| format!("about {} entries, {}", count(growth.entries), bytes(growth.bytes));
    figures.push(("Growth", format!("{} a day, from the last 7 days or since the beginning", told(growth))));
    if let Value::Integer(days) = settings.get(RETENTION_DAYS) {
        figures.push(("At the retention period", told(growth.over(days.unsigned_abs()))));
    }
    figures
}
