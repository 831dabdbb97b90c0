//! The checked declarations of a policy: groups, settings, quick filters, crons, actions and masks.

use crate::depends::ChannelDependencies;
use mcp_audit_log_filter::{Context, Domain, DomainError, DomainToken, check_tokens, from_tokens};
use mcp_audit_log_model::mask::Mask;
use mcp_audit_log_model::schedule::Schedule;
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;
use mcp_audit_log_model::vocabulary;

/// The declarations of a policy.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The policy's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One sentence about it.
    pub summary: String,
    /// The roles.
    pub groups: Vec<UserGroup>,
    /// The settings.
    pub settings: Vec<SettingField>,
    /// The quick filters.
    pub filters: Vec<SavedFilter>,
    /// The scheduled jobs.
    pub crons: Vec<Cron>,
    /// The action catalogue. Other actions are recorded as well.
    pub actions: Vec<Action>,
    /// Masks by name.
    pub masks: Vec<Mask>,
    /// The parts of events that the rules read.
    pub depends: ChannelDependencies,
}

/// A role.
#[derive(Clone, Debug)]
pub struct UserGroup {
    /// Its name, as tokens carry it.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// The groups it implies.
    pub implies: Vec<String>,
}

/// The declaration of a setting.
#[derive(Clone, Debug)]
pub struct SettingField {
    /// Its name in the API.
    pub key: String,
    /// Its name for people.
    pub label: String,
    /// Help text for the settings page.
    pub help: String,
    /// The value until an admin changes it; its type is the setting's type.
    pub default: Value,
    /// Smallest allowed integer.
    pub minimum: Option<i64>,
    /// Largest allowed integer.
    pub maximum: Option<i64>,
}

/// A quick filter. Its domain is kept as tokens because `today` and `@me` depend on the time and the viewer.
#[derive(Clone, Debug)]
pub struct SavedFilter {
    /// Its name in a URL.
    pub name: String,
    /// Its name for people.
    pub label: String,
    tokens: Vec<DomainToken>,
}

impl SavedFilter {
    /// A filter whose tokens are checked.
    ///
    /// # Errors
    /// The tokens are not a domain.
    pub fn new(name: String, label: String, tokens: Vec<DomainToken>, now: Timestamp) -> Result<Self, DomainError> {
        check_tokens(&tokens, now)?;
        Ok(Self { name, label, tokens })
    }

    /// The filter's domain for this viewer. It matches nothing if it refers to a value that the viewer lacks.
    pub fn domain(&self, context: &Context<'_>) -> Domain {
        from_tokens(&self.tokens, context).unwrap_or(Domain::FALSE)
    }
}

/// The declaration of a scheduled job.
#[derive(Clone, Debug)]
pub struct Cron {
    /// Its name, for people as well.
    pub name: String,
    /// When it runs.
    pub schedule: Schedule,
    /// The job to run.
    pub job: Job,
}

vocabulary! {
    /// The jobs that the host can run on a schedule.
    Job {
        /// Delete what the policy's retention plan allows.
        Retention = "retention",
    }
}

/// An action of the catalogue.
#[derive(Clone, Debug)]
pub struct Action {
    /// `<resource>.<verb>`.
    pub name: String,
    /// Its name for people.
    pub label: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_audit_log_filter::{Comparison, Operand, ViewerValue};

    #[test]
    fn a_filter_on_a_missing_viewer_value_matches_nothing_even_negated() {
        let leaf = |comparison| DomainToken::Leaf {
            field: "instance".to_owned(),
            comparison,
            operands: vec![Operand::Viewer(ViewerValue::Instance)],
        };
        let now = Timestamp::EPOCH;
        for tokens in [
            vec![leaf(Comparison::Equal)],
            vec![leaf(Comparison::NotEqual)],
            vec![DomainToken::Not, leaf(Comparison::Equal)],
            vec![DomainToken::Or, DomainToken::Constant(true), leaf(Comparison::In)],
        ] {
            let filter = SavedFilter::new("ours".into(), "Ours".into(), tokens, now).expect("sound");
            for instance in [None, Some(""), Some(" ")] {
                assert_eq!(filter.domain(&Context::new(now, Some("anna"), instance)), Domain::FALSE, "{filter:?}");
            }
            assert_ne!(filter.domain(&Context::new(now, Some("anna"), Some("eu"))), Domain::FALSE, "{filter:?}");
        }
    }
}
