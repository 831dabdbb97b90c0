//! `[[sinks]]`: destinations of entries outside of the log. Only this file configures them: what leaves the log is decided
//! by the operator of its machine, and not over the API.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::Uri;
use mcp_audit_log::Viewer;
use mcp_audit_log::filter::{Context, parse_text};
use mcp_audit_log::sink::{EntryBatch, Sink, SinkOptions};
use mcp_audit_log::sinks::{Otlp, OtlpOptions, SigningSecret, Syslog, SyslogOptions, Webhook, WebhookOptions};
use mcp_audit_log::time::{Clock, SystemClock, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::advice::Failure;
use super::secrets::{authorities, secret, secret_line};
use super::text::{Read, Text};

/// The time that a destination has to answer, unless the file sets another one.
const PATIENCE_SECONDS: u32 = 30;

/// A sink, ready to be started.
pub(in crate::cli) type OpenedSink = (SinkOptions, Box<dyn Sink<EntryBatch>>);

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct SinkTable {
    name: Text<SinkName>,
    pub(in crate::cli) groups: Vec<String>,
    user: Option<String>,
    instance: Option<String>,
    filter: Option<Text<SinkFilter>>,
    from: Option<Text<SinkStart>>,
    batch: Option<NonZeroUsize>,
    hold_days: Option<u32>,
    timeout_seconds: Option<u32>,
    webhook: Option<WebhookTable>,
    syslog: Option<SyslogTable>,
    otlp: Option<OtlpTable>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WebhookTable {
    url: Text<Uri>,
    secret_file: Option<PathBuf>,
    secret_env: Option<String>,
    token_file: Option<PathBuf>,
    token_env: Option<String>,
    ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SyslogTable {
    url: Text<SyslogUrl>,
    ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct OtlpTable {
    url: Text<Uri>,
    token_file: Option<PathBuf>,
    token_env: Option<String>,
    ca_file: Option<PathBuf>,
}

/// The address of a syslog receiver.
#[derive(Clone, Debug)]
struct SyslogUrl {
    host: String,
    port: u16,
    tls: bool,
}

impl Read for SyslogUrl {
    fn read(text: &str) -> Result<Self, String> {
        let advice = || format!("{text:?} is not a syslog receiver; write tls://HOST:6514, or tcp://127.0.0.1:601");
        let url: Uri = text.parse().map_err(|_| advice())?;
        let (tls, port) = match url.scheme_str() {
            Some("tls") => (true, 6_514),
            Some("tcp") => (false, 601),
            _ => return Err(advice()),
        };
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && !text.contains('@');
        let host = url.host().filter(|_| is_bare).ok_or_else(advice)?.to_owned();
        Ok(Self { host, port: url.port_u16().unwrap_or(port), tls })
    }
}

/// The name of a sink, under which the log stores how far it is.
#[derive(Clone, Debug)]
struct SinkName(String);

impl Read for SinkName {
    fn read(text: &str) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(is_plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("{text:?} is not a valid sink name: use 1 to 64 of a-z, 0-9, _ and -"))
    }
}

/// A filter that can be read.
#[derive(Clone, Debug)]
struct SinkFilter(String);

impl Read for SinkFilter {
    fn read(text: &str) -> Result<Self, String> {
        let context = Context::new(Timestamp::EPOCH, Some("user"), Some("tenant"));
        parse_text(text, &context).map(|_| Self(text.to_owned())).map_err(|error| error.to_string())
    }
}

/// Where a new sink begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SinkStart {
    First,
    Now,
}

impl Read for SinkStart {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "first" => Ok(Self::First),
            "now" => Ok(Self::Now),
            _ => Err(format!("{text:?} is not a start of a sink; use first or now")),
        }
    }
}

impl SinkTable {
    pub(super) fn beside(&mut self, folder: &Path) {
        let webhook = self
            .webhook
            .iter_mut()
            .flat_map(|table| [&mut table.secret_file, &mut table.token_file, &mut table.ca_file]);
        let syslog = self.syslog.iter_mut().map(|table| &mut table.ca_file);
        let otlp = self.otlp.iter_mut().flat_map(|table| [&mut table.token_file, &mut table.ca_file]);
        for path in webhook.chain(syslog).chain(otlp).flatten() {
            *path = folder.join(&path);
        }
    }

