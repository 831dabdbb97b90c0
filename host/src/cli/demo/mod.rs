//! `mcp-audit-log demo`: the whole product on a fresh log, with real traffic.

mod history;
mod server;
mod traffic;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;

use clap::Args;
use mcp_audit_log::capture::proxy::{ProxyOptions, SignIn};
use mcp_audit_log::capture::upstream::Upstream;
use mcp_audit_log::http::{self, SignInLinks, Site};
use mcp_audit_log::identity::Identity;
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::tokens::{Token, Tokens};
use mcp_audit_log::{AuditLog, Options, Viewer};
use tokio::task::JoinSet;

use super::Outcome;
use super::advice::Failure;
use super::common::{GRACE, listen, say, serve_until_end, stop_signal};
use super::config::address;
use super::serve::everything;

/// The participants: name, groups, client.
const PEOPLE: [Person; 3] = [
    Person { user: "anna", groups: &["admin"], role: "an admin", client: "desk-assistant" },
    Person { user: "otto", groups: &["user", "auditor"], role: "an auditor", client: "audit-notebook" },
    Person { user: "uma", groups: &["user"], role: "a user", client: "code-editor" },
];

#[derive(Clone, Copy)]
struct Person {
    user: &'static str,
    groups: &'static [&'static str],
    role: &'static str,
    client: &'static str,
}

/// What the seeded history answers; docs/demo.md has the answers.
const QUESTIONS: [&str; 6] = [
    "Which assistant deleted customer 4711, and which of its calls had failed just before?",
    "Who tried to delete another customer, and which policy blocked it?",
    "Who spent the most, and on which language model?",
    "On which day were calls slow, and on which server?",
    "Which connection went on calling after its key was revoked, and how often?",
    "Which tool did its server change in the small hours of yesterday, and who called it since?",
];

#[derive(Args)]
pub(super) struct Demo {
    /// The folder in which each demo creates its own new folder.
    #[arg(long, value_name = "DIR", default_value = "mcp-audit-log-data")]
    data: PathBuf,
    /// The address to listen on.
    #[arg(long, value_name = "ADDR", value_parser = address, default_value = "127.0.0.1:8700")]
    listen: SocketAddr,
    /// Stop after this many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,
}

impl Demo {
    pub(super) fn run(self) -> Outcome {
        serve_until_end(GRACE, async |opened| self.show(opened).await)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn show(self, opened: &OnceLock<AuditLog>) -> Result<(), Failure> {
        let listener = listen(self.listen, "--listen").await?;
        let address = listener.local_addr()?;
        let folder = fresh_folder(&self.data);
        let tokens = Tokens::open(&folder)?;
        let log = Options::new(&folder).open()?;
        let log = opened.get_or_init(|| log).clone();
        let seeded = history::seed(&log).await?;
        let shop = server::start().await?;
        let upstream = Upstream::parse(&format!("shop=http://{shop}/mcp"))?;
        let (identity, links) = (Identity::new(tokens.clone()), SignInLinks::default());
        let site = Site::new(log.clone(), identity.clone(), links.clone());
        let router = everything(&log, vec![upstream], SignIn::Tokens(identity.clone()), site, ProxyOptions::default());

        let asked_to_stop = stop_signal()?;
        say(format_args!("mcp-audit-log is listening on http://{address}"))?;
        say(format_args!("The log is in {}.", folder.display()))?;
        say("A small MCP server and three clients work behind the proxy.")?;
        say(format_args!(
            "{seeded} entries of the {} days before are seeded: made up, recorded just now, and marked so in their details.\n",
            history::DAYS
        ))?;
        let mut clients = JoinSet::new();
        for person in PEOPLE {
            let (secret, token) = token(&tokens, person)?;
            let link = links.create(&token, None)?;
            say(format_args!("  Sign in as {} ({}): http://{address}/sign-in/{link}", person.user, person.role))?;
            clients.spawn(traffic::run(person, format!("http://{address}/mcp/shop"), secret));
        }
        say("\nFind out, with nothing but the pages:")?;
        for (number, question) in QUESTIONS.iter().enumerate() {
            say(format_args!("  {}. {question}", number + 1))?;
        }
        say("The answers are in docs/demo.md.")?;
        say("\nWatch the log fill as anna, switch payload logging on under Settings,")?;
        say("then open the next call as otto. Stop with Ctrl-C.")?;

        let stop = async move {
            until(asked_to_stop, self.seconds).await;
            // First the clients, then the server.
            clients.shutdown().await;
        };
        Ok(http::serve(listener, router, stop).await?)
    }
}

fn token(tokens: &Tokens, person: Person) -> Result<(String, Token), mcp_audit_log::tokens::TokenError> {
    let groups = person.groups.iter().map(|group| (*group).to_owned()).collect();
    let viewer = Viewer { user: person.user.to_owned(), groups, instance: None };
    tokens.create(&viewer, person.client, SystemClock.now())
}

/// A new folder, named after the time. Earlier folders stay: a demo deletes nothing.
fn fresh_folder(data: &Path) -> PathBuf {
    let name: String = SystemClock.now().to_string().chars().filter(char::is_ascii_digit).collect();
    data.join(format!("demo-{name}"))
}

async fn until(asked_to_stop: impl Future<Output = ()>, seconds: Option<u64>) {
    let time_is_up = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! { () = asked_to_stop => {}, () = time_is_up => {} }
}
