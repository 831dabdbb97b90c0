//! The OpenAPI document: the file in the repository is current, equals the served document, and is complete.

use std::path::Path;

use mcp_audit_log::http::openapi;
use serde_json::{Value, json};

use crate::support::World;

#[test]
fn the_openapi_file_in_the_repository_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let file = std::fs::read_to_string(path).unwrap_or_default();
    let current = format!("{:#}\n", openapi());
    assert!(file == current, "docs/openapi.json is out of date; renew it: cargo run -- openapi > docs/openapi.json");
}

#[tokio::test]
async fn the_document_is_public_and_has_the_mount() {
    let world = World::new();
    let served = world.stranger().get_json("/api/v1/openapi.json".to_owned()).await;
    assert_eq!(served, openapi());
    let world = World::with(|site| site.mounted_at("/audit"));
    let served = world.stranger().get_json("/api/v1/openapi.json".to_owned()).await;
    assert_eq!(served["servers"][0]["url"], "/audit");
}

/// Each operation states whether it needs a sign-in, so that a new operation is not public by mistake.
#[test]
fn the_document_names_its_server_and_the_open_operations() {
    let document = openapi();
    assert_eq!(document["servers"], json!([{ "url": "/" }]));
    let schemes = document["components"]["securitySchemes"].as_object().expect("an object");
    let mut open = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let ways = operation["security"].as_array().unwrap_or_else(|| panic!("{method} {path} says nothing of it"));
            let names = ways.iter().flat_map(|way| way.as_object().expect("an object").keys());
            assert!(names.into_iter().all(|name| schemes.contains_key(name)), "{method} {path}: {ways:?}");
            if ways.is_empty() {
                open.push(format!("{method} {path}"));
            }
        }
    }
    assert_eq!(open, ["get /api/v1/openapi.json", "get /healthz", "get /readyz"]);
}

#[test]
fn every_reference_has_a_schema_and_every_name_is_unique() {
    let document = openapi();
    let mut references = Vec::new();
    collect(&document, "$ref", &mut references);
    assert!(references.len() > 50, "{references:?}");
    for reference in references {
        let schema = document.pointer(reference.trim_start_matches('#'));
        assert!(schema.is_some_and(Value::is_object), "{reference} leads nowhere");
    }
    let mut names = Vec::new();
    collect(&document["paths"], "operationId", &mut names);
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "two operations have one name");
}

/// The values of every member `name`, at any depth.
fn collect<'a>(json: &'a Value, name: &str, found: &mut Vec<&'a str>) {
    match json {
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            found.extend(value.as_str().filter(|_| key == name));
            collect(value, name, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, found)),
        _ => {}
    }
}
