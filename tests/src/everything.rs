//! The reference server from npm, which is independent of this project.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::helpers::eventually;
use crate::process::Process;
use crate::stub::free_port;

/// server-everything over Streamable HTTP. It is stopped when it is dropped.
#[derive(Debug)]
pub struct Everything {
    process: Process,
    port: u16,
}

impl Everything {
    /// Starts it on a free port.
    pub fn start() -> Self {
        let port = free_port();
        let mut command = Command::new("node");
        command.arg("--import").arg(npm().join("webcrypto.mjs"));
        command.arg(Self::program()).arg("streamableHttp").env("PORT", port.to_string());
        let process = Process::start(&mut command);
        eventually("server-everything listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { process, port }
    }

    /// Its MCP endpoint.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }

    /// The complete session ids that it has issued.
    pub fn sessions(&self) -> Vec<String> {
        let output = self.process.output();
        let begun = output.lines().filter_map(|line| line.strip_prefix("Session initialized with ID: "));
        begun.map(|id| id.trim().to_owned()).collect()
    }

    /// How many messages have reached it.
    pub fn messages(&self) -> usize {
        self.process.output().matches("Received MCP POST request").count()
    }

    /// The program, which speaks over standard input and output when it is run without an argument.
    pub fn program() -> PathBuf {
        module("@modelcontextprotocol/server-everything/dist/index.js")
    }
}

/// A file of a package in tests/npm.
pub(crate) fn module(path: &str) -> PathBuf {
    let file = npm().join("node_modules").join(path);
    assert!(file.is_file(), "{} is missing: run tests/run, or `npm ci` in tests/npm first", file.display());
    file
}

/// The folder with the script and its packages.
pub(crate) fn npm() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("npm")
}
