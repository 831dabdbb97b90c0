//! `GET /metrics`: the log's statistics in Prometheus format.
//!
//! They reveal how busy a platform is, so they are not part of the public router: mount them on an internal address.
//! Labels never contain names of users, of tools or other recorded values.

mod plain;

use std::fmt::{Debug, Error, Formatter};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderName, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mcp_audit_log_core::recorder::{Gauges, Histogram};
use mcp_audit_log_model::time::{SECOND, Timestamp};
use mcp_audit_log_sandbox::Health;
use mcp_audit_log_service::AuditLog;
use mcp_audit_log_service::{LogStatistics, SinkProgress};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Registry, Unit};

/// How every name begins.
const PREFIX: &str = "mcp_audit_log";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";
const VARIES: (HeaderName, &str) = (VARY, "accept");

/// A router with only `/metrics`, without authentication: mount it on an internal address.
pub fn metrics_router(log: AuditLog) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(log)
}

async fn metrics(State(log): State<AuditLog>, headers: HeaderMap) -> Response {
    let is_open = wants_open_metrics(&headers);
    // It asks the store, which may wait.
    match tokio::task::spawn_blocking(move || exposition(log)).await {
        Ok(Ok(text)) if is_open => ([(CONTENT_TYPE, OPEN_METRICS), VARIES], text).into_response(),
        Ok(Ok(text)) => ([(CONTENT_TYPE, PLAIN), VARIES], plain::from_open_metrics(&text)).into_response(),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics are not available now; try again\n").into_response(),
    }
}

/// Whether the client accepts OpenMetrics. Other clients get the older format, which all of them support.
fn wants_open_metrics(headers: &HeaderMap) -> bool {
    let accepted =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(','));
    accepted.into_iter().any(|kind| {
        let mut parts = kind.split(';').map(str::trim);
        let is_open = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/openmetrics-text"));
        let is_refused = |part: &str| part.strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0_f32));
        is_open && !parts.any(is_refused)
    })
}

fn exposition(log: AuditLog) -> Result<String, Error> {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Scrape(log)));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

/// The log; its gauges are read again for each request.
struct Scrape(AuditLog);

impl Debug for Scrape {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result<(), Error> {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let figures = self.0.figures();
        let mut sheet = Sheet(encoder);
        sheet.build(&self.0)?;
        sheet.gauge("ready", "1 if entries reach the disk and the policy works", self.0.recorder().ready().is_ok())?;
        sheet.moment("start_time", "Time when the log was opened", figures.opened)?;
        sheet.queue(figures.gauges)?;
        sheet.store(&figures)?;
        sheet.policy(figures.gauges, figures.policy.health())?;
        sheet.cleanup(&figures)?;
        sheet.checkpoints(&figures)?;
        sheet.sinks(&figures.sinks, self.0.view().now())?;
        sheet.gauge("tail_subscribers", "Open live tails", figures.followers as u64)
    }
}

/// A page of metrics that is being written.
struct Sheet<'a>(DescriptorEncoder<'a>);

