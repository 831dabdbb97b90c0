//! `/policies`: what judges, how it fares, what judged before; and, for administrators, another policy in its place or
//! on trial. Auditors may read it.

use std::sync::Arc;

use askama::Template;
use axum::extract::multipart::MultipartRejection;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Multipart, Query};
use axum::http::StatusCode;
use axum::response::Response;
use mcp_audit_log_contract::access::{Grant, Right};
use mcp_audit_log_contract::hold::LONGEST_REASON;
use mcp_audit_log_contract::judged_by::PolicySwap;
use mcp_audit_log_model::format::count;
use mcp_audit_log_service::AuditLog;
use serde::Deserialize;

use super::api::{ACTIVATED, ROLLED_BACK, before};
use super::health::{PolicyHealthLine, lines};
use super::history::History;
use super::record::{Beginning, Layer, Record};
use super::shadow::{self, ShownShadow};
use super::swap;
use super::trial;
use super::trial_report::TrialReport;
use super::upload::PolicyForm;
use crate::problem::Problem;
use crate::query::search::{Pairs, query};
use crate::session::auth::Visitor;
use crate::ui::draw;
use crate::ui::frame::Frame;
use crate::ui::text::Shown;

/// How many records are shown at once.
const RECORDS: usize = 50;
/// The beginning of the time that a trial replays, where none is named.
pub(super) const FROM: &str = "-7d";

#[derive(Template)]
#[template(path = "policies.html")]
struct Page {
    frame: Frame,
    /// What the viewer just did, in sentences.
    done: Vec<Shown>,
    typed: Typed,
    /// The policy, and its extensions from the bottom up.
    active: Vec<Layer>,
    signers: Option<Shown>,
    widenings: Vec<Shown>,
    overrides: Vec<Shown>,
    health: Vec<PolicyHealthLine>,
    records: Vec<Record>,
    /// The record that judges now, where it is among those that are shown.
    newest: Option<usize>,
    earlier: Option<String>,
    is_latest: bool,
    /// The policy that a rollback brings back, if it is among the records.
    before: Option<Shown>,
    editable: bool,
    /// Why the viewer may not change the policy.
    why_not: &'static str,
    /// Whether the viewer may activate a declared widening.
    may_widen: bool,
    /// Why the viewer may not try a policy.
    why_no_trial: Option<Shown>,
    trial: Option<TrialReport>,
    shadow: Option<ShownShadow>,
    most_replayed: String,
    longest_reason: usize,
}

/// The form that was sent, its input, and the reason why it was refused.
#[derive(Default)]
struct Typed {
    form: &'static str,
    reason: String,
    from: String,
    to: String,
    length: String,
    error: Option<Shown>,
}

impl Typed {
    /// Why this form was refused.
    fn error_of(&self, form: &str) -> Option<&Shown> {
        self.error.as_ref().filter(|_| self.form == form)
    }

    /// The reason that was typed into this form.
    fn reason_of(&self, form: &str) -> &str {
        if self.form == form { &self.reason } else { "" }
    }
}

/// What the page shows beside what always is there.
#[derive(Default)]
struct PageContent {
    status: StatusCode,
    done: Vec<Shown>,
    typed: Typed,
    trial: Option<TrialReport>,
    before: Option<u64>,
}

/// `GET`: the page.
pub(crate) async fn show(visitor: Visitor, Query(pairs): Query<Pairs>) -> Result<Response, Problem> {
    visitor.access.require_oversight()?;
    page(visitor, PageContent { before: before(&pairs)?, ..PageContent::default() }).await
}

/// `POST`: activates a policy. Its difference, or why it was refused, is on the page.
pub(crate) async fn activate(
    visitor: Visitor,
    sent: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Configure, ACTIVATED)?;
    let form = PolicyForm::read(sent).await;
    let reason = form.as_ref().map(|form| form.wanted.reason.clone()).unwrap_or_default();
    let swapped = match form {
        Ok(form) => visitor.change(move |log, access| Ok(log.activate_policy(access, &form.wanted)?)).await,
        Err(problem) => Err(problem),
    };
    answer(visitor, swapped, Typed { form: "activate", reason, ..Typed::default() }).await
}

