//! A server with a sink, which can be killed and started again on the same log.

use std::fs;
use std::path::PathBuf;

use mcp_audit_log_tests::{Api, Process, READY, product, token_in};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The log and the configuration of a server.
pub(crate) struct Subject {
    folder: TempDir,
    /// What the environment of the server has besides.
    environment: Vec<(&'static str, String)>,
    service: String,
    admin: String,
}

/// A running server.
pub(crate) struct Running {
    pub(crate) process: Process,
    pub(crate) service: Api,
    pub(crate) admin: Api,
}

impl Subject {
    /// A server with these lines of configuration about its sinks.
    pub(crate) fn new(sinks: &str, environment: &[(&'static str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("config.toml"), format!("listen = \"127.0.0.1:0\"\ndata = \"data\"\n{sinks}"))
            .expect("written");
        let environment = environment.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("a folder");
        let token = |group: &str| token_in(&data, group, &[group], group);
        let (service, admin) = (token("service"), token("admin"));
        Self { folder, environment, service, admin }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn start(&self) -> Running {
        let mut command = product(["serve", "--config"]);
        command.arg(self.config()).envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut process = Process::start(&mut command);
        let address = process.line_after(READY);
        let api = |token: &str| Api::new(&address, token);
        Running { service: api(&self.service), admin: api(&self.admin), process }
    }

    /// The output of `mcp-audit-log sink` with these arguments, and whether it succeeded.
    pub(crate) fn command(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = product(["sink"]);
        command.args(arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.output().expect("it runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }
}

impl Running {
    /// Records this many events of an action with a marker, and returns once they are acknowledged.
    pub(crate) fn record(&self, events: usize, marker: &str) {
        let event =
            json!({ "channel": "admin", "method": "page.updated", "outcome": "success", "resource_id": marker });
        let answer = self.service.post("/api/v1/events", json!(vec![event; events]).to_string());
        assert_eq!(answer.status, 200, "{:.300}", answer.text);
    }

    /// The `seq` after the newest entry that the administrator sees.
    pub(crate) fn next(&self) -> u64 {
        self.admin.entries("limit=1")[0]["seq"].as_u64().expect("a seq") + 1
    }

    /// The entries of an action, the newest first.
    pub(crate) fn of_action(&self, action: &str) -> Vec<Value> {
        self.admin.entries(&format!("action={action}"))
    }
}
