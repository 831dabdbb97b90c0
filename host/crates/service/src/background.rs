//! Long work that must not delay other work of the log: one thread with a short queue of jobs.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

/// Most jobs that wait.
const WAITING: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// The thread, started with the first job.
pub struct Background {
    /// The thread's name.
    name: &'static str,
    state: Mutex<State>,
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    Running(SyncSender<Job>, JoinHandle<()>),
    Closed,
}

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// Too many jobs wait, or there is no thread.
    Full,
    /// No further job is accepted.
    Closed,
}

impl Background {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, state: Mutex::default() }
    }

    /// Accepts a job if few enough wait.
    pub fn offer(&self, job: impl FnOnce() + Send + 'static) -> Result<(), NotTaken> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Idle = *state {
            let (sender, receiver) = sync_channel(WAITING);
            let thread = std::thread::Builder::new().name(self.name.into()).spawn(move || run(&receiver));
            *state = State::Running(sender, thread.map_err(|_| NotTaken::Full)?);
        }
        let State::Running(sender, _) = &*state else { return Err(NotTaken::Closed) };
        sender.try_send(Box::new(job)).map_err(|error| match error {
            TrySendError::Full(_) => NotTaken::Full,
            TrySendError::Disconnected(_) => NotTaken::Closed,
        })
    }

    /// Accepts no more jobs, and waits until the accepted ones are done.
    pub fn close(&self) {
        let state = std::mem::replace(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner), State::Closed);
        if let State::Running(sender, thread) = state {
            drop(sender);
            // The last handle to a log may be dropped by a job.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl std::fmt::Debug for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Background")
    }
}

/// A panic of a job affects only that job, which reports its own loss.
fn run(jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
            tracing::error!("captured traffic could not be parsed: a bug in the parser");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn accepted_jobs_run_and_the_queue_is_bounded() {
        let background = Background::new("test");
        let ((begun, has_begun), (go, goes)) = (channel(), channel::<()>());
        let first = move || {
            let _ = begun.send(());
            let _ = goes.recv();
        };
        background.offer(first).expect("taken");
        has_begun.recv().expect("begun");
        let (done, is_done) = channel();
        for at in 0..WAITING {
            let done = done.clone();
            background.offer(move || done.send(at).expect("the receiver is open")).expect("there is room");
        }
        assert_eq!(background.offer(|| {}), Err(NotTaken::Full));
        drop((go, done));
        background.close();
        assert!(is_done.iter().eq(0..WAITING), "all of it, in order");
        assert_eq!(background.offer(|| {}), Err(NotTaken::Closed));
    }
}
