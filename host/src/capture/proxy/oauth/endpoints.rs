//! Which endpoints an upstream's own authorization server has: nothing else on its host is served.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Mutex;

use super::{Oauth, WELL_KNOWN};
use crate::capture::proxy::location::on_host;
use crate::capture::proxy::upstream::Upstream;

/// For how long what was found is believed.
const FRESH: Duration = Duration::from_secs(60);
/// How often an upstream is asked again for an endpoint that it did not have.
const AGAIN: Duration = Duration::from_secs(2);

/// The members of a server's metadata that name an endpoint, and what is done there.
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

/// What is known of one upstream.
#[derive(Default)]
pub(in crate::capture) struct Endpoints(Mutex<Option<Found>>);

#[derive(Clone)]
struct Found {
    at: Instant,
    /// The upstream's name for the resource that it protects.
    resource: String,
    /// By path: what is done there.
    paths: BTreeMap<String, &'static str>,
}

impl Oauth {
    /// The endpoint at a path of the upstream's host, and the upstream's name for its resource.
    pub(in crate::capture) async fn endpoint(&self, upstream: &Upstream, path: &str) -> Option<(&'static str, String)> {
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