    pub(in crate::cli) fn name(&self) -> &str {
        &self.name.value().0
    }

    /// What it sends to, for people.
    pub(in crate::cli) fn destination(&self) -> String {
        let webhook = self.webhook.iter().map(|table| format!("webhook at {}", host(table.url.value())));
        let syslog = self.syslog.iter().map(|table| {
            let SyslogUrl { host, port, .. } = table.url.value();
            format!("syslog at {host}:{port}")
        });
        let otlp = self.otlp.iter().map(|table| format!("OTLP at {}", host(table.url.value())));
        webhook.chain(syslog).chain(otlp).collect::<Vec<_>>().join(" and ")
    }

    /// The sink with its destination. Secrets are read now.
    pub(in crate::cli) fn open(&self) -> Result<OpenedSink, Failure> {
        let name = self.name();
        let wrong = |error: String| Failure::from(format!("the sink {name:?}: {error}"));
        let patience = Duration::from_secs(self.timeout_seconds.unwrap_or(PATIENCE_SECONDS).max(1).into());
        let sink: Result<Box<dyn Sink<EntryBatch>>, Failure> = match (&self.webhook, &self.syslog, &self.otlp) {
            (Some(webhook), None, None) => webhook.open(patience).map(|sink| Box::new(sink) as _),
            (None, Some(syslog), None) => syslog.open(patience).map(|sink| Box::new(sink) as _),
            (None, None, Some(otlp)) => otlp.open(patience).map(|sink| Box::new(sink) as _),
            _ => Err("give it one destination: [sinks.webhook], [sinks.syslog] or [sinks.otlp]".into()),
        };
        let sink = sink.map_err(|error| wrong(error.to_string()))?;
        let user = self.user.clone().unwrap_or_else(|| format!("sink:{name}"));
        let viewer = Viewer { user, groups: self.groups.clone(), instance: self.instance.clone() };
        let mut options = SinkOptions::new(name, viewer.clone()).destination(self.destination());
        if let Some(filter) = &self.filter {
            let domain = parse_text(&filter.value().0, &viewer.context(SystemClock.now()));
            options = options.domain(domain.map_err(|error| wrong(format!("its filter: {error}")))?);
        }
        if let Some(batch) = self.batch {
            options = options.batch(batch.get());
        }
        if let Some(days) = self.hold_days {
            options = options.hold_days(days);
        }
        if self.from.as_ref().is_some_and(|from| *from.value() == SinkStart::Now) {
            options = options.from_now();
        }
        Ok((options, sink))
    }
}

impl WebhookTable {
    fn open(&self, patience: Duration) -> Result<Webhook, Failure> {
        let secret = secret("secret", self.secret_file.as_deref(), self.secret_env.as_deref())?;
        let secret = secret.map(|text| SigningSecret::parse(&text)).transpose();
        let secret = secret.map_err(|error| format!("its secret cannot be used: {error}"))?;
        let token = secret_line("token", self.token_file.as_deref(), self.token_env.as_deref())?;
        let (url, authorities) = (self.url.value().clone(), authorities(self.ca_file.as_deref())?);
        Ok(Webhook::new(WebhookOptions { url, secret, token, authorities, patience })?)
    }
}

impl OtlpTable {
    fn open(&self, patience: Duration) -> Result<Otlp, Failure> {
        let token = secret_line("token", self.token_file.as_deref(), self.token_env.as_deref())?;
        let (url, authorities) = (self.url.value().clone(), authorities(self.ca_file.as_deref())?);
        Ok(Otlp::new(OtlpOptions { url, token, authorities, patience })?)
    }
}

impl SyslogTable {
    fn open(&self, patience: Duration) -> Result<Syslog, Failure> {
        let SyslogUrl { host, port, tls } = self.url.value().clone();
        let authorities = authorities(self.ca_file.as_deref())?;
        Ok(Syslog::new(SyslogOptions { host, port, tls, authorities, patience })?)
    }
}

/// The host and port of a URL. The path is left out: that of many webhooks is a secret.
fn host(url: &Uri) -> String {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    authority.rsplit('@').next().unwrap_or_default().to_owned()
}
