//! A year, day by day: each day has calls, a cleanup and a verification. Payloads are on and off, retention changes,
//! there are holds, erasures, restarts and days without a run. Exactly what settings, holds and checkpoints permit is
//! removed.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use mcp_audit_log::event::{Body, Channel, Event, Kind, OutcomeDetail, Payload};
use mcp_audit_log::hold::Hold;
use mcp_audit_log::signer::SignerOptions;
use mcp_audit_log::time::{Clock, DAY, ManualClock, SECOND, Timestamp};
use mcp_audit_log::{AuditLog, Options, verify_log};
use rusqlite::Connection;
use serde_json::json;
use uuid::Uuid;

use crate::support::{CLEANUP, access, clock, place_hold, set};

const DAYS: u32 = 365;

/// A row of the log.
#[derive(Clone, Copy)]
struct Row {
    seq: u64,
    recorded_at: Timestamp,
    committed: bool,
}

/// The log, and the expected state of it.
struct Year {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    log: Option<AuditLog>,
    /// Every entry that ever existed.
    rows: Vec<Row>,
    erased: BTreeSet<u64>,
    retention: i64,
    payload_retention: i64,
    hold: Option<Hold>,
    /// No entry below the first `seq`, and no payload below the second, may exist.
    entries_from: u64,
    payloads_from: u64,
    last_call: Uuid,
}

impl Year {
    fn begin() -> Self {
        let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
        let mut year = Self {
            folder,
            clock,
            log: None,
            rows: Vec::new(),
            erased: BTreeSet::new(),
            retention: 90,
            payload_retention: 0,
            hold: None,
            entries_from: 0,
            payloads_from: 0,
            last_call: Uuid::nil(),
        };
        year.start();
        set(year.log(), json!({ "log_payloads": true }));
        year
    }

    fn start(&mut self) {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        self.log = Some(Options::new(self.folder.path()).clock(clock).own_schedule().open().expect("a log"));
    }

    fn log(&self) -> &AuditLog {
        self.log.as_ref().expect("open")
    }

    fn raw(&self) -> Connection {
        let raw = Connection::open(self.folder.path().join("mcp-audit-log.db")).expect("a raw connection");
        mcp_audit_log_store::show_columns(&raw).expect("a view");
        raw
    }

    async fn call(&mut self) {
        let payload = Payload { request: Some(Body::whole("{\"q\":\"apples\"}")), response: Some(Body::whole("{}")) };
        let event = Event::new(self.log().view().now(), Channel::Mcp, Kind::Request, OutcomeDetail::Ok);
        self.last_call = event.id;
        self.log().record_durably(Event { payload: Some(payload), ..event }).await.expect("stored");
    }

    /// The additional actions of some days.
    fn turn(&mut self, day: u32) {
        let admin = access(self.log(), "admin");
        match day {
            20 => self.keep(12, 0),
            60 => self.keep(12, 5),
            95 => set(self.log(), json!({ "log_payloads": false })),
            110 => set(self.log(), json!({ "log_payloads": true })),
            120 => self.hold = Some(place_hold(self.log(), self.clock.now().plus(-3 * DAY))),
            150 => {
                let hold = self.hold.take().expect("a hold");
                self.log().release_hold(&admin, hold.id, "over").expect("released");
            }
            180 => self.keep(25, 25),
            215 => self.keep(6, 9),
            // Longer again: removed entries stay removed.
            240 => self.keep(30, 2),
            300 => self.keep(1, 0),
            330 => self.keep(10, 3),
            _ => {}
        }
        if day % 17 == 3 {
            let both = mcp_audit_log::Viewer {
                user: "anna".into(),
                groups: vec!["admin".into(), "auditor".into()],
                instance: None,
            };
            let seq = self.raw().query_row("SELECT max(seq) FROM payload", [], |row| row.get::<_, Option<u64>>(0));
            let last = seq.expect("read");
            let held = self.hold.is_some();
            match self.log().erase_payload(&self.log().view().access(&both), self.last_call, "a wish") {
                Ok(()) => self.erased.extend(last),
                Err(error) => assert!(held || last.is_none() || (95..110).contains(&day), "day {day}: {error}"),
            }
        }
        if day % 45 == 44 {
            self.log().close();
            self.log = None;
            // Two days on which nothing ran.
            self.clock.advance(2 * DAY);
            self.start();
        }
    }

