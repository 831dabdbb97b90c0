//! The first recorder thread: takes events from the queue, judges them, builds entries, and passes them to the thread
//! that stores them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::active::{ActivePolicy, SharedPolicy, is_milestone};
use super::build_entry::{EntryBuilder, random_salt};
use super::probation::Probation;
use super::queue::{Queue, Work};
use super::write_thread::{Handover, JudgedBatch, Receipt};
use super::{Changed, RecordError, StateChange};
use mcp_audit_log_contract::judged_by::JudgedByChange;
use mcp_audit_log_index::{CheckpointChange, StoreReader, Writer};
use mcp_audit_log_model::entry::Entry;
use mcp_audit_log_model::event::{Channel, Event, Kind, OutcomeDetail, Payload};
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::price::Prices;
use mcp_audit_log_model::time::Clock;
use mcp_audit_log_sandbox::{Fault, Verdict};

/// The most items that are judged in one call: few enough for the processor's cache, and enough to share the cost of a
/// call.
const CALL_ITEMS: usize = 256;
/// Most items of one commit.
const BATCH_ITEMS: usize = 4_096;
/// Bytes of bodies after which a commit is full.
const BATCH_BYTES: usize = 8 << 20;
/// The time that an event without a waiting caller waits for others. A policy call and a commit cost nearly the same
/// for one event as for a hundred, and they use the gateway's processor.
const COMPANY: Duration = Duration::from_millis(5);
/// The time after which a gap is reported if no other event comes.
const GAP_WAIT: Duration = Duration::from_secs(1);

/// The action of the entry about lost events, and the fact with their number.
const GAP: &str = "log.gap";
const DROPPED: &str = "dropped";

/// The thread's state.
pub(super) struct Judge {
    pub(super) active: SharedPolicy,
    pub(super) files: StoreReader,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) prices: Prices,
    pub(super) queue: Arc<Queue>,
    pub(super) receiver: Receiver<(Work, usize)>,
    pub(super) handover: Handover,
    /// Built entries that were not passed to the writing thread yet.
    pub(super) sealed: JudgedBatch,
    /// Set with the last event.
    pub(super) is_over: bool,
    /// Set after a swap.
    pub(super) probation: Option<Probation>,
}

/// The items that are judged in one call.
#[derive(Default)]
struct Taken {
    events: Vec<Event>,
    /// The callers that wait, with the index of their event.
    receipts: Vec<(usize, Receipt)>,
    changes: StateChange,
    changed: Vec<Changed>,
    watermarks: Vec<Changed>,
    /// What judges once the changes are stored.
    next: Option<Arc<ActivePolicy>>,
    bytes: usize,
}

/// The writing thread has panicked.
pub(super) struct Ended;

impl Judge {
    /// Runs until the queue is closed and empty, and everything is stored. Returns the writer.
    pub(super) fn run(mut self) -> Option<Box<dyn Writer>> {
        self.show_probation();
        while let Ok(true) = self.turn() {}
        // Only when all is stored is it known what the store has refused.
        if !self.is_over && self.handover.wait().is_ok() {
            self.judge(Taken::default());
            let _ = self.hand_over();
        }
        // Callers that came after the last event get the error that the log is closed.
        while let Ok((_, bytes)) = self.receiver.try_recv() {
            self.queue.taken(bytes);
        }
        self.handover.end()
    }

    /// Judges waiting items, and passes the batch on as soon as the store is ready for more. `false`: the queue is
    /// closed.
    fn turn(&mut self) -> Result<bool, Ended> {
        let first = match self.first() {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => {
                self.judge(Taken::default());
                self.hand_over()?;
                return self.try_policy().map(|()| true);
            }
            Err(RecvTimeoutError::Disconnected) => return self.hand_over().map(|()| false),
        };
        self.take(first)?;
        if self.is_over {
            return Ok(false);
        }
        self.try_policy()?;
        if self.sealed.len() >= BATCH_ITEMS || self.sealed.bytes >= BATCH_BYTES {
            self.hand_over()?;
        } else if !self.sealed.is_empty() {
            self.sealed = self.handover.offer(std::mem::take(&mut self.sealed))?;
        }
        Ok(true)
    }

