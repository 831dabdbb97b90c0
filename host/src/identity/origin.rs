//! Cross-site requests: a browser sends the session's cookie along, but says where the request comes from.

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};

/// Whether a browser sent this from a page of this very site, or its user by hand. What does not say so is refused:
/// every browser of the last years does, and programs use a bearer token instead of a cookie.
pub(crate) fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-site") {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => match (text(ORIGIN.as_str()), text(HOST.as_str())) {
            // Only the authority counts: a proxy in front that ends TLS changes the scheme.
            (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, authority)| authority == host),
            _ => false,
        },
    }
}

/// Whether a browser sent this for the page of another site. Programs say nothing of where a request comes from.
pub(crate) fn is_foreign(headers: &HeaderMap) -> bool {
    let says = headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN);
    says && !is_own(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(pairs: &[(&'static str, &'static str)]) -> bool {
        let headers = pairs.iter().map(|(name, value)| {
            (hyper::header::HeaderName::from_static(name), hyper::header::HeaderValue::from_static(value))
        });
        is_own(&headers.collect())
    }

    #[test]
    fn only_this_very_site_may_change_something() {
        assert!(own(&[("sec-fetch-site", "same-origin")]));
        assert!(own(&[("sec-fetch-site", "none")]));
        assert!(own(&[("origin", "https://log.example:8443"), ("host", "log.example:8443")]));
        for foreign in [
            &[("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")][..],
            &[("sec-fetch-site", "same-site")],
            &[("origin", "https://evil.example"), ("host", "log.example")],
            &[("origin", "https://log.example.evil"), ("host", "log.example")],
            &[("origin", "null"), ("host", "null")],
            &[("host", "log.example")],
            &[],
        ] {
            assert!(!own(foreign), "{foreign:?}");
        }
    }
}