#[derive(Deserialize)]
pub(crate) struct Reason {
    reason: String,
}

/// `POST /policies/rollback`: puts the policy before back.
pub(crate) async fn roll_back(
    visitor: Visitor,
    sent: Result<Form<Reason>, FormRejection>,
) -> Result<Response, Problem> {
    visitor.site.log.allow(&visitor.access, Right::Configure, ROLLED_BACK)?;
    let Form(Reason { reason }) = sent?;
    let given = reason.clone();
    let swapped = visitor.change(move |log, access| Ok(log.roll_back_policy(access, &given)?)).await;
    answer(visitor, swapped, Typed { form: "rollback", reason, ..Typed::default() }).await
}

/// The page after a swap.
async fn answer(visitor: Visitor, swapped: Result<PolicySwap, Problem>, typed: Typed) -> Result<Response, Problem> {
    match swapped {
        // Another policy may grant other rights.
        Ok(swap) => {
            let done = swap::sentences(&swap);
            page(visitor.again().await?, PageContent { done, ..PageContent::default() }).await
        }
        Err(problem) => refused(visitor, problem, typed).await,
    }
}

/// The page with the reason why a form was refused; other problems have a page of their own.
async fn refused(visitor: Visitor, problem: Problem, typed: Typed) -> Result<Response, Problem> {
    let status = problem.status();
    // A declared widening takes a right more.
    if ![StatusCode::UNPROCESSABLE_ENTITY, StatusCode::FORBIDDEN].contains(&status) {
        return Err(problem);
    }
    let typed = Typed { error: Some(Shown::line(problem.detail())), ..typed };
    page(visitor, PageContent { status, typed, ..PageContent::default() }).await
}

/// `POST /policies/trial`: tries a policy. Nothing changes.
pub(crate) async fn try_policy(
    visitor: Visitor,
    sent: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    trial::may(&visitor.access)?;
    let turn = visitor.site.turns.trial()?;
    let form = match PolicyForm::read(sent).await {
        Ok(form) => form,
        Err(problem) => return refused(visitor, problem, Typed { form: "trial", ..Typed::default() }).await,
    };
    let typed = Typed { form: "trial", from: form.from.clone(), to: form.to.clone(), ..Typed::default() };
    let (tokens, base) = (visitor.site.identity.tokens().cloned(), visitor.site.base.clone());
    let found = visitor.search(move |log, access| {
        let _turn = turn;
        trial::run(log, access, tokens.as_ref(), &form).map(|trial| TrialReport::new(&trial, &base))
    });
    match found.await {
        Ok(trial) => page(visitor, PageContent { trial: Some(trial), typed, ..PageContent::default() }).await,
        Err(problem) => refused(visitor, problem, typed).await,
    }
}

/// `POST /policies/shadow`: lets a candidate judge what is recorded from now on. Nothing changes.
pub(crate) async fn begin_shadow(
    visitor: Visitor,
    sent: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    trial::may(&visitor.access)?;
    // It compiles a component, as a trial does.
    let turn = visitor.site.turns.trial()?;
    let form = PolicyForm::read(sent).await;
    let length = form.as_ref().map(|form| form.length.clone()).unwrap_or_default();
    let site = Arc::clone(&visitor.site);
    let begun = match form {
        Ok(form) => {
            let begin = move |log: &AuditLog, access: &Grant| {
                let _turn = turn;
                shadow::begin(log, access, &site.shadow, &form)
            };
            visitor.search(begin).await
        }
        Err(problem) => Err(problem),
    };
    if begun.is_ok() {
        tokio::spawn(shadow::follow(Arc::downgrade(&visitor.site)));
    }
    after_shadow(visitor, begun, length).await
}

