//! `mcp-audit-log wrap`: the stdio wrapper in the configuration of MCP clients, put in and taken out.

mod edit;
mod file;
mod jsonc;
mod places;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;

use axum::http::Uri;
use clap::Args;

use self::edit::{Server, State, Wrapper};
use self::file::ClientFile;
use self::places::{Client, Folders};
use super::Outcome;
use super::address::log_address;
use super::advice::Failure;
use super::common::{note, say};

pub(super) use self::edit::WITHOUT_ARGS;

/// The path that a log's address may end with; the wrapper adds its own.
const ROOT: &str = "";

#[derive(Args)]
pub(super) struct Wrap {
    /// Only this client (repeatable); by default each whose file is there.
    #[arg(long, value_name = "CLIENT")]
    client: Vec<Client>,
    /// The file of another client (repeatable), instead of the files of known ones.
    #[arg(long, value_name = "FILE", conflicts_with = "client")]
    file: Vec<PathBuf>,
    /// Only the server of this name (repeatable).
    #[arg(long, value_name = "NAME")]
    server: Vec<String>,
    /// Write the files. Without it, nothing is changed.
    #[arg(long)]
    write: bool,
    /// Take the wrapper out again.
    #[arg(long, conflicts_with_all = ["to", "data", "token_file", "ca", "user"])]
    remove: bool,
    /// The running log that the wrappers send to.
    #[arg(long, value_name = "URL", value_parser = |text: &str| log_address(text, ROOT), requires = "token_file")]
    to: Option<Uri>,
    /// The file with the token of a sender.
    #[arg(long, value_name = "FILE", requires = "to")]
    token_file: Option<PathBuf>,
    /// The certificate authorities of this log, in PEM, instead of the system's.
    #[arg(long, value_name = "FILE", requires = "to")]
    ca: Option<PathBuf>,
    /// A folder for the logs of the wrappers, one for each server, in place of a running log.
    #[arg(long, value_name = "DIR", conflicts_with = "to")]
    data: Option<PathBuf>,
    /// The user in entries; by default the account that runs the client.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

/// A file to look at, and the client that reads it.
struct Place {
    path: PathBuf,
    client: Option<Client>,
}

/// What was done with the files.
#[derive(Default)]
struct Summary {
    found: usize,
    changed: usize,
    failed: usize,
    /// The wanted servers that were not in any file.
    missing: BTreeSet<String>,
}

impl Wrap {
    pub(super) fn run(self) -> Outcome {
        if !self.remove && self.to.is_none() && self.data.is_none() {
            return Err("say where the entries go: --to URL with --token-file, or --data DIR; or take wrappers out \
                        with --remove"
                .into());
        }
        let folders = Folders::of_user().ok_or("this account has no home folder; name a file with --file")?;
        if let Some(token) = &self.token_file {
            std::fs::read(token).map_err(|error| format!("{} cannot be read: {error}", token.display()))?;
        }
        let places = self.places(&folders);
        let mut summary = Summary { missing: self.server.iter().cloned().collect(), ..Summary::default() };
        for place in &places {
            match ClientFile::read(&place.path) {
                Ok(Some(file)) => {
                    summary.found += 1;
                    let title = place.title(&folders);
                    if let Err(error) = self.visit(place, &file, &title, &mut summary) {
                        summary.failed += 1;
                        note(format_args!("{title}: left alone: {error}"));
                    }
                }
                Ok(None) if self.file.is_empty() => {}
                Ok(None) => {
                    summary.failed += 1;
                    note(format_args!("{}: there is no such file", place.path.display()));
                }
                Err(error) => {
                    summary.failed += 1;
                    note(format_args!("{}: left alone: it cannot be read: {error}", place.path.display()));
                }
            }
        }
        self.finish(&summary, &places, &folders)
    }

    /// The files to look at, each once.
    fn places(&self, folders: &Folders) -> Vec<Place> {
        if !self.file.is_empty() {
            let named = self.file.iter();
            return named.map(|path| Place { path: path.clone(), client: None }).collect();
        }
        let all = [Client::ClaudeDesktop, Client::ClaudeCode, Client::Cursor, Client::Vscode];
        let clients = all.into_iter().filter(|client| self.client.is_empty() || self.client.contains(client));
        let mut seen = BTreeSet::new();
        let files = clients.flat_map(|client| client.files(folders).into_iter().map(move |path| (path, Some(client))));
        files.filter(|(path, _)| seen.insert(path.clone())).map(|(path, client)| Place { path, client }).collect()
    }

