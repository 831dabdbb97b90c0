//! (short: one file per resource) `GET /api/v1/me`: the signed-in viewer and their rights.

use axum::Json;
use mcp_audit_log_contract::access::Right;
use schemars::JsonSchema;
use serde::Serialize;

use crate::session::auth::Visitor;

/// The caller.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Me {
    user: String,
    groups: Vec<String>,
    instance: Option<String>,
    rights: Vec<&'static str>,
}

/// Every signed-in viewer may read this.
pub(crate) async fn show(visitor: Visitor) -> Json<Me> {
    let access = &visitor.access;
    let viewer = access.viewer().clone();
    let rights = Right::names().filter(|(right, _)| access.may(*right)).map(|(_, name)| name);
    Json(Me { user: viewer.user, groups: viewer.groups, instance: viewer.instance, rights: rights.collect() })
}
