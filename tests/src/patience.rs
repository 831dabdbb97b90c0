//! Polling for events without a notification: a process that gets ready, an entry that is recorded after the call.

use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(20);
/// Long enough for a loaded machine; no test that passes waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Polls until there is an answer. A failure names `what`.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, &mut ask).unwrap_or_else(|| panic!("not within {} s: {what}", PATIENCE.as_secs()))
}

/// Asks until there is an answer or the time is over.
pub(crate) fn within<T>(patience: Duration, ask: &mut dyn FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() > deadline {
            return answer;
        }
        std::thread::sleep(STEP);
    }
}
