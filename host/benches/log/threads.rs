//! (short: Linux only) The processor time of the log's own threads, as Linux counts it, so that the log needs no probe.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use crate::table::figure;

/// The processor time of every thread of the log so far, by name; empty without `/proc`.
pub(crate) fn processor_time() -> BTreeMap<String, Duration> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let mut times = BTreeMap::new();
    for task in tasks {
        let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let nanos = read("schedstat").split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default();
        if let Some(name) = read("comm").trim().strip_prefix("audit-") {
            *times.entry(name.to_owned()).or_default() += Duration::from_nanos(nanos);
        }
    }
    times
}

/// The processor time of each thread since `before`, for each of `count` entries.
pub(crate) fn worked_since(before: &BTreeMap<String, Duration>, count: u64) -> String {
    let each = |(name, time): (String, Duration)| {
        let worked = time.saturating_sub(before.get(&name).copied().unwrap_or_default());
        format!("{name} {}", figure(worked.as_secs_f64() * 1e6 / count.max(1) as f64))
    };
    let threads: Vec<_> = processor_time().into_iter().map(each).collect();
    if threads.is_empty() { "–".to_owned() } else { threads.join(", ") }
}
