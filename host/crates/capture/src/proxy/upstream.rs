//! An MCP server after the proxy: its name and its address.

use axum::http::uri::{InvalidUri, PathAndQuery, Scheme};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use mcp_audit_log_core::client_tls::Authorities;

use super::additions::Additions;
use super::timeouts::Timeouts;

/// Longest name.
pub(crate) const NAME: usize = 64;

/// How often a server may decode a path.
const DECODINGS: usize = 2;

/// A named MCP server, reached as `/mcp/NAME`. Its [`Debug`] form has neither its credentials nor its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    name: String,
    url: Uri,
    /// The name of its host, and the port where that is not the scheme's own.
    authority: HeaderValue,
    host_header: HostHeader,
    timeouts: Timeouts,
    is_strict: bool,
    is_http2: bool,
    additions: Additions,
    authorities: Authorities,
}

/// The `Host` header that an upstream gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostHeader {
    /// The upstream's own host, as if a client spoke to it directly. Servers that check `Host` accept no other.
    #[default]
    Upstream,
    /// The host that the client sent, for a server that answers to the proxy's name.
    Client,
}

/// Why an upstream cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The text has no `=`.
    #[error("{0:?} is not an upstream: write NAME=URL, such as github=https://example.com/mcp")]
    Form(String),
    /// The name.
    #[error("{0:?} is not a valid upstream name: use 1 to 64 of a-z, 0-9, _ and -")]
    Name(String),
    /// The URL cannot be read.
    #[error("the URL of upstream {0:?} is not valid: {1}")]
    Url(String, InvalidUri),
    /// The URL is not one of HTTP.
    #[error("the URL of upstream {0:?} must begin with http:// or https:// and name a host")]
    Scheme(String),
    /// The URL has what would be shown or sent where it does not belong.
    #[error("the URL of upstream {0:?} must not have {1}")]
    Part(String, &'static str),
    /// A header that the proxy cannot send.
    #[error("upstream {0:?} cannot get the header {1}: it {2}")]
    Header(String, HeaderName, &'static str),
}

impl Upstream {
    /// Reads `NAME=URL`.
    ///
    /// # Errors
    /// The text has another form, or its name or URL is not allowed.
    pub fn parse(text: &str) -> Result<Self, UpstreamError> {
        let (name, url) = text.split_once('=').ok_or_else(|| UpstreamError::Form(text.to_owned()))?;
        Self::new(name, url)
    }

    /// The server at `url`, called `name`. The URL's query goes before that of each request, and callers cannot replace
    /// it; as it may have a key in it, it is never shown.
    ///
    /// # Errors
    /// The name or the URL is not allowed.
    pub fn new(name: &str, url: &str) -> Result<Self, UpstreamError> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if name.is_empty() || name.len() > NAME || !name.bytes().all(allowed) {
            return Err(UpstreamError::Name(name.to_owned()));
        }
        if url.contains('#') {
            return Err(UpstreamError::Part(name.to_owned(), "a fragment (#…)"));
        }
        let (url, query) = url.split_once('?').unwrap_or((url, ""));
        let mut additions = Additions::default();
        additions.set_query(query);
        let url: Uri = url.parse().map_err(|error| UpstreamError::Url(name.to_owned(), error))?;
        let authority = authority(&url).ok_or_else(|| UpstreamError::Scheme(name.to_owned()))?;
        let (host_header, timeouts) = (HostHeader::default(), Timeouts::default());
        let (name, authorities) = (name.to_owned(), Authorities::default());
        let (is_strict, is_http2) = (false, false);
        let upstream =
            Self { name, url, authority, host_header, timeouts, is_strict, is_http2, additions, authorities };
        upstream.check()?;
        // What is sent later must be a URL as well.
        upstream.target("", None).ok_or_else(|| UpstreamError::Part(upstream.name.clone(), "such a query (?…)"))?;
        Ok(upstream)
    }

    /// The same upstream with this `Host`.
    pub fn with_host(self, host_header: HostHeader) -> Self {
        Self { host_header, ..self }
    }

    /// The same upstream with its own time limits.
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// The same upstream with or without strict recording. With it, no call reaches the upstream before its intent is
    /// durable.
    pub fn with_strict(self, is_strict: bool) -> Self {
        Self { is_strict, ..self }
    }

    /// The same upstream, which gets this header with each request; callers cannot replace it. It is never recorded,
    /// shown or logged.
    ///
    /// # Errors
    /// The header belongs to the transport.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Result<Self, UpstreamError> {
        let refused = |why| UpstreamError::Header(self.name.clone(), name.clone(), why);
        self.additions.add(name.clone(), value).map_err(refused)?;
        Ok(self)
    }

    /// The same upstream, whose certificate one of these must vouch for.
    pub fn with_authorities(self, authorities: Authorities) -> Self {
        Self { authorities, ..self }
    }

    /// The same upstream, which speaks HTTP/2, or HTTP/1.1 as by default. HTTP/2 needs ALPN with TLS, and prior knowledge
    /// without.
    pub fn with_http2(self, is_http2: bool) -> Self {
        Self { is_http2, ..self }
    }

    fn check(&self) -> Result<(), UpstreamError> {
        let http = self.url.scheme() == Some(&Scheme::HTTP) || self.is_tls();
        let Some(authority) = self.url.authority().filter(|authority| http && !authority.host().is_empty()) else {
            return Err(UpstreamError::Scheme(self.name.clone()));
        };
        match authority.as_str().contains('@') {
            true => Err(UpstreamError::Part(self.name.clone(), "a user or password; send them as a header")),
            false => Ok(()),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, without its query.
    pub fn url(&self) -> &Uri {
        &self.url
    }

    /// The `Host` header that it gets.
    pub fn host_header(&self) -> HostHeader {
        self.host_header
    }

    /// Its own limits.
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Whether calls reach it only after their intent is durable.
    pub fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// Whether HTTP/2 is spoken to it.
    pub fn is_http2(&self) -> bool {
        self.is_http2
    }

    /// The headers that it gets with each request.
    pub fn headers(&self) -> &HeaderMap {
        self.additions.headers()
    }

    /// Whose certificates it is trusted by.
    pub fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    /// Its address with its query, which must not be shown.
    pub fn whole_url(&self) -> Uri {
        self.target("", None).unwrap_or_else(|| self.url.clone())
    }

    /// An address that it wrote, as callers may see it.
    pub(crate) fn shown(&self, address: &str) -> String {
        self.additions.without_own(address)
    }

    /// Whether what a server wrote tells callers its query.
    pub(crate) fn is_told_by(&self, text: &[u8]) -> bool {
        self.additions.is_told_by(text)
    }

    /// Whether it gets headers or a query of its own.
    pub fn has_credentials(&self) -> bool {
        self.additions.is_any()
    }

    /// Puts its own headers on a request.
    pub(crate) fn put_on(&self, headers: &mut HeaderMap) {
        self.additions.put_on(headers);
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.url.scheme() == Some(&Scheme::HTTPS)
    }

    /// Its own `Host`.
    pub(crate) fn authority(&self) -> HeaderValue {
        self.authority.clone()
    }

    /// Scheme and host, as in `http://127.0.0.1:3001`.
    pub(crate) fn origin(&self) -> String {
        let scheme = self.url.scheme_str().unwrap_or("http");
        format!("{scheme}://{}", self.authority.to_str().unwrap_or_default())
    }

    /// Whether a URL with this scheme (or none) and authority is on its host.
    pub(crate) fn is_at(&self, scheme: &str, authority: &str) -> bool {
        let own = self.url.scheme_str().unwrap_or("http");
        let default = if self.is_tls() { ":443" } else { ":80" };
        let authority = authority.strip_suffix(default).unwrap_or(authority);
        (scheme.is_empty() || scheme.eq_ignore_ascii_case(own))
            && self.authority.as_bytes().eq_ignore_ascii_case(authority.as_bytes())
    }

    /// The target of a request for `rest` below the proxy's path; `None` if it would be outside of the upstream's base.
    pub(crate) fn target(&self, rest: &str, query: Option<&str>) -> Option<Uri> {
        if rest.split('/').any(climbs) {
            return None;
        }
        let base = self.url.path();
        let base = if rest.is_empty() { base } else { base.trim_end_matches('/') };
        let query = self.additions.query(query).map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = self.url.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(format!("{base}{rest}{query}")).ok()?);
        Uri::from_parts(parts).ok()
    }

    /// Another path on its host.
    pub(crate) fn elsewhere(&self, path: &str, query: Option<&str>) -> Option<Uri> {
        if path.split('/').any(climbs) {
            return None;
        }
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = self.url.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(format!("{path}{query}")).ok()?);
        Uri::from_parts(parts).ok()
    }
}

