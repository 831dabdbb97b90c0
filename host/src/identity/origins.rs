//! Origins: the sites whose pages a browser shows. The operator decides which of them may call.

use std::fmt;
use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::{HOST, HeaderValue, ORIGIN};
use hyper::http::uri::{Authority, Uri};

use super::cross_site::is_foreign;

/// An origin as browsers write it: `https://app.example.com`, with a port where it is not the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// What is wrong with an origin.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an origin; write scheme, host and port as a browser does, such as https://app.example.com")]
pub struct OriginError(String);

impl Origin {
    /// Reads an origin.
    ///
    /// # Errors
    /// It is none, or more than that.
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
    pub(crate) fn value(&self) -> &HeaderValue {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// The origins that may call from a browser, besides programs, which have none.
#[derive(Clone, Debug, Default)]
pub struct Origins(Arc<[Origin]>);

impl FromIterator<Origin> for Origins {
    fn from_iter<I: IntoIterator<Item = Origin>>(origins: I) -> Self {
        Self(origins.into_iter().collect())
    }
}

impl Origins {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Origin> {
        self.0.iter()
    }

    /// Whether a request comes from one of them.
    pub(crate) fn list(&self, headers: &HeaderMap) -> bool {
        headers.get(ORIGIN).is_some_and(|origin| self.0.iter().any(|listed| listed.0 == *origin))
    }

    /// Whether a request comes from an accepted origin, from a program, or from a page of this very host. A host name
    /// proves that only if no attacker can point it at this machine: an IP address, or `localhost`.
    pub(crate) fn accept(&self, headers: &HeaderMap) -> bool {
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

/// Whether a `Host` cannot be made to mean another machine.
fn is_fixed(host: &str) -> bool {
    let Some(name) = host.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)) else { return false };
    let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    address || name == "localhost" || name.ends_with(".localhost")
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
}
