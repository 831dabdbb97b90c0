//! nginx and Caddy, from Debian, with a configuration of the test's own.

use std::fs;
use std::net::TcpStream;
use std::process::Command;

use mcp_audit_log_tests::{PrivateCa, Process, eventually, free_port};
use tempfile::TempDir;

/// A running web server with TLS at 127.0.0.1. It writes the protocol of each request into a file.
pub(crate) struct WebServer {
    process: Process,
    folder: TempDir,
    port: u16,
}

impl WebServer {
    /// nginx with these locations in its server.
    pub(crate) fn nginx(ca: &PrivateCa, port: u16, locations: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = temporary.map(|name| format!("{name}_temp_path {place}/{name};")).join(" ");
        let config = format!(
            "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n\
             {temporary}\nlog_format protocol '$server_protocol $request_uri';\naccess_log {place}/requests protocol;\n\
             server {{\nlisten 127.0.0.1:{port} ssl http2;\nssl_certificate {};\nssl_certificate_key {};\n\
             {locations}\n}}\n}}\n",
            ca.certificate().display(),
            ca.key().display(),
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, config).expect("written");
        let mut command = Command::new("nginx");
        command.arg("-e").arg("stderr").arg("-c").arg(&file);
        Self::start(command, folder, port)
    }

    /// Caddy with these directives in its site.
    pub(crate) fn caddy(ca: &PrivateCa, port: u16, directives: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().display();
        let config = format!(
            "{{\nadmin off\nauto_https off\n}}\nhttps://127.0.0.1:{port} {{\n\
             tls {} {}\nlog {{\noutput file {place}/requests\n}}\n{directives}\n}}\n",
            ca.certificate().display(),
            ca.key().display(),
        );
        let file = folder.path().join("Caddyfile");
        fs::write(&file, config).expect("written");
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
        command.env("XDG_DATA_HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path());
        Self::start(command, folder, port)
    }

    fn start(mut command: Command, folder: TempDir, port: u16) -> Self {
        let process = Process::start(&mut command);
        let server = Self { process, folder, port };
        eventually("a web server that listens", || {
            TcpStream::connect(("127.0.0.1", port)).map(drop).ok().or_else(|| {
                assert!(!server.output().contains("[emerg]"), "{}", server.output());
                None
            })
        });
        server
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// What it has said.
    pub(crate) fn output(&self) -> String {
        self.process.output()
    }

    /// Its lines about requests.
    pub(crate) fn requests(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("requests")).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }
}

/// A port for a web server, which cannot choose one itself.
pub(crate) fn port() -> u16 {
    free_port()
}
