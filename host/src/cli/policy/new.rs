//! `mcp-audit-log policy new` and `policy component`: a folder for a new policy, and the component of one in C.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use clap::{Args, ValueEnum};
use mcp_audit_log_policy_tools::new::{PolicyLanguage, component_of, new_policy};

use super::Failure;
use crate::cli::Outcome;
use crate::cli::advice::unreadable;
use crate::cli::common::say;

#[derive(Args)]
pub(in crate::cli) struct New {
    /// The name: lower-case letters, digits and `-`. It is the folder's name too.
    name: String,
    /// The language.
    #[arg(long, value_name = "LANGUAGE", default_value = "rust", value_parser = language())]
    lang: PolicyLanguage,
    /// Begin an extension over the default policy, or over any other, instead of a whole policy.
    #[arg(long, value_name = "POLICY")]
    extends: Option<Extended>,
}

/// What an extension can lie over.
#[derive(Clone, Copy, ValueEnum)]
enum Extended {
    Default,
}

fn language() -> impl clap::builder::TypedValueParser<Value = PolicyLanguage> {
    let names = PolicyLanguage::ALL.map(|(name, _)| name);
    PossibleValuesParser::new(names).try_map(|word| {
        let found = PolicyLanguage::ALL.into_iter().find(|(name, _)| *name == word);
        found.map(|(_, language)| language).ok_or("no such language")
    })
}

impl New {
    pub(super) fn run(self) -> Outcome {
        let new = new_policy(&self.name, self.lang, self.extends.is_some())?;
        let folder = Path::new(&self.name);
        let cannot =
            |path: &Path, error| -> Failure { format!("{} cannot be written: {error}", path.display()).into() };
        // An existing folder has other work in it.
        fs::create_dir(folder).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                format!("{} is there already; choose another name, or move it away", folder.display()).into()
            }
            _ => cannot(folder, error),
        })?;
        for file in &new.files {
            let path = folder.join(file.path);
            let above = path.parent().unwrap_or(folder);
            fs::create_dir_all(above).map_err(|error| cannot(above, error))?;
            fs::write(&path, &file.content).map_err(|error| cannot(&path, error))?;
        }
        let option = if self.extends.is_some() { "--extend " } else { "" };
        say(format_args!("{} has {} files. Next:", self.name, new.files.len()))?;
        let build = new.build.map(|build| format!(" && {build}")).unwrap_or_default();
        say(format_args!("  cd {}{build}", self.name))?;
        say(format_args!("  mcp-audit-log policy check {option}{}", new.component))?;
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Args)]
pub(in crate::cli) struct Component {
    /// The core module, as a C compiler linked it.
    #[arg(value_name = "FILE")]
    module: PathBuf,
    /// The file for the component.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

impl Component {
    pub(super) fn run(self) -> Outcome {
        let module = fs::read(&self.module).map_err(unreadable(&self.module, "FILE"))?;
        let component = component_of(&module).map_err(|error| format!("{}: {error}", self.module.display()))?;
        let failed = |error| format!("{} cannot be written: {error}", self.output.display());
        fs::write(&self.output, component).map_err(failed)?;
        Ok(ExitCode::SUCCESS)
    }
}
