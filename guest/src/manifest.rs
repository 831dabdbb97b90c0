//! (short: the addon's entry point) What this policy is and where it declares what, as an addon's `__manifest__.py`
//! does.

use crate::contract::PolicyManifest;
use crate::security::SECURITY;
use crate::{data, rules};

/// The whole declaration.
///
/// | declared | in |
/// |---|---|
/// | groups, access rights, record rules | `security.rs` |
/// | settings | `data/settings.rs` |
/// | saved filters | `data/filters.rs` |
/// | crons | `data/crons.rs` |
/// | actions | `data/actions.rs` |
/// | what is recorded, by channel | `rules/` |
/// | what is deleted | the SDK's `retention.rs` |
pub(crate) fn manifest() -> PolicyManifest {
    PolicyManifest {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        summary: env!("CARGO_PKG_DESCRIPTION").to_owned(),
        groups: SECURITY.groups(),
        settings: data::settings::declared(),
        filters: data::filters::declared(),
        crons: data::crons::declared(),
        actions: data::actions::declared(),
        // The host's own masks always apply.
        masks: Vec::new(),
        depends: rules::depends::declared(),
    }
}
