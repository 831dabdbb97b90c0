//! Schedules reads: they wait for a turn and run on their own threads with a lower priority. Searches never use the
//! threads that serve MCP calls, their sign-in and the recorder.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use mcp_audit_log_contract::access::Viewer;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::problem::Problem;

/// The time that a viewer waits for a turn before the request is refused.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most searches of one viewer at once, whatever the number of processors.
const OF_ONE: usize = 4;
/// The most changes at once. They wait for the recorder.
const CHANGES: usize = 8;
/// The most short operations at once that every request needs, such as asking the policy for access.
const SHORT: usize = 8;
/// The number of known viewers at which those without a turn are removed.
const VIEWERS: usize = 1_024;

/// The turns and the threads of a site.
pub(crate) struct ReadScheduler {
    /// `None` if the system starts no threads, and while this is dropped.
    runtime: Option<Runtime>,
    turns: Arc<Semaphore>,
    changes: Arc<Semaphore>,
    short: Arc<Semaphore>,
    of_one: usize,
    patience: Duration,
    viewers: Mutex<HashMap<Who, Weak<Semaphore>>>,
}

/// A user with several tokens is one viewer.
type Who = (Option<String>, String);

/// The right to run on one of the threads. It belongs to the work, which continues if its caller hangs up.
struct Turn {
    _of_one: Option<OwnedSemaphorePermit>,
    _of_all: OwnedSemaphorePermit,
}

impl Turn {
    fn of_all(turn: OwnedSemaphorePermit) -> Self {
        Self { _of_one: None, _of_all: turn }
    }
}

/// How long the caller waits for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitLimit {
    /// A single request, which can be repeated.
    Short,
    /// Part of a long answer.
    Endless,
}

impl ReadScheduler {
    /// A scheduler with as many turns as the machine has processors, and at least two, so that no viewer has all of
    /// them.
    pub(crate) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::with(processors.max(2), PATIENCE)
    }

    fn with(turns: usize, patience: Duration) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(turns.min(4))
            .max_blocking_threads(turns + CHANGES + SHORT)
            .thread_name("audit-read")
            .on_thread_start(give_way)
            .enable_all()
            .build();
        Self {
            runtime: runtime.inspect_err(|error| tracing::error!(%error, "reader threads cannot be started")).ok(),
            turns: Arc::new(Semaphore::new(turns)),
            changes: Arc::new(Semaphore::new(CHANGES)),
            short: Arc::new(Semaphore::new(SHORT)),
            of_one: (turns / 2).clamp(1, OF_ONE),
            patience,
            viewers: Mutex::default(),
        }
    }

    fn handle(&self) -> Result<&Handle, Problem> {
        self.runtime.as_ref().map(Runtime::handle).ok_or_else(|| Problem::internal(&"reader threads cannot be started"))
    }

    /// Runs `work`, a search, when it is the viewer's turn. A viewer first waits for one of their own turns, so that a
    /// viewer with many searches does not block others.
    pub(crate) async fn search<T: Send + 'static>(
        &self,
        viewer: &Viewer,
        patience: WaitLimit,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let waiting = async {
            let of_one = self.turns_of(viewer).acquire_owned().await.ok()?;
            let of_all = Arc::clone(&self.turns).acquire_owned().await.ok()?;
            Some(Turn { _of_one: Some(of_one), _of_all: of_all })
        };
        let turn = match patience {
            WaitLimit::Endless => waiting.await,
            WaitLimit::Short => {
                tokio::time::timeout(self.patience, waiting).await.map_err(|_| Problem::too_many_searches())?
            }
        };
        self.work(turn, work).await
    }

    /// Runs `work`, which changes something and waits until that is durable.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Arc::clone(&self.changes).acquire_owned().await.ok();
        self.work(turn.map(Turn::of_all), work).await
    }

    /// Runs `work`, which is always short.
    pub(crate) async fn briefly<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Arc::clone(&self.short).acquire_owned().await.ok();
        self.work(turn.map(Turn::of_all), work).await
    }

    async fn work<T: Send + 'static>(
        &self,
        turn: Option<Turn>,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let done = self.handle()?.spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.unwrap_or_else(|error| Err(Problem::internal(&error)))
    }

    /// Runs the rendering of an answer on these threads: a page of 500 entries takes a while. It ends when the caller
    /// hangs up.
    pub(crate) async fn answer<T: Send + 'static>(
        &self,
        answering: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Problem> {
        let mut task = EndsWithIts(self.handle()?.spawn(answering));
        (&mut task.0).await.map_err(|error| Problem::internal(&error))
    }

    fn turns_of(&self, viewer: &Viewer) -> Arc<Semaphore> {
        let who = (viewer.instance.clone(), viewer.user.clone());
        let mut viewers = self.viewers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = viewers.get(&who).and_then(Weak::upgrade) {
            return turns;
        }
        if viewers.len() >= VIEWERS {
            viewers.retain(|_, turns| turns.strong_count() > 0);
        }
        let turns = Arc::new(Semaphore::new(self.of_one));
        viewers.insert(who, Arc::downgrade(&turns));
        turns
    }
}

