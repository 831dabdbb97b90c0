//! The demo with its seeded history, as a new user starts it.

use std::path::PathBuf;
use std::process::ExitStatus;

use tempfile::TempDir;

use crate::api::Api;
use crate::helpers::eventually;
use crate::process::{Process, product};
use crate::server::{READY, token_in};

/// A running demo. It is stopped when it is dropped.
#[derive(Debug)]
pub struct Demo {
    process: Process,
    folder: TempDir,
    address: String,
    links: Vec<String>,
}

impl Demo {
    /// Starts it with these arguments besides, and waits until it has said how to sign in.
    pub fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = product(["demo", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(folder.path().join("data")).args(arguments);
        let mut process = Process::start(&mut command);
        let address = process.line_after(READY);
        let links = eventually("three sign-in links", || {
            let output = process.output();
            let words = output.split_whitespace().filter(|word| word.contains("/sign-in/")).map(str::to_owned);
            Some(words.collect::<Vec<_>>()).filter(|links| links.len() == 3)
        });
        Self { process, folder, address, links }
    }

    /// The address with its scheme, without a slash at its end.
    pub fn address(&self) -> &str {
        self.address.trim_end_matches('/')
    }

    /// The sign-in links of an admin, an auditor and a user. A link works more than once.
    pub fn links(&self) -> [&str; 3] {
        [0, 1, 2].map(|at| self.links[at].as_str())
    }

    /// A client with the session of a sign-in link.
    pub fn signed_in(&self, link: &str) -> Api {
        assert!(link.starts_with(self.address()), "{link} does not lead to {}", self.address);
        let anonymous = Api::anonymous(&self.address);
        let entered = anonymous.get(link);
        assert_eq!(entered.status, 303, "{entered:?}");
        let cookie = entered.header("set-cookie").expect("a session").split(';').next().expect("a cookie").to_owned();
        anonymous.with("cookie", &cookie)
    }

    /// The folder of its log. Each demo has a new folder below the given one.
    pub fn data(&self) -> PathBuf {
        let folders = std::fs::read_dir(self.folder.path().join("data")).expect("a folder");
        let folders: Vec<_> = folders.map(|entry| entry.expect("a folder").path()).collect();
        assert_eq!(folders.len(), 1, "one demo, one folder");
        folders[0].clone()
    }

    /// A new token for a user of a group.
    pub fn token(&self, user: &str, group: &str) -> String {
        token_in(&self.data(), user, &[group], &format!("{user}s-laptop"))
    }

    /// All it has printed so far.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }
}