    /// Reports on a file, and writes it if that is wanted.
    fn visit(&self, place: &Place, file: &ClientFile, title: &str, summary: &mut Summary) -> Result<(), Failure> {
        let servers = match edit::servers(&file.text) {
            // A client's file may have no servers yet, and the settings of VS Code mostly have none.
            Err(_) if place.client.is_some() && edit::is_readable(&file.text) => return Ok(()),
            servers => servers?,
        };
        let wanted = |name: &str| self.server.is_empty() || self.server.iter().any(|wanted| wanted == name);
        let new = match self.remove {
            true => edit::unwrap(&file.text, wanted)?,
            false => edit::wrap(&file.text, |name| wanted(name).then(|| self.wrapper(place.client, name)))?,
        };
        say(title)?;
        for server in servers.iter().filter(|server| wanted(&server.name)) {
            summary.missing.remove(&server.name);
            say(format_args!("  {}: {}", plain(&server.name), self.fate(server)))?;
        }
        if new == file.text {
            return Ok(());
        }
        if self.write {
            let backup = file.replace(&new)?;
            say(format_args!("  Written. What was there is in {}.", backup.display()))?;
        }
        summary.changed += 1;
        Ok(())
    }

    /// What happens to a server, in words. A command line may have secrets, so it is not repeated.
    fn fate(&self, server: &Server) -> &'static str {
        match (server.state, self.remove, self.write) {
            (State::Plain, false, false) => "would be wrapped",
            (State::Plain, false, true) => "wrapped",
            (State::Plain, true, _) => "left alone: it is not wrapped",
            (State::Wrapped, false, _) => {
                "left alone: it is wrapped already; to change the options, use --remove before"
            }
            (State::Wrapped, true, false) => "would be unwrapped",
            (State::Wrapped, true, true) => "unwrapped",
            (State::Own, ..) => "left alone: it is the log's own",
            (State::Remote, ..) => {
                "left alone: it is remote; put the proxy in front of it (`mcp-audit-log serve --upstream`)"
            }
            (State::Unknown, ..) => "left alone: it has no command with a list of arguments",
        }
    }

    /// The wrapper for a server of a client.
    fn wrapper(&self, client: Option<Client>, name: &str) -> Wrapper {
        let path = |path: &Path| absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned();
        let mut arguments = Vec::new();
        // In one word, so that a value may begin with a hyphen.
        let mut option = |option: &str, value: &str| arguments.push(format!("--{option}={value}"));
        if let Some(to) = &self.to {
            option("to", to.to_string().trim_end_matches('/'));
        }
        for (name, file) in [("token-file", &self.token_file), ("ca", &self.ca)] {
            file.iter().for_each(|file| option(name, &path(file)));
        }
        if let Some(data) = &self.data {
            let client = client.map_or("other", Client::word);
            option("data", &path(&data.join(format!("{client}-{}", folder_name(name)))));
        }
        if let Some(user) = &self.user {
            option("user", user);
        }
        if let Some(client) = client {
            option("connection", client.word());
        }
        option("server", name);
        let program = std::env::current_exe().ok();
        let program = program.map_or_else(|| env!("CARGO_PKG_NAME").to_owned(), |program| path(&program));
        Wrapper { program, arguments }
    }

    fn finish(&self, summary: &Summary, places: &[Place], folders: &Folders) -> Outcome {
        if summary.found == 0 && summary.failed == 0 {
            let mut text = "no client has a configuration here; these places were looked at:".to_owned();
            for place in places {
                let _ = write!(text, "\n  {}", place.title(folders));
            }
            return Err(format!("{text}\nname another file with --file").into());
        }
        for name in &summary.missing {
            note(format_args!("no file has a server called {name:?}"));
        }
        let files = if summary.changed == 1 { "1 file".to_owned() } else { format!("{} files", summary.changed) };
        match (summary.changed, self.write) {
            (0, _) => say("Nothing is to be changed.")?,
            (_, false) => say(format_args!("Nothing was written. Add --write to change {files}."))?,
            (_, true) => say(format_args!("{files} changed. Restart the clients, so that they read them."))?,
        }
        let is_whole = summary.failed == 0 && summary.missing.is_empty();
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Place {
    fn title(&self, folders: &Folders) -> String {
        let path = folders.short(&self.path);
        self.client.map_or_else(|| path.clone(), |client| format!("{path} ({})", client.word()))
    }
}

/// A name without characters that a terminal would obey.
fn plain(name: &str) -> String {
    name.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

/// A name as the name of a folder, another one for each name.
fn folder_name(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => text.push(char::from(byte)),
            _ => drop(write!(text, "%{byte:02x}")),
        }
    }
    text
}
