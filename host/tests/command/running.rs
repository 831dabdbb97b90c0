//! The command: its output while it runs, and how it ends.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use mcp_audit_log::event::{Channel, Event, Kind, OutcomeDetail, Target};
use mcp_audit_log::policy::CONTRACT;
use mcp_audit_log::time::{Clock, SystemClock};
use mcp_audit_log::{AuditLog, Options};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

/// A running command, and its output.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(data: &Path, arguments: &[&str]) -> Self {
        let mut command = command(data, arguments);
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("it runs");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        Self { child, lines }
    }

    /// The next line with `word` in it.
    async fn line(&mut self, word: &str) -> String {
        let reading = async {
            loop {
                let line = self.lines.next_line().await.expect("text").expect("another line");
                if line.contains(word) {
                    return line;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), reading).await.unwrap_or_else(|_| panic!("no {word} in a minute"))
    }

    /// What Ctrl-C does.
    async fn interrupt(mut self) -> Option<i32> {
        let id = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())).expect("its id");
        rustix::process::kill_process(id, rustix::process::Signal::INT).expect("told");
        self.child.wait().await.expect("it ends").code()
    }
}

fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-audit-log"));
    command.args(arguments).env("MCP_AUDIT_LOG_DATA", data).env_remove("MCP_AUDIT_LOG_METRICS");
    command
}

async fn record(log: &AuditLog, user: &str, tool: &str) {
    let mut event = Event::new(SystemClock.now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
    event.method = Some("tools/call".into());
    event.target = Some(Target::Tool(tool.into()));
    event.caller.user = Some(user.into());
    log.record_durably(event).await.expect("recorded");
}

#[tokio::test]
async fn tail_prints_entries_of_another_process_and_exits_with_0() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    record(&log, "ada", "before").await;
    let mut tail = Running::start(folder.path(), &["tail", "--as", "ada", "--group", "user"]);
    tail.line("OUTCOME").await;
    record(&log, "bob", "hidden").await;
    record(&log, "ada", "one\u{1b}[31m").await;
    record(&log, "ada", "two").await;
    let line = tail.line("").await;
    assert!(line.contains("one\\u{1b}[31m"), "{line}");
    assert!(tail.line("").await.contains("two"));
    assert_eq!(tail.interrupt().await, Some(0));
}

/// The output of the command, and how it ended.
async fn told(data: &Path, arguments: &[&str]) -> (bool, String) {
    let output = command(data, arguments).output().await.expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).expect("text"))
}

#[tokio::test]
async fn usage_is_printed_as_table_json_and_csv() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Options::new(folder.path()).open().expect("a log");
    record(&log, "ada", "search").await;
    record(&log, "ada", "=ask").await;
    drop(log);
    let usage = async |more: &[&str]| told(folder.path(), &[&["usage", "--by", "tool"], more].concat()).await;
    let (succeeded, table) = usage(&[]).await;
    assert!(succeeded && table.contains("REQUESTS") && table.contains("search"), "{table}");
    let (_, json) = usage(&["--format", "json"]).await;
    let json: serde_json::Value = serde_json::from_str(json.trim()).expect("one object");
    assert_eq!(json["breakdowns"][0]["found"], 2);
    let (succeeded, csv) = usage(&["--format", "csv"]).await;
    assert!(succeeded && csv.starts_with("\u{feff}from,to,complete,tool,users,requests,"), "{csv}");
    assert!(csv.contains(",search,1,1,0,1.000000,") && csv.contains(",'=ask,"), "{csv}");
    let (_, pairs) = told(folder.path(), &["usage", "--by", "user,tool", "--format", "csv"]).await;
    assert!(pairs.starts_with("\u{feff}from,to,complete,user,tool,users,requests,"), "{pairs}");
    assert!(pairs.contains(",ada,search,1,1,0,1.000000,"), "{pairs}");
    let (_, pairs) = told(folder.path(), &["usage", "--by", "user,model"]).await;
    assert!(pairs.contains("USER") && pairs.contains("LLM_MODEL") && pairs.contains("ada"), "{pairs}");
    let (_, durations) = told(folder.path(), &["usage", "--durations"]).await;
    assert!(durations.contains("requests by duration") && durations.contains("FROM "), "{durations}");
    let (_, json) = usage(&["--format", "json", "--durations"]).await;
    let json: serde_json::Value = serde_json::from_str(json.trim()).expect("one object");
    assert_eq!(json["durations"]["limits_us"][0], 1_024);
    for (more, word) in [
        (&["--format", "csv", "--durations"][..], "no counts by duration"),
        (&["--by", "tool,tool"], "two of them with a comma"),
        (&["--format", "csv", "--compare"], "one breakdown and one range"),
        (&["--format", "csv", "--by", "user"], "one breakdown and one range"),
        (&["--from", "2026-11-21", "--to", "2026-11-20"], "swap its ends"),
    ] {
        let (succeeded, said) = usage(more).await;
        assert!(!succeeded && said.contains(word), "{said}");
    }
}

async fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

fn address(line: &str) -> &str {
    let (_, rest) = line.split_once("http://").expect("an address");
    rest.split(['/', ' ']).next().expect("an address")
}

#[tokio::test]
async fn serve_has_metrics_on_a_separate_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    let mut server = Running::start(folder.path(), &arguments);
    let public = server.line("is listening on").await;
    let figures = server.line("/metrics").await;
    let answer = get(address(&figures), "/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("mcp_audit_log_entries_stored_total"), "{answer}");
    let answer = get(address(&public), "/metrics").await;
    assert!(!answer.starts_with("HTTP/1.1 200") && !answer.contains("mcp_audit_log_entries"), "{answer}");
    assert_eq!(server.interrupt().await, Some(0));
}

