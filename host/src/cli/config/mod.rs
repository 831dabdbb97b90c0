//! The configuration file: everything that `serve` can do, in TOML. `docs/mcp-audit-log.toml` explains every option.

mod checkpoints;
mod lake;
mod proxy;
mod secrets;
mod sign_in;
mod sinks;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use mcp_audit_log::capture::proxy::ProxyOptions;
use mcp_audit_log::capture::upstream::Upstream;
use mcp_audit_log::identity::{GroupMap, Network, Origins, TrustedProxies};
use mcp_audit_log::lake::LAKE_SINK;
use mcp_audit_log::ledger::VerifierKey;
use mcp_audit_log::manifest::Manifest;
use mcp_audit_log::policy::Floors;
use mcp_audit_log::price::Prices;
use mcp_audit_log::recorder::QueueLimits;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::advice::{Failure, unreadable};
pub(super) use checkpoints::CheckpointTable;
pub(super) use lake::LakeTable;
pub(super) use proxy::{CorsTable, ProxyTable, Server};
#[cfg(feature = "mcp")]
pub(super) use secrets::authorities;
pub(super) use sign_in::SignInTable;
pub(super) use sinks::{OpenedSink, SinkTable};
use text::Mistake;
pub(super) use text::{BasePath, MaskName, Text, address, base_path};

/// The content of the file. Missing values have their defaults; the command line overrides the file.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    pub(super) data: Option<PathBuf>,
    pub(super) policy: Option<PathBuf>,
    /// Extensions over the policy.
    pub(super) extend: Option<Vec<PathBuf>>,
    /// The keys that must sign the policy and its extensions.
    pub(super) policy_signers: Option<Vec<Text<VerifierKey>>>,
    /// Whether the policy alone keeps tenants apart.
    pub(super) policy_rules_tenants: Option<bool>,
    /// Masks of the host's own that are off.
    pub(super) masks_off: Option<Vec<Text<MaskName>>>,
    pub(super) listen: Option<Text<SocketAddr>>,
    pub(super) metrics: Option<Text<SocketAddr>>,
    pub(super) https: Option<bool>,
    /// The path below which MCP, API and pages are served.
    pub(super) path: Option<Text<BasePath>>,
    pub(super) trusted_proxies: Option<Vec<Text<Network>>>,
    pub(super) queue: Option<Queue>,
    pub(super) checkpoints: Option<CheckpointTable>,
    pub(super) sign_in: Option<SignInTable>,
    /// Group names of a directory, and the policy's groups of each.
    pub(super) groups: Option<BTreeMap<String, Vec<String>>>,
    pub(super) proxy: Option<ProxyTable>,
    pub(super) cors: Option<CorsTable>,
    pub(super) upstreams: Option<Vec<Server>>,
    /// Destinations of entries outside of the log.
    sinks: Option<Vec<SinkTable>>,
    /// Sealed segments of the log.
    pub(super) lake: Option<LakeTable>,
    /// The prices of language models.
    pub(super) prices: Option<Prices>,
}

/// How much may wait to be recorded.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Queue {
    #[serde(default, deserialize_with = "items")]
    items: Option<NonZeroUsize>,
    bytes: Option<NonZeroUsize>,
}

/// The vector is allocated for the declared number of items.
fn items<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroUsize>, D::Error> {
    const MOST: usize = 1 << 20;
    match NonZeroUsize::deserialize(deserializer)? {
        items if items.get() > MOST => Err(de::Error::custom(format!("use at most {MOST} items"))),
        items => Ok(Some(items)),
    }
}

impl Config {
    /// Reads the file, if one is named.
    pub(super) fn load(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = fs::read_to_string(path).map_err(unreadable(path, "--config"))?;
        let config = Self::read(&text).map_err(|mistake| format!("{}, {mistake}", path.display()))?;
        Ok(config.beside(path.parent().unwrap_or(Path::new(""))))
    }

    fn read(text: &str) -> Result<Self, Mistake> {
        let config: Self = toml::from_str(text).map_err(|error| Mistake::new(text, &error))?;
        let believes = config.trusted_proxies.as_ref().is_some_and(|proxies| !proxies.is_empty());
        if config.sign_in().header.is_some() && !believes {
            let advice = "these headers are trusted from no address: add your proxy's address to trusted_proxies";
            return Err(Mistake::of(text, "[sign_in.header]", advice));
        }
        if let Some(advice) = config.sign_in().header.and_then(|header| header.mistake()) {
            return Err(Mistake::of(text, "[sign_in.header]", &advice));
        }
        if let SignInTable { tokens: Some(false), header: None, jwt: None, oidc: None, .. } = config.sign_in() {
            let advice =
                "no sign-in is configured: tokens are off; add [sign_in.header], [sign_in.jwt] or [sign_in.oidc]";
            return Err(Mistake::of(text, "[sign_in]", advice));
        }
        Ok(config)
    }

