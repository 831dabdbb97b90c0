//! What the proxy adds to requests for an upstream: its credentials, and its query. Callers neither see nor replace them.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// The headers that frame a message or belong to the proxy.
const RESERVED: [HeaderName; 11] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    header::ORIGIN,
    header::PROXY_AUTHENTICATE,
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

    /// Replaces what a caller sent under the same names.
    pub(crate) fn put_on(&self, headers: &mut HeaderMap) {
        for name in self.headers.keys() {
            headers.remove(name);
        }
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
    }

    /// A query and fragment that the upstream wrote, without what is its own: callers do not see that.
    pub(crate) fn without_own(&self, rest: &str) -> String {
        let (query, fragment) = rest.split_at(rest.find('#').unwrap_or(rest.len()));
        let Some(query) = query.strip_prefix('?').filter(|_| self.query.is_some()) else { return rest.to_owned() };
        let others = self.others(query).collect::<Vec<_>>().join("&");
        let mark = if others.is_empty() { "" } else { "?" };
        format!("{mark}{others}{fragment}")
    }

    /// The upstream's own query, and after it what a caller sent under other names.
    pub(crate) fn query(&self, sent: Option<&str>) -> Option<String> {
        let Some(own) = &self.query else { return sent.map(str::to_owned) };
        Some([own.as_str()].into_iter().chain(self.others(sent.unwrap_or_default())).collect::<Vec<_>>().join("&"))
    }

    /// The pairs of `query` under other names than those of its own, byte for byte.
    fn others<'a>(&self, query: &'a str) -> impl Iterator<Item = &'a str> {
        let name = |pair: &str| form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned());
        let names: Vec<_> = self.query.iter().flat_map(|own| own.split('&')).filter_map(name).collect();
        let is_other = move |pair: &&str| !pair.is_empty() && name(pair).is_none_or(|name| !names.contains(&name));
        query.split('&').filter(is_other)
    }
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
        ] {
            assert_eq!(own.query(sent).as_deref(), Some(expected), "{sent:?}");
        }
        for (rest, expected) in
            [("?key=s3cret&page=2#top", "?page=2#top"), ("?tools=all#top", "#top"), ("#key", "#key"), ("", "")]
        {
            assert_eq!(own.without_own(rest), expected, "{rest}");
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
        own.put_on(&mut headers);
        let all: Vec<_> = headers.get_all(header::AUTHORIZATION).iter().collect();
        assert_eq!(all, ["Bearer s3cret"]);
        assert_eq!((headers.len(), &headers["x-team"]), (3, &value("platform")));
        assert!(!format!("{own:?} {headers:?}").contains("s3cret"));
        for name in ["host", "content-length", "transfer-encoding", "connection", "mcp-session-id", "content-type"] {
            let name: HeaderName = name.parse().expect("a name");
            assert!(own.add(name.clone(), value("x")).is_err(), "{name}");
        }
    }
}
