//! `mcp-audit-log policy activate` and `rollback`: another policy in place of the active one, beside a running server
//! through its API, or directly where no server has the log open.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use axum::http::Uri;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use mcp_audit_log::http_client::{Answer, HttpClient, Post};
use mcp_audit_log::{AuditLog, ChangeError, Grant, PolicyRequest, judged_by::PolicySwap};
use serde_json::{Value as Json, json};

use super::super::Outcome;
use super::super::advice::{Advised, Failure};
use super::super::common::{LogOptions, Signing, ViewerOptions, note_path, say};
use super::super::print::{inert, json_line};
use super::{Components, Layers, read};

/// How long the server may take: a large component is compiled first.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Args)]
pub(in crate::cli) struct Activate {
    #[command(flatten)]
    layers: Layers,
    #[command(flatten)]
    change: PolicyChange,
}

#[derive(Args)]
pub(in crate::cli) struct Rollback {
    #[command(flatten)]
    change: PolicyChange,
}

/// The log whose policy changes, and why.
#[derive(Args)]
struct PolicyChange {
    /// The reason; the log records it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The URL of the server that has the log open, such as http://127.0.0.1:8700. The token is read from
    /// MCP_AUDIT_LOG_TOKEN. Without this option no server may have the log open.
    #[arg(long, value_name = "URL", env = "MCP_AUDIT_LOG_SERVER")]
    server: Option<Uri>,
    /// The folder of the log, where no server has it open.
    #[arg(long, value_name = "DIR", default_value = "mcp-audit-log-data", env = "MCP_AUDIT_LOG_DATA")]
    data: PathBuf,
    #[command(flatten)]
    signing: Signing,
    /// The viewer, where no server has the log open. A declared widening needs both groups, `admin` and `auditor`.
    #[command(flatten)]
    viewer: ViewerOptions,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Activate {
    pub(super) fn run(self) -> Outcome {
        let Components { policy, extensions } = read(&self.layers.policy, &self.layers.extend)?;
        let reason = self.change.reason.clone();
        let files = [&self.layers.policy].into_iter().chain(&self.layers.extend);
        let notes: Vec<_> = files.filter_map(|path| std::fs::read(note_path(path)).ok()).collect();
        if let Some(server) = &self.change.server {
            let notes: Vec<_> = notes.iter().map(|note| String::from_utf8_lossy(note)).collect();
            let base64 = |component: &Vec<u8>| BASE64_STANDARD.encode(component);
            let extensions: Vec<_> = extensions.iter().map(base64).collect();
            let body = json!({ "policy": policy.as_ref().map(base64), "extensions": extensions, "notes": notes, "reason": reason });
            return self.change.print(&ask(server, "policy", &body)?);
        }
        let wanted = PolicyRequest { policy, extensions, reason, notes };
        self.change.directly(|log, access| log.activate_policy(access, &wanted))
    }
}

impl Rollback {
    pub(super) fn run(self) -> Outcome {
        let reason = self.change.reason.clone();
        if let Some(server) = &self.change.server {
            return self.change.print(&ask(server, "policy/rollback", &json!({ "reason": reason }))?);
        }
        self.change.directly(|log, access| log.roll_back_policy(access, &reason))
    }
}

impl PolicyChange {
    /// Changes the policy of a log that no server has open.
    fn directly(self, change: impl FnOnce(&AuditLog, &Grant) -> Result<PolicySwap, ChangeError>) -> Outcome {
        let (data, signing) = (self.data.clone(), self.signing.clone());
        let log = LogOptions { data, policy: None, extend: Vec::new(), signing }.open_for_a_moment()?;
        let swap = change(&log, &log.view().access(&self.viewer.viewer())).advised(log.view())?;
        self.print(&serde_json::to_value(swap)?)
    }

    fn print(&self, swap: &Json) -> Outcome {
        if self.json {
            json_line(swap)?;
        } else {
            print(swap)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Asks a server to change its policy.
fn ask(server: &Uri, path: &str, body: &Json) -> Result<Json, Failure> {
    let token = std::env::var("MCP_AUDIT_LOG_TOKEN").map_err(
        |_| "no token: set MCP_AUDIT_LOG_TOKEN to a token of an administrator (`mcp-audit-log token create`)",
    )?;
    let url: Uri = format!("{}/api/v1/{path}", server.to_string().trim_end_matches('/')).parse()?;
    let client = HttpClient::new(&url)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let post = Post { token: Some(token), patience: PATIENCE, ..Post::new("application/json", body.to_string()) };
    let answer = runtime.block_on(client.post(&url, post));
    let Answer { status, body, .. } = answer.map_err(|why| format!("the server cannot be asked: {why}"))?;
    let answer: Json = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
    if status.is_success() {
        return Ok(answer);
    }
    let why = answer["detail"].as_str().unwrap_or("it gave no reason");
    Err(format!("the server refused it ({status}): {}", inert(why)).into())
}

fn print(swap: &Json) -> io::Result<()> {
    let text = |json: &Json| inert(json.as_str().unwrap_or_default());
    for layer in swap["layers"].as_array().into_iter().flatten() {
        say(format_args!(
            "judges now: {} {} ({})",
            text(&layer["name"]),
            text(&layer["version"]),
            text(&layer["digest"])
        ))?;
    }
    for (name, title) in [
        ("settings_added", "new settings"),
        ("settings_dropped", "settings no longer there"),
        ("settings_back", "settings with an earlier value, in force again"),
        ("groups_added", "new groups"),
        ("groups_dropped", "groups no longer there"),
        ("tokens_gaining", "tokens with a new group"),
        ("widenings", "widenings"),
    ] {
        let list: Vec<_> = swap[name].as_array().into_iter().flatten().map(text).collect();
        if !list.is_empty() {
            say(format_args!("{title}: {}", list.join(", ")))?;
        }
    }
    Ok(())
}