/// The host of a URL, and its port where that is not the scheme's own.
fn authority(url: &Uri) -> Option<HeaderValue> {
    let default = if url.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let host = url.host()?;
    let text = match url.port_u16().filter(|port| *port != default) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    HeaderValue::from_str(&text).ok()
}

/// Whether a segment of a path leads elsewhere for some server: it is `.` or `..` in any spelling, or contains what
/// divides or ends a path. Servers differ in how often they decode, and some take off what follows a `;`.
fn climbs(segment: &str) -> bool {
    let mut plain = segment.as_bytes().to_vec();
    for _ in 0..=DECODINGS {
        let dots = plain.split(|byte| *byte == b';').next().unwrap_or_default();
        let divides = |byte: &u8| matches!(byte, b'\\' | 0 | 0xc0 | 0xc1);
        if matches!(dots, b"." | b"..") || plain.iter().any(divides) || plain.windows(2).any(overlong) {
            return true;
        }
        let decoded = decode(&plain);
        if decoded.contains(&b'/') && decoded.windows(2).any(|pair| pair == b"..") {
            return true;
        }
        plain = decoded;
    }
    false
}

/// Whether these begin a spelling of a character that is longer than UTF-8 allows, as those with 0xc0 and 0xc1 are:
/// lenient servers read an ASCII character there.
fn overlong(pair: &[u8]) -> bool {
    matches!(pair, [0xe0, 0x80..=0x9f] | [0xf0, 0x80..=0x8f])
}