    /// The next work, as soon as it fills a call or a caller waits for it.
    fn first(&mut self) -> Result<(Work, usize), RecvTimeoutError> {
        let first = match self.receiver.try_recv() {
            Ok(first) => first,
            // Judged entries never wait.
            Err(_) if self.hand_over().is_err() => return Err(RecvTimeoutError::Disconnected),
            Err(_) => self.receiver.recv_timeout(GAP_WAIT)?,
        };
        self.queue.taken(first.1);
        if !first.0.is_awaited() && self.queue.gauges.waiting.load(Ordering::Relaxed) < CALL_ITEMS {
            // Sleeps instead of waking for each event, which would also cost the senders.
            std::thread::sleep(COMPANY);
        }
        Ok(first)
    }

    /// Takes items for one call. A change of settings or a step of the cleanup ends the batch.
    fn take(&mut self, first: (Work, usize)) -> Result<(), Ended> {
        let mut taken = Taken::default();
        let mut next = Some(first);
        while let Some((work, bytes)) = next {
            taken.bytes += bytes;
            match work {
                Work::Event(event, receipt) => taken.event(*event, receipt),
                Work::Events(events) => events.into_iter().for_each(|(event, told)| taken.event(event, Some(told))),
                Work::Later(events) => {
                    let events = self.worked_out(events);
                    taken.bytes +=
                        events.iter().filter_map(|event| event.payload.as_ref()).map(Payload::len).sum::<usize>();
                    taken.events.extend(events);
                }
                Work::Change(change, events, done) => {
                    self.judge(taken);
                    return self.change(*change, events, done);
                }
                Work::Watermark(state, done) => {
                    taken.changes.checkpoints.push(CheckpointChange::Destination(state));
                    taken.watermarks.push(done);
                }
                Work::Swap(policies, event, done) => {
                    self.judge(taken);
                    return self.swap(policies, *event, done);
                }
                Work::Last(event) => return self.last(taken, *event),
                Work::Prune(removal, done) => {
                    self.judge(taken);
                    self.hand_over()?;
                    return self.handover.prune(removal, done);
                }
            }
            let full = taken.events.len() >= CALL_ITEMS || taken.bytes >= BATCH_BYTES;
            next = if full { None } else { self.receiver.try_recv().ok() };
            next.iter().for_each(|(_, bytes)| self.queue.taken(*bytes));
        }
        self.judge(taken);
        Ok(())
    }

    /// Waits until the change is stored and in force, so that it applies to everything that is enqueued after it. It
    /// has its own transaction: other events can neither cause its rejection nor split it.
    fn change(&mut self, mut changes: StateChange, mut events: Vec<Event>, done: Changed) -> Result<(), Ended> {
        self.hand_over()?;
        self.handover.wait()?;
        if let Some(key) = self.outdated(&changes) {
            let other = format!("another change of {key} came first; check it and try again");
            let _ = done.send(Err(RecordError::Refused(other)));
            return Ok(());
        }
        let active = self.active.now();
        let next = (!changes.settings.is_empty()).then(|| {
            let since = self.next_seq().map(|next| next + events.len() as u64);
            Arc::new(active.with(&changes.settings).from(since))
        });
        let records = next.iter().map(|next| JudgedByChange { after: events.len(), record: next.record() });
        changes.judged_by.extend(records);
        if let Some(last) = events.pop() {
            events.push(match &next {
                Some(next) => next.said_in(last, Some(&active)),
                None if is_milestone(&last) => active.said_in(last, None),
                None => last,
            });
        }
        let settings = changes.settings.clone();
        let is_meant = next.clone();
        self.seal(Taken { events, changes, changed: vec![done], next, ..Taken::default() });
        self.hand_over()?;
        self.handover.wait()?;
        if is_meant.is_some_and(|next| self.is_active(&next)) {
            self.probation.iter_mut().for_each(|probation| probation.changed(&settings));
        }
        Ok(())
    }

