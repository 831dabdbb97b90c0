//! The product as an operator runs it: `mcp-audit-log serve` on its own data folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Mutex;

use tempfile::TempDir;

use crate::api::Api;
use crate::process::{Process, product, run};

/// The text before the address in the line that reports that the server is ready.
pub const READY: &str = "mcp-audit-log is listening on ";

/// A running server. It is stopped when it is dropped.
#[derive(Debug)]
pub struct Server {
    process: Process,
    data: PathBuf,
    /// Removed at the end.
    _folder: Option<TempDir>,
    address: String,
    apis: Mutex<BTreeMap<String, Api>>,
}

impl Server {
    /// Starts a server in front of these upstreams: names and URLs.
    pub fn start(upstreams: &[(&str, &str)]) -> Self {
        Self::with(upstreams, &[])
    }

    /// The same without sign-in at the proxy.
    pub fn open(upstreams: &[(&str, &str)]) -> Self {
        Self::with(upstreams, &["--open"])
    }

    /// Starts a server with these arguments besides.
    pub fn with(upstreams: &[(&str, &str)], arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let upstreams = upstreams.iter().map(|(name, url)| format!("--upstream={name}={url}"));
        let arguments = upstreams.chain(arguments.iter().map(|argument| (*argument).to_owned())).collect();
        Self::serving(data, Some(folder), arguments)
    }

    /// Starts a server on a data folder that is there, and that stays there.
    pub fn at(data: &Path) -> Self {
        Self::serving(data.to_owned(), None, Vec::new())
    }

    fn serving(data: PathBuf, folder: Option<TempDir>, arguments: Vec<String>) -> Self {
        let mut command = product(["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(&data).args(arguments);
        let mut process = Process::start(&mut command);
        let address = process.line_after(READY).trim_end_matches('/').to_owned();
        Self { process, data, _folder: folder, address, apis: Mutex::default() }
    }

    /// The address with its scheme, without a slash at its end.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The URL of an upstream at the proxy.
    pub fn mcp(&self, name: &str) -> String {
        format!("{}/mcp/{name}", self.address)
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// A new token for `user` in `group`.
    pub fn token(&self, user: &str, group: &str) -> String {
        token_in(&self.data(), user, &[group], &format!("{user}s-laptop"))
    }

    /// The HTTP API for a user of `group` called `<group>-of-the-test`, with one token for the life of the server.
    pub fn api(&self, group: &str) -> Api {
        let mut apis = self.apis.lock().expect("no panic");
        let new = || Api::new(&self.address, &self.token(&format!("{group}-of-the-test"), group));
        apis.entry(group.to_owned()).or_insert_with(new).clone()
    }

    /// The process, for its output.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Stops it as an operator would.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.stop()
    }
}

/// A new token, made on the command line.
pub fn token_in(data: &Path, user: &str, groups: &[&str], connection: &str) -> String {
    let data = data.to_string_lossy();
    let mut arguments = vec!["token", "create", "--data", &data, "--user", user, "--connection", connection];
    arguments.extend(groups.iter().flat_map(|group| ["--group", group]));
    let output = run(arguments);
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "no token: {said}{complaint}");
    said.lines().last().expect("a line with the token").to_owned()
}
