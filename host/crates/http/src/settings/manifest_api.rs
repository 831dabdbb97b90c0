//! `GET /api/v1/manifest`: the policy's declarations, for clients that build their own filters and forms.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;

use crate::session::auth::Visitor;

/// The declarations.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Declared {
    name: String,
    version: String,
    summary: String,
    groups: Vec<Named>,
    filters: Vec<Named>,
    actions: Vec<Named>,
    settings: Vec<Setting>,
}

#[derive(Serialize, JsonSchema)]
struct Named {
    name: String,
    label: String,
}

#[derive(Serialize, JsonSchema)]
struct Setting {
    key: String,
    label: String,
    help: String,
    allowed: String,
}

/// Every signed-in viewer may read this.
pub(crate) async fn show(visitor: Visitor) -> Json<Declared> {
    fn named(name: &str, label: &str) -> Named {
        Named { name: name.to_owned(), label: label.to_owned() }
    }
    let manifest = visitor.site.log.view().manifest();
    Json(Declared {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        summary: manifest.summary.clone(),
        groups: manifest.groups.iter().map(|group| named(&group.name, &group.label)).collect(),
        filters: manifest.filters.iter().map(|filter| named(&filter.name, &filter.label)).collect(),
        actions: manifest.actions.iter().map(|action| named(&action.name, &action.label)).collect(),
        settings: manifest.settings.iter().map(setting).collect(),
    })
}

fn setting(field: &mcp_audit_log_contract::manifest::SettingField) -> Setting {
    Setting { key: field.key.clone(), label: field.label.clone(), help: field.help.clone(), allowed: field.allowed() }
}
