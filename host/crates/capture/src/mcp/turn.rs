//! The end of an exchange. The recorder's thread records it; a long body is decoded on another thread, so that a few
//! bytes that decode to many do not delay other calls.

use std::sync::{Arc, Mutex, PoisonError};

use mcp_audit_log_core::recorder::{RecordError, Reservation};
use mcp_audit_log_model::event::Event;
use mcp_audit_log_service::NotTaken;

use super::exchange::{Exchange, TURN};

/// An ended exchange, whose events are created once.
pub(crate) struct Told {
    exchange: Arc<Exchange>,
    events: Mutex<Option<Events>>,
}

type Events = Box<dyn FnOnce() -> Vec<Event> + Send>;

impl Told {
    /// Enqueues the events in the slot that was reserved for them.
    pub(crate) fn at(
        place: Reservation,
        exchange: &Arc<Exchange>,
        events: impl FnOnce() -> Vec<Event> + Send + 'static,
    ) -> Result<(), RecordError> {
        let told = Self { exchange: Arc::clone(exchange), events: Mutex::new(Some(Box::new(events))) };
        place.record_with(move |place| Arc::new(told).first(place))
    }

    /// On the recorder's thread: reads one turn's quota. The rest waits in the background and keeps its slot.
    fn first(self: Arc<Self>, place: Reservation) -> Vec<Event> {
        if self.exchange.read_some(TURN) {
            return self.events();
        }
        let rest = Arc::clone(&self);
        match self.exchange.background.offer(move || rest.rest(place)) {
            Ok(()) => return Vec::new(),
            // Too many wait: the entry says that it was not read to its end.
            Err(NotTaken::Full) => self.exchange.stop_unpacking(),
            // The log is being closed: it is read here and now.
            Err(NotTaken::Closed) => {}
        }
        self.events()
    }

    /// Decodes the rest on the background thread.
    fn rest(self: Arc<Self>, place: Reservation) {
        // By turns, since the recorder's thread may look at this exchange meanwhile.
        while !self.exchange.read_some(TURN) {}
        // The log is closed only when nothing is left to do here.
        let _ = place.record_with(move |_place| self.events());
    }

    fn events(&self) -> Vec<Event> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).take();
        events.map_or_else(Vec::new, |events| events())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use axum::Router;
    use axum::body::Body;
    use axum::http::Request;
    use axum::routing::any;
    use http_body_util::BodyExt;
    use tower_layer::Layer;
    use tower_service::Service;

    use crate::AuditLayer;
    use mcp_audit_log_contract::access::Viewer;
    use mcp_audit_log_core::reader::MAX_LIMIT;
    use mcp_audit_log_model::entry::Entry;
    use mcp_audit_log_model::event::{Channel, Event, Kind, OutcomeDetail};
    use mcp_audit_log_model::field::Field;
    use mcp_audit_log_service::{AuditLog, Options};

    /// A call of the tool `name`, whose answer decodes to this many bytes.
    async fn call(layer: &AuditLayer, name: &str, length: usize) {
        let answer = format!(r#"{{"id":1,"result":{{"text":"{}"}}}}"#, "x".repeat(length));
        let answer = zstd::encode_all(answer.as_bytes(), 3).expect("encoded");
        let headers = [("content-type", "application/json"), ("content-encoding", "zstd")];
        let mut server = layer.layer(Router::new().fallback(any(async move |_: bytes::Bytes| (headers, answer))));
        let body = format!(r#"{{"id":1,"method":"tools/call","params":{{"name":"{name}"}}}}"#);
        let response = server.call(Request::post("/mcp").body(Body::from(body)).expect("a request")).await;
        response.expect("an answer").into_body().collect().await.expect("its body");
    }

    /// Tool, outcome and whether it was read to its end, of each call in the order of the log.
    fn calls(folder: &std::path::Path) -> Vec<(String, String, bool)> {
        let log = Options::new(folder).view().expect("a log");
        let access = log.access(&Viewer::new("r", ["admin"]));
        let page = log.reader(&access).page(mcp_audit_log_filter::Domain::TRUE, None, MAX_LIMIT).expect("a page");
        let text = |entry: &Entry, field| entry.text(field).unwrap_or_default().to_owned();
        let calls = page.entries.iter().rev().filter(|entry| entry.text(Field::Tool).is_some());
        calls
            .map(|entry| {
                let whole = !entry.details.contains_key("truncated");
                (text(entry, Field::Tool), text(entry, Field::OutcomeDetail), whole)
            })
            .collect()
    }

    /// Keeps a thread from going on until it is dropped.
    fn held() -> (Sender<()>, impl FnOnce() + Send + 'static) {
        let (go, goes) = channel::<()>();
        let wait = move || {
            let _ = goes.recv();
        };
        (go, wait)
    }

    fn opened(folder: &std::path::Path) -> (AuditLog, AuditLayer) {
        let log = Options::new(folder).own_schedule().open().expect("a log");
        let layer = AuditLayer::new(log.clone(), "s");
        (log, layer)
    }

    /// Waits until the recorder has seen every call so far.
    async fn all_seen(log: &AuditLog) {
        let marker = Event::new(log.view().now(), Channel::System, Kind::System, OutcomeDetail::Ok);
        log.record_durably(marker).await.expect("stored");
    }

    #[tokio::test]
    async fn a_body_that_takes_long_to_decode_delays_no_other_call() {
        let folder = tempfile::tempdir().expect("a folder");
        let (log, layer) = opened(folder.path());
        let (go, wait) = held();
        log.record_later(0, move || {
            wait();
            Vec::new()
        })
        .expect("taken");
        call(&layer, "heavy", 4 << 20).await;
        call(&layer, "light", 100).await;
        call(&layer, "usual", 100 << 10).await;
        drop(go);
        all_seen(&log).await;
        log.close();
        let told = |tool: &str| (tool.to_owned(), "ok".to_owned(), true);
        assert_eq!(calls(folder.path()), [told("light"), told("usual"), told("heavy")]);
        assert_eq!(log.recorder().gauges().captured.held(), 0);
    }

    #[tokio::test]
    async fn too_many_large_bodies_are_entries_marked_truncated() {
        let folder = tempfile::tempdir().expect("a folder");
        let (log, layer) = opened(folder.path());
        let (go, wait) = held();
        log.background().offer(wait).expect("taken");
        for at in 0..70 {
            call(&layer, &format!("heavy_{at}"), 1 << 20).await;
        }
        all_seen(&log).await;
        drop(go);
        log.close();
        let mut told = calls(folder.path());
        let (whole, cut): (Vec<_>, Vec<_>) = told.iter().partition(|(.., whole)| *whole);
        assert!(whole.len() >= 64 && !cut.is_empty(), "{told:?}");
        assert!(whole.iter().all(|(_, detail, _)| detail == "ok"), "{told:?}");
        assert!(cut.iter().all(|(_, detail, _)| detail == "unknown"), "{told:?}");
        told.sort();
        told.dedup_by(|one, other| one.0 == other.0);
        assert_eq!(told.len(), 70, "each is one entry");
    }
}
