//! `[checkpoints]`: which keys sign the log, and where that is published.

use std::path::{Path, PathBuf};

use axum::http::Uri;
use mcp_audit_log::publish::{Destinations, EndpointOptions};
use mcp_audit_log::signer::SignerOptions;
use serde::{Deserialize, Serialize};

use super::text::{Read, Text};

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::cli) struct CheckpointTable {
    pub(in crate::cli) origin: Option<String>,
    pub(in crate::cli) signing_key: Option<PathBuf>,
    pub(in crate::cli) last_signed: Option<PathBuf>,
    pub(in crate::cli) folder: Option<PathBuf>,
    pub(in crate::cli) url: Option<Text<Uri>>,
    pub(in crate::cli) stdout: Option<bool>,
}

impl CheckpointTable {
    pub(super) fn beside(&mut self, folder: &Path) {
        for path in [&mut self.signing_key, &mut self.last_signed, &mut self.folder].into_iter().flatten() {
            *path = folder.join(&path);
        }
    }

    /// The signer's options. `keys` come from the environment.
    pub(in crate::cli) fn signer(&self, keys: Option<String>) -> SignerOptions {
        let Self { origin, signing_key, last_signed, .. } = self.clone();
        SignerOptions { keys, key_file: signing_key, origin, last_signed, resume: None }
    }

    /// The destinations. `token` comes from the environment.
    pub(in crate::cli) fn places(&self, token: Option<String>) -> Destinations {
        let endpoint = self.url.as_ref().map(|url| EndpointOptions { url: url.value().clone(), token });
        Destinations { folder: self.folder.clone(), endpoint, output: self.stdout == Some(true) }
    }
}

impl Read for Uri {
    fn read(text: &str) -> Result<Self, String> {
        let url = text.parse::<Self>().ok().filter(|url| url.host().is_some() && url.scheme().is_some());
        url.ok_or_else(|| format!("{text:?} is not a URL; write one such as https://witness.example.com/checkpoints"))
    }
}