    fn keep(&mut self, days: i64, payload_days: i64) {
        set(self.log(), json!({ "retention_days": days, "payload_retention_days": payload_days }));
        (self.retention, self.payload_retention) = (days, payload_days);
    }

    /// Reads the new entries.
    fn look(&mut self) {
        let raw = self.raw();
        let next = self.rows.last().map_or(0, |row| row.seq + 1);
        let sql = "SELECT seq, recorded_at, payload_commitment IS NOT NULL FROM entries WHERE seq >= ?1 ORDER BY seq";
        let mut statement = raw.prepare(sql).expect("entries");
        let row = |row: &rusqlite::Row<'_>| {
            let recorded_at = Timestamp::from_micros(row.get(1)?);
            Ok(Row { seq: row.get(0)?, recorded_at, committed: row.get(2)? })
        };
        let rows = statement.query_map([next], row).and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>);
        self.rows.extend(rows.expect("entries"));
        assert!(self.rows.iter().zip(0..).all(|(row, at)| row.seq == at), "a hole");
    }

    /// The `seq` below which a cleanup now removes entries that are older than this many days: by their time of
    /// recording, by a checkpoint that is an hour older, and by the hold.
    fn below(&self, days: i64) -> u64 {
        let now = self.clock.now();
        let moment = now.plus(-days * DAY);
        let before = self.hold.as_ref().map_or(moment, |hold| hold.from.min(moment));
        let by_age = self.rows.iter().take_while(|row| row.recorded_at < before).count() as u64;
        let sql = "SELECT coalesce(max(size), 0) FROM checkpoint WHERE signed_at <= ?1";
        let old_enough = moment.plus(-3_600 * SECOND).as_micros();
        by_age.min(self.raw().query_row(sql, [old_enough], |row| row.get(0)).expect("checkpoints"))
    }

    fn clean(&mut self) {
        self.look();
        self.entries_from = self.entries_from.max(self.below(self.retention));
        let own = if self.payload_retention > 0 { self.below(self.payload_retention) } else { 0 };
        self.payloads_from = self.payloads_from.max(self.entries_from).max(own);
        let state = self.log().run_cron(&access(self.log(), "admin"), CLEANUP).expect("run");
        assert_eq!(state.last_succeeded, Some(true), "{:?}", state.last_message);
        self.look();
    }

    /// Compares the stored entries and payloads with the expected ones, and verifies the log.
    fn check(&self, day: u32) {
        let seqs = |sql: &str| -> Vec<u64> {
            let raw = self.raw();
            let mut statement = raw.prepare(sql).expect(sql);
            statement.query_map([], |row| row.get(0)).and_then(Iterator::collect).expect(sql)
        };
        let entries: Vec<_> = self.rows.iter().map(|row| row.seq).filter(|seq| *seq >= self.entries_from).collect();
        assert_eq!(seqs("SELECT seq FROM entry ORDER BY seq"), entries, "entries on day {day}");
        let is_kept = |row: &&Row| row.committed && row.seq >= self.payloads_from && !self.erased.contains(&row.seq);
        let payloads: Vec<_> = self.rows.iter().filter(is_kept).map(|row| row.seq).collect();
        assert_eq!(seqs("SELECT seq FROM payload ORDER BY seq"), payloads, "payloads on day {day}");
        whole(self.folder.path(), day);
    }
}

fn whole(folder: &Path, day: u32) {
    let found = verify_log(folder, &SignerOptions::default(), Vec::new(), &|_, _, _| {});
    assert!(found.is_ok(), "day {day}: {found:?}");
}

#[tokio::test]
async fn a_year_of_cleanups_removes_exactly_what_the_settings_say() {
    let mut year = Year::begin();
    let (mut gone, mut lost) = (BTreeSet::new(), BTreeSet::new());
    for day in 0..DAYS {
        year.call().await;
        if day % 3 == 0 {
            year.call().await;
        }
        year.turn(day);
        // The cleanup signs what there is: one checkpoint a day.
        year.clean();
        year.check(day);
        gone.insert(year.entries_from);
        lost.insert(year.payloads_from - year.entries_from);
        year.clock.advance(DAY);
    }
    // It was about something.
    assert!(
        gone.len() > 200 && lost.len() > 5 && year.erased.len() > 8,
        "{} {} {:?}",
        gone.len(),
        lost.len(),
        year.erased
    );
}
