//! `mcp-audit-log token`: tokens, made and revoked beside a running server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use mcp_audit_log::time::{Clock, SystemClock, Timestamp};
use mcp_audit_log::tokens::{NewToken, Token, Tokens};
use mcp_audit_log::{Options, Viewer};

use super::advice::Failure;
use super::common::{note, say};
use super::{Outcome, print};

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token. It is printed once, on the last line; only its hash is stored.
    Create(Create),
    /// List the tokens, without their secrets.
    List(List),
    /// Revoke a token and the sessions that began with it. A running server follows within a second.
    Revoke(Revoke),
}

/// The place of the tokens.
#[derive(Args)]
struct Folder {
    /// The folder of the log.
    #[arg(long, value_name = "DIR", default_value = "mcp-audit-log-data", env = "MCP_AUDIT_LOG_DATA")]
    data: PathBuf,
}

#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    folder: Folder,
}

#[derive(Args)]
pub(super) struct Revoke {
    #[command(flatten)]
    folder: Folder,
    /// The token's id, as `token list` prints it, or its connection if only one token has it.
    token: String,
    #[command(flatten)]
    by: By,
}

/// The operator, as the log records it. A user who can write the token file may choose it.
#[derive(Args)]
struct By {
    /// Record this user as the operator.
    #[arg(long = "as", value_name = "USER", default_value = "operator", env = "USER", hide_env_values = true)]
    by: String,
}

#[derive(Args)]
pub(super) struct Create {
    #[command(flatten)]
    folder: Folder,
    /// The user of the token.
    #[arg(long, value_name = "USER")]
    user: String,
    /// A group of that user (repeatable): user, power-user, power-user-plus, admin, owner, auditor, super-admin,
    /// billing-admin, service, or what your policy declares.
    #[arg(long = "group", value_name = "GROUP", required = true)]
    groups: Vec<String>,
    /// The name of the connection; by default the user's name.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// The tenant of the token.
    #[arg(long, visible_alias = "tenant", value_name = "NAME")]
    instance: Option<String>,
    /// The expiry: after 12h, 90d or 8w, or at the start (UTC) of a date such as 2027-01-31. By default the token lasts
    /// until it is revoked.
    #[arg(long, value_name = "SPAN|DATE", allow_hyphen_values = true)]
    expires: Option<String>,
    #[command(flatten)]
    by: By,
}

impl TokenCommand {
    pub(super) fn run(self) -> Outcome {
        match self {
            Self::Create(create) => create.run(),
            Self::List(list) => list.run(),
            Self::Revoke(revoke) => revoke.run(),
        }
    }
}

