//! `mcp-audit-log completions` and `mcp-audit-log man`: what a shell and `man` know of this command line, made from it.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Outcome};

#[derive(Args)]
pub(super) struct Completions {
    /// The shell: bash, zsh, fish, elvish or powershell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Outcome {
        let (mut command, mut script) = (Cli::command(), Vec::new());
        let name = command.get_name().to_owned();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        std::io::stdout().write_all(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Args)]
pub(super) struct Man {
    /// The folder to write the pages into; it is created.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Man {
    pub(super) fn run(self) -> Outcome {
        fs::create_dir_all(&self.folder)?;
        clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), &self.folder)?;
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_every_shell_knows_every_command() {
        let folder = tempfile::tempdir().expect("a folder");
        Man { folder: folder.path().join("man") }.run().expect("written");
        let page = |name: &str| fs::read_to_string(folder.path().join("man").join(name)).expect(name);
        assert!(page("mcp-audit-log.1").contains("mcp\\-audit\\-log\\-serve(1)"));
        assert!(
            page("mcp-audit-log-serve.1").contains("upstream")
                && page("mcp-audit-log-token-create.1").contains("group")
        );
        let visible: Vec<_> = Cli::command().get_subcommands().filter(|own| !own.is_hide_set()).cloned().collect();
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "mcp-audit-log", &mut script);
            let script = String::from_utf8(script).expect("text");
            for command in &visible {
                assert!(script.contains(command.get_name()), "{shell} does not know {}", command.get_name());
                page(&format!("mcp-audit-log-{}.1", command.get_name()));
            }
        }
    }
}
