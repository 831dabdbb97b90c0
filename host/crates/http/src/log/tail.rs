//! `GET /api/v1/entries/tail`: entries as they are stored, as Server-Sent Events.
//!
//! A tail reads the log and does not copy what the recorder sees: a slow client misses nothing, and a client that
//! reconnects continues at its position. It ends when its viewer loses the right: rights are checked before anything is
//! sent, and every two seconds.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use mcp_audit_log_contract::access::Right;
use mcp_audit_log_index::PageAnchor;
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_service::follow_cursor::FollowCursor;
use mcp_audit_log_service::{Follower, Wakeup};
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use crate::openapi::{Input, Operation, Output};
use crate::problem::Problem;
use crate::query::cursor;
use crate::query::extractor::ParsedQuery;
use crate::query::search::Search;
use crate::server::serve::Ending;
use crate::session::auth::Visitor;

/// How long rights are cached: nothing is sent under older ones, and the tail of a viewer who lost them ends after this
/// time.
const BELIEVED: Duration = Duration::from_secs(2);
/// The shortest time between two reads of the log's end, so that many commits cost one read.
const PACE: Duration = Duration::from_millis(100);
/// The header that a browser sends when it reconnects.
const LAST: HeaderName = HeaderName::from_static("last-event-id");
/// Keeps a proxy in front from buffering events.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The parameters are those of [`Search`]; `limit` is the number of entries that are read at once.
pub(crate) async fn follow(
    visitor: Visitor,
    asked: ParsedQuery<Search>,
    last: Last,
    ending: Option<Extension<Ending>>,
) -> Result<Tail, Problem> {
    visitor.access.require(Right::Read)?;
    let log = visitor.site.log.clone();
    let search = Search::parse(&asked.pairs, &log, &visitor.access)?;
    let last = last.0.map_or(Ok(PageAnchor::Newest), |text| cursor::read("Last-Event-ID", &text, log.secret()))?;
    let (last, asked) = (after("Last-Event-ID", last)?, after("cursor", search.from)?);
    let mut follower = log.follow(&visitor.access).ok_or_else(Problem::too_many_tails)?;
    // A reconnecting client repeats its first URL, and sends a later position.
    let after = last.or(asked).or_else(|| follower.next_seq().checked_sub(1));
    Ok(Tail {
        visitor,
        follower,
        ending: ending.map(|Extension(ending)| ending),
        walk: FollowCursor::new(search.domain, after),
        limit: search.limit,
        ready: VecDeque::new(),
        sent: after,
        at_end: false,
        checked: Instant::now(),
        over: false,
    })
}

/// The `seq` after which a tail continues; `None` if it begins now.
fn after(name: &str, place: PageAnchor) -> Result<Option<u64>, Problem> {
    let advice = format!(
        "{name}: this cursor leads to older entries; use `previous` of a page or the `id` of an \
                          event."
    );
    match place {
        PageAnchor::After(seq) => Ok(Some(seq)),
        PageAnchor::Newest => Ok(None),
        PageAnchor::Before(_) | PageAnchor::Oldest => Err(Problem::parameter(name, advice)),
    }
}

/// A follower of the log.
pub(crate) struct Tail {
    visitor: Visitor,
    follower: Follower,
    /// The server's stop signal, if this process runs the server.
    ending: Option<Ending>,
    walk: FollowCursor,
    limit: usize,
    /// Read and not sent.
    ready: VecDeque<Entry>,
    /// The `seq` of the last sent entry.
    sent: Option<u64>,
    /// Whether the last read reached the end of the log.
    at_end: bool,
    /// The time of the last rights check.
    checked: Instant,
    over: bool,
}

/// Why a tail ends, for its last event.
#[derive(Serialize)]
struct End {
    reason: &'static str,
    detail: String,
}

