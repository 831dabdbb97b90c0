//! Cross-site requests: a browser sends the session cookie, and reports the origin of the request.

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN, REFERER};

/// Whether a browser sent this from a page of this site, or its user directly. A request without that information is
/// refused: every recent browser sends it, and programs use a bearer token instead of a cookie.
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

/// The origin of a browser's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestOrigin {
    /// From a page of this site, or by its user's own hand.
    Here,
    /// From a page of another site.
    Elsewhere,
    /// Unknown: a program, or a browser that sent no information over plain HTTP.
    Unsaid,
}

/// The origin of a browser's navigation. Unlike a change, a navigation names its link only in `Referer`, where the
/// browser sends no other header.
pub(crate) fn request_origin(headers: &HeaderMap) -> RequestOrigin {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if is_own(headers) {
        return RequestOrigin::Here;
    }
    if headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN) {
        return RequestOrigin::Elsewhere;
    }
    match (text(REFERER.as_str()), text(HOST.as_str())) {
        (Some(referer), Some(host)) => {
            let rest = referer.split_once("://").map_or("", |(_, rest)| rest);
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            if authority == host { RequestOrigin::Here } else { RequestOrigin::Elsewhere }
        }
        _ => RequestOrigin::Unsaid,
    }
}

/// Whether a browser sent this for a page of another site. Programs send no origin.
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
    fn links_of_other_sites_are_recognised() {
        let request_origin = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| {
                (hyper::header::HeaderName::from_static(name), hyper::header::HeaderValue::from_static(value))
            });
            request_origin(&headers.chain([(HOST, hyper::header::HeaderValue::from_static("log.example"))]).collect())
        };
        for here in [
            &[("sec-fetch-site", "same-origin")][..],
            &[("sec-fetch-site", "none")],
            &[("referer", "http://log.example/entries?tool=a")],
            &[("referer", "https://log.example")],
        ] {
            assert_eq!(request_origin(here), RequestOrigin::Here, "{here:?}");
        }
        for elsewhere in [
            &[("sec-fetch-site", "cross-site"), ("referer", "https://log.example/")][..],
            &[("sec-fetch-site", "same-site")],
            &[("referer", "https://log.example.evil/")],
            &[("referer", "https://evil.example/?https://log.example/")],
            &[("referer", "log.example")],
            &[("origin", "null"), ("referer", "https://log.example/")],
        ] {
            assert_eq!(request_origin(elsewhere), RequestOrigin::Elsewhere, "{elsewhere:?}");
        }
        assert_eq!(request_origin(&[]), RequestOrigin::Unsaid);
    }

    #[test]
    fn only_pages_of_this_site_may_change_something() {
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
