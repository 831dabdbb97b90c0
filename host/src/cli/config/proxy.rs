//! `[proxy]`, `[cors]` and `[[upstreams]]`: the upstreams of the proxy, and how requests are forwarded.

use std::time::Duration;

use mcp_audit_log::capture::proxy::{ProxyOptions, Timeouts};
use mcp_audit_log::capture::upstream::{HostHeader, Upstream, UpstreamError};
use mcp_audit_log::identity::{Origin, Origins};
use serde::{Deserialize, Serialize};

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
    pub(super) fn options(&self, cors: &CorsTable, https: bool) -> ProxyOptions {
        let public = self.public_url.as_ref().map(|url| url.value().clone());
        let timeouts = timeouts([self.connect_seconds, self.tls_seconds, self.first_byte_seconds, self.idle_seconds]);
        // A page of the proxy's own address is no foreign one.
        let origins = cors.origins().iter().chain(&public).cloned().collect();
        ProxyOptions { timeouts, origins, public, https }
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
#[serde(try_from = "Written", into = "Written")]
pub(in crate::cli) struct Server(pub(in crate::cli) Upstream);

impl Server {
    /// Makes calls wait until their intent is durable.
    pub(in crate::cli) fn be_strict(&mut self) {
        self.0 = self.0.clone().with_strict(true);
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Text<Name>,
    url: Text<Url>,
    host: Option<Text<HostHeader>>,
    connect_seconds: Option<u32>,
    tls_seconds: Option<u32>,
    first_byte_seconds: Option<u32>,
    idle_seconds: Option<u32>,
    strict: Option<bool>,
}

/// The name and the URL of an upstream. Each is checked alone, so that an error has its own line.
struct Name(String);
struct Url(String);

impl Read for Name {
    fn read(text: &str) -> Result<Self, String> {
        Upstream::new(text, "http://host/").map(|_| Self(text.to_owned())).map_err(|error| error.to_string())
    }
}

impl Read for Url {
    fn read(text: &str) -> Result<Self, String> {
        Upstream::new("name", text).map(|_| Self(text.to_owned())).map_err(|error| match error {
            UpstreamError::Url(_, why) => format!("{text:?} is not a URL: {why}"),
            UpstreamError::Scheme(_) => {
                format!(
                    "{text:?} must begin with http:// or https:// and name a host, such as http://127.0.0.1:9000/mcp"
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

impl TryFrom<Written> for Server {
    type Error = UpstreamError;

    fn try_from(written: Written) -> Result<Self, UpstreamError> {
        let Written { name, url, host, connect_seconds, tls_seconds, first_byte_seconds, idle_seconds, strict } =
            written;
        let limits = timeouts([connect_seconds, tls_seconds, first_byte_seconds, idle_seconds]);
        let host = host.map(|host| *host.value()).unwrap_or_default();
        let upstream = Upstream::new(&name.value().0, &url.value().0)?.with_host(host).with_timeouts(limits);
        Ok(Self(upstream.with_strict(strict.unwrap_or_default())))
    }
}

impl From<Server> for Written {
    fn from(Server(upstream): Server) -> Self {
        let Timeouts { connect, tls, first_byte, idle } = upstream.timeouts();
        let [connect_seconds, tls_seconds, first_byte_seconds, idle_seconds] = [connect, tls, first_byte, idle]
            .map(|limit| limit.map(|limit| u32::try_from(limit.as_secs()).unwrap_or(u32::MAX)));
        let host = match upstream.host_header() {
            HostHeader::Upstream => "upstream",
            HostHeader::Client => "client",
        };
        Self {
            name: Text::of(upstream.name(), Name(upstream.name().to_owned())),
            url: Text::of(&upstream.url().to_string(), Url(upstream.url().to_string())),
            host: Some(Text::of(host, upstream.host_header())),
            connect_seconds,
            tls_seconds,
            first_byte_seconds,
            idle_seconds,
            strict: Some(upstream.is_strict()),
        }
    }
}
