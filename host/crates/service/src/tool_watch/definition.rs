//! The definitions in a listing of tools: their canonical form and its hash.

use std::fmt::Write as _;

use mcp_audit_log_contract::tool_definition::DefinitionPart;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// The keys that define a tool besides its name, in order. Others (`_meta`, icons) do not change what a model reads or
/// what a client sends, and some servers make them anew for each listing.
const PARTS: [&str; 5] = ["annotations", "description", "inputSchema", "outputSchema", "title"];
/// The longest name of a tool, in bytes.
const NAME: usize = 256;

/// A tool in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedTool {
    pub(super) name: String,
    /// SHA-256 of its canonical form, in hex.
    pub(super) hash: String,
    pub(super) parts: Vec<DefinitionPart>,
    /// Its canonical form.
    pub(super) text: String,
}

/// The tools in a listing, in order, and whether there were others that cannot be read.
pub(super) fn listed(tools: &[u8]) -> Option<(Vec<ListedTool>, bool)> {
    let all: Vec<&RawValue> = serde_json::from_slice(tools).ok()?;
    let read: Vec<_> = all.iter().filter_map(|tool| ListedTool::read(tool.get())).collect();
    let is_whole = read.len() == all.len();
    Some((read, is_whole))
}

impl ListedTool {
    fn read(tool: &str) -> Option<Self> {
        let tool: Json = serde_json::from_str(tool).ok()?;
        let name = tool.get("name")?.as_str().filter(|name| !name.is_empty() && name.len() <= NAME)?.to_owned();
        let mut keys: Vec<_> =
            PARTS.into_iter().filter(|key| tool.get(key).is_some_and(|part| !part.is_null())).collect();
        let part = |key: &&str| {
            let text = canonical(tool.get(key).unwrap_or(&Json::Null));
            DefinitionPart { name: (*key).to_owned(), hash: hex(&text)[..32].to_owned(), bytes: text.len() as u64 }
        };
        let parts = keys.iter().map(part).collect();
        keys.push("name");
        keys.sort_unstable();
        let members: Vec<_> = keys.iter().map(|key| (*key, tool.get(key).unwrap_or(&Json::Null))).collect();
        let mut text = String::new();
        object(&members, &mut text);
        Some(Self { name, hash: hex(&text), parts, text })
    }
}

/// JSON without blanks, with the keys of objects in the order of their characters. Python writes the same with
/// `json.dumps(…, sort_keys=True, separators=(",", ":"), ensure_ascii=False)`.
fn canonical(value: &Json) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Json, text: &mut String) {
    match value {
        Json::Object(members) => {
            let mut members: Vec<_> = members.iter().map(|(key, value)| (key.as_str(), value)).collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            object(&members, text);
        }
        Json::Array(values) => {
            text.push('[');
            for (at, value) in values.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                write(value, text);
            }
            text.push(']');
        }
        scalar => {
            let _ = write!(text, "{scalar}");
        }
    }
}

fn object(members: &[(&str, &Json)], text: &mut String) {
    text.push('{');
    for (at, (key, value)) in members.iter().enumerate() {
        text.push_str(if at == 0 { "" } else { "," });
        write(&Json::from(*key), text);
        text.push(':');
        write(value, text);
    }
    text.push('}');
}

fn hex(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(tool: &str) -> ListedTool {
        ListedTool::read(tool).expect("a tool")
    }

    #[test]
    fn order_blanks_and_other_keys_do_not_change_a_hash() {
        let plain = one(r#"{"name":"add","description":"Adds","inputSchema":{"type":"object","a":[1,2.5,true]}}"#);
        let other = r#" { "inputSchema" : {"a":[1, 2.5 ,true],"type":"object"}, "_meta":{"x":1}, "title":null,
            "description": "\u0041dds", "name":"add" } "#;
        assert_eq!(one(other), plain);
        let canonical = r#"{"description":"Adds","inputSchema":{"a":[1,2.5,true],"type":"object"},"name":"add"}"#;
        assert_eq!(plain.text, canonical);
        // python3 -c 'import hashlib, sys; print(hashlib.sha256(sys.argv[1].encode()).hexdigest())' '{"description":…}'
        assert_eq!(plain.hash, hex(canonical));
        assert_eq!(hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn every_part_changes_the_hash_and_says_so() {
        let of = |part: &str| one(&format!(r#"{{"name":"add",{part}}}"#));
        let plain = of(r#""description":"Adds""#);
        for (part, name) in [
            (r#""description":"adds""#, "description"),
            (r#""description":"Adds","title":"A""#, "title"),
            (r#""description":"Adds","inputSchema":{}"#, "inputSchema"),
            (r#""description":"Adds","outputSchema":{}"#, "outputSchema"),
            (r#""description":"Adds","annotations":{"readOnlyHint":true}"#, "annotations"),
        ] {
            let other = of(part);
            assert_ne!(other.hash, plain.hash, "{part}");
            assert!(other.parts.iter().any(|part| part.name == name && !plain.parts.contains(part)), "{part}");
        }
    }

    #[test]
    fn what_is_no_tool_is_noticed() {
        let whole = listed(br#"[{"name":"a"},{"name":"b"}]"#).expect("a list");
        assert_eq!((whole.0.len(), whole.1), (2, true));
        let long = format!(r#"[{{"name":"{}"}},{{"name":"b"}},{{}},7,{{"name":""}}]"#, "a".repeat(NAME + 1));
        let others = listed(long.as_bytes()).expect("a list");
        assert_eq!((others.0.len(), others.1), (1, false));
        for broken in ["{}", "[", "[{]", "", "null"] {
            assert!(listed(broken.as_bytes()).is_none(), "{broken}");
        }
        // Deeper than a client reads it.
        let deep = format!(r#"[{{"name":"a","inputSchema":{}{}}}]"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(listed(deep.as_bytes()).is_none_or(|(tools, is_whole)| tools.is_empty() && !is_whole));
    }
}
