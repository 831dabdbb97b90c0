//! `mcp-audit-log match`: whether a text is the request or response of an entry, by its digests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::capture::body_digests;
use mcp_audit_log::entry::Entry;
use mcp_audit_log::secret::Secret;
use uuid::Uuid;

use super::Outcome;
use super::advice::{Advised, Failure, entry_id, no_entry, unreadable};
use super::common::{LogOptions, ViewerOptions, say};

#[derive(Args)]
pub(super) struct Match {
    /// The entry's id, as in `list`.
    #[arg(long, value_name = "ID", value_parser = entry_id)]
    entry: Uuid,
    /// A file to compare with the request.
    #[arg(long, value_name = "FILE", required_unless_present = "response")]
    request: Option<PathBuf>,
    /// A file to compare with the response.
    #[arg(long, value_name = "FILE")]
    response: Option<PathBuf>,
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    viewer: ViewerOptions,
}

impl Match {
    pub(super) fn run(self) -> Outcome {
        let viewer = self.viewer.viewer();
        let log = self.log.view()?;
        let entry = log.reader(&log.access(&viewer)).entry(self.entry).advised(&log)?;
        let entry = entry.ok_or_else(|| no_entry(self.entry, &viewer))?;
        let secret = Secret::read(&self.log.data)
            .map_err(|error| format!("the digest key cannot be read, so nothing can be compared: {error}"))?;
        let mut all = true;
        for (what, file) in [("request", &self.request), ("response", &self.response)] {
            let Some(file) = file else { continue };
            let matches = matches(&entry, what, file, &secret)?;
            all &= matches;
            let is = if matches { "is" } else { "is not" };
            say(format_args!("{} {is} the {what} of {}.", file.display(), self.entry))?;
        }
        Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn matches(entry: &Entry, what: &str, file: &Path, secret: &Secret) -> Result<bool, Failure> {
    let digest = entry.details.get(&format!("{what}_digest")).and_then(|digest| digest.as_str()).ok_or_else(|| {
        format!(
            "entry {} has no digest of its {what}: digests are recorded only while the setting digest_bodies is on, \
             and only where there is a {what}",
            entry.id
        )
    })?;
    let bytes = fs::read(file).map_err(unreadable(file, &format!("--{what}")))?;
    Ok(body_digests(secret, &bytes).iter().any(|found| found == digest))
}