    /// Puts another policy in place of the active one, as a change.
    fn swap(&mut self, policies: [Arc<ActivePolicy>; 2], event: Event, done: Changed) -> Result<(), Ended> {
        let [before, next] = policies;
        self.hand_over()?;
        self.handover.wait()?;
        if !self.is_active(&before) {
            let other = "the policy was replaced meanwhile; look at the active one and try again";
            let _ = done.send(Err(RecordError::Refused(other.to_owned())));
            return Ok(());
        }
        let next = Arc::new(next.from(self.next_seq().map(|next| next + 1)));
        let (event, probation) = (next.said_in(event, Some(&before)), Probation::of(Arc::clone(&before)));
        // The caller may ask for it as soon as the swap is done.
        self.queue.gauges.probation.store(probation.rest(), Ordering::Relaxed);
        self.replace(&before, (Arc::clone(&next), 1), event, vec![done])?;
        self.probation = if self.is_active(&next) { Some(probation) } else { self.probation.take() };
        self.show_probation();
        Ok(())
    }

    /// For the pages.
    fn show_probation(&self) {
        let rest = self.probation.as_ref().map_or(0, Probation::rest);
        self.queue.gauges.probation.store(rest, Ordering::Relaxed);
    }

    /// Stores the entry about a swap, which `judge` judges, and the record of what judges behind its first `after`
    /// entries.
    fn replace(
        &mut self,
        judge: &ActivePolicy,
        (next, after): (Arc<ActivePolicy>, usize),
        event: Event,
        changed: Vec<Changed>,
    ) -> Result<(), Ended> {
        let judged_by = vec![JudgedByChange { after, record: next.record() }];
        let changes = StateChange { judged_by, ..StateChange::default() };
        let taken = Taken { events: vec![event], changes, changed, next: Some(next), ..Taken::default() };
        self.seal_by(judge, taken);
        self.hand_over()?;
        self.handover.wait()
    }

    /// Puts the policy before back, if the one that a swap brought fails on its first events.
    fn try_policy(&mut self) -> Result<(), Ended> {
        let Some(probation) = self.probation.take() else { return Ok(()) };
        let active = self.active.now();
        if probation.has_failed(&active) {
            tracing::error!("the new policy fails; the policy before judges again");
            self.hand_over()?;
            self.handover.wait()?;
            let before = Arc::new(probation.before.from(self.next_seq()));
            let event = probation.event(&active, self.clock.now());
            let event = before.said_in(event, Some(&active));
            self.show_probation();
            return self.replace(&Arc::clone(&before), (before, 0), event, Vec::new());
        }
        self.probation = (!probation.is_over()).then_some(probation);
        self.show_probation();
        Ok(())
    }

    /// The next `seq`, while everything is stored that was judged. The counters do not say it: a commit that seemed to
    /// fail may have been stored.
    fn next_seq(&self) -> Option<u64> {
        self.files.seqs().ok().map(|seqs| seqs.end)
    }

    fn is_active(&self, policy: &Arc<ActivePolicy>) -> bool {
        Arc::ptr_eq(&self.active.now(), policy)
    }

    /// Rejects a change whose old value is outdated, because its entry would be false.
    fn outdated(&self, changes: &StateChange) -> Option<String> {
        let mut settings = self.active.now().settings.as_ref().clone();
        for change in &changes.settings {
            if *settings.get(&change.key) != change.old {
                return Some(change.key.clone());
            }
            settings = settings.with(std::slice::from_ref(change));
        }
        None
    }