impl Tail {
    /// The next event; nothing after the end event.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        while !self.over {
            match self.turn().await {
                Ok(Some(entry)) => return Some((Ok(self.event(&entry)), self)),
                Ok(None) => {}
                Err(end) => {
                    self.over = true;
                    return Some((Ok(end.event()), self));
                }
            }
        }
        None
    }

    async fn turn(&mut self) -> Result<Option<Entry>, End> {
        if self.is_stopping() {
            return Err(End::stopping());
        }
        if self.checked.elapsed() >= BELIEVED && !self.ready.is_empty() {
            // Its reader was slow, and may not be allowed to see this any more.
            self.ready.clear();
            self.walk.back_to(self.sent);
        }
        if self.ready.is_empty() {
            self.fill().await?;
        }
        let entry = self.ready.pop_front();
        self.sent = entry.as_ref().map(|entry| entry.seq).or(self.sent);
        Ok(entry)
    }

    /// Waits until there may be new entries, checks the rights again, and reads.
    async fn fill(&mut self) -> Result<(), End> {
        let word = if self.at_end { self.wait().await } else { Wakeup::Appended };
        if word == Wakeup::Stopping {
            return Err(End::stopping());
        }
        self.visitor = self.visitor.again().await?;
        self.visitor.access.require(Right::Read).map_err(Problem::from)?;
        self.checked = Instant::now();
        if word == Wakeup::Appended { self.read().await } else { Ok(()) }
    }

    async fn read(&mut self) -> Result<(), End> {
        let (mut walk, limit, next) = (self.walk.clone(), self.limit, self.follower.next_seq());
        let read =
            self.visitor.search_on(move |log, access| Ok((walk.step(&log.view().reader(access), next, limit)?, walk)));
        let (entries, walk) = read.await?;
        self.at_end = entries.len() < limit;
        self.walk = walk;
        self.ready = entries.into();
        Ok(())
    }

    async fn wait(&mut self) -> Wakeup {
        tokio::time::sleep_until(self.checked + PACE).await;
        let stopping = async {
            match &mut self.ending {
                Some(ending) => ending.begun().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stopping => Wakeup::Stopping,
            word = self.follower.wait(BELIEVED) => word,
        }
    }

    fn is_stopping(&self) -> bool {
        self.follower.is_stopping() || self.ending.as_ref().is_some_and(Ending::has_begun)
    }

    fn event(&self, entry: &Entry) -> Event {
        // JSON of texts and numbers; it has no way to fail, and none to hold a line break.
        let json = serde_json::to_string(entry).unwrap_or_default();
        Event::default().event("entry").id(self.id(entry.seq)).data(json)
    }

    fn id(&self, place: u64) -> String {
        cursor::newer(self.visitor.site.log.secret(), place)
    }

    /// The position to resume from, for a client that loses the connection before the first entry.
    fn greeting(&self) -> Event {
        let greeting = Event::default().comment("entries follow");
        self.sent.map_or(greeting.clone(), |place| greeting.id(self.id(place)))
    }
}

impl IntoResponse for Tail {
    fn into_response(self) -> Response {
        let greeting = stream::iter([Ok(self.greeting())]);
        let events = Sse::new(greeting.chain(stream::unfold(self, Self::next))).keep_alive(KeepAlive::new());
        let headers = [
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (BUFFERING, HeaderValue::from_static("no")),
        ];
        (headers, events).into_response()
    }
}

impl End {
    fn stopping() -> Self {
        Self { reason: "stopping", detail: "The log is closing. Reconnect with the last id.".to_owned() }
    }

    fn event(&self) -> Event {
        Event::default().event("end").data(serde_json::to_string(self).unwrap_or_default())
    }
}

impl From<Problem> for End {
    fn from(problem: Problem) -> Self {
        let reason = match problem.status() {
            StatusCode::UNAUTHORIZED => "signed-out",
            StatusCode::FORBIDDEN => "denied",
            _ => "failed",
        };
        Self { reason, detail: problem.detail().to_owned() }
    }
}

/// The id of the last event that a reconnecting client received.
pub(crate) struct Last(Option<String>);

impl<S: Sync> FromRequestParts<S> for Last {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(parts.headers.get(LAST).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())))
    }
}

impl Input for Last {
    fn describe(operation: &mut Operation<'_>) {
        operation.header(
            "Last-Event-ID",
            "The `id` of the last event; the stream continues after it.",
            json!({ "type": "string" }),
        );
    }
}

impl Output for Tail {
    fn describe(operation: &mut Operation<'_>) {
        let schema = json!({ "type": "string", "description": "Events `entry`, and `end` with a reason." });
        operation.answer(StatusCode::OK, "text/event-stream", schema);
    }
}
