//! syslog, held against rsyslog: over TCP and over TLS, with the connection cut in between.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mcp_audit_log_tests::{Cutter, PrivateCa, Process, eventually};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::Subject;

/// A running rsyslogd.
struct Rsyslog {
    _process: Process,
    folder: TempDir,
    ca: PrivateCa,
    port: u16,
}

impl Rsyslog {
    fn start(tls: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
        let ca = PrivateCa::new();
        let (authority, certificate, key) = (ca.authority(), ca.certificate(), ca.key());
        let [authority, certificate, key] = [&authority, &certificate, &key].map(|path| path.display());
        let driver =
            if tls { r#"streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon""# } else { "" };
        let config = format!(
            r#"global(workDirectory="{work}" maxMessageSize="8k" defaultNetstreamDriverCAFile="{authority}"
    defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" {driver})
template(name="parts" type="string" string="%hostname% %app-name% %msgid% %pri-text% %structured-data% %msg%\n")
input(type="imtcp" address="127.0.0.1" port="0" listenPortFileName="{port}")
action(type="omfile" file="{out}" template="parts")
"#,
            work = folder.path().display(),
            port = path("port"),
            out = path("out"),
        );
        fs::write(path("rsyslog.conf"), config).expect("written");
        let mut command = Command::new("rsyslogd");
        command.args(["-n", "-f", &path("rsyslog.conf"), "-i", &path("pid")]);
        let process = Process::start(&mut command);
        let file = folder.path().join("port");
        let port = eventually("rsyslog listens", || fs::read_to_string(&file).ok()?.trim().parse().ok());
        Self { _process: process, folder, ca, port }
    }

    fn authority(&self) -> PathBuf {
        self.ca.authority()
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("out")).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(ToOwned::to_owned).collect()
    }
}

/// The entry in a line.
fn entry(line: &str) -> Value {
    let (_, json) = line.split_once("] ").unwrap_or_else(|| panic!("no message in {line}"));
    serde_json::from_str(json.trim()).unwrap_or_else(|error| panic!("{error} in {line}"))
}

fn seq(line: &str) -> u64 {
    entry(line)["seq"].as_u64().expect("a seq")
}

fn config(scheme: &str, port: u16, ca: &Path) -> String {
    let ca = if scheme == "tls" { format!("ca_file = {ca:?}\n") } else { String::new() };
    format!(
        "[[sinks]]\nname = \"siem\"\ngroups = [\"admin\"]\nbatch = 20\ntimeout_seconds = 5\n[sinks.syslog]\n\
         url = \"{scheme}://127.0.0.1:{port}\"\n{ca}"
    )
}

/// Every entry arrives, in order, though the connection is cut again and again.
fn everything_arrives_over(scheme: &str) {
    let rsyslog = Rsyslog::start(scheme == "tls");
    let cutter = Cutter::before(rsyslog.port);
    let subject = Subject::new(&config(scheme, cutter.port(), &rsyslog.authority()), &[]);
    let mut running = subject.start();
    let has = |seq: u64| rsyslog.lines().iter().any(|line| self::seq(line) == seq);
    running.record(100, "before");
    let mut cuts = 0;
    for round in 0..3 {
        let next = running.next();
        running.record(60, &format!("round-{round}"));
        // In the middle of the delivery: some of the round has arrived.
        eventually("the beginning of the round", || has(next).then_some(()));
        cuts += cutter.cut();
    }
    assert!(cuts >= 3, "{cuts}");
    // What the system takes, and the receiver never sees.
    running.record(1, "connected");
    let connected = running.next() - 1;
    eventually("a connection", || has(connected).then_some(()));
    cutter.swallow(true);
    running.record(20, "swallowed");
    let file = subject.config();
    let list = ["list", "--config", file.to_str().expect("UTF-8")];
    eventually("the sink goes on", || subject.command(&list).1.contains(" 0 wait").then_some(()));
    assert!(!has(running.next() - 1));
    cutter.cut();
    cutter.swallow(false);
    running.record(1, "after");
    let next = running.next();
    eventually("everything", || {
        let mut seqs: Vec<_> = rsyslog.lines().iter().map(|line| seq(line)).collect();
        seqs.sort_unstable();
        seqs.dedup();
        seqs.into_iter().eq(0..next).then_some(())
    });
    let lines = rsyslog.lines();
    let mut newest = 0;
    for line in &lines {
        let seq = seq(line);
        assert!(seq <= newest, "{seq} arrives before {newest}");
        newest = newest.max(seq + 1);
    }
    assert!(lines.len() > next as usize, "what a cut may have lost came again");
    let last = lines.iter().find(|line| line.contains("\"after\"")).expect("the last one");
    let origin = entry(last)["origin"].as_str().expect("an origin").to_owned();
    let parts: Vec<_> = last.split(' ').take(4).collect();
    assert_eq!(parts, [origin.as_str(), "mcp-audit-log", "page.updated", "audit.info"], "as rsyslog understands it");
    assert!(last.contains("[origin software=\"mcp-audit-log\" swVersion="), "{last}");
    assert!(running.process.stop().success());
}

#[test]
fn rsyslog_gets_every_entry_in_order_over_tcp_though_the_connection_is_cut() {
    everything_arrives_over("tcp");
}

#[test]
fn rsyslog_gets_every_entry_in_order_over_tls_though_the_connection_is_cut() {
    everything_arrives_over("tls");
}

#[test]
fn a_receiver_whose_certificate_is_unknown_gets_nothing() {
    let (rsyslog, other) = (Rsyslog::start(true), Rsyslog::start(true));
    let subject = Subject::new(&config("tls", rsyslog.port, &other.authority()), &[]);
    let file = subject.config();
    let (fine, said) = subject.command(&["test", "siem", "--config", file.to_str().expect("UTF-8")]);
    assert!(!fine && said.contains("syslog at 127.0.0.1:") && said.contains("certificate"), "{said}");
    assert!(rsyslog.lines().is_empty());
}
