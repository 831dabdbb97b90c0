//! What the proxy adds to requests for an upstream: its credentials, and its query. Callers neither see nor replace them.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// The headers that frame a message or belong to the proxy.
const RESERVED: [HeaderName; 17] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("last-event-id"),
    header::ORIGIN,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
/// The prefix of the headers of MCP's own transport.
const MCP: &str = "mcp-";

/// The headers and the query of an upstream's own.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Additions {
    headers: HeaderMap,
    query: Option<String>,
}

impl Additions {
    /// Adds a header.
    ///
    /// # Errors
    /// The reason why this one cannot be set.
    pub(crate) fn add(&mut self, name: HeaderName, mut value: HeaderValue) -> Result<(), &'static str> {
        if name == header::HOST {
            return Err("is what `host` is for");
        }
        if RESERVED.contains(&name) || name.as_str().starts_with(MCP) {
            return Err("belongs to the transport");
        }
        if self.headers.contains_key(&name) {
            return Err("is set twice");
        }
        value.set_sensitive(true);
        self.headers.append(name, value);
        Ok(())
    }

    /// Sets the query, without the `?`.
    pub(crate) fn set_query(&mut self, query: &str) {
        self.query = Some(query.to_owned()).filter(|query| !query.is_empty());
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Whether there is a header or a query.
    pub(crate) fn is_any(&self) -> bool {
        !self.headers.is_empty() || self.query.is_some()
    }

    /// Replaces what a caller sent under the same names. Some servers read `X_Api_Key` as `X-Api-Key`.
    pub(crate) fn put_on(&self, headers: &mut HeaderMap) {
        if self.headers.is_empty() {
            return;
        }
        let folded = |name: &HeaderName| name.as_str().replace('_', "-");
        let own: Vec<_> = self.headers.keys().map(folded).collect();
        let replaced: Vec<_> = headers.keys().filter(|name| own.contains(&folded(name))).cloned().collect();
        for name in replaced {
            headers.remove(name);
        }
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
    }

    /// An address that the upstream wrote, without what is its own: callers do not see that.
    pub(crate) fn without_own(&self, address: &str) -> String {
        let (before, fragment) = address.split_at(address.find('#').unwrap_or(address.len()));
        let Some((path, query)) = before.split_once('?').filter(|_| self.query.is_some()) else {
            return address.to_owned();
        };
        let others = self.others(query).collect::<Vec<_>>().join("&");
        let mark = if others.is_empty() { "" } else { "?" };
        format!("{path}{mark}{others}{fragment}")
    }

    /// The upstream's own query, and after it what a caller sent under other names.
    pub(crate) fn query(&self, sent: Option<&str>) -> Option<String> {
        let Some(own) = &self.query else { return sent.map(str::to_owned) };
        Some([own.as_str()].into_iter().chain(self.others(sent.unwrap_or_default())).collect::<Vec<_>>().join("&"))
    }

    /// The pairs of `query` under other names than those of its own, byte for byte. Servers read names in several ways,
    /// and a pair that any of them takes for an own one is left out.
    fn others<'a>(&self, query: &'a str) -> impl Iterator<Item = &'a str> {
        let names: Vec<_> = self.query.iter().flat_map(|own| own.split('&')).flat_map(names).collect();
        query.split('&').filter(move |pair| !pair.is_empty() && !self::names(pair).any(|name| names.contains(&name)))
    }

    /// Whether `text` has a pair of the query in it, in any spelling of percent-encoding.
    pub(crate) fn is_told_by(&self, text: &[u8]) -> bool {
        let plain = |pair: &str| percent_encoding::percent_decode_str(pair).collect::<Vec<u8>>();
        let pairs: Vec<_> = self.query.iter().flat_map(|own| own.split('&')).map(plain).collect();
        let mut text = text.to_vec();
        for _ in 0..3 {
            if pairs.iter().any(|pair| !pair.is_empty() && text.windows(pair.len()).any(|window| window == pair)) {
                return true;
            }
            text = percent_encoding::percent_decode(&text).collect();
        }
        false
    }
}

/// The names of a pair, folded: some servers split at `;`, ignore case and blanks, read `key[]` as `key`, or a dot as `_`.
fn names(pair: &str) -> impl Iterator<Item = String> {
    let name = |part: &str| form_urlencoded::parse(part.as_bytes()).next().map(|(name, _)| name.into_owned());
    pair.split(';').filter_map(name).map(|name| {
        let name = name.split('[').next().unwrap_or_default();
        name.trim().to_lowercase().replace(['.', ' '], "_")
    })
}

impl fmt::Debug for Additions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().map(HeaderName::as_str).collect();
        let query = self.query.as_ref().map(|_| "…");
        f.debug_struct("Additions").field("headers", &names).field("query", &query).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_query_stays_whatever_callers_send() {
        let mut own = Additions::default();
        assert_eq!(own.query(Some("a=1")).as_deref(), Some("a=1"));
        assert_eq!(own.query(None), None);
        own.set_query("key=s3cret&tools=all");
        for (sent, expected) in [
            (None, "key=s3cret&tools=all"),
            (Some(""), "key=s3cret&tools=all"),
            (Some("page=2&x=%20"), "key=s3cret&tools=all&page=2&x=%20"),
            (Some("key=mine&page=2&k%65y=mine&tools"), "key=s3cret&tools=all&page=2"),
            (Some("a=1;key=mine&KEY=mine&key[]=mine&%20key=mine&page=2"), "key=s3cret&tools=all&page=2"),
        ] {
            assert_eq!(own.query(sent).as_deref(), Some(expected), "{sent:?}");
        }
        for (rest, expected) in [
            ("?key=s3cret&page=2#top", "?page=2#top"),
            ("?tools=all#top", "#top"),
            ("#key", "#key"),
            ("https://h/mcp?key=s3cret", "https://h/mcp"),
            ("", ""),
        ] {
            assert_eq!(own.without_own(rest), expected, "{rest}");
        }
        for (text, told) in
            [("/?next=%2Fmcp%3Fkey%3Ds3cret", true), ("/x?k%2565y=s3%63ret", true), ("/all/s3cret", false)]
        {
            assert_eq!(own.is_told_by(text.as_bytes()), told, "{text}");
        }
        assert!(!format!("{own:?}").contains("s3cret"));
    }

    #[test]
    fn own_headers_replace_those_of_callers_and_are_not_printed() {
        let mut own = Additions::default();
        let value = |text| HeaderValue::from_str(text).expect("a value");
        own.add(header::AUTHORIZATION, value("Bearer s3cret")).expect("allowed");
        own.add(HeaderName::from_static("x-team"), value("platform")).expect("allowed");
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, value("Bearer mine"));
        headers.append(header::AUTHORIZATION, value("Basic mine"));
        headers.append(header::ACCEPT, value("application/json"));
        headers.append(HeaderName::from_static("x_team"), value("mine"));
        own.put_on(&mut headers);
        let all: Vec<_> = headers.get_all(header::AUTHORIZATION).iter().collect();
        assert_eq!(all, ["Bearer s3cret"]);
        assert_eq!((headers.len(), &headers["x-team"]), (3, &value("platform")));
        assert!(!format!("{own:?} {headers:?}").contains("s3cret"));
        for name in ["host", "content-length", "proxy-authorization", "connection", "mcp-session-id", "x-team"] {
            let name: HeaderName = name.parse().expect("a name");
            assert!(own.add(name.clone(), value("x")).is_err(), "{name}");
        }
    }
}