impl Create {
    fn run(self) -> Outcome {
        let Self { folder: Folder { data }, user, groups, connection, instance, expires, by } = self;
        let now = SystemClock.now();
        let expires_at = expires.map(|text| end(&text, now)).transpose()?;
        let connection = connection.unwrap_or_else(|| user.clone());
        let viewer = Viewer { user, groups, instance };
        if !data.join("mcp-audit-log.db").is_file() {
            note(format_args!(
                "There is no log in {} yet; the token works for a server that is started there.",
                data.display()
            ));
        }
        warn_of_unknown_groups(&data, &viewer.groups);
        let wanted = NewToken::new(viewer, connection).expires(expires_at);
        let (secret, token) = Tokens::open(&data)?.create_by(by.name(), &wanted, now)?;
        let Token { user, groups, connection, .. } = token;
        let until = token.expires_at.map_or(String::new(), |at| format!(", until {at}"));
        note(format_args!("A token for {user} ({}), connection {connection:?}{until}:", groups.join(", ")));
        say(secret)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn run(self) -> Outcome {
        print::tokens(&existing(&self.folder.data)?.list()?, SystemClock.now())?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Revoke {
    fn run(self) -> Outcome {
        let tokens = existing(&self.folder.data)?;
        let token = one(tokens.list()?, &self.token)?;
        if !tokens.revoke(&token.id, self.by.name(), SystemClock.now())? {
            return Err(format!("another process has just revoked the token {}", token.id).into());
        }
        note(print::inert(&format!("Revoked: {} of {}, connection {:?}.", token.id, token.user, token.connection)));
        Ok(ExitCode::SUCCESS)
    }
}

impl By {
    /// Some systems set an empty user.
    fn name(&self) -> &str {
        if self.by.trim().is_empty() { "operator" } else { &self.by }
    }
}

fn end(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let wrong =
        || format!("{text:?} is not an expiry time; write a duration such as 90d, or a date such as 2027-01-31");
    Ok(Timestamp::parse_ahead(text, now).ok_or_else(wrong)?)
}

/// The tokens of a folder that has a token file; reading must not create it.
fn existing(data: &Path) -> Result<Tokens, Failure> {
    if !data.join("tokens.db").is_file() {
        return Err(format!("no tokens in {}; name another folder with --data", data.display()).into());
    }
    Ok(Tokens::open(data)?)
}

/// The token with this id or connection name.
fn one(mut tokens: Vec<Token>, name: &str) -> Result<Token, Failure> {
    if let Some(at) = tokens.iter().position(|token| token.id == name) {
        return Ok(tokens.swap_remove(at));
    }
    tokens.retain(|token| token.connection == name);
    match (tokens.pop(), tokens.len()) {
        (Some(token), 0) => Ok(token),
        (Some(_), others) => {
            Err(format!("{} tokens have the connection {name:?}; use the id from `token list`", others + 1).into())
        }
        (None, _) => Err(format!(
            "no token {name:?}: it was revoked, or there never was one; `mcp-audit-log token list` shows those in force"
        )
        .into()),
    }
}

/// The groups of the default policy. They are known without loading it.
const GROUPS: [&str; 9] =
    ["user", "power-user", "power-user-plus", "admin", "owner", "super-admin", "auditor", "billing-admin", "service"];

/// A typo would make a token that may do nothing. Another policy may know the group, so this is no error.
fn warn_of_unknown_groups(data: &Path, groups: &[String]) {
    let unknown: Vec<_> = groups.iter().filter(|group| !GROUPS.contains(&group.as_str())).collect();
    if unknown.is_empty() {
        return;
    }
    // Only the active policy of a log has others, and the log's folder has it compiled.
    let manifest = Options::new(data).view().map(|log| log.manifest()).ok();
    let (whose, known): (_, Vec<_>) = match &manifest {
        Some(manifest) => ("The active policy", manifest.groups.iter().map(|group| group.name.as_str()).collect()),
        None => ("The default policy", GROUPS.into()),
    };
    for group in unknown.into_iter().filter(|group| !known.contains(&group.as_str())) {
        note(format_args!("{whose} has no group {group:?}. Its groups: {}.", known.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use mcp_audit_log::policy::{Limits, Policy};

    use super::*;

    #[test]
    fn the_groups_of_the_default_policy_are_known_without_it() {
        let policy = Policy::builtin(Limits::default(), SystemClock.now()).expect("the default policy");
        let groups: Vec<_> = policy.manifest().groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(groups, GROUPS);
    }

    #[test]
    fn a_token_is_found_by_id_or_by_a_unique_connection() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(existing(folder.path()).is_err() && !folder.path().join("tokens.db").exists());
        let tokens = Tokens::open(folder.path()).expect("tokens");
        let make = |user: &str, connection: &str| {
            let viewer = Viewer { user: user.into(), groups: Vec::new(), instance: None };
            tokens.create(&viewer, connection, SystemClock.now()).expect("a token").1
        };
        let (anna, otto, uma) = (make("anna", "laptop"), make("otto", "laptop"), make("uma", "desk"));
        let meant = |name: &str| one(existing(folder.path()).expect("tokens").list().expect("listed"), name);
        assert_eq!(meant(&anna.id).expect("one"), anna);
        assert_eq!(meant(&otto.id).expect("one"), otto);
        assert_eq!(meant("desk").expect("one"), uma);
        assert!(meant("laptop").expect_err("two").to_string().starts_with("2 tokens"));
        assert!(meant("uma").expect_err("none").to_string().contains("token list"));
    }
}
