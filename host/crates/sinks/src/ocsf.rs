//! An entry as an event of OCSF 1.8: an API activity, or an authentication for sign-ins to the log.

use std::net::IpAddr;

use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::Outcome;
use mcp_audit_log_model::field::Field;
use serde_json::{Map, Value, json};

use crate::json::EntryJson;

/// The version of the schema.
const VERSION: &str = "1.8.0";
/// The product, and a name where OCSF demands one and the entry has none.
const PRODUCT: &str = "mcp-audit-log";
const UNKNOWN: &str = "unknown";

const AUTHENTICATION: u64 = 3002;
const API_ACTIVITY: u64 = 6003;
/// An activity that OCSF has no number for; its name is the action.
const OTHER: u64 = 99;

/// What happened, in a sentence.
pub(crate) fn sentence(entry: &Entry) -> String {
    let text = |field| entry.text(field);
    let action = text(Field::Action).or(text(Field::Method)).unwrap_or("event");
    let what = [Field::Tool, Field::Prompt, Field::ResourceUri, Field::ResourceName, Field::ResourceId, Field::Path];
    let what = what.into_iter().find_map(text).map(|what| format!(" {what}")).unwrap_or_default();
    let user = text(Field::User).map(|user| format!(" by {user}")).unwrap_or_default();
    format!("{action}{what}{user}: {}", entry.outcome().as_str())
}

/// The event. What OCSF has no attribute for is in `unmapped`, as all fields of the entry are.
pub(crate) fn event(origin: &str, entry: &Entry) -> Value {
    let text = |field| entry.text(field);
    let action = text(Field::Action).or(text(Field::Method)).unwrap_or("event");
    let is_sign_in = action.starts_with("sign_in.");
    let (class, category) = if is_sign_in { (AUTHENTICATION, 3) } else { (API_ACTIVITY, 6) };
    let activity = activity(action, is_sign_in);
    let (status, severity) = match entry.outcome() {
        Outcome::Success => (1, 1),
        Outcome::Error | Outcome::Denied => (2, 3),
        Outcome::Pending => (0, 1),
    };
    let mut event = Map::new();
    let mut set = |name: &str, value: Value| drop(event.insert(name.to_owned(), value));
    set("class_uid", class.into());
    set("category_uid", category.into());
    set("activity_id", activity.into());
    set("activity_name", action.into());
    set("type_uid", (class * 100 + activity).into());
    set("time", millis(entry.occurred_at.as_micros()).into());
    set("severity_id", severity.into());
    set("status_id", status.into());
    set("status", entry.outcome().as_str().into());
    set("message", sentence(entry).into());
    set("metadata", metadata(origin, entry, action));
    set("src_endpoint", endpoint(text(Field::Ip)));
    if let Some(detail) = text(Field::ErrorMessage).or(text(Field::OutcomeDetail)) {
        set("status_detail", detail.into());
    }
    if let Some(code) = entry.status_code {
        set("status_code", code.to_string().into());
    }
    if let Some(micros) = entry.duration_us {
        set("duration", (micros / 1_000).into());
    }
    let user = json!({ "name": text(Field::User).unwrap_or(UNKNOWN) });
    if is_sign_in {
        set("user", user);
        set("service", json!({ "name": PRODUCT }));
    } else {
        let actor = match (text(Field::User), text(Field::ClientName)) {
            (Some(_), _) => json!({ "user": user }),
            (None, client) => json!({ "app_name": client.unwrap_or(PRODUCT) }),
        };
        set("actor", actor);
        let mut api = json!({ "operation": action });
        if let Some(server) = text(Field::Server) {
            api["service"] = json!({ "name": server });
        }
        set("api", api);
        if let Some(resource) = resource(entry) {
            set("resources", json!([resource]));
        }
    }
    set("unmapped", serde_json::to_value(EntryJson::new(origin, entry)).unwrap_or_default());
    Value::Object(event)
}

/// The number of the activity: what an action ends with says what it does to its resource.
fn activity(action: &str, is_sign_in: bool) -> u64 {
    let verb = action.rsplit('.').next().unwrap_or_default();
    match (is_sign_in, verb) {
        (true, "ended") => 2,
        (true, _) => 1,
        (false, "created" | "added" | "placed") => 1,
        (false, "read" | "listed" | "exported" | "viewed") => 2,
        (false, "updated" | "changed" | "activated" | "enabled" | "disabled" | "configured") => 3,
        (false, "deleted" | "revoked" | "erased" | "released") => 4,
        (false, _) => OTHER,
    }
}

fn metadata(origin: &str, entry: &Entry, action: &str) -> Value {
    let product = json!({ "name": PRODUCT, "vendor_name": PRODUCT, "version": env!("CARGO_PKG_VERSION") });
    let mut metadata = json!({
        "version": VERSION,
        "product": product,
        "uid": entry.id.to_string(),
        "sequence": entry.seq,
        "log_name": origin,
        "event_code": action,
        "logged_time": millis(entry.recorded_at.as_micros()),
    });
    for (name, field) in [("tenant_uid", Field::Instance), ("correlation_uid", Field::TraceId)] {
        if let Some(text) = entry.text(field) {
            metadata[name] = text.into();
        }
    }
    metadata
}

fn endpoint(ip: Option<&str>) -> Value {
    match ip {
        Some(ip) if ip.parse::<IpAddr>().is_ok() => json!({ "ip": ip }),
        other => json!({ "name": other.unwrap_or(UNKNOWN) }),
    }
}

/// The resource that the action is about; `None` if it has neither an id nor a name.
fn resource(entry: &Entry) -> Option<Value> {
    let parts = [
        ("type", [Field::ResourceType, Field::Model]),
        ("uid", [Field::ResourceId, Field::RecordId]),
        ("name", [Field::ResourceName, Field::ResourceUri]),
    ];
    let find = |fields: [Field; 2]| fields.into_iter().find_map(|field| entry.text(field));
    let resource: Map<String, Value> =
        parts.into_iter().filter_map(|(name, fields)| Some((name.to_owned(), find(fields)?.into()))).collect();
    (resource.contains_key("uid") || resource.contains_key("name")).then_some(Value::Object(resource))
}

fn millis(micros: i64) -> i64 {
    micros.div_euclid(1_000)
}
