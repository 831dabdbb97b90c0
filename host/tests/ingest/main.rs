//! Events that a platform sends: which are accepted, which are refused and why, and that none is stored twice.
#![allow(dead_code, clippy::expect_used, clippy::panic, reason = "a helper that fails is a test that fails")]

mod batches;
mod forged;
mod items;
mod kept;
mod pressure;
mod random;
mod refusals;
#[path = "../http/support.rs"]
mod support;

use std::path::PathBuf;

use mcp_audit_log::time::{Clock, SystemClock};
use serde_json::{Value, json};
use support::{Answer, Caller, World};

const EVENTS: &str = "/api/v1/events";

/// An id as a sender makes it.
pub(crate) fn id() -> String {
    mcp_audit_log::event::new_id(SystemClock.now()).to_string()
}

/// The smallest valid item, with an id.
pub(crate) fn item() -> Value {
    json!({ "id": id(), "channel": "api", "method": "GET", "status_code": 200 })
}

/// The smallest valid item with these members in addition.
pub(crate) fn with(members: &Value) -> Value {
    let mut item = item();
    let members = members.as_object().expect("an object").clone();
    item.as_object_mut().expect("an object").extend(members);
    item
}

impl Caller<'_> {
    pub(crate) async fn events(&self, body: &Value) -> Answer {
        self.post(EVENTS, &body.to_string()).await
    }

    pub(crate) async fn lines(&self, body: &str) -> Answer {
        self.send("POST", EVENTS, "application/x-ndjson", body).await
    }
}

impl World {
    /// Every file in the folder of the log and the tokens.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let (mut folders, mut files) = (vec![self.folder.path().to_owned()], Vec::new());
        while let Some(folder) = folders.pop() {
            let inside = std::fs::read_dir(folder).expect("a folder").map(|item| item.expect("an item").path());
            let (more, found): (Vec<_>, Vec<_>) = inside.partition(|path| path.is_dir());
            folders.extend(more);
            files.extend(found);
        }
        files
    }
}

/// The only result in an answer.
pub(crate) fn only(answer: &Answer) -> Value {
    let results = answer.json()["results"].as_array().expect("results").clone();
    assert_eq!(results.len(), 1, "{}", answer.text);
    results[0].clone()
}