    /// Paths in the file are meant from where the file is.
    fn beside(mut self, folder: &Path) -> Self {
        let extensions = self.extend.iter_mut().flatten();
        for path in [&mut self.data, &mut self.policy].into_iter().flatten().chain(extensions) {
            *path = folder.join(&path);
        }
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.beside(folder);
        }
        if let Some(sign_in) = &mut self.sign_in {
            sign_in.beside(folder);
        }
        self.upstreams.iter_mut().flatten().for_each(|server| server.beside(folder));
        self.sinks.iter_mut().flatten().for_each(|sink| sink.beside(folder));
        self.lake.iter_mut().for_each(|lake| lake.beside(folder));
        self
    }

    pub(super) fn queue(&self) -> QueueLimits {
        let default = QueueLimits::default();
        let Some(Queue { items, bytes }) = self.queue else { return default };
        QueueLimits {
            items: items.map_or(default.items, NonZeroUsize::get),
            bytes: bytes.map_or(default.bytes, NonZeroUsize::get),
        }
    }

    /// The keys that must sign the policy and its extensions; none: they need no signature.
    pub(super) fn policy_signers(&self) -> Vec<VerifierKey> {
        self.policy_signers.iter().flatten().map(|key| key.value().clone()).collect()
    }

    /// The floors below every policy that are turned off.
    pub(super) fn floors(&self) -> Floors {
        Floors {
            policy_rules_tenants: self.policy_rules_tenants == Some(true),
            masks_off: self.masks_off.iter().flatten().map(|mask| mask.value().0.clone()).collect(),
        }
    }

    pub(super) fn checkpoints(&self) -> CheckpointTable {
        self.checkpoints.clone().unwrap_or_default()
    }

    pub(super) fn sign_in(&self) -> SignInTable {
        self.sign_in.clone().unwrap_or_default()
    }

    /// How the proxy hands requests on.
    pub(super) fn proxy(&self) -> ProxyOptions {
        let cors = self.cors.clone().unwrap_or_default();
        self.proxy.clone().unwrap_or_default().options(&cors, self.https == Some(true), self.path())
    }

    /// The path below which everything is served: empty, or with a slash in front.
    pub(super) fn path(&self) -> &str {
        self.path.as_ref().map_or("", |path| &path.value().0)
    }

    /// Whether browsers use https: as `https` says, and otherwise as the public URL does.
    pub(super) fn is_https(&self) -> bool {
        self.https.unwrap_or_else(|| self.public_site().is_some_and(|site| site.starts_with("https://")))
    }

    /// The address of the site as browsers outside write it, if it is configured.
    pub(super) fn public_site(&self) -> Option<String> {
        let public = self.proxy.as_ref().and_then(|proxy| proxy.public_url.as_ref());
        public.map(|url| url.value().to_string() + self.path())
    }

    /// The sites whose pages may call from a browser.
    pub(super) fn origins(&self) -> Origins {
        self.cors.clone().unwrap_or_default().origins()
    }

    /// The policy's groups of users who sign in by a header or a JWT.
    pub(super) fn group_map(&self) -> GroupMap {
        let everybody = self.sign_in().everybody.unwrap_or_default();
        GroupMap::new(self.groups.clone().unwrap_or_default(), everybody)
    }

    /// The upstreams, as they are configured.
    pub(super) fn servers(&self) -> &[Server] {
        self.upstreams.as_deref().unwrap_or_default()
    }

    /// The upstreams with their credentials, each under a name of its own.
    pub(super) fn open_upstreams(&self) -> Result<Vec<Upstream>, Failure> {
        one_name_each("upstreams", self.servers().iter().map(Server::name))?;
        self.servers().iter().map(Server::open).collect()
    }

    /// The sinks, as they are configured.
    pub(super) fn sinks(&self) -> &[SinkTable] {
        self.sinks.as_deref().unwrap_or_default()
    }

    /// The names under which the log stores how far its sinks and its lake are.
    pub(super) fn sink_names(&self) -> Vec<&str> {
        let sinks = self.sinks().iter().map(SinkTable::name);
        sinks.chain(self.lake.iter().map(|_| LAKE_SINK)).collect()
    }

    /// The sinks with their destinations, each under a name of its own.
    pub(super) fn open_sinks(&self) -> Result<Vec<OpenedSink>, Failure> {
        one_name_each("sinks", self.sink_names().into_iter())?;
        self.sinks().iter().map(SinkTable::open).collect()
    }

    /// Groups that people or sinks would be given and that the policy does not know.
    pub(super) fn unknown_groups(&self, manifest: &Manifest) -> Vec<String> {
        let mapped = self.groups.iter().flatten().flat_map(|(_, groups)| groups);
        let everybody = self.sign_in().everybody.unwrap_or_default();
        let is_unknown = |name: &&String| manifest.groups.iter().all(|group| group.name != **name);
        let of_lake = self.lake.iter().flat_map(|lake| &lake.groups);
        let of_sinks = self.sinks().iter().flat_map(|sink| &sink.groups).chain(of_lake);
        mapped.chain(&everybody).chain(of_sinks).filter(is_unknown).cloned().collect()
    }

    /// The trusted proxies.
    pub(super) fn front(&self) -> TrustedProxies {
        let front = TrustedProxies::new(self.trusted_proxies.iter().flatten().map(|network| *network.value()));
        match self.sign_in().header {
            Some(header) => front.sign_in(header.names(), self.group_map()),
            None => front,
        }
    }
}

fn one_name_each<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("two {what} are called {:?}; give each its own name", pair[0]).into()),
        None => Ok(()),
    }
}
