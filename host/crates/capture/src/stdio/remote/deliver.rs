//! Sends what waits: one batch after another, again until the log answers.

use std::sync::Arc;
use std::time::Duration;

use hyper::{StatusCode, Uri};
use mcp_audit_log_core::http_client::{Answer, HttpClient, Post};
use mcp_audit_log_model::time::{Clock, SystemClock};
use serde::Deserialize;

use super::{Shared, TokenSource, lock};

/// How long an answer may take: the log itself waits up to five seconds for a turn, and up to ten for its disk.
const PATIENCE: Duration = Duration::from_secs(20);
/// The first wait after a failure. Each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait while the log is away.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The wait while the log refuses the token, or is not one.
const REFUSED_WAIT: Duration = Duration::from_secs(30);
/// The wait at the end, which has a limit of its own.
const LAST_WAIT: Duration = Duration::from_millis(100);

/// Carries the events of a wrapper to the log.
pub(super) struct Courier {
    client: HttpClient,
    url: Uri,
    token: TokenSource,
    shared: Arc<Shared>,
    /// The failure that was logged last.
    failing: Option<FailureKind>,
    wait: Duration,
    /// The most items of a request: fewer after the log found one too long or unreadable.
    most: usize,
}

/// The answer of the log to a batch.
#[derive(Deserialize)]
struct EventsAnswer {
    keeps_payloads: bool,
    results: Vec<EventResult>,
}