/// Replaces sequences such as `%41` by their byte, once. Invalid sequences stay.
fn decode(text: &[u8]) -> Vec<u8> {
    let digit =
        |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16)).and_then(|n| u8::try_from(n).ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let value = digit(at + 1).zip(digit(at + 2)).filter(|_| *byte == b'%').map(|(high, low)| high << 4 | low);
        decoded.push(value.unwrap_or(*byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_urls_are_checked() {
        let upstream = Upstream::parse("every-thing_1=http://127.0.0.1:3001/mcp").expect("good");
        assert_eq!(
            (upstream.name(), upstream.url().to_string().as_str()),
            ("every-thing_1", "http://127.0.0.1:3001/mcp")
        );
        for (text, expected) in [
            ("http://x/mcp", "NAME=URL"),
            ("Big=http://x/mcp", "not a valid upstream name"),
            ("=http://x/mcp", "not a valid upstream name"),
            ("a=ftp://x/mcp", "http:// or https://"),
            ("a=/mcp", "http:// or https://"),
            ("a=http://u:p@x/mcp", "user or password"),
            ("a=http://x/mcp#f", "fragment"),
            ("a=http://[", "is not valid"),
        ] {
            let error = Upstream::parse(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn paths_stay_below_the_base() {
        for (url, rest, query, expected) in [
            ("http://h/mcp", "", None, Some("http://h/mcp")),
            ("http://h/mcp/", "", None, Some("http://h/mcp/")),
            ("http://h", "", Some("a=1"), Some("http://h/?a=1")),
            ("http://h/mcp", "/x%20y/", None, Some("http://h/mcp/x%20y/")),
            ("http://h/", "/x", Some("q"), Some("http://h/x?q")),
            ("http://h/mcp", "/../admin", None, None),
            ("http://h/mcp", "/%2E./admin", None, None),
            ("http://h/mcp", "/..%2fadmin", None, None),
            ("http://h/mcp", "/..;/admin", None, None),
            ("http://h/mcp", "/%2e%2e%3Bx=1/admin", None, None),
            ("http://h/mcp", "/.;a", None, None),
            ("http://h/mcp", "/./x", None, None),
            ("http://h/mcp", "/%252e%252e/admin", None, None),
            ("http://h/mcp", "/%252E.%252fadmin", None, None),
            ("http://h/mcp", "/..%00/admin", None, None),
            ("http://h/mcp", "/x%2500", None, None),
            ("http://h/mcp", "/%c0%ae%C0%AE/admin", None, None),
            ("http://h/mcp", "/%e0%80%ae./admin", None, None),
            ("http://h/mcp", "/x%255cy", None, None),
            ("http://h/mcp", "/a..b/...;v=1/x%2Fy/100%/%zz", None, Some("http://h/mcp/a..b/...;v=1/x%2Fy/100%/%zz")),
            ("http://h/mcp", "/%C3%A4", None, Some("http://h/mcp/%C3%A4")),
            ("http://h/mcp?k=v", "", None, Some("http://h/mcp?k=v")),
            ("http://h/mcp?k=v", "/x", Some("k=w&a=1"), Some("http://h/mcp/x?k=v&a=1")),
        ] {
            let upstream = Upstream::new("a", url).expect("good");
            assert_eq!(upstream.target(rest, query).map(|uri| uri.to_string()).as_deref(), expected);
        }
    }
}
