//! Extensions over a policy, as addons over Odoo's base: each declares what it adds and returns only differences, and
//! the host merges.
//!
//! The modules, from the bottom up; each uses only those above it:

/// The declarations of an extension, read and checked alone.
pub(super) mod declare;
/// Which events an extension is asked about.
pub(super) mod interest;
/// The order of layers.
pub(super) mod order;

/// The declarations of all layers in one manifest.
pub(super) mod merge;

/// Access lines on a grant.
pub(super) mod access;
/// An extension's differences on a verdict.
pub(super) mod amend;

#[cfg(test)]
mod tests;

use mcp_audit_log_contract::extension::ExtensionManifest;

use super::breaker::Breaker;
use super::reads::Reads;
use super::sandbox::Sandbox;

/// A loaded extension.
pub(super) struct Layer {
    pub(super) sandbox: Sandbox,
    pub(super) breaker: Breaker,
    pub(super) reads: Reads,
    pub(super) manifest: ExtensionManifest,
    pub(super) digest: String,
}

/// An extension as the log shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One sentence about it.
    pub summary: String,
    /// SHA-256 of its component, as `sha256:` and hex.
    pub digest: String,
    /// The widenings that it declares.
    pub widens: Vec<&'static str>,
}

impl Layer {
    /// It as the log shows it.
    pub(super) fn shown(&self) -> Extension {
        let ExtensionManifest { name, version, summary, widens, .. } = &self.manifest;
        Extension {
            name: name.clone(),
            version: version.clone(),
            summary: summary.clone(),
            digest: self.digest.clone(),
            widens: widens.iter().map(|widening| widening.as_str()).collect(),
        }
    }
}

impl Extension {
    /// Its name, its version and its digest, for people.
    pub fn title(&self) -> String {
        format!("{} {} ({})", self.name, self.version, self.digest)
    }

    /// The ways in which the extension widens, as text.
    pub fn widenings(&self) -> Option<String> {
        (!self.widens.is_empty()).then(|| format!("{} widens {}", self.name, self.widens.join(" and ")))
    }
}
