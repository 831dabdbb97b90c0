//! Actions (`<resource>.<verb>`) from outside: checked, or respelled until they are valid.

use crate::contract::Event;
use crate::sdk::verdict::is_action;

/// Longer than any action in use, and short enough for a list column.
const LONGEST: usize = 64;

/// The method of an event, if it is a valid action already (`model.enabled`). The method of a bare HTTP exchange comes
/// from the peer, which must not name an action.
pub(super) fn named(event: &Event) -> Option<&str> {
    event.method.as_deref().filter(|method| event.kind != "http" && is_action(method))
}

/// The resource of an action: the part before its verb.
pub(super) fn resource(action: &str) -> &str {
    action.rsplit_once('.').map_or(action, |(resource, _)| resource)
}

/// An action for an unknown method: `foo/bar` on `mcp` becomes `mcp.foo_bar`.
pub(super) fn spelled(resource: &str, method: Option<&str>) -> String {
    let fitting = |character: char| match character.to_ascii_lowercase() {
        character @ ('a'..='z' | '0'..='9') => character,
        _ => '_',
    };
    let room = LONGEST.saturating_sub(resource.len() + 1);
    let method = method.filter(|method| !method.is_empty()).unwrap_or("unknown");
    let verb: String = method.chars().take(room).map(fitting).collect();
    format!("{resource}.{verb}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_can_be_spelled() {
        assert_eq!(spelled("mcp", Some("foo/bar")), "mcp.foo_bar");
        assert_eq!(spelled("mcp", Some("Vendor.X-y")), "mcp.vendor_x_y");
        assert_eq!(spelled("mcp", Some("\u{1b}[31mä")), "mcp.__31m_");
        assert_eq!(spelled("mcp", Some("")), "mcp.unknown");
        assert_eq!(spelled("mcp", None), "mcp.unknown");
        assert_eq!(spelled("mcp", Some(&"x".repeat(5_000))).len(), LONGEST);
    }
}