impl Drop for ReadScheduler {
    fn drop(&mut self) {
        // The last to hold a site may be one of these threads, which must not wait for itself.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct EndsWithIts<T>(JoinHandle<T>);

impl<T> Drop for EndsWithIts<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Lowers the priority of this thread, so that it is served last when processors are busy. Linux has priorities per
/// thread; elsewhere this would change the whole process.
#[cfg(target_os = "linux")]
fn give_way() {
    const STEPS: i32 = 10;
    if let Err(error) = rustix::process::nice(STEPS) {
        tracing::debug!(%error, "a reader thread could not lower its priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use axum::body::Body;
    use axum::response::IntoResponse;
    use tower_service::Service as _;

    use super::*;

    fn viewer(user: &str) -> Viewer {
        Viewer { user: user.to_owned(), groups: Vec::new(), instance: None }
    }

    /// Work that continues until the test stops it.
    fn endless() -> (mpsc::Sender<()>, impl FnOnce() -> Result<(), Problem> + Send + 'static) {
        let (stop, stopped) = mpsc::channel();
        (stop, move || {
            let _ = stopped.recv();
            Ok(())
        })
    }

    #[tokio::test]
    async fn one_viewer_never_uses_all_turns_and_is_refused_instead() {
        let room = ReadScheduler::with(4, Duration::ZERO);
        let (stops, works): (Vec<_>, Vec<_>) = (0..2).map(|_| endless()).unzip();
        let (uma, otto) = (viewer("uma"), viewer("otto"));
        let mut held: Vec<_> =
            works.into_iter().map(|work| Box::pin(room.search(&uma, WaitLimit::Short, work))).collect();
        for search in &mut held {
            assert!(futures_util::poll!(search).is_pending());
        }
        let refused = room.search(&uma, WaitLimit::Short, || Ok(())).await.expect_err("no turn");
        let refused = refused.into_response();
        assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].as_bytes()), (429, &b"2"[..]));
        let mut patient = Box::pin(room.search(&uma, WaitLimit::Endless, || Ok("at last")));
        assert!(futures_util::poll!(&mut patient).is_pending());
        assert_eq!(room.search(&otto, WaitLimit::Short, || Ok(7)).await.expect("a turn"), 7);
        assert_eq!(room.change(|| Ok(8)).await.expect("done"), 8);
        // A caller that hangs up leaves its work running, and it counts until it is done.
        drop(held);
        assert_eq!(room.search(&uma, WaitLimit::Short, || Ok(())).await.expect_err("no turn").status().as_u16(), 429);
        drop(stops);
        assert_eq!(patient.await.expect("a turn"), "at last");
    }

    type Pending<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(), Problem>> + 'a>>;

    /// Reads and changes have a runtime of their own. While all of its threads are busy, a call through the proxy is signed
    /// in by the only blocking thread of the server's runtime.
    #[test]
    fn sign_in_of_the_proxy_shares_no_thread_with_searches() {
        let runtime = Builder::new_current_thread().max_blocking_threads(1).enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let log = mcp_audit_log_service::Options::new(folder.path()).own_schedule().open().expect("a log");
        let tokens = mcp_audit_log_store::Tokens::open(folder.path()).expect("tokens");
        let (secret, _) = tokens.create(&viewer("agent"), "laptop", log.view().now()).expect("a token");
        let sign_in = mcp_audit_log_capture::proxy::SignIn::Tokens(mcp_audit_log_identity::Identity::new(tokens));
        let mut proxy = mcp_audit_log_capture::proxy::router(log, Vec::new(), sign_in);
        runtime.block_on(async {
            let room = ReadScheduler::with(2, Duration::ZERO);
            let (uma, otto) = (viewer("uma"), viewer("otto"));
            let (stops, mut works): (Vec<_>, Vec<_>) = (0..2 + CHANGES + SHORT).map(|_| endless()).unzip();
            let mut next = || works.pop().expect("some work");
            let mut held: Vec<Pending<'_>> = vec![
                Box::pin(room.search(&uma, WaitLimit::Endless, next())),
                Box::pin(room.search(&otto, WaitLimit::Endless, next())),
            ];
            held.extend((0..CHANGES).map(|_| Box::pin(room.change(next())) as _));
            held.extend((0..SHORT).map(|_| Box::pin(room.briefly(next())) as _));
            for work in &mut held {
                assert!(futures_util::poll!(work).is_pending());
            }
            let bearer = format!("Bearer {secret}");
            let call = axum::http::Request::post("/mcp/none").header("authorization", bearer).body(Body::empty());
            let answering = proxy.call(call.expect("a request"));
            let answer = tokio::time::timeout(Duration::from_secs(60), answering).await.expect("sign-in needs no turn");
            let answer = answer.expect("an answer");
            assert_eq!(answer.status().as_u16(), 404, "signed in, and no such server");
            drop((held, stops));
        });
    }

    #[tokio::test]
    async fn viewers_without_a_turn_are_removed() {
        let room = ReadScheduler::with(2, Duration::ZERO);
        for number in 0..3 * VIEWERS {
            room.turns_of(&viewer(&number.to_string()));
        }
        assert!(room.viewers.lock().expect("a lock").len() <= VIEWERS);
    }
}
