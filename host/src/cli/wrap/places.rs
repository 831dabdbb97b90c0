//! Where clients keep the servers that they start.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

/// A client of MCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Client {
    /// Claude Desktop.
    ClaudeDesktop,
    /// Claude Code: of the user, and of the project in this folder.
    ClaudeCode,
    /// Cursor: of the user, and of the project in this folder.
    Cursor,
    /// VS Code: of the user, and of the project in this folder.
    Vscode,
}

impl Client {
    /// Its name on the command line, which is the name of the connection in entries.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => "claude-desktop",
            Self::ClaudeCode => "claude-code",
            Self::Cursor => "cursor",
            Self::Vscode => "vscode",
        }
    }

    /// Its files, whether they are there or not.
    pub(super) fn files(self, folders: &Folders) -> Vec<PathBuf> {
        let Folders { home, settings, claude, project } = folders;
        match self {
            Self::ClaudeDesktop => vec![settings.join("Claude/claude_desktop_config.json")],
            Self::ClaudeCode => {
                let user = [home.join(".claude.json"), claude.join(".claude.json")];
                user.into_iter().chain([project.join(".mcp.json")]).collect()
            }
            Self::Cursor => vec![home.join(".cursor/mcp.json"), project.join(".cursor/mcp.json")],
            Self::Vscode => {
                let user = settings.join("Code/User");
                let copilot = home.join(".copilot/mcp-config.json");
                vec![user.join("mcp.json"), user.join("settings.json"), copilot, project.join(".vscode/mcp.json")]
            }
        }
    }
}

/// Where a user's programs keep their files.
#[derive(Clone, Debug)]
pub(super) struct Folders {
    home: PathBuf,
    /// Where programs keep their settings.
    settings: PathBuf,
    /// Claude Code's own folder.
    claude: PathBuf,
    /// The folder of a project.
    project: PathBuf,
}

impl Folders {
    /// Those of this user, with the current folder as the project.
    pub(super) fn of_user() -> Option<Self> {
        let home = std::env::home_dir()?;
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let settings = match std::env::consts::OS {
            "macos" => home.join("Library/Application Support"),
            "windows" => variable("APPDATA").unwrap_or_else(|| home.join("AppData/Roaming")),
            _ => variable("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")),
        };
        let claude = variable("CLAUDE_CONFIG_DIR").unwrap_or_else(|| home.join(".claude"));
        Some(Self { home, settings, claude, project: std::env::current_dir().ok()? })
    }

    /// A path as a person writes it.
    pub(super) fn short(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(rest) => Path::new("~").join(rest).display().to_string(),
            Err(_) => path.display().to_string(),
        }
    }
}
