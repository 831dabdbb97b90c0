//! What a message is about: the tool, prompt, resource or other name in its parameters.

use crate::capture::parse::jsonrpc::Message;
use crate::event::Target;

/// Longest identifier, in characters.
const NAME: usize = 128;

/// The target of a message.
pub(in crate::capture) fn target(message: &Message) -> Option<Target> {
    let params = &message.params;
    let reference = || {
        let prompt = params.ref_name.clone().map(Target::Prompt);
        prompt.or_else(|| params.ref_uri.as_deref().map(resource))
    };
    match message.method.as_deref()? {
        "tools/call" => params.name.clone().map(Target::Tool),
        "prompts/get" => params.name.clone().map(Target::Prompt),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" | "notifications/resources/updated" => {
            params.uri.as_deref().map(resource)
        }
        "completion/complete" => reference(),
        "logging/setLevel" => params.level.clone().map(Target::Other),
        "notifications/cancelled" => params.request_id.as_ref().map(|id| Target::Other(id.text())),
        method if method.starts_with("tasks/") => params.task_id.clone().map(Target::Other),
        _ => None,
    }
}

/// The target that `Mcp-Name` names, for a body that could not be read.
pub(in crate::capture) fn from_header(method: &str, name: String) -> Option<Target> {
    match method {
        "tools/call" => Some(Target::Tool(name)),
        "prompts/get" => Some(Target::Prompt(name)),
        "resources/read" => Some(resource(&name)),
        _ => None,
    }
}

fn resource(uri: &str) -> Target {
    Target::Resource(clean(uri))
}

/// The URI without user information, query and fragment, which may carry secrets. Of a URI without a host only the
/// scheme is kept when what follows is anything but a name: `data:`, `javascript:` and `postgres:` hold content.
pub(crate) fn clean(uri: &str) -> String {
    let uri = uri.trim().split(['?', '#']).next().unwrap_or_default();
    if let Some((scheme, rest)) = uri.split_once("://") {
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit('@').next().unwrap_or_default();
        return format!("{scheme}://{host}{path}");
    }
    match uri.split_once(':') {
        Some((scheme, name)) if scheme.eq_ignore_ascii_case("data") || !is_name(name) => format!("{scheme}:"),
        None if !is_name(uri) => String::new(),
        _ => uri.to_owned(),
    }
}

/// Whether a text looks like a name or an identifier and not like a sentence, a credential or code.
pub(in crate::capture) fn is_name(text: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || "/_-.:#+~".contains(letter);
    !text.is_empty() && text.chars().count() <= NAME && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::parse::document::read;

    #[test]
    fn names_are_found_for_each_method() {
        for (method, params, expected) in [
            ("tools/call", r#"{"name":"echo"}"#, Some(Target::Tool("echo".into()))),
            ("prompts/get", r#"{"name":"p"}"#, Some(Target::Prompt("p".into()))),
            ("resources/read", r#"{"uri":"demo://a/b?key=1"}"#, Some(Target::Resource("demo://a/b".into()))),
            ("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"p"}}"#, Some(Target::Prompt("p".into()))),
            ("completion/complete", r#"{"ref":{"uri":"x://y"}}"#, Some(Target::Resource("x://y".into()))),
            ("tasks/get", r#"{"taskId":"t"}"#, Some(Target::Other("t".into()))),
            ("logging/setLevel", r#"{"level":"info"}"#, Some(Target::Other("info".into()))),
            ("vendor/x", r#"{"name":"echo"}"#, None),
        ] {
            let json = format!(r#"{{"id":1,"method":"{method}","params":{params}}}"#);
            assert_eq!(target(&read(json.as_bytes()).list[0]), expected, "{json}");
        }
    }

    #[test]
    fn secrets_are_removed_from_uris() {
        for (uri, expected) in [
            ("https://user:pass@host/path?token=1#x", "https://host/path"),
            ("https://a@b@host", "https://host"),
            ("file:///etc/x", "file:///etc/x"),
            ("data:text/plain,secret", "data:"),
            ("plain", "plain"),
            ("urn:isbn:0451450523", "urn:isbn:0451450523"),
            (" data:text/plain,secret", "data:"),
            ("javascript:alert(1)", "javascript:"),
            ("postgres:user:secret@host/db", "postgres:"),
            ("db:password=secret;x", "db:"),
            ("no uri at all", ""),
        ] {
            assert_eq!(clean(uri), expected);
        }
    }
}