impl Sheet<'_> {
    fn build(&mut self, log: &AuditLog) -> Result<(), Error> {
        let (manifest, digest) = (log.view().manifest(), log.view().policy_digest());
        let labels: [(&str, &str); 4] = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("policy", &manifest.name),
            ("policy_version", &manifest.version),
            ("policy_digest", &digest),
        ];
        let labels = labels.map(|(name, value)| (name, value.to_owned())).to_vec();
        Info::new(labels).encode(self.next("build", "Version and loaded policy", None, MetricType::Info)?)
    }

    fn queue(&mut self, gauges: &Gauges) -> Result<(), Error> {
        let waiting = gauges.waiting.load(Ordering::Relaxed);
        self.gauge("queue_items", "Items waiting for the recorder", waiting as u64)?;
        self.gauge("queue_limit_items", "Maximum number of waiting items", gauges.limits.items as u64)?;
        self.bytes(
            "queue",
            "Bytes of bodies waiting for the recorder",
            gauges.waiting_bytes.load(Ordering::Relaxed) as u64,
        )?;
        self.bytes("queue_limit", "Maximum bytes of waiting bodies", gauges.limits.bytes as u64)?;
        self.counter("events_dropped", "Events lost, each counted in a gap entry", &gauges.dropped)?;
        self.counter("gap_entries", "Entries that report a loss", &gauges.gaps)
    }

    fn store(&mut self, figures: &LogStatistics<'_>) -> Result<(), Error> {
        let gauges = figures.gauges;
        self.counter("entries_stored", "Entries stored", &gauges.stored)?;
        self.counter("commits_failed", "Commits that failed and were retried", &gauges.failed)?;
        self.gauge("commits_failing", "Consecutive failed commits", gauges.failing.load(Ordering::Relaxed))?;
        let commits = gauges.latency.buckets().map(|(_, count)| count).sum();
        self.counter("commits", "Commits", &AtomicU64::new(commits))?;
        self.histogram("commit_duration", "Duration of a commit", Some(Unit::Seconds), SECOND as f64, &gauges.latency)?;
        self.histogram("commit_entries", "Entries in a commit", None, 1.0, &gauges.size)?;
        let Some(extent) = figures.extent else { return Ok(()) };
        self.gauge("entries", "Entries in the log", extent.entries)?;
        self.bytes("database", "Size of the database files", extent.bytes + extent.journal_bytes)
    }

    fn policy(&mut self, gauges: &Gauges, health: &Health) -> Result<(), Error> {
        self.counter("policy_events", "Events judged", &gauges.judged)?;
        self.counter("policy_faults", "Events without a policy verdict", &gauges.faults)?;
        let mut family =
            self.next("policy_failures", "Policy failures by function and kind", None, MetricType::Counter)?;
        for (function, kind, count) in health.faults() {
            let labels = [("function", function), ("kind", kind.as_str())];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        let (hits, misses) = health.cache();
        self.counter("policy_cache_hits", "Events whose verdict was remembered", &AtomicU64::new(hits))?;
        self.counter("policy_cache_misses", "Events that the policy was asked about", &AtomicU64::new(misses))?;
        self.counter("policy_fuel", "Fuel burned by judging", &AtomicU64::new(health.fuel()))?;
        let seconds = gauges.judged_us.load(Ordering::Relaxed) as f64 / SECOND as f64;
        let next = self.next(
            "policy_judge",
            "Time spent in the policy's judge function",
            Some(&Unit::Seconds),
            MetricType::Counter,
        )?;
        ConstCounter::new(seconds).encode(next)
    }

    fn cleanup(&mut self, figures: &LogStatistics<'_>) -> Result<(), Error> {
        let cleanup = &figures.gauges.cleanup;
        self.gauge("cleanup_running", "1 while the cleanup runs", cleanup.running.load(Ordering::Relaxed))?;
        let progress = "Entries removed by the current or last cleanup of this process";
        self.gauge("cleanup_progress_entries", progress, cleanup.progress.load(Ordering::Relaxed))?;
        self.counter("cleanup_entries_removed", "Entries removed", &cleanup.entries)?;
        self.counter("cleanup_payloads_removed", "Payloads removed", &cleanup.payloads)?;
        let Some(last) = &figures.cleanup else { return Ok(()) };
        self.moment(
            "cleanup_last_run_timestamp",
            "Time of the last cleanup",
            last.last_run.unwrap_or(Timestamp::EPOCH),
        )?;
        self.gauge("cleanup_last_success", "1 if the last cleanup succeeded", last.last_succeeded == Some(true))
    }

    fn checkpoints(&mut self, figures: &LogStatistics<'_>) -> Result<(), Error> {
        self.counter(
            "checkpoints_unsigned",
            "Checkpoints that could not be signed",
            &AtomicU64::new(figures.unsigned),
        )?;
        if let Some((size, signed_at)) = figures.checkpoint {
            self.gauge("checkpoint_entries", "Entries covered by the newest checkpoint", size)?;
            self.moment("checkpoint_timestamp", "Time when the newest checkpoint was signed", signed_at)?;
        }
        let failures = figures.places.iter().map(|place| place.failures).sum();
        self.counter("checkpoints_unpublished", "Checkpoints that could not be published", &AtomicU64::new(failures))?;
        let failing = figures.places.iter().filter(|place| place.failing.is_some()).count();
        self.gauge("publishing_failing", "Destinations that currently fail", failing as u64)?;
        let conflicts = figures.places.iter().filter(|place| place.conflict).count();
        self.gauge("publishing_conflicts", "Destinations that have checkpoints of another history", conflicts as u64)
    }

    fn sinks(&mut self, sinks: &[SinkProgress], now: Timestamp) -> Result<(), Error> {
        if sinks.is_empty() {
            return Ok(());
        }
        let lag = |sink: &SinkProgress| now.as_micros() - sink.oldest.map_or(now, |oldest| oldest.min(now)).as_micros();
        let seconds = |sink: &SinkProgress| lag(sink) as f64 / SECOND as f64;
        let help = "Age of the oldest entry that a sink has not got yet";
        self.by_sink("sink_lag", help, Some(&Unit::Seconds), sinks, |sink| ConstGauge::new(seconds(sink)))?;
        let help = "Entries that a sink has not got yet";
        self.by_sink("sink_waiting_entries", help, None, sinks, |sink| ConstGauge::new(sink.waiting))?;
        let is_failing = |sink: &SinkProgress| ConstGauge::new(u64::from(sink.status.failing.is_some()));
        self.by_sink("sink_failing", "1 while a sink fails", None, sinks, is_failing)?;
        let help = "Deliveries of a sink that failed and were retried";
        self.by_sink("sink_failures", help, None, sinks, |sink| ConstCounter::new(sink.status.failures))?;
        let help = "Entries that the destination of a sink refused for good";
        self.by_sink("sink_refused_entries", help, None, sinks, |sink| ConstCounter::new(sink.status.refused))
    }

    /// A metric with the name of each sink as its label: a name of the operator's, and no recorded value.
    fn by_sink<M: EncodeMetric + TypedMetric>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        sinks: &[SinkProgress],
        metric: impl Fn(&SinkProgress) -> M,
    ) -> Result<(), Error> {
        let mut family = self.next(name, help, unit, M::TYPE)?;
        for sink in sinks {
            metric(sink).encode(family.encode_family(&[("sink", &*sink.status.name)])?)?;
        }
        Ok(())
    }

    fn next<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        unit: Option<&'s Unit>,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, Error> {
        self.0.encode_descriptor(name, help, unit, kind)
    }

    fn counter(&mut self, name: &str, help: &str, count: &AtomicU64) -> Result<(), Error> {
        ConstCounter::new(count.load(Ordering::Relaxed)).encode(self.next(name, help, None, MetricType::Counter)?)
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Into<u64>) -> Result<(), Error> {
        ConstGauge::new(value.into()).encode(self.next(name, help, None, MetricType::Gauge)?)
    }

    fn bytes(&mut self, name: &str, help: &str, bytes: u64) -> Result<(), Error> {
        ConstGauge::new(bytes).encode(self.next(name, help, Some(&Unit::Bytes), MetricType::Gauge)?)
    }

    fn moment(&mut self, name: &str, help: &str, at: Timestamp) -> Result<(), Error> {
        let seconds = at.as_micros() as f64 / SECOND as f64;
        ConstGauge::new(seconds).encode(self.next(name, help, Some(&Unit::Seconds), MetricType::Gauge)?)
    }

    /// `scale` converts the histogram's unit into that of the exposition.
    fn histogram<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        scale: f64,
        values: &Histogram<N>,
    ) -> Result<(), Error> {
        let bound = |bound: Option<u64>| bound.map_or(f64::INFINITY, |bound| bound as f64 / scale);
        let buckets: Vec<_> = values.buckets().map(|(upto, count)| (bound(upto), count)).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let mut next = self.next(name, help, unit.as_ref(), MetricType::Histogram)?;
        next.encode_histogram::<NoLabelSet>(values.sum() as f64 / scale, count, &buckets, None)
    }
}