    /// Waits until everything else is stored, so that the last event can report the result. Nothing is stored after it.
    fn last(&mut self, taken: Taken, event: Event) -> Result<(), Ended> {
        self.is_over = true;
        self.judge(taken);
        self.hand_over()?;
        self.handover.wait()?;
        let mut last = Taken::default();
        // What the store refused, too.
        last.events.extend(self.queue.gauges.take_lost().map(|lost| self.gap(lost)));
        let gauges = &self.queue.gauges;
        let count = |gauge: &AtomicU64| i64::try_from(gauge.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let event = self.active.now().said_in(event, None);
        let (events, dropped, repeated) = (count(&gauges.events), count(&gauges.dropped), count(&gauges.repeated));
        // Itself, and a gap before it.
        let own = 1 + i64::from(!last.events.is_empty());
        last.event(
            event.fact("events", events.saturating_add(own)).fact("dropped", dropped).fact("repeated", repeated),
            None,
        );
        self.seal(last);
        self.hand_over()
    }

    /// Judges the batch and builds its entries. Losses in the meantime are reported in the same batch.
    fn judge(&mut self, mut taken: Taken) {
        taken.events.extend(self.queue.gauges.take_lost().map(|lost| self.gap(lost)));
        self.seal(taken);
    }

    fn seal(&mut self, taken: Taken) {
        if taken.events.is_empty() && taken.changed.is_empty() && taken.watermarks.is_empty() {
            return;
        }
        let active = self.active.now();
        let (events, faults) = self.seal_by(&active, taken);
        self.probation.iter_mut().for_each(|probation| probation.judged(events, faults));
    }

    /// Judges by `active`. Returns how many events there were, and on how many it failed.
    fn seal_by(&mut self, active: &ActivePolicy, taken: Taken) -> (usize, usize) {
        let ActivePolicy { policy, settings, .. } = active;
        let count = taken.events.len();
        let began = Instant::now();
        let verdicts = policy.judge(settings, &taken.events);
        let failed = |verdict: &&Result<Arc<Verdict>, Fault>| {
            verdict.as_ref().map_or(true, |verdict| !verdict.faults.is_empty())
        };
        let faults = verdicts.iter().filter(failed).count();
        self.queue.gauges.judged(count, faults, began.elapsed());
        let (before, now) = (self.sealed.len(), self.clock.now());
        let seal = EntryBuilder {
            policy,
            prices: &self.prices,
            keep_payloads: settings.log_payloads(),
            now,
            salt: random_salt,
        };
        let judged = taken.events.into_iter().zip(verdicts);
        let entries = judged.map(|(event, verdict)| seal.entry(event, &verdict));
        self.sealed.batch.entries.extend(entries);
        self.sealed.receipts.extend(taken.receipts.into_iter().map(|(at, receipt)| (before + at, receipt)));
        self.sealed.batch.states.extend(taken.changes);
        self.sealed.changed.extend(taken.changed);
        self.sealed.watermarks.extend(taken.watermarks);
        self.sealed.next = taken.next.or(self.sealed.next.take());
        self.sealed.bytes += taken.bytes;
        (count, faults)
    }

    /// Passes the built entries on, and waits for the store if necessary.
    fn hand_over(&mut self) -> Result<(), Ended> {
        match self.sealed.is_empty() {
            true => Ok(()),
            false => self.handover.give(std::mem::take(&mut self.sealed)),
        }
    }

    /// Creates events from captured traffic. A panic there must not end the recorder; the calls count as dropped.
    fn worked_out(&self, events: Box<dyn FnOnce() -> Vec<Event> + Send>) -> Vec<Event> {
        catch_unwind(AssertUnwindSafe(events)).unwrap_or_else(|_| {
            tracing::error!("captured traffic could not be parsed: a bug in the parser");
            self.queue.gauges.dropped(1);
            Vec::new()
        })
    }

    fn gap(&self, dropped: u64) -> Event {
        tracing::warn!(dropped, "events were lost: the queue was full, or they could not be parsed or stored");
        let event = Event::new(self.clock.now(), Channel::System, Kind::System, OutcomeDetail::Incomplete);
        Event { method: Some(GAP.to_owned()), ..event }.fact(DROPPED, i64::try_from(dropped).unwrap_or(i64::MAX))
    }
}

/// The number of losses that a gap entry reports; `None` for any other entry.
pub(super) fn reported_losses(entry: &Entry) -> Option<u64> {
    let is_gap = (entry.text(Field::Channel), entry.text(Field::Method)) == (Some("system"), Some(GAP));
    entry.details.get(DROPPED).filter(|_| is_gap)?.as_u64()
}

impl Taken {
    fn event(&mut self, event: Event, receipt: Option<Receipt>) {
        self.receipts.extend(receipt.map(|receipt| (self.events.len(), receipt)));
        self.events.push(event);
    }
}
