//! `mcp-audit-log policy`: tries a policy, without a log or on one, and puts one in place of another.
//!
//! Only `activate` and `rollback` change something.

mod activate;
mod bench;
mod check;
mod explain;
mod inspect;
mod new;
mod replay;
mod shadow;
mod sign;
mod test;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use mcp_audit_log::policy::{Limits, LoadError, Policy};
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log_policy_tools::declared::{extension_of_toml, policy_of_toml};

use super::Outcome;
use super::advice::Failure;
use super::common::{DEFAULT_POLICY as DEFAULT, component, note};

/// Something was found.
const FOUND: u8 = 1;
/// It could not be looked at.
const CANNOT: u8 = 2;

#[derive(Subcommand)]
pub(super) enum PolicyCommand {
    /// Show what a policy declares and grants, and how it differs from another one.
    ///
    /// Exits with 0, with 1 if there is a difference, and with 2 if a policy cannot be loaded.
    Inspect(inspect::Inspect),
    /// Look for typical mistakes, by some three hundred events, every set of up to three groups, and extreme settings.
    ///
    /// Exits with 0 if nothing was found, with 1 if there are findings or the policy is refused, and with 2 if a file
    /// cannot be read.
    Check(check::Check),
    /// Run an author's cases: an event and its verdict, or a viewer and what access gives.
    ///
    /// Exits with 0 if all cases are answered as expected, with 1 if one is not, and with 2 if a policy cannot be loaded
    /// or a case cannot be read.
    Test(test::Test),
    /// Measure what a policy costs, or two by turns.
    Bench(bench::Bench),
    /// Sign a policy or an extension: writes FILE.note beside each file that is named.
    ///
    /// An operator who names trusted keys with `policy_signers` runs only what one of them signed.
    Sign(sign::Sign),
    /// Explain an entry: why it has its action, why its payload is kept or not, and why a viewer sees it or not.
    ///
    /// It reads a log, also beside a running server, and looks past the record rule: the operator holds the log's files.
    /// Exits with 0 if the viewer sees the entry, with 1 if not, and with 2 if there is no such entry or log.
    Explain(explain::Explain),
    /// Replay stored entries with another policy: which actions and payload decisions would differ, and who would gain or
    /// lose which entries.
    ///
    /// It reads a log, also beside a running server. Events are made again from entries, and both policies judge them, with
    /// payload logging on. Exits with 0 if there is no difference, with 1 if there is, and with 2 if it cannot be done.
    Replay(Box<replay::ReplayCommand>),
    /// Let a candidate judge entries as they are recorded, beside the active policy: which actions, payload decisions and
    /// facts would differ, and where it fails.
    ///
    /// It reads the log's files, also beside a running server: it changes nothing, and recording waits for nothing of it.
    /// Where the candidate is too slow, entries are skipped and counted. Events are made again from entries, as `replay` does. Exits
    /// with 0 if there is no difference, with 1 if there is, and with 2 if it cannot be done; Ctrl-C ends it with its report.
    Shadow(shadow::ShadowCommand),
    /// Begin a policy, or an extension: a folder with sources, cases and a page with the commands.
    New(new::New),
    /// Make the component of a core module that a C compiler linked; the build of a policy in C calls it.
    Component(new::Component),
    /// Put a policy in place of the active one, without a restart. It stays active after a restart.
    ///
    /// Exits with 0 if it judges now, and with 2 if not.
    Activate(activate::Activate),
    /// Put the policy back that judged before the active one.
    ///
    /// Exits with 0 if it judges now, and with 2 if not.
    Rollback(activate::Rollback),
}

impl PolicyCommand {
    pub(super) fn run(self) -> Outcome {
        let outcome = match self {
            Self::Inspect(inspect) => inspect.run(),
            Self::Check(check) => check.run(),
            Self::Test(test) => test.run(),
            Self::Bench(bench) => bench.run(),
            Self::Sign(sign) => sign.run(),
            Self::Explain(explain) => explain.run(),
            Self::Replay(replay) => replay.run(),
            Self::Shadow(shadow) => shadow.run(),
            Self::New(new) => new.run(),
            Self::Component(component) => component.run(),
            Self::Activate(activate) => activate.run(),
            Self::Rollback(rollback) => rollback.run(),
        };
        outcome.or_else(|error| {
            if error.is::<io::Error>() {
                return Err(error);
            }
            note(format_args!("mcp-audit-log: {error}"));
            Ok(ExitCode::from(CANNOT))
        })
    }
}

/// A policy and what lies over it.
#[derive(Args)]
struct Layers {
    /// The policy: a WebAssembly component, declarations in TOML, or `default`.
    #[arg(value_name = "FILE", default_value = DEFAULT)]
    policy: PathBuf,
    /// An extension over the policy (repeatable): a WebAssembly component, or declarations in TOML.
    #[arg(long, value_name = "FILE")]
    extend: Vec<PathBuf>,
}

impl Layers {
    fn load(&self) -> Result<Policy, Failure> {
        Ok(read(&self.policy, &self.extend)?.load()?)
    }
}

/// The bytes of components that are not loaded yet.
struct Components {
    /// None: the default policy.
    policy: Option<Vec<u8>>,
    extensions: Vec<Vec<u8>>,
}

fn read(policy: &Path, extend: &[PathBuf]) -> Result<Components, Failure> {
    let is_default = policy == Path::new(DEFAULT);
    let policy = if is_default { None } else { Some(component(policy, "FILE", policy_of_toml)?) };
    let extensions =
        extend.iter().map(|path| component(path, "--extend", extension_of_toml)).collect::<Result<_, _>>()?;
    Ok(Components { policy, extensions })
}

impl Components {
    fn load(&self) -> Result<Policy, LoadError> {
        let (limits, now) = (Limits::default(), SystemClock.now());
        let policy = match &self.policy {
            Some(component) => Policy::load(component, limits, now)?,
            None => Policy::builtin(limits, now)?,
        };
        let policy = if self.extensions.is_empty() { policy } else { policy.extended(&self.extensions, now)? };
        // Its author looks at it, and the events are the author's or made by code.
        Ok(policy.showing_panics().on_trial())
    }
}
