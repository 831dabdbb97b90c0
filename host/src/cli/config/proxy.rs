//! `[proxy]`, `[cors]` and `[[upstreams]]`: the upstreams of the proxy, and how requests are forwarded.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mcp_audit_log::capture::proxy::{ProxyOptions, Timeouts};
use mcp_audit_log::capture::upstream::{HostHeader, Upstream, UpstreamError};
use mcp_audit_log::identity::{Origin, Origins};
use serde::{Deserialize, Serialize};

use super::super::advice::Failure;
use super::secrets::{HeaderSource, authorities};
use super::text::{Read, Text};

/// How requests are forwarded.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::cli) struct ProxyTable {
    pub(in crate::cli) public_url: Option<Text<Origin>>,
    pub(in crate::cli) connect_seconds: Option<u32>,
    pub(in crate::cli) tls_seconds: Option<u32>,
    pub(in crate::cli) first_byte_seconds: Option<u32>,
    pub(in crate::cli) idle_seconds: Option<u32>,
}

/// The sites whose pages may call from a browser.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::cli) struct CorsTable {
    pub(in crate::cli) origins: Option<Vec<Text<Origin>>>,
}

impl ProxyTable {
    /// The proxy's options.
    pub(super) fn options(&self, cors: &CorsTable, https: bool, path: &str) -> ProxyOptions {
        let public = self.public_url.as_ref().map(|url| url.value().clone());
        let timeouts = timeouts([self.connect_seconds, self.tls_seconds, self.first_byte_seconds, self.idle_seconds]);
        // A page of the proxy's own address is no foreign one.
        let origins = cors.origins().iter().chain(&public).cloned().collect();
        ProxyOptions { timeouts, origins, public, https, path: path.to_owned() }
    }
}

impl CorsTable {
    pub(super) fn origins(&self) -> Origins {
        self.origins.iter().flatten().map(|origin| origin.value().clone()).collect()
    }
}

fn timeouts(seconds: [Option<u32>; 4]) -> Timeouts {
    let [connect, tls, first_byte, idle] = seconds.map(|seconds| seconds.map(|n| Duration::from_secs(n.into())));
    Timeouts { connect, tls, first_byte, idle }
}

/// An MCP server behind the proxy.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Server {
    name: Text<Name>,
    url: Text<Url>,
    host: Option<Text<HostHeader>>,
    /// The headers that it gets with each request.
    headers: Option<BTreeMap<String, HeaderSource>>,
    ca_file: Option<PathBuf>,
    connect_seconds: Option<u32>,
    tls_seconds: Option<u32>,
    first_byte_seconds: Option<u32>,
    idle_seconds: Option<u32>,
    strict: Option<bool>,
    http2: Option<bool>,
}

impl Server {
    /// Reads `NAME=URL`.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, UpstreamError> {
        let upstream = Upstream::parse(text)?;
        let (name, url) = (upstream.name().to_owned(), upstream.whole_url().to_string());
        Ok(Self {
            name: Text::of(&name, Name(name.clone())),
            url: Text::of(&url, Url(url.clone())),
            host: None,
            headers: None,
            ca_file: None,
            connect_seconds: None,
            tls_seconds: None,
            first_byte_seconds: None,
            idle_seconds: None,
            strict: None,
            http2: None,
        })
    }

    /// Makes calls wait until their intent is durable.
    pub(in crate::cli) fn be_strict(&mut self) {
        self.strict = Some(true);
    }

    pub(in crate::cli) fn name(&self) -> &str {
        &self.name.value().0
    }

    pub(super) fn beside(&mut self, folder: &Path) {
        let of_headers = self.headers.iter_mut().flat_map(BTreeMap::values_mut).filter_map(HeaderSource::file_mut);
        of_headers.chain(&mut self.ca_file).for_each(|path| *path = folder.join(&path));
    }

    /// The upstream with its credentials, which are read now.
    pub(in crate::cli) fn open(&self) -> Result<Upstream, Failure> {
        let name = self.name();
        let wrong = |error: &dyn std::fmt::Display| Failure::from(format!("the upstream {name:?}: {error}"));
        let limits = timeouts([self.connect_seconds, self.tls_seconds, self.first_byte_seconds, self.idle_seconds]);
        let host = self.host.as_ref().map(|host| *host.value()).unwrap_or_default();
        let upstream = Upstream::new(name, &self.url.value().0)?.with_host(host).with_timeouts(limits);
        let authorities = authorities(self.ca_file.as_deref()).map_err(|error| wrong(&error))?;
        let upstream = upstream.with_strict(self.strict.unwrap_or_default()).with_authorities(authorities);
        let upstream = upstream.with_http2(self.http2.unwrap_or_default());
        self.headers.iter().flatten().try_fold(upstream, |upstream, (name, source)| {
            let header = name.parse().map_err(|_| wrong(&format!("{name:?} is not a header name")))?;
            let value = source.value(name).map_err(|error| wrong(&error))?;
            Ok(upstream.with_header(header, value)?)
        })
    }
}

/// The name and the URL of an upstream. Each is checked alone, so that an error has its own line.
#[derive(Clone, Debug)]
struct Name(String);
#[derive(Clone)]
struct Url(String);

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Url")
    }
}

impl Read for Name {
    fn read(text: &str) -> Result<Self, String> {
        Upstream::new(text, "http://host/").map(|_| Self(text.to_owned())).map_err(|error| error.to_string())
    }
}

impl Read for Url {
    fn read(text: &str) -> Result<Self, String> {
        let shown = text.split('?').next().unwrap_or_default();
        Upstream::new("name", text).map(|_| Self(text.to_owned())).map_err(|error| match error {
            UpstreamError::Url(_, why) => format!("{shown:?} is not a URL: {why}"),
            UpstreamError::Scheme(_) => {
                format!(
                    "{shown:?} must begin with http:// or https:// and name a host, such as http://127.0.0.1:9000/mcp"
                )
            }
            UpstreamError::Part(_, part) => format!("the URL must not contain {part}"),
            error => error.to_string(),
        })
    }
}

impl Read for HostHeader {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "upstream" => Ok(Self::Upstream),
            "client" => Ok(Self::Client),
            _ => Err(format!("{text:?} is not a Host policy; use upstream or client")),
        }
    }
}

impl Read for Origin {
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| error.to_string())
    }
}
