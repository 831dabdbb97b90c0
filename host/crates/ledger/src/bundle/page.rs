//! A page that checks bundles and proofs in a browser, without a network and without this program.

use mcp_audit_log_model::field::FieldType;
use serde_json::{Map, Value as Json};

use crate::content::{COMMITMENT, COMMITMENT_NAME, Content, DETAILS, DETAILS_NAME};

/// The page, without the numbers of the fields.
const PAGE: &str = include_str!("verify.html");
/// Where they belong.
const PLACE: &str = "/*FIELDS*/{}";

/// The page as one file that needs no other: a second implementation of the checks of bundles and of proofs of one entry.
/// It sends nothing anywhere.
pub fn verifier_page() -> String {
    let mut kinds = Map::new();
    let mut add = |kind: &str, name: &str, number: u8| {
        let kind = kinds.entry(kind).or_insert_with(|| Json::Object(Map::new()));
        if let Json::Object(kind) = kind {
            kind.insert(name.to_owned(), number.into());
        }
    };
    for field in Content::fields() {
        let kind = match field.kind() {
            FieldType::Text => "text",
            FieldType::Id => "id",
            FieldType::Integer | FieldType::Time => "number",
        };
        add(kind, field.name(), field as u8);
    }
    add("text", DETAILS_NAME, DETAILS);
    add("hash", COMMITMENT_NAME, COMMITMENT);
    PAGE.replacen(PLACE, &Json::Object(kinds).to_string(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_numbers_of_all_fields_and_asks_no_server() {
        let page = verifier_page();
        assert!(
            !page.contains(PLACE) && page.contains(r#""payload_commitment":64"#) && page.contains(r#""details":65"#)
        );
        let missing = Content::fields().find(|field| !page.contains(&format!("\"{}\":{}", field.name(), *field as u8)));
        assert_eq!(missing, None);
        for outside in ["http:", "https:", "src=", "fetch(", "import("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
