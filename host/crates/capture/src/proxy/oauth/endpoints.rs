//! The endpoints of OAuth behind the proxy, and the mapping of their documents.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue, Uri, header};
use serde_json::Value;
use tokio::sync::Mutex;

use super::{Oauth, WELL_KNOWN};
use crate::proxy::location::{PublicAddress, elsewhere, on_host};
use crate::proxy::upstream::Upstream;

/// The time that discovered endpoints are cached.
const FRESH: Duration = Duration::from_secs(60);
/// The pause before the proxy asks an upstream again for an endpoint that it did not have.
const AGAIN: Duration = Duration::from_secs(2);

/// The members of a server's metadata that name an endpoint, and the action for each.
const MEMBERS: [(&str, &str); 8] = [
    ("authorization_endpoint", "oauth.authorize"),
    ("token_endpoint", "oauth.token"),
    ("registration_endpoint", "oauth.register"),
    ("revocation_endpoint", "oauth.revoke"),
    ("introspection_endpoint", "oauth.introspect"),
    ("userinfo_endpoint", "oauth.userinfo"),
    ("pushed_authorization_request_endpoint", "oauth.authorize"),
    ("jwks_uri", "oauth.discover"),
];

/// The known endpoints of one upstream.
#[derive(Default)]
pub(crate) struct Endpoints(Mutex<Option<Found>>);

#[derive(Clone)]
struct Found {
    at: Instant,
    /// The upstream's name for the resource that it protects.
    resource: String,
    /// The action at each path.
    paths: BTreeMap<String, &'static str>,
}

impl Oauth {
    /// The endpoint at a path of the upstream's host, and the upstream's name for its resource.
    pub(crate) async fn endpoint(&self, upstream: &Upstream, path: &str) -> Option<(&'static str, String)> {
        let mut known = self.known.get(upstream.name())?.0.lock().await;
        let is_right = |found: &Found| match found.paths.contains_key(path) {
            true => found.at.elapsed() < FRESH,
            false => found.at.elapsed() < AGAIN,
        };
        if !known.as_ref().is_some_and(is_right) {
            *known = Some(self.look(upstream).await);
        }
        let found = known.as_ref()?;
        Some((found.paths.get(path).copied()?, found.resource.clone()))
    }

    async fn look(&self, upstream: &Upstream) -> Found {
        let protected = self.resource_of(upstream, "").await.unwrap_or_default();
        let resource = protected["resource"].as_str().map_or_else(|| upstream.url().to_string(), str::to_owned);
        let named = protected["authorization_servers"].as_array().cloned().unwrap_or_default();
        let mut issuers: Vec<_> = named.iter().filter_map(|issuer| on_host(issuer.as_str()?, upstream)).collect();
        if named.is_empty() {
            issuers.push(String::new());
        }
        let mut paths = BTreeMap::new();
        for issuer in issuers {
            let issuer = issuer.trim_end_matches('/');
            let places = WELL_KNOWN.map(|kind| format!("/.well-known/{kind}{issuer}"));
            let older = format!("{issuer}/.well-known/openid-configuration");
            for place in places.into_iter().chain([older]) {
                if let Ok(document) = self.document(upstream, &place).await {
                    paths.extend(endpoints(&document, upstream));
                    break;
                }
            }
        }
        Found { at: Instant::now(), resource, paths }
    }
}

/// The endpoints in a server's metadata that are on the upstream's host.
fn endpoints(document: &Value, upstream: &Upstream) -> impl Iterator<Item = (String, &'static str)> {
    MEMBERS.iter().filter_map(|(member, action)| {
        let address = on_host(document[*member].as_str()?, upstream)?;
        let path = address.split(['?', '#']).next().unwrap_or_default();
        Some((path.to_owned(), *action))
    })
}

/// Metadata of a protected resource: the resource becomes the client's URL, and its servers are where the client can
/// reach them.
pub(crate) fn map_resource(document: &mut Value, upstream: &Upstream, door: &PublicAddress, inside: &str) {
    map(document, upstream, door);
    if let Some(members) = document.as_object_mut() {
        members.insert("resource".to_owned(), Value::String(format!("{}{inside}", door.resource())));
    }
}

/// Metadata of an authorization server.
pub(crate) fn map_server(document: &mut Value, upstream: &Upstream, door: &PublicAddress) {
    map(document, upstream, door);
}

/// Maps every text that is an address on the upstream's host.
fn map(value: &mut Value, upstream: &Upstream, door: &PublicAddress) {
    match value {
        Value::String(text) => {
            if let Some(rest) = on_host(text, upstream) {
                *text = door.oauth(&rest);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| map(item, upstream, door)),
        Value::Object(members) => members.values_mut().for_each(|member| map(member, upstream, door)),
        _ => {}
    }
}

/// Whether a body is a form.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

/// The pairs of a query or a form. If `resource` is the proxy's `public` name, it is replaced by the upstream's name.
pub(crate) fn with_resource(pairs: &str, public: &str, own: &str) -> String {
    let same = |value: &str| value.trim_end_matches('/') == public.trim_end_matches('/');
    with(pairs, "resource", |value| same(value).then(|| own.to_owned()))
}

/// The pairs with another value for `name`; all others stay byte for byte.
fn with(pairs: &str, name: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mapped = pairs.split('&').map(|pair| {
        let new = form_urlencoded::parse(pair.as_bytes()).next().filter(|(key, _)| key == name);
        match new.and_then(|(_, old)| value(&old)) {
            Some(new) => form_urlencoded::Serializer::new(String::new()).append_pair(name, &new).finish(),
            None => pair.to_owned(),
        }
    });
    mapped.collect::<Vec<_>>().join("&")
}

/// A redirect: to a page of the upstream's host, or back to the client with the issuer (RFC 9207).
pub(crate) fn map_location(headers: &mut HeaderMap, upstream: &Upstream, door: &PublicAddress, target: &Uri) {
    let Some(location) = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()) else { return };
    let location = elsewhere(location, upstream, target).unwrap_or_else(|| location.to_owned());
    let issuer = |value: &str| on_host(value, upstream).map(|rest| door.oauth(&rest));
    let location = match location.split_once('?') {
        Some((address, query)) => format!("{address}?{}", with(query, "iss", issuer)),
        None => location,
    };
    if let Ok(value) = HeaderValue::from_str(&location) {
        headers.insert(header::LOCATION, value);
    }
}

/// A consent page has a form; it still gets its own origin.
pub(crate) fn let_forms(headers: &mut HeaderMap) {
    const BARE: &str = "sandbox";
    let lines: Vec<_> = headers.get_all(header::CONTENT_SECURITY_POLICY).iter().cloned().collect();
    if lines.iter().any(|line| line == BARE) {
        headers.remove(header::CONTENT_SECURITY_POLICY);
        for line in lines {
            let opened = HeaderValue::from_static("sandbox allow-forms allow-scripts");
            headers.append(header::CONTENT_SECURITY_POLICY, if line == BARE { opened } else { line });
        }
    }
}
