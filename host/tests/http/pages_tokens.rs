//! The page of tokens: it makes and revokes them, shows a secret once, and has what MCP clients need.

use std::time::Duration;

use axum::http::StatusCode;

use crate::support::{Caller, World};

/// The servers that the pages know.
fn world() -> World {
    let servers = [("docs", "/mcp/docs"), ("crm", "https://crm.example.com/mcp")];
    World::with(|site| site.mcp_servers(servers.map(|(name, url)| (name.to_owned(), url.to_owned()))))
}

async fn page(caller: &Caller<'_>, path: &str) -> String {
    let page = caller.get(path).await;
    assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
    page.text
}

/// The secret that a page shows.
fn secret(page: &str) -> &str {
    let rest = page.split_once("<pre tabindex=\"0\">").expect("a secret").1;
    rest.split("</pre>").next().expect("a secret")
}

#[tokio::test]
async fn a_token_is_made_shown_once_used_and_revoked() {
    let world = world();
    let admin = world.browser("root", &["admin"]).await;
    let made = admin.form("/tokens", "user=uma&connection=laptop&group=user&expires=90d").await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let token = secret(&made.text).to_owned();
    assert!(token.starts_with("mcpa_") && made.text.contains("cannot be shown again"), "{}", made.text);
    let command = "claude mcp add --transport http docs http://log.example/mcp/docs --header";
    for needed in [command, "--transport http crm https://crm.example.com/mcp", "mcp-remote", "~/.cursor/mcp.json"] {
        assert!(made.text.contains(needed), "{needed}: {}", made.text);
    }
    assert!(made.text.matches(token.as_str()).count() >= 4, "in the snippets: {}", made.text);
    let uses = world.stranger().header("authorization", &format!("Bearer {token}"));
    assert_eq!(uses.get("/api/v1/me").await.json()["user"], "uma");

    let list = page(&admin, "/tokens").await;
    assert!(list.contains("laptop") && !list.contains(&token) && !list.contains("claude mcp add"), "{list}");
    let id = list.split_once("/tokens?token=").expect("a link").1.split('#').next().expect("an id").to_owned();
    let again = page(&admin, &format!("/tokens?token={id}")).await;
    assert!(again.contains("Bearer YOUR_TOKEN") && !again.contains(&token), "{again}");

    let revoked = admin.form("/tokens/revoke", &format!("id={id}")).await;
    assert_eq!(revoked.header("location"), "/tokens?revoked=true", "{}", revoked.text);
    // A server notices it within a second.
    while uses.get("/api/v1/me").await.status == StatusCode::OK {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    uses.get("/api/v1/me").await.problem(401, "");
    assert!(page(&admin, "/tokens?revoked=true").await.contains("The token is revoked"));
    admin.get(&format!("/tokens?token={id}")).await.problem_page(404, "token");
}

#[tokio::test]
async fn a_refused_token_keeps_its_input_and_rights_decide() {
    let world = world();
    let admin = world.browser("root", &["admin"]).await;
    let offered = page(&admin, "/tokens").await;
    assert!(offered.contains("name=\"group\" value=\"user\"") && !offered.contains("value=\"auditor\""), "{offered}");
    for (form, words) in [
        ("user=uma&group=auditor", "you may not give"),
        ("user=uma", "give at least one group"),
        ("user=uma&group=user&expires=soon", "expires: give a duration"),
    ] {
        let page = admin.form("/tokens", form).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}: {}", page.text);
        assert!(
            page.text.contains(words) && page.text.contains("name=\"user\" value=\"uma\""),
            "{form}: {}",
            page.text
        );
    }
    for group in ["user", "auditor"] {
        let other = world.browser("ada", &[group]).await;
        assert!(!page(&other, "/").await.contains(">Tokens</a>"), "{group}");
        other.get("/tokens").await.problem_page(403, "");
        other.form("/tokens", "user=x&group=user").await.problem_page(403, "");
        other.form("/tokens/revoke", "id=x").await.problem_page(403, "");
    }
    let foreign = world.browser("root", &["admin"]).await.header("sec-fetch-site", "cross-site");
    foreign.form("/tokens", "user=x&group=user").await.problem_page(403, "");
}

#[tokio::test]
async fn without_a_configured_server_the_address_is_an_example() {
    let world = World::new();
    let admin = world.browser("root", &["admin"]).await;
    let made = admin.form("/tokens", "user=uma&group=user").await;
    let example = ["The address is an example.", "http://log.example/mcp/NAME"];
    assert!(example.iter().all(|words| made.text.contains(words)), "{}", made.text);
}
