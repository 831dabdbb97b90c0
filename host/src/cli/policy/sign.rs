//! `mcp-audit-log policy sign`: a vendor's signature of a policy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mcp_audit_log::policy_signature::{PolicyStatement, make_key, read_key};
use mcp_audit_log_policy_tools::declared::{extension_of_toml, policy_of_toml};
use mcp_audit_log_policy_tools::inspect::inspect;

use super::{DEFAULT, Layers};
use crate::cli::Outcome;
use crate::cli::advice::Failure;
use crate::cli::common::{component, note, note_path, say};

#[derive(Args)]
pub(in crate::cli) struct Sign {
    #[command(flatten)]
    layers: Layers,
    /// The file of the signing key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Create the key first, with this name; a name that is yours, such as a domain.
    #[arg(long, value_name = "NAME")]
    new: Option<String>,
}

impl Sign {
    pub(super) fn run(self) -> Outcome {
        let policy = self.layers.load()?;
        let files = std::iter::once(&self.layers.policy).chain(&self.layers.extend);
        let inspection = inspect(&policy);
        // Extensions are in the order of their needs, so each file is found again by its digest.
        let statement = |path: &Path| -> Result<PolicyStatement, Failure> {
            let made = if path == self.layers.policy { policy_of_toml } else { extension_of_toml };
            let digest = mcp_audit_log::policy::digest(&component(path, "FILE", made)?);
            let layer = inspection.layers.iter().find(|layer| layer.digest == digest);
            let layer = layer.ok_or_else(|| format!("{} was changed while it was read", path.display()))?;
            let [name, version, contract] = [&layer.name, &layer.version, layer.contract].map(String::from);
            Ok(PolicyStatement { name, version, contract, digest })
        };
        let files: Vec<_> = files.filter(|path| path.as_path() != Path::new(DEFAULT)).collect();
        if files.is_empty() {
            return Err(
                "name a component to sign; the default policy is part of the program and needs no signature".into()
            );
        }
        let key = match &self.new {
            Some(name) => make_key(&self.key, name)?,
            None => read_key(&self.key)?,
        };
        for path in files {
            let statement = statement(path)?;
            let path = note_path(path);
            let signed = statement.sign(&key)?.to_string();
            fs::write(&path, signed).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
            note(format_args!("{} is signed in {}", statement.title(), path.display()));
        }
        note("Operators trust this key with policy_signers in their configuration file:");
        say(key.verifier())?;
        Ok(ExitCode::SUCCESS)
    }
}