/// `POST /policies/shadow/end`: ends the viewer's shadow; what it found stays on the page.
pub(crate) async fn end_shadow(visitor: Visitor) -> Result<Response, Problem> {
    trial::may(&visitor.access)?;
    let site = Arc::clone(&visitor.site);
    let ended = visitor.search(move |log, access| shadow::end(log, access, &site.shadow)).await;
    after_shadow(visitor, ended, String::new()).await
}

async fn after_shadow(visitor: Visitor, done: Result<(), Problem>, length: String) -> Result<Response, Problem> {
    let typed = Typed { form: "shadow", length, ..Typed::default() };
    match done {
        Ok(()) => page(visitor, PageContent { typed, ..PageContent::default() }).await,
        Err(problem) => refused(visitor, problem, typed).await,
    }
}

/// The state of the log for the page.
struct Found {
    history: History,
    beginnings: Vec<Beginning>,
    signers: Option<String>,
    shadow: Option<ShownShadow>,
}

impl Found {
    fn read(visitor: &Visitor, log: &AuditLog, before: Option<u64>) -> Result<Self, Problem> {
        let (access, base) = (&visitor.access, &visitor.site.base);
        let history = History::find(log.view(), before, RECORDS)?;
        let beginnings = history.records.iter().map(|record| Beginning::find(log.view(), access, base, record.since));
        Ok(Self {
            beginnings: beginnings.collect::<Result<_, _>>()?,
            signers: log.policy_signers(),
            shadow: shadow::show(log, access, &visitor.site.shadow, base),
            history,
        })
    }
}

async fn page(visitor: Visitor, outcome: PageContent) -> Result<Response, Problem> {
    let PageContent { status, done, mut typed, trial, before } = outcome;
    if typed.length.is_empty() {
        typed.length = shadow::FOR.to_owned();
    }
    let reading = visitor.clone();
    let found = visitor.search(move |log, _| Found::read(&reading, log, before)).await?;
    let Found { history, beginnings, signers, shadow } = found;
    let (site, access) = (&visitor.site, &visitor.access);
    let policy = site.log.view().policy();
    let stack = policy.stack();
    let other = history.records.iter().find(|record| record.layers != stack).filter(|_| before.is_none());
    let title = |layers: &[mcp_audit_log_contract::judged_by::JudgingLayer]| {
        let titles: Vec<_> = layers.iter().map(|layer| format!("{} {}", layer.name, layer.version)).collect();
        Shown::line(&titles.join(", "))
    };
    let record = |(record, beginning)| Record::new(record, beginning, access, site.home());
    let records: Vec<_> = history.records.iter().zip(beginnings).map(record).collect();
    let earlier = history
        .next
        .map(|next| format!("{}{}#history", site.address("/policies"), query([("before", next.to_string().as_str())])));
    let page = Page {
        frame: Frame::new(site, Some(&visitor), "/policies", "Policies"),
        done,
        typed,
        active: stack.iter().map(Layer::new).collect(),
        signers: signers.as_deref().map(Shown::line),
        widenings: policy.extensions().iter().flat_map(swap::widenings).collect(),
        overrides: policy.overrides().iter().map(|text| Shown::line(text)).collect(),
        health: lines(&policy, site.log.recorder().gauges()),
        newest: records.iter().position(|record| record.is_active),
        records,
        earlier,
        is_latest: before.is_none(),
        before: other.map(|record| title(&record.layers)),
        editable: access.may(Right::Configure),
        why_not: why_not(access.viewer().instance.is_some()),
        may_widen: access.may(Right::ReadPayloads),
        why_no_trial: trial::may(access).err().map(|problem| Shown::line(problem.detail())),
        trial,
        shadow,
        most_replayed: count(trial::ENTRIES as u64),
        longest_reason: LONGEST_REASON,
    };
    Ok(draw(status, &page))
}

/// Why a viewer may not change the policy.
fn why_not(of_tenant: bool) -> &'static str {
    match of_tenant {
        true => {
            "You may view the policy. It judges for all tenants, so only administrators without a tenant may change it."
        }
        false => "You may view the policy; only administrators may change it.",
    }
}
