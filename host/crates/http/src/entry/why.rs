//! `/api/v1/entries/{id}/why` and the section *Why?* of the page: why an entry is called as it is, why its payload is
//! kept or not, who sees it, and why.
//!
//! A viewer who sees an entry may ask about themselves. To ask about another viewer takes the right `manage`, as giving
//! groups does.

use axum::Json;
use mcp_audit_log_contract::access::{Grant, Right, Viewer};
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_policy_tools::explain::{ExplainOptions, Explanation, Grants, RuleLine, explain};
use mcp_audit_log_service::AuditLog;
use serde_json::json;

use crate::openapi::Operation;
use crate::openapi::extractors::Id;
use crate::problem::Problem;
use crate::query::extractor::{Parameters, ParsedQuery};
use crate::query::search::{Pairs, refuse_others, single, values};
use crate::session::auth::Visitor;
use crate::ui::text::Shown;

const USER: &str = "as";
const GROUP: &str = "group";
const TENANT: &str = "tenant";
/// The most groups of a viewer that is asked about.
const GROUPS: usize = 50;

/// The viewer that is asked about.
pub(crate) struct WhyQuery;

impl Parameters for WhyQuery {
    fn describe(operation: &mut Operation<'_>) {
        let text = || json!({ "type": "string" });
        operation.query(USER, "The user to ask about; you by default. Others need the right `manage`.", text());
        let groups = json!({ "type": "array", "items": text(), "maxItems": GROUPS });
        operation.query(
            GROUP,
            "The groups that this user has. Without any: yours for yourself, and none for others.",
            groups,
        );
        let tenant = "The tenant of this user; yours by default. Only viewers without a tenant can ask about another.";
        operation.query(TENANT, tenant, text());
    }
}

/// Needs no right beyond seeing the entry to ask about oneself.
pub(crate) async fn show(visitor: Visitor, id: Id, asked: ParsedQuery<WhyQuery>) -> Result<Json<Explanation>, Problem> {
    visitor.search(move |log, access| why(&id, &asked.pairs, log, access)).await.map(Json)
}

/// The explanation of the entry with this id.
pub(crate) fn why(id: &Id, pairs: &Pairs, log: &AuditLog, access: &Grant) -> Result<Explanation, Problem> {
    access.require(Right::Read)?;
    refuse_others(pairs, || [USER, GROUP, TENANT].into_iter())?;
    let viewer = viewer(access, pairs)?;
    let entry = log.view().reader(access).entry(id.of("entry")?)?.ok_or_else(Problem::no_entry)?;
    explained(log, access, &viewer, &entry)
}

/// The viewer that is asked about.
fn viewer(access: &Grant, pairs: &Pairs) -> Result<Viewer, Problem> {
    let own = access.viewer();
    let groups: Vec<_> = values(pairs, GROUP).map(str::to_owned).collect();
    let (user, tenant) = (single(pairs, USER)?, single(pairs, TENANT)?);
    let viewer = Viewer {
        user: user.unwrap_or(&own.user).to_owned(),
        groups: if groups.is_empty() && user.is_none_or(|user| user == own.user) { own.groups.clone() } else { groups },
        instance: tenant.map_or_else(|| own.instance.clone(), |tenant| Some(tenant.to_owned())),
    };
    if viewer == *own {
        return Ok(viewer);
    }
    access.require(Right::Manage)?;
    if own.instance.is_some() && viewer.instance != own.instance {
        return Err(Problem::parameter(TENANT, "tenant: you can ask only about viewers of your own tenant."));
    }
    if viewer.groups.len() > GROUPS {
        return Err(Problem::parameter(GROUP, format!("group: give at most {GROUPS}.")));
    }
    Ok(viewer)
}

fn explained(log: &AuditLog, access: &Grant, viewer: &Viewer, entry: &Entry) -> Result<Explanation, Problem> {
    let view = log.view();
    let (policy, settings) = (view.policy(), view.settings());
    let mut grants = Grants::new(&policy, &settings, view.now());
    let then = view.judged_by(entry.seq)?.map(|record| Settings::load(&policy.manifest().settings, &record.settings));
    let options = ExplainOptions {
        judged_by: view.other_judge(entry.seq)?.map(|record| record.title()),
        settings_then: then.as_ref(),
        // To load an earlier policy for each question would cost too much here; the command line does.
        policy_then: None,
        discreet: !access.may(Right::Manage),
    };
    Ok(explain(&mut grants, viewer, entry, options))
}

/// The section of the page.
pub(crate) enum Why {
    /// Only a link to it.
    Closed,
    /// All of it.
    Open(Box<Reasons>),
}

/// The explanation for people.
pub(crate) struct Reasons {
    /// A title and sentences.
    pub(crate) parts: Vec<(&'static str, Vec<Shown>)>,
    pub(crate) rule: Vec<Condition>,
    /// The form to ask about another viewer, for viewers who may.
    pub(crate) form: Option<Form>,
}

/// A line of the record rule.
pub(crate) struct Condition {
    /// The levels above it that are drawn.
    pub(crate) depth: usize,
    pub(crate) holds: bool,
    pub(crate) text: Shown,
}

/// What was asked.
pub(crate) struct Form {
    /// Whether another viewer was asked about.
    pub(crate) is_asked: bool,
    pub(crate) user: Shown,
    /// Each group of the policy, and whether it is chosen.
    pub(crate) groups: Vec<(Shown, bool)>,
    /// Absent for viewers of a tenant, who can ask only about their own.
    pub(crate) tenant: Option<Shown>,
}

/// Levels deeper than this are drawn like it.
const DEEPEST: usize = 6;

/// The section for this viewer. With `open`, the policy is asked.
pub(crate) fn of(log: &AuditLog, access: &Grant, entry: &Entry, open: bool, pairs: &Pairs) -> Result<Why, Problem> {
    if !open {
        return Ok(Why::Closed);
    }
    let viewer = viewer(access, pairs)?;
    let Explanation { name, payload, access: sight, .. } = explained(log, access, &viewer, entry)?;
    let shown = |text: Vec<String>| text.iter().map(|text| Shown::line(text)).collect();
    let form = access.may(Right::Manage).then(|| Form::new(log, access, &viewer));
    let parts = vec![
        ("Its action", shown(name.text)),
        ("Its request and response", shown(payload.text)),
        ("Who sees it", shown(sight.text)),
    ];
    Ok(Why::Open(Box::new(Reasons { parts, rule: sight.rule.iter().map(Condition::new).collect(), form })))
}

impl Condition {
    fn new(line: &RuleLine) -> Self {
        Self { depth: line.depth.min(DEEPEST), holds: line.holds, text: Shown::line(&line.text) }
    }
}

impl Form {
    fn new(log: &AuditLog, access: &Grant, viewer: &Viewer) -> Self {
        let manifest = log.view().manifest();
        let groups =
            manifest.groups.iter().map(|group| (Shown::line(&group.name), viewer.groups.contains(&group.name)));
        let tenant = || Shown::line(viewer.instance.as_deref().unwrap_or_default());
        Self {
            is_asked: viewer != access.viewer(),
            user: Shown::line(&viewer.user),
            groups: groups.collect(),
            tenant: access.viewer().instance.is_none().then(tenant),
        }
    }
}
