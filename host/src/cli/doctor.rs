//! `mcp-audit-log doctor`: whether a server works with this configuration, and what to do where it does not.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use axum::http::header;
use clap::Args;
use mcp_audit_log::capture::upstream::{HostHeader, Upstream};
use mcp_audit_log::filter::Domain;
use mcp_audit_log::http_client::{HttpClient, Post};
use mcp_audit_log::time::{Clock, SystemClock, Timestamp};
use mcp_audit_log::time_zone::TimeZone;
use mcp_audit_log::tokens::Tokens;
use mcp_audit_log::{LogView, Viewer, newest_backup, old_log};
use mcp_audit_log_model::format::{bytes, count};

use super::Outcome;
use super::advice::Failure;
use super::common::say;
use super::config::Config;
use super::serve::{DATA, Serve, options};

/// Less free space than this, or than a twentieth of the disk, is too little, in bytes.
const LITTLE: u64 = 1 << 30;
/// A signed checkpoint that is older than this while there are newer entries, and a backup, in microseconds.
const OLD_CHECKPOINT: i64 = 2 * 3_600_000_000;
const OLD_BACKUP: i64 = 2 * 86_400_000_000;
/// How far the clock may be behind the newest entry, in microseconds.
const BEHIND: i64 = 60_000_000;
/// How long an upstream may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes the options of `serve`, looks at everything that they name, and changes nothing; a server may be running. It
/// asks each upstream for a `ping`.
///
/// Exits with 0 if everything is OK, and with 1 if something needs attention.
#[derive(Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    serve: Box<Serve>,
    /// The folder of the backups, to see how old the newest is.
    #[arg(long, value_name = "DIR")]
    backups: Option<PathBuf>,
}

/// What was found about one thing.
struct Finding {
    about: String,
    /// What is well, or what to do.
    said: Result<String, String>,
}

impl Finding {
    fn well(about: impl Into<String>, said: impl Display) -> Self {
        Self { about: about.into(), said: Ok(said.to_string()) }
    }

    fn amiss(about: impl Into<String>, said: impl Display) -> Self {
        Self { about: about.into(), said: Err(said.to_string()) }
    }
}

impl Doctor {
    pub(super) fn run(self) -> Outcome {
        let Self { serve, backups } = self;
        let config = serve.configuration()?;
        let data = config.data.clone().unwrap_or_else(|| DATA.into());
        let mut found = vec![Finding::well("version", super::version())];
        found.extend(folder(&data));
        found.extend(disk(&data));
        match data.is_dir().then(|| options(&config, data.clone())?.view().map_err(Failure::from)) {
            None => found
                .push(Finding::amiss("log", format_args!("there is none in {} yet; `serve` makes it", data.display()))),
            Some(Err(error)) => found.push(Finding::amiss("log", error)),
            Some(Ok(log)) => match in_log(&log, &config.sink_names()) {
                Ok(findings) => found.extend(findings),
                Err(error) => found.push(Finding::amiss("log", format_args!("an admin cannot read it: {error}"))),
            },
        }
        found.extend(old_log(&data).map(|(old, is_upgraded)| {
            let said = if is_upgraded {
                "the log before its upgrade, which no cleanup reaches; delete it and the files named after it when you \
                 need it no more"
            } else {
                "the only copy of this log, which is not upgraded yet; keep it"
            };
            Finding::amiss("upgrade", format_args!("{} is {said}", old.display()))
        }));
        found.extend(backups.as_deref().map(|folder| backup(folder, SystemClock.now())));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let public = config.proxy.as_ref().and_then(|proxy| proxy.public_url.as_ref());
        let public = public.map(|url| url.value().to_string());
        found.extend(runtime.block_on(provider(&config, &data)));
        for server in config.servers() {
            let about = format!("upstream {}", server.name());
            found.push(match server.open() {
                Ok(upstream) => runtime.block_on(asked(about, &upstream, public.as_deref())),
                Err(error) => Finding::amiss(about, error),
            });
        }
        for Finding { about, said } in &found {
            match said {
                Ok(said) => say(format_args!("OK               {about}: {said}"))?,
                Err(said) => say(format_args!("Needs attention  {about}: {said}"))?,
            }
        }
        let is_well = found.iter().all(|finding| finding.said.is_ok());
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The folder is its owner's alone.
#[cfg(unix)]
fn folder(data: &Path) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(data).ok()?.permissions().mode();
    let name = data.display();
    Some(match mode & 0o077 {
        0 => Finding::well("folder", format_args!("only its owner may enter {name}")),
        _ => Finding::amiss(
            "folder",
            format_args!("other users of this machine may enter {name}; run `chmod 700 {name}`"),
        ),
    })
}

#[cfg(not(unix))]
fn folder(_: &Path) -> Option<Finding> {
    None
}

/// There is room for more.
#[cfg(unix)]
fn disk(data: &Path) -> Option<Finding> {
    let place = data.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(place).ok()?;
    let (free, all) = (disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize));
    let said = format!("{} of {} are free", bytes(free), bytes(all));
    Some(match free < LITTLE.max(all / 20).min(all / 2) {
        true => Finding::amiss("disk", format_args!("only {said}; make room, or keep entries for a shorter time")),
        false => Finding::well("disk", said),
    })
}

#[cfg(not(unix))]
fn disk(_: &Path) -> Option<Finding> {
    None
}

