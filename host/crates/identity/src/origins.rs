//! Origins and cross-site requests: which sites may call, and what a browser reports about a request.

use std::fmt;
use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::{HOST, HeaderValue, ORIGIN, REFERER};
use hyper::http::uri::{Authority, Uri};

/// An origin as browsers write it: `https://app.example.com`, with the port unless it is the scheme's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// A text that is not an origin.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an origin; write scheme, host and port as a browser does, such as https://app.example.com")]
pub struct OriginError(String);

impl Origin {
    /// Reads an origin.
    ///
    /// # Errors
    /// The text is not an origin, or has more parts.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let wrong = || OriginError(text.to_owned());
        // Browsers show one slash at the end in the address bar.
        let bare = text.trim().trim_end_matches('/').to_ascii_lowercase();
        let (scheme, authority) = bare.split_once("://").ok_or_else(wrong)?;
        let default = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => "",
        };
        let authority = authority.strip_suffix(default).unwrap_or(authority);
        let plain =
            authority.parse::<Authority>().is_ok_and(|read| read.as_str() == authority && !authority.contains('@'));
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if !plain || scheme.is_empty() || !scheme.bytes().all(is_scheme) {
            return Err(wrong());
        }
        HeaderValue::from_str(&format!("{scheme}://{authority}")).map(Self).map_err(|_| wrong())
    }

    /// As a header has it.
    pub fn value(&self) -> &HeaderValue {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// The origins that may call from a browser. Programs send no origin and are always accepted.
#[derive(Clone, Debug, Default)]
pub struct Origins(Arc<[Origin]>);

impl FromIterator<Origin> for Origins {
    fn from_iter<I: IntoIterator<Item = Origin>>(origins: I) -> Self {
        Self(origins.into_iter().collect())
    }
}

impl Origins {
    /// All of the origins.
    pub fn iter(&self) -> impl Iterator<Item = &Origin> {
        self.0.iter()
    }

    /// Whether a request comes from one of them.
    pub fn list(&self, headers: &HeaderMap) -> bool {
        headers.get(ORIGIN).is_some_and(|origin| self.0.iter().any(|listed| listed.0 == *origin))
    }

    /// Whether a request comes from an accepted origin, from a program, or from a page of this very host. A host name
    /// proves that only if no attacker can point it at this machine: an IP address, or `localhost`.
    pub fn accept(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if !headers.contains_key(ORIGIN) {
            return !is_foreign(headers);
        }
        let own = match (text(ORIGIN), text(HOST)) {
            (Some(origin), Some(host)) => {
                origin.split_once("://").is_some_and(|(_, from)| from == host) && is_fixed(host)
            }
            _ => false,
        };
        own || self.list(headers)
    }
}

/// Whether a `Host` cannot be made to resolve to another machine.
fn is_fixed(host: &str) -> bool {
    let Some(name) = host.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)) else { return false };
    let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    address || name == "localhost" || name.ends_with(".localhost")
}

/// Whether a browser sent this from a page of this site, or its user directly. A request without that information is
/// refused: every recent browser sends it, and programs use a bearer token instead of a cookie.
pub fn is_own(headers: &HeaderMap) -> bool {
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
pub enum RequestOrigin {
    /// From a page of this site, or entered by its user.
    Here,
    /// From a page of another site.
    Elsewhere,
    /// Unknown: a program, or a browser that sent no information over plain HTTP.
    Unsaid,
}

/// The origin of a browser's navigation. Unlike a change, a navigation names its link only in `Referer`, where the
/// browser sends no other header.
pub fn request_origin(headers: &HeaderMap) -> RequestOrigin {
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
pub fn is_foreign(headers: &HeaderMap) -> bool {
    let says = headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN);
    says && !is_own(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_spelled_as_browsers_send_them() {
        for (text, expected) in [
            ("https://App.example.com", "https://app.example.com"),
            ("https://app.example.com/", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("http://[::1]:6274", "http://[::1]:6274"),
            ("vscode-webview://abc", "vscode-webview://abc"),
        ] {
            assert_eq!(Origin::parse(text).expect(text).to_string(), expected);
        }
        for text in ["", "*", "null", "app.example.com", "https://a/path", "https://u@a", "https://", "https://a b"] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rebindable_host_names_are_refused() {
        let origins: Origins =
            ["https://app.example"].map(|text| Origin::parse(text).expect("good")).into_iter().collect();
        let accepted = |pairs: &[(&'static str, &'static str)]| {
            let header = |(name, value): &(&'static str, &'static str)| {
                (hyper::header::HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            origins.accept(&pairs.iter().map(header).collect())
        };
        for good in [
            &[("host", "gw.example")][..],
            &[("origin", "https://app.example"), ("host", "gw.example")],
            &[("origin", "http://127.0.0.1:8700"), ("host", "127.0.0.1:8700")],
            &[("origin", "http://localhost:8700"), ("host", "localhost:8700")],
            &[("origin", "http://[::1]:1"), ("host", "[::1]:1")],
        ] {
            assert!(accepted(good), "{good:?}");
        }
        for bad in [
            // A page whose name an attacker points at this machine.
            &[("origin", "http://evil.example:8700"), ("host", "evil.example:8700"), ("sec-fetch-site", "same-origin")]
                [..],
            &[("origin", "http://localhost:5173"), ("host", "localhost:8700")],
            &[("origin", "https://app.example.evil"), ("host", "127.0.0.1:8700")],
            &[("origin", "null"), ("host", "127.0.0.1:8700")],
            &[("sec-fetch-site", "cross-site"), ("host", "127.0.0.1:8700")],
        ] {
            assert!(!accepted(bad), "{bad:?}");
        }
    }

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
