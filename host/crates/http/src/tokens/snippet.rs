//! What the common MCP clients need to use a token: a command, or a part of their configuration.

use serde_json::{Value as Json, json};

/// Stands in for the secret of a token that was made before.
pub(super) const PLACEHOLDER: &str = "YOUR_TOKEN";

/// An MCP server as clients reach it.
#[derive(Clone, Debug)]
pub(super) struct ServerAddress {
    pub(super) name: String,
    pub(super) url: String,
}

/// What one client needs.
pub(super) struct Snippet {
    pub(super) client: &'static str,
    /// Where it goes.
    pub(super) place: &'static str,
    pub(super) text: String,
}

/// What each client needs to reach all of these servers with this secret.
pub(super) fn all(servers: &[ServerAddress], secret: &str) -> Vec<Snippet> {
    vec![
        Snippet { client: "Claude Code", place: "Run in a terminal.", text: claude_code(servers, secret) },
        Snippet {
            client: "Claude Desktop",
            place: "Settings › Developer › Edit Config opens claude_desktop_config.json; needs Node.js. Restart Claude \
                    afterwards.",
            text: pretty(&json!({ "mcpServers": each(servers, |server| claude_desktop(server, secret)) })),
        },
        Snippet {
            client: "Cursor",
            place: "~/.cursor/mcp.json, or .cursor/mcp.json in a project.",
            text: pretty(&json!({ "mcpServers": each(servers, |server| {
                json!({ "url": server.url, "headers": { "Authorization": bearer(secret) } })
            }) })),
        },
        Snippet {
            client: "VS Code",
            place: ".vscode/mcp.json. VS Code asks for the token once and keeps it, so that it is not in the file.",
            text: vs_code(servers),
        },
    ]
}

fn claude_code(servers: &[ServerAddress], secret: &str) -> String {
    let line = |server: &ServerAddress| {
        let (name, url, header) = (quoted(&server.name), quoted(&server.url), bearer(secret));
        format!("claude mcp add --transport http {name} {url} --header \"Authorization: {header}\"")
    };
    servers.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Claude Desktop starts programs only, so a program of npm carries the requests. It takes no spaces in an argument on
/// Windows, so the header's value is in the environment.
fn claude_desktop(server: &ServerAddress, secret: &str) -> Json {
    let mut arguments = vec!["-y", "mcp-remote", server.url.as_str(), "--header", "Authorization:${AUTHORIZATION}"];
    if server.url.starts_with("http://") {
        arguments.push("--allow-http");
    }
    json!({ "command": "npx", "args": arguments, "env": { "AUTHORIZATION": bearer(secret) } })
}

fn vs_code(servers: &[ServerAddress]) -> String {
    let server = |server: &ServerAddress| json!({ "type": "http", "url": server.url, "headers": { "Authorization": bearer("${input:mcp-audit-log}") } });
    let input = json!({
        "type": "promptString", "id": "mcp-audit-log", "description": "Token (mcpa_…)", "password": true,
    });
    pretty(&json!({ "servers": each(servers, server), "inputs": [input] }))
}

fn each(servers: &[ServerAddress], one: impl Fn(&ServerAddress) -> Json) -> Json {
    Json::Object(servers.iter().map(|server| (server.name.clone(), one(server))).collect())
}

fn bearer(secret: &str) -> String {
    format!("Bearer {secret}")
}

/// A word of a shell's command line.
fn quoted(text: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:".contains(char);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn pretty(json: &Json) -> String {
    serde_json::to_string_pretty(json).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(servers: &[(&str, &str)], client: &str) -> String {
        let server = |(name, url): &(&str, &str)| ServerAddress { name: (*name).to_owned(), url: (*url).to_owned() };
        let servers: Vec<_> = servers.iter().map(server).collect();
        let snippets = all(&servers, "mcpa_x");
        snippets.into_iter().find(|one| one.client == client).expect("a client").text
    }

    #[test]
    fn each_client_gets_what_it_reads() {
        let docs = [("docs", "https://gw.example.com/mcp/docs")];
        assert_eq!(
            text(&docs, "Claude Code"),
            "claude mcp add --transport http docs https://gw.example.com/mcp/docs --header \"Authorization: Bearer mcpa_x\""
        );
        let json = |client: &str| serde_json::from_str::<Json>(&text(&docs, client)).expect("JSON");
        let desktop = &json("Claude Desktop")["mcpServers"]["docs"];
        assert_eq!(desktop["args"][4], "Authorization:${AUTHORIZATION}", "no space: {desktop}");
        assert_eq!((&desktop["args"][5], &desktop["env"]["AUTHORIZATION"]), (&Json::Null, &json!("Bearer mcpa_x")));
        assert_eq!(json("Cursor")["mcpServers"]["docs"]["headers"]["Authorization"], "Bearer mcpa_x");
        let code = json("VS Code");
        assert_eq!(code["servers"]["docs"]["url"], "https://gw.example.com/mcp/docs");
        assert!(!code.to_string().contains("mcpa_x") && code["inputs"][0]["password"] == true, "{code}");
    }

    #[test]
    fn addresses_without_tls_and_odd_names_work() {
        let local = [("my docs; rm", "http://127.0.0.1:8700/mcp/docs")];
        assert!(text(&local, "Claude Desktop").contains("--allow-http"));
        assert!(text(&local, "Claude Code").contains(" 'my docs; rm' http://127.0.0.1:8700/mcp/docs "));
    }
}
