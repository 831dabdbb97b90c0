//! `mcp-audit token`: tokens, made beside a running server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use mcp_audit::Viewer;
use mcp_audit::policy::{Limits, Policy};
use mcp_audit::store::Tokens;
use mcp_audit::time::{Clock, SystemClock};

use super::Outcome;
use super::common::{note, say};

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token. It is shown once, on the last line; only its hash is stored.
    Create(Create),
}

#[derive(Args)]
pub(super) struct Create {
    /// The folder of the log.
    #[arg(long, value_name = "DIR", default_value = "mcp-audit-data", env = "MCP_AUDIT_DATA")]
    data: PathBuf,
    /// Whose token it is.
    #[arg(long, value_name = "USER")]
    user: String,
    /// A group of that user (repeatable): user, power-user, power-user-plus, admin, owner, auditor, super-admin,
    /// billing-admin, or what your policy declares.
    #[arg(long = "group", value_name = "GROUP", required = true)]
    groups: Vec<String>,
    /// The name of the connection that will use it; the user's name by default.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// The instance of the platform that it belongs to.
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
}

impl TokenCommand {
    pub(super) fn run(self) -> Outcome {
        let Self::Create(create) = self;
        create.run()
    }
}

impl Create {
    fn run(self) -> Outcome {
        let Self { data, user, groups, connection, instance } = self;
        let connection = connection.unwrap_or_else(|| user.clone());
        let viewer = Viewer { user, groups, instance };
        if !data.join("mcp-audit.db").is_file() {
            note(format_args!(
                "There is no log in {} yet: the token is for a server that is started there.",
                data.display()
            ));
        }
        warn_of_unknown_groups(&viewer.groups)?;
        let (secret, token) = Tokens::open(&data)?.create(&viewer, &connection, SystemClock.now())?;
        note(format_args!(
            "A token for {} ({}), connection {:?}:",
            token.user,
            token.groups.join(", "),
            token.connection
        ));
        say(secret)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A typo would make a token that may do nothing. Another policy may know the group, so this is no error.
fn warn_of_unknown_groups(groups: &[String]) -> Result<(), mcp_audit::policy::LoadError> {
    let policy = Policy::builtin(Limits::default(), SystemClock.now())?;
    let known: Vec<_> = policy.manifest().groups.iter().map(|group| group.name.as_str()).collect();
    for group in groups.iter().filter(|group| !known.contains(&group.as_str())) {
        note(format_args!("The default policy has no group {group:?}; it has {}.", known.join(", ")));
    }
    Ok(())
}