#[derive(Deserialize)]
#[serde(tag = "result", rename_all = "lowercase")]
enum EventResult {
    Stored {},
    Duplicate {},
    Refused { reason: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FailureKind {
    /// It may work later.
    Away,
    /// It works after a change by the operator.
    Refused(StatusCode),
}

/// Why a batch did not arrive.
enum Failed {
    /// The request as a whole: too long, or unreadable for what is between here and the log.
    Batch(String),
    /// Try again.
    Later { kind: FailureKind, reason: String, after: Option<Duration> },
}

impl Courier {
    pub(super) fn new(client: HttpClient, url: Uri, token: TokenSource, shared: Arc<Shared>) -> Self {
        Self { client, url, token, shared, failing: None, wait: FIRST_WAIT, most: usize::MAX }
    }

    /// Returns when nothing more will come and everything is delivered, or cannot be.
    pub(super) async fn run(mut self) {
        let mut closing = self.shared.closing.subscribe();
        // The first request is sent even without events: it shows whether token and address are right, and whether
        // the log keeps payloads.
        let mut is_first = true;
        loop {
            // Looked at before the buffer: nothing comes after it is set.
            let is_last = *closing.borrow();
            if lock(&self.shared.buffer).is_empty() && !is_first {
                if is_last {
                    return;
                }
                self.shared.changed.notified().await;
                continue;
            }
            match self.send().await {
                Ok(()) => {
                    is_first = false;
                    self.arrived();
                }
                Err(Failed::Batch(reason)) => self.split(&reason),
                Err(Failed::Later { kind, reason, after }) => {
                    self.failed(kind, &reason);
                    if is_last && kind != FailureKind::Away {
                        return;
                    }
                    let wait = if is_last { LAST_WAIT } else { after.unwrap_or(self.wait) };
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        _ = closing.wait_for(|closing| *closing), if !is_last => {}
                    }
                    self.wait = (self.wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }

    /// Sends the next batch.
    async fn send(&self) -> Result<(), Failed> {
        // Payloads are not sent before the log has said that it keeps them.
        let (body, count) = {
            let mut buffer = lock(&self.shared.buffer);
            let most = if buffer.keeps_payloads.is_none() { 0 } else { self.most };
            buffer.batch(most, |gap| self.shared.gap(gap))
        };
        let refused =
            |status, reason| Failed::Later { kind: FailureKind::Refused(status), reason, after: Some(REFUSED_WAIT) };
        let token = (self.token)().map_err(|reason| refused(StatusCode::UNAUTHORIZED, reason))?;
        let post = Post { token: Some(token), patience: PATIENCE, ..Post::new("application/json", body) };
        let answer = self.client.post(&self.url, post).await;
        let away = |reason| Failed::Later { kind: FailureKind::Away, reason, after: None };
        let answer = answer.map_err(|reason| away(format!("it cannot be reached: {reason}")))?;
        let answer = read(answer, count)?;
        let mut buffer = lock(&self.shared.buffer);
        for reason in answer.results.iter().filter_map(EventResult::refusal) {
            tracing::warn!("the log refused an event, which is lost: {reason}");
        }
        buffer.payloads(answer.keeps_payloads);
        buffer.answered(answer.results.iter().map(|result| result.refusal().is_none()), SystemClock.now());
        Ok(())
    }

    fn arrived(&mut self) {
        (self.wait, self.most) = (FIRST_WAIT, usize::MAX);
        if self.failing.take().is_some() {
            tracing::info!("the log takes events again");
        }
    }

    /// A request was refused as a whole: half of it may pass. A single event that does not is lost.
    fn split(&mut self, reason: &str) {
        let mut buffer = lock(&self.shared.buffer);
        let (_, count) = buffer.batch(self.most, |gap| self.shared.gap(gap));
        if count > 1 {
            self.most = count / 2;
            return;
        }
        tracing::warn!("an event cannot be delivered and is lost: {reason}");
        buffer.answered([false], SystemClock.now());
        self.most = usize::MAX;
    }

    /// Logs a failure once, not for each attempt.
    fn failed(&mut self, kind: FailureKind, reason: &str) {
        if self.failing.replace(kind) != Some(kind) {
            tracing::warn!(
                "the log does not take events: {reason}. The MCP session goes on, and events wait in a bounded buffer"
            );
        }
    }
}

impl EventResult {
    fn refusal(&self) -> Option<&str> {
        match self {
            Self::Stored {} | Self::Duplicate {} => None,
            Self::Refused { reason } => Some(reason),
        }
    }
}

/// The results in an answer to `count` items.
fn read(answer: Answer, count: usize) -> Result<EventsAnswer, Failed> {
    let Answer { status, retry_after, body } = answer;
    let later = |kind, reason: String, after| Failed::Later { kind, reason, after };
    let away = |reason: String| later(FailureKind::Away, reason, retry_after.map(|after| after.min(REFUSED_WAIT)));
    let body = body.map_err(|reason| away(format!("its answer broke off: {reason}")))?;
    let read = serde_json::from_slice::<EventsAnswer>(&body).ok().filter(|answer| answer.results.len() == count);
    if let (200 | 207 | 422, Some(answer)) = (status.as_u16(), read) {
        return Ok(answer);
    }
    let detail = serde_json::from_slice::<serde_json::Value>(&body).unwrap_or_default();
    let detail = detail["detail"].as_str().map(|detail| format!(" ({detail})")).unwrap_or_default();
    let refused =
        |advice: &str| later(FailureKind::Refused(status), format!("{status}{detail}; {advice}"), Some(REFUSED_WAIT));
    Err(match status.as_u16() {
        401 => refused("give it a token that is valid there, in --token-file or MCP_AUDIT_LOG_TOKEN"),
        403 => refused("this token may not send events; make one with `token create --group service`"),
        400 | 413 | 422 if count > 0 => Failed::Batch(format!("{status}{detail}")),
        408 | 429 | 500.. => away(format!("{status}{detail}")),
        300..400 => refused("the server redirects; give --to the address that it redirects to"),
        _ => refused("this is not the address of an audit log, or of one that is too old; check --to"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).expect("a status");
        Answer { status, retry_after: None, body: Ok(body.to_owned().into()) }
    }

    fn failure(status: u16, body: &str) -> String {
        match read(answer(status, body), 2) {
            Ok(_) => "none".to_owned(),
            Err(Failed::Batch(reason)) => format!("batch: {reason}"),
            Err(Failed::Later { kind: FailureKind::Away, reason, .. }) => format!("away: {reason}"),
            Err(Failed::Later { reason, .. }) => format!("refused: {reason}"),
        }
    }

    #[test]
    fn an_answer_has_a_result_for_each_item() {
        let body = r#"{"stored":1,"keeps_payloads":true,"results":[{"result":"stored","id":"x","seq":1},{"result":"refused","reason":"no"}]}"#;
        for status in [200, 207, 422] {
            let read = read(answer(status, body), 2).ok().expect("read");
            let refusals: Vec<_> = read.results.iter().map(EventResult::refusal).collect();
            assert_eq!((read.keeps_payloads, refusals), (true, vec![None, Some("no")]));
        }
        assert!(failure(200, r#"{"keeps_payloads":true,"results":[]}"#).starts_with("refused: 200 OK; this is not"));
        assert!(failure(200, "<html>").contains("check --to"));
    }

    #[test]
    fn a_failure_says_what_to_do() {
        for (status, start, advice) in [
            (401, "refused", "--token-file"),
            (403, "refused", "--group service"),
            (404, "refused", "check --to"),
            (308, "refused", "redirects"),
            (400, "batch", "Bad"),
            (413, "batch", "Large"),
            (503, "away", "The queue is full"),
            (429, "away", "The queue is full"),
        ] {
            let failure = failure(status, r#"{"detail":"The queue is full"}"#);
            assert!(failure.starts_with(start) && failure.contains(advice), "{status}: {failure}");
        }
    }
}
