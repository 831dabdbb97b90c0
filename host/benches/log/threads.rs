//! How busy the log's own threads are, as Linux accounts for them: where the time goes, without a probe in the log.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// The processor time of every thread of the log so far, by name; empty where there is no `/proc`.
pub(crate) fn processor_time() -> BTreeMap<String, Duration> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let mut times = BTreeMap::new();
    for task in tasks {
        let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let nanos = read("schedstat").split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default();
        if let Some(name) = read("comm").trim().strip_prefix("mcp-audit-") {
            *times.entry(name.to_owned()).or_default() += Duration::from_nanos(nanos);
        }
    }
    times
}

/// What share of `span` each thread has worked since `before`.
pub(crate) fn busy_since(before: &BTreeMap<String, Duration>, span: Duration) -> String {
    let share = |name: &str, time: Duration| {
        let worked = time.saturating_sub(before.get(name).copied().unwrap_or_default());
        format!("{name} {:.0} %", 100.0 * worked.as_secs_f64() / span.as_secs_f64().max(1e-9))
    };
    let shares: Vec<_> = processor_time().into_iter().map(|(name, time)| share(&name, time)).collect();
    if shares.is_empty() { "–".to_owned() } else { shares.join(", ") }
}
