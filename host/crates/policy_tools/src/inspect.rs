//! What a policy and its extensions declare and grant, as one value for people and programs.

use mcp_audit_log_contract::access::{Grant, GrantInternals as _, Right, Viewer};
use mcp_audit_log_contract::depends::ChannelDependencies;
use mcp_audit_log_contract::extension::{AccessEffect, AccessLine, ExtensionManifest};
use mcp_audit_log_contract::manifest::{Action, Cron, SavedFilter, SettingField, UserGroup};
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::event::Channel;
use mcp_audit_log_model::mask::Mask;
use mcp_audit_log_sandbox::{EXTENSION_CONTRACT, Policy};
use serde::Serialize;

use crate::golden::NOW;
use crate::shown;

/// Who asks where a rule speaks of the viewer.
pub const VIEWER: &str = "@user";

/// What a policy is.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyInspection {
    /// The policy itself, and then its extensions from the bottom up.
    pub layers: Vec<LayerInspection>,
    /// What the extensions override, in sentences.
    pub overrides: Vec<String>,
    /// What the extensions widen, in sentences.
    pub widenings: Vec<String>,
    /// The groups of all layers, with what a viewer without a tenant gets who holds one alone.
    pub groups: Vec<GroupInspection>,
    /// Settings, with their default and what is allowed.
    pub settings: Vec<NamedText>,
    /// Quick filters, with their domain.
    pub filters: Vec<NamedText>,
    /// Scheduled jobs, with their schedule.
    pub crons: Vec<NamedText>,
    /// Actions, with their label.
    pub actions: Vec<NamedText>,
    /// Masks, with what they hide.
    pub masks: Vec<NamedText>,
    /// What is deleted under the default settings.
    pub retention: String,
}

/// A declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedText {
    /// Its name.
    pub name: String,
    /// What is declared.
    pub text: String,
}

/// What a component reads of the events of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelReads {
    /// The channel.
    pub channel: &'static str,
    /// Fields, facts and arguments; absent: it is passed everything, and asked about each event.
    pub reads: Option<String>,
}

/// A component.
#[derive(Clone, Debug, Serialize)]
pub struct LayerInspection {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One sentence about it.
    pub summary: String,
    /// The contract that it was built against.
    pub contract: &'static str,
    /// SHA-256 of the component, as `sha256:` and hex.
    pub digest: String,
    /// Its size in bytes.
    pub bytes: usize,
    /// By channel, what it reads of events.
    pub depends: Vec<ChannelReads>,
    /// Of an extension: the events that it is asked about; absent: all.
    pub interest: Option<String>,
    /// Of an extension: the layers that it needs.
    pub modules: Vec<String>,
    /// Of an extension: its access lines, in sentences.
    pub access: Vec<String>,
    /// Of an extension: what it keeps at least, in sentences.
    pub keeping: Vec<String>,
}

/// A group.
#[derive(Clone, Debug, Serialize)]
pub struct GroupInspection {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// The groups that it implies.
    pub implies: Vec<String>,
    /// The rights; absent: the policy failed.
    pub rights: Option<Vec<&'static str>>,
    /// The entries that a viewer of this group sees, in the JSON form of a domain; absent: none, for want of the right.
    pub rule: Option<String>,
    /// The requests that figures count; absent likewise.
    pub usage_rule: Option<String>,
}

/// Looks at a policy.
pub fn inspect(policy: &Policy) -> PolicyInspection {
    let manifest = policy.manifest();
    let settings = default_settings(policy);
    PolicyInspection {
        layers: layers(policy),
        overrides: policy.overrides().to_vec(),
        widenings: policy.extensions().iter().filter_map(|extension| extension.widenings()).collect(),
        groups: manifest.groups.iter().map(|one| group(policy, &settings, one)).collect(),
        settings: pairs(&manifest.settings, |one: &SettingField| (one.key.clone(), shown::setting(one))),
        filters: pairs(&manifest.filters, |one: &SavedFilter| (one.name.clone(), shown::tokens(one.tokens()))),
        crons: pairs(&manifest.crons, |one: &Cron| (one.name.clone(), one.schedule.to_string())),
        actions: pairs(&manifest.actions, |one: &Action| (one.name.clone(), one.label.clone())),
        masks: pairs(&manifest.masks, |one: &Mask| (one.name.clone(), shown::mask(one))),
        retention: match policy.retention(&settings, NOW) {
            Ok(plan) => shown::plan(&plan, NOW),
            Err(fault) => fault.to_string(),
        },
    }
}