/// What the log itself tells: its policy, its clock, its signatures, its sinks.
fn in_log(log: &LogView, sinks: &[&str]) -> Result<Vec<Finding>, Failure> {
    let operator = Viewer { user: "operator".to_owned(), groups: vec!["admin".to_owned()], instance: None };
    let (access, now) = (log.access(&operator), log.now());
    let newest = log.reader(&access).page(Domain::TRUE, None, 1).map_err(|error| error.to_string())?.entries.pop();
    let mut found = vec![Finding::well("policy", log.policy_title())];
    let Some(newest) = newest else {
        found.push(Finding::well("log", "it has no entry that an admin may see"));
        return Ok(found);
    };
    let said = format!(
        "the newest entry has seq {} and was recorded {}",
        count(newest.seq),
        TimeZone::UTC.ago(newest.recorded_at, now)
    );
    found.push(Finding::well("log", said));
    found.push(match newest.recorded_at.as_micros() - now.as_micros() > BEHIND {
        true => Finding::amiss(
            "clock",
            format_args!(
                "it is {now}, but the newest entry was recorded at {}; set the clock right",
                newest.recorded_at
            ),
        ),
        false => Finding::well("clock", now),
    });
    found.push(match log.checkpoint(&access).map_err(|error| error.to_string())? {
        None => Finding::amiss("checkpoint", "nothing is signed yet; a server signs within a minute"),
        Some(signed) => {
            let (size, at) = (signed.checkpoint.size, signed.checkpoint.signed_at);
            let said = format!("the first {} entries were signed {}", count(size), TimeZone::UTC.ago(at, now));
            let waits = newest.seq >= size && now.as_micros() - at.as_micros() > OLD_CHECKPOINT;
            match waits {
                true => Finding::amiss(
                    "checkpoint",
                    format_args!("{said}, and there are newer ones; see the log of the server"),
                ),
                false => Finding::well("checkpoint", said),
            }
        }
    });
    for name in sinks {
        let about = format!("sink {name}");
        found.push(match log.stored_sink(name)? {
            None => Finding::amiss(about, "it never began; a server with this configuration begins it"),
            Some(stored) if stored.failing => Finding::amiss(
                about,
                format_args!(
                    "{} entries wait, and it is failing; run `mcp-audit-log sink test {name}`",
                    stored.waiting
                ),
            ),
            Some(stored) => Finding::well(about, format_args!("{} entries wait", count(stored.waiting))),
        });
    }
    Ok(found)
}

/// There is a backup that is not old.
fn backup(folder: &Path, now: Timestamp) -> Finding {
    let summary = match newest_backup(folder) {
        Ok((_, summary)) => summary,
        Err(error) => return Finding::amiss("backup", error),
    };
    let said = format!(
        "the newest was made {} and has {} entries",
        TimeZone::UTC.ago(summary.made_at, now),
        count(summary.size - summary.first)
    );
    match now.as_micros() - summary.made_at.as_micros() > OLD_BACKUP {
        true => Finding::amiss("backup", format_args!("{said}; does the timer run?")),
        false => Finding::well("backup", said),
    }
}

/// The OpenID provider describes itself as it is configured.
async fn provider(config: &Config, data: &Path) -> Option<Finding> {
    let (table, about) = (config.sign_in().oidc?, "OpenID provider");
    let Some(sessions) = Tokens::existing(data) else {
        return Some(Finding::amiss(about, "it was not asked, as there is no file of tokens yet; `serve` makes it"));
    };
    let looked = match table.open(config.public_site(), config.group_map(), sessions) {
        Ok(oidc) => oidc.look().await.map(|()| oidc.redirect().to_owned()).map_err(Failure::from),
        Err(error) => Err(error),
    };
    Some(match looked {
        Ok(redirect) => Finding::well(about, format_args!("it answers; its redirect URI for this log is {redirect}")),
        Err(error) => Finding::amiss(about, error),
    })
}

/// The upstream answers, and accepts the `Host` that it is sent. `public` is the address of the server itself.
async fn asked(about: String, upstream: &Upstream, public: Option<&str>) -> Finding {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let own = upstream.headers().iter();
    let own = own.filter_map(|(name, value)| Some((name.clone(), value.to_str().ok()?.to_owned())));
    let accept = (header::ACCEPT, "application/json, text/event-stream".to_owned());
    let headers = std::iter::once(accept).filter(|_| !upstream.headers().contains_key(header::ACCEPT)).chain(own);
    let public = public.and_then(|url| url.split_once("://")).filter(|_| upstream.host_header() == HostHeader::Client);
    let headers = headers.chain(public.map(|(_, host)| (header::HOST, host.to_owned())));
    let post = Post { headers: headers.collect(), patience: PATIENCE, ..Post::new("application/json", ping) };
    let answer = match HttpClient::trusting(upstream.url(), upstream.authorities(), upstream.is_http2()) {
        Ok(client) => client.post(&upstream.whole_url(), post).await,
        Err(error) => Err(error.to_string()),
    };
    match answer.map(|answer| answer.status.as_u16()) {
        Err(reason) => Finding::amiss(about, format_args!("{reason}; is its URL right, and does it run?")),
        Ok(status @ (401 | 403)) if upstream.has_credentials() => Finding::amiss(
            about,
            format_args!("it answers with {status}; are the credentials in its `headers` or its URL right?"),
        ),
        Ok(status @ (403 | 421)) => Finding::amiss(
            about,
            format_args!(
                "it answers with {status}; if it checks the Host header, allow its own host there, or set `host`"
            ),
        ),
        Ok(status @ 500..) => Finding::amiss(about, format_args!("it answers with {status}; see its own log")),
        Ok(401) => Finding::well(about, "it answers, and wants a sign-in of its own"),
        Ok(status) => Finding::well(about, format_args!("it answers ({status})")),
    }
}
