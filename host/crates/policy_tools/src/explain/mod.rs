//! Why an entry is called as it is, why its payload was kept or not, and why a viewer sees it or not.

mod access;
mod grants;
mod judgement;
mod rule;

use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_sandbox::Policy;
use schemars::JsonSchema;
use serde::Serialize;

use self::judgement::Again;

pub use self::access::{AccessExplanation, GroupSight, ViewerChange};
pub use self::grants::Grants;
pub use self::judgement::{NameExplanation, PayloadExplanation, PayloadReason};
pub use self::rule::RuleLine;

pub(crate) use self::grants::{rights, sees};

/// All that is explained about an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Explanation {
    /// The entry.
    pub entry: String,
    /// Why it has its action.
    pub name: NameExplanation,
    /// Why it has a payload or not.
    pub payload: PayloadExplanation,
    /// Why the viewer sees it or not.
    pub access: AccessExplanation,
}

/// How an entry is explained.
#[derive(Clone, Debug, Default)]
pub struct ExplainOptions<'a> {
    /// The policy and extensions that judged it, if they are known and others are active now.
    pub judged_by: Option<String>,
    /// That policy, if it is to judge the entry again. Access is explained by the one of the grants all the same.
    pub policy_then: Option<&'a Policy>,
    /// The settings under which it was judged, if they are known.
    pub settings_then: Option<&'a Settings>,
    /// Leave out values of the rule that the entry does not have. A rule may name other people.
    pub discreet: bool,
}

/// Explains `entry` before `viewer`, by the policy and the settings of `grants`.
pub fn explain(grants: &mut Grants<'_>, viewer: &Viewer, entry: &Entry, options: ExplainOptions<'_>) -> Explanation {
    let again = Again::new(grants.policy(), grants.settings(), entry, &options);
    Explanation {
        entry: entry.id.to_string(),
        name: again.name(options.judged_by.clone()),
        payload: again.payload(),
        access: explain_access(grants, viewer, entry, options.discreet),
    }
}

/// Explains only why `viewer` sees `entry` or not.
pub fn explain_access(grants: &mut Grants<'_>, viewer: &Viewer, entry: &Entry, discreet: bool) -> AccessExplanation {
    access::explain(grants, viewer, entry, discreet)
}
