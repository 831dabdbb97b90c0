//! The address of a running log, as the subcommands that talk to one take it.

use axum::http::Uri;

/// The environment variable with the token of a running log.
pub(super) const TOKEN: &str = "MCP_AUDIT_LOG_TOKEN";

/// The address of the endpoint at `path` of a log.
pub(super) fn log_address(text: &str, path: &str) -> Result<Uri, String> {
    let base = text.trim_end_matches('/');
    let base = base.strip_suffix(path).unwrap_or(base);
    let url = format!("{base}{path}").parse::<Uri>().ok();
    let is_here = |url: &Uri| matches!(url.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
    // The token must not be read on the way.
    if let Some(url) = &url
        && url.scheme_str() == Some("http")
        && url.host().is_some()
        && !is_here(url)
    {
        return Err("the token would be sent without TLS; use https://, except on this machine".to_owned());
    }
    let url = url.filter(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.query().is_none());
    url.ok_or_else(|| "not the address of a log; give one such as https://gateway.example.com".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_path_and_the_endpoint() {
        for (text, url) in [
            ("http://127.0.0.1:8700", "http://127.0.0.1:8700/api/mcp"),
            ("https://a.example/audit/", "https://a.example/audit/api/mcp"),
            ("https://a.example/audit/api/mcp", "https://a.example/audit/api/mcp"),
        ] {
            assert_eq!(log_address(text, "/api/mcp").map(|url| url.to_string()).as_deref(), Ok(url), "{text}");
        }
        for other in ["", "gateway", "http://a.example", "ftp://a.example", "file:///tmp", "http://a.example/?x=1"] {
            assert!(log_address(other, "/api/mcp").is_err(), "{other}");
        }
    }
}
