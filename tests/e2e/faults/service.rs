//! The product as a service under faults: its answers to senders, and how it reports that it is not ready.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

use mcp_audit_log_tests::fault::{Oracle, Seen, Shim, Word};
use mcp_audit_log_tests::{Api, Process, READY, eventually, product, token_in};
use serde_json::{Value, json};

/// A server on a log, and the events that were sent to it.
pub(crate) struct Service {
    process: Process,
    api: Api,
    folder: PathBuf,
    pub(crate) oracle: Oracle,
}

/// The results of events, by id.
type Words = Vec<(String, Word)>;

/// Events that were sent, and perhaps an answer.
pub(crate) struct Sending {
    answer: Receiver<Words>,
    words: Option<Words>,
}

impl Sending {
    /// Whether some of the events were acknowledged by now.
    pub(crate) fn is_acknowledged(&mut self) -> bool {
        self.words = self.words.take().or_else(|| self.answer.try_recv().ok());
        let is_durable = |(_, word): &(String, Word)| matches!(word, Word::Stored(_) | Word::Duplicate);
        self.words.iter().flatten().any(is_durable)
    }
}

impl Service {
    /// Starts the server on the log in `folder`.
    pub(crate) fn start(folder: &Path, shim: Option<&Shim>) -> Self {
        let token = token_in(folder, "platform", &["service"], "laptop");
        let mut command = product(["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(folder);
        if let Some(shim) = shim {
            shim.on(&mut command, folder);
        }
        let mut process = Process::start(&mut command);
        // One that keeps its connections: a service without descriptors can take no other.
        let api = Api::new(&process.line_after(READY), &token).with("content-type", "application/json").impatient(20);
        Self { process, api, folder: folder.to_owned(), oracle: Oracle::default() }
    }

    /// The process.
    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Sends this many events and reads their results. Returns the status.
    pub(crate) fn send(&mut self, events: usize) -> u16 {
        let ids = self.ids(events);
        let (status, words) = post(&self.api, &ids);
        self.hear(words);
        status
    }

    /// Sends events from a thread, since the answer may take long. [`Service::learn`] waits for it.
    pub(crate) fn sending(&mut self, events: usize) -> Sending {
        let (ids, api) = (self.ids(events), self.api.clone());
        let (sender, answer) = channel();
        std::thread::spawn(move || sender.send(post(&api, &ids).1));
        Sending { answer, words: None }
    }

    /// Waits for the answer and reads it.
    pub(crate) fn learn(&mut self, sending: Sending) {
        let Sending { answer, words } = sending;
        self.hear(words.unwrap_or_else(|| answer.recv().expect("an answer")));
    }

    fn hear(&mut self, words: Words) {
        words.into_iter().for_each(|(id, word)| self.oracle.learn(&id, word));
    }

    /// Waits until `readyz` returns this word.
    pub(crate) fn until(&self, word: &str) {
        eventually(word, || self.api.get("/readyz").text.contains(word).then_some(()));
    }

    /// Waits until the service's own output contains this text.
    pub(crate) fn until_told(&self, message: &str) {
        eventually(message, || self.process.output().contains(message).then_some(()));
    }

    /// Ends the server as an operator would, and compares the log with its answers.
    pub(crate) fn end(mut self) {
        let status = self.process.stop();
        assert!(status.success(), "{status}: {}", self.process.output());
        mcp_audit_log_tests::assert_plain(&self.process.output());
        self.oracle.account(&entries(&self.folder));
    }

    fn ids(&mut self, events: usize) -> Vec<String> {
        let first = self.oracle.sent();
        let ids: Vec<_> =
            (first..first + events).map(|number| format!("01930000-0000-7000-8000-{number:012x}")).collect();
        ids.iter().for_each(|id| self.oracle.learn(id, Word::Sent));
        ids
    }

    /// Prevents the process from opening further files until this is dropped.
    pub(crate) fn without_descriptors(&self) -> Limited {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).expect("its files");
        let open: Vec<_> = open.flatten().filter_map(|file| file.file_name().to_str()?.parse::<u64>().ok()).collect();
        let free = (0..).find(|number| !open.contains(number)).expect("a free number");
        self.limited("nofile", free, 1_024)
    }

    /// Sets a limit of the process (`prlimit`) until this is dropped.
    pub(crate) fn limited(&self, what: &'static str, limit: u64, before: u64) -> Limited {
        let limited = Limited { process: self.process.id(), what, before };
        limited.set(limit);
        limited
    }
}

/// A limit of a process. Dropping it removes the limit.
pub(crate) struct Limited {
    process: u32,
    what: &'static str,
    before: u64,
}

impl Limited {
    fn set(&self, limit: u64) {
        let mut command = Command::new("prlimit");
        command.arg(format!("--pid={}", self.process)).arg(format!("--{}={limit}:", self.what));
        assert!(command.status().expect("prlimit").success(), "{command:?}");
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        self.set(self.before);
    }
}

/// The entries of a log that is verified, the oldest first.
pub(crate) fn entries(folder: &Path) -> Vec<Seen> {
    mcp_audit_log_tests::fault::verified(folder);
    mcp_audit_log_tests::fault::seen(&mcp_audit_log::Options::new(folder).view().expect("a log"))
}

/// Sends events with these ids. Without an answer their results are unknown.
fn post(api: &Api, ids: &[String]) -> (u16, Words) {
    let event =
        |id: &String| json!({ "id": id, "channel": "mcp", "method": "tools/call", "tool": "t", "outcome": "success" });
    let body = ids.iter().map(event).collect::<Value>().to_string();
    let Ok(answer) = api.try_send("POST", "/api/v1/events", body) else {
        return (0, ids.iter().map(|id| (id.clone(), Word::Unknown)).collect());
    };
    let words = match answer.status {
        200 => answer.json()["results"].as_array().expect("results").iter().map(word).collect(),
        503 if answer.text.contains("nothing was recorded") => vec![Word::Refused; ids.len()],
        503 => vec![Word::Unknown; ids.len()],
        status => panic!("{status}: {}", answer.text),
    };
    (answer.status, ids.iter().cloned().zip(words).collect())
}

fn word(result: &Value) -> Word {
    match (result["result"].as_str(), result["seq"].as_u64()) {
        (Some("stored"), Some(seq)) => Word::Stored(seq),
        (Some("duplicate"), _) => Word::Duplicate,
        _ => panic!("{result}"),
    }
}