/// The defaults of all settings.
pub fn default_settings(policy: &Policy) -> Settings {
    Settings::load(&policy.manifest().settings, &Default::default())
}

/// A viewer who holds these groups.
pub fn viewer(groups: &[&str], tenant: Option<&str>) -> Viewer {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    Viewer { user: VIEWER.to_owned(), groups, instance: tenant.map(str::to_owned) }
}

fn pairs<T>(items: &[T], pair: impl Fn(&T) -> (String, String)) -> Vec<NamedText> {
    items.iter().map(pair).map(|(name, text)| NamedText { name, text }).collect()
}

fn layers(policy: &Policy) -> Vec<LayerInspection> {
    let manifest = policy.manifest();
    let base = LayerInspection {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        summary: manifest.summary.clone(),
        contract: policy.contract(),
        digest: policy.digest().to_owned(),
        bytes: policy.component_bytes(),
        depends: depends(&manifest.depends),
        interest: None,
        modules: Vec::new(),
        access: Vec::new(),
        keeping: Vec::new(),
    };
    let extensions = policy.extensions().into_iter().zip(policy.layers()).map(|(shown, declared)| LayerInspection {
        name: shown.name,
        version: shown.version,
        summary: shown.summary,
        contract: EXTENSION_CONTRACT,
        digest: shown.digest,
        bytes: shown.bytes,
        depends: depends(&declared.depends),
        interest: (declared.interest != mcp_audit_log_filter::Domain::TRUE).then(|| declared.interest.to_string()),
        modules: declared.modules.clone(),
        access: declared.access.iter().map(line).collect(),
        keeping: keeping(declared),
    });
    std::iter::once(base).chain(extensions).collect()
}

fn depends(depends: &ChannelDependencies) -> Vec<ChannelReads> {
    let reads = |channel: &Channel| depends.of(*channel).map(shown::reads);
    Channel::ALL.iter().map(|channel| ChannelReads { channel: channel.as_str(), reads: reads(channel) }).collect()
}

fn line(line: &AccessLine) -> String {
    let who = line.group.as_ref().map_or("every viewer".to_owned(), |group| format!("the group {group}"));
    let (rights, domain) = (shown::rights(&line.rights), shown::tokens(&line.domain));
    match line.effect {
        AccessEffect::Permission => format!("{who} gets {rights}, and sees {domain}"),
        AccessEffect::Restriction => format!("{who} sees only {domain} ({rights})"),
    }
}

fn keeping(declared: &ExtensionManifest) -> Vec<String> {
    let keeping = declared.keeping;
    let days = [("entries", keeping.entries_days), ("payloads", keeping.payloads_days), ("usage", keeping.usage_days)];
    days.into_iter().filter_map(|(what, days)| Some(format!("{what} for {} days at least", days?))).collect()
}

fn group(policy: &Policy, settings: &Settings, group: &UserGroup) -> GroupInspection {
    let grant = policy.access(settings, &viewer(&[&group.name], None), NOW).ok();
    let rights = |grant: &Grant| Right::names().filter(|(right, _)| grant.may(*right)).map(|(_, name)| name).collect();
    let with = |right: Right| grant.as_ref().filter(|grant| grant.may(right));
    GroupInspection {
        name: group.name.clone(),
        label: group.label.clone(),
        implies: group.implies.clone(),
        rights: grant.as_ref().map(rights),
        rule: with(Right::Read).map(|grant| grant.rule().to_string()),
        usage_rule: with(Right::ReadUsage).map(|grant| grant.usage_rule().to_string()),
    }
}