#[tokio::test]
async fn a_token_is_created_listed_and_revoked() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = async |arguments: &[&str]| command(folder.path(), arguments).output().await.expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    assert!(!run(&["token", "list"]).await.status.success(), "nothing is made by looking");
    let create = ["token", "create", "--user", "uma", "--group", "user", "--connection", "laptop"];
    let past = run(&[&create[..], &["--expires", "2020-01-01"]].concat()).await;
    assert!(!past.status.success() && text(&past.stderr).contains("in the past"));
    let made = run(&[&create[..], &["--expires", "90d"]].concat()).await;
    let secret = text(&made.stdout).trim().to_owned();
    let listed = text(&run(&["token", "list"]).await.stdout);
    let row: Vec<_> = listed.lines().nth(1).expect("a row").split_whitespace().skip(1).take(3).collect();
    assert!(row == ["uma", "laptop", "user"] && !listed.contains(&secret) && !listed.contains("never"), "{listed}");
    assert!(run(&["token", "revoke", "laptop"]).await.status.success());
    assert_eq!(text(&run(&["token", "list"]).await.stdout), "");
    let again = run(&["token", "revoke", "laptop"]).await;
    assert!(!again.status.success() && text(&again.stderr).contains("no token \"laptop\""));
}

#[tokio::test]
async fn token_commands_are_recorded_by_the_running_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Running::start(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    server.line("is listening on").await;
    let mut tail = Running::start(folder.path(), &["tail", "--as", "root", "--group", "admin"]);
    tail.line("OUTCOME").await;
    for command_line in [
        &["token", "create", "--user", "uma", "--group", "user", "--connection", "laptop", "--as", "rita"][..],
        &["token", "revoke", "laptop", "--as", "rita"],
    ] {
        let done = command(folder.path(), command_line).output().await.expect("it runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    for action in ["api_key.created", "api_key.revoked"] {
        let line = tail.line(action).await;
        assert!(line.contains("rita") && line.contains("laptop"), "{line}");
    }
    assert_eq!(tail.interrupt().await, Some(0));
    assert_eq!(server.interrupt().await, Some(0));
}

/// The answer to `ada`, signed in by a proxy with `X-User`.
async fn as_ada(address: &str, what: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let length = body.len();
    let head = format!("{what} HTTP/1.1\r\nhost: x\r\nx-user: ada\r\nconnection: close\r\nsec-fetch-site: same-origin");
    let request = format!("{head}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn a_call_without_a_cost_gets_one_from_the_prices_of_the_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mcp-audit-log.toml");
    let sign_in = "[sign_in]\neverybody = [\"service\", \"admin\"]\n[sign_in.header]\nuser = \"X-User\"\n";
    let prices = "[[prices]]\nprovider = \"acme\"\nmodel = \"m-*\"\ninput = 2.5\noutput = 10\n";
    std::fs::write(&path, format!("trusted_proxies = [\"127.0.0.1\"]\n{sign_in}{prices}")).expect("written");
    let path = path.to_str().expect("a path");
    let mut server = Running::start(folder.path(), &["serve", "--config", path, "--listen", "127.0.0.1:0"]);
    let line = server.line("is listening on").await;
    let call = r#"{"channel":"mcp","method":"tools/call","outcome":"success","provider":"acme","llm_model":"m-1",
                   "input_tokens":1000,"output_tokens":100}"#;
    let answer = as_ada(address(&line), "POST /api/v1/events", call).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = as_ada(address(&line), "GET /api/v1/entries?q=provider:acme", "").await;
    assert!(answer.contains("\"cost_micros\":3500"), "{answer}");
    // On the terminal as on the page: cents would be nothing.
    let (_, table) = told(folder.path(), &["usage", "--by", "provider"]).await;
    assert!(table.contains(" 0.0035"), "{table}");
    assert_eq!(server.interrupt().await, Some(0));
}

#[tokio::test]
async fn the_command_line_overrides_the_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mcp-audit-log.toml");
    let config = |listen: &str, rest: &str| {
        std::fs::write(&path, format!("listen = \"{listen}\"\n{rest}")).expect("written");
    };
    let path = path.to_str().expect("a path");
    // An address without a listener, so that the start shows which one counts.
    config("192.0.2.1:1", "trusted_proxies = [\"127.0.0.1\"]\n[sign_in.header]\nuser = \"X-User\"\n");
    let mut server = Running::start(folder.path(), &["serve", "--config", path, "--listen", "127.0.0.1:0"]);
    let line = server.line("is listening on").await;
    let answer = as_ada(address(&line), "GET /api/v1/me", "").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"user\":\"ada\""), "{answer}");
    assert_eq!(server.interrupt().await, Some(0));
    config("127.0.0.1:0", "metrix = \"127.0.0.1:0\"\n");
    let refused = command(folder.path(), &["serve", "--config", path]).output().await.expect("it ends");
    let told = String::from_utf8(refused.stderr).expect("text");
    let expected = format!("{path}, line 2: metrix: unknown option \"metrix\"");
    assert!(!refused.status.success() && told.contains(&expected), "{told}");
}

#[tokio::test]
async fn version_names_the_commit_and_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = command(folder.path(), &["--version"]).output().await.expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let begins = concat!("mcp-audit-log ", env!("CARGO_PKG_VERSION"), " (");
    assert!(text.starts_with(begins) && text.ends_with(&format!(", contract {CONTRACT})\n")), "{text}");
}
