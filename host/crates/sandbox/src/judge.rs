//! Judging: first what is remembered, then the policy, then each extension in its order.

use std::sync::Arc;
use std::time::Instant;

use mcp_audit_log_contract::depends::{Dependencies, DependencyNames};
use mcp_audit_log_contract::settings::Settings;
use mcp_audit_log_model::event::{Channel, Event};

use super::breaker::Breaker;
use super::fault::{Fault, FaultKind};
use super::from_wit::FromWit;
use super::stack::amend::{self, Amendment};
use super::stack::{Layer, interest};
use super::verdict_cache::{Key, write_key};
use super::{LayerFault, Policy, Verdict};

/// The cost of an unusable result, in units of fuel.
const BAD_RESULT_FUEL: u64 = 10_000_000;

/// By channel, how far up verdicts are remembered.
#[derive(Debug, Default)]
pub(super) struct Memory([Option<Remembered>; Channel::ALL.len()]);

/// How far up, and by what.
#[derive(Debug)]
struct Remembered {
    /// The layers whose say is in a remembered verdict; 0 is the policy alone. What is above is asked each time.
    depth: usize,
    /// The parts that all of them depend on.
    depends: Dependencies,
}

impl Memory {
    fn of(&self, channel: Channel) -> Option<&Remembered> {
        self.0.get(channel as usize)?.as_ref()
    }
}

/// An event on its way through the layers.
struct Slot<'a> {
    event: &'a Event,
    verdict: Option<Result<Arc<Verdict>, Fault>>,
    /// The first layer that is still to be asked.
    next: usize,
    /// The cache key of its verdict, and the layer after which it is stored.
    key: Option<(Key, usize)>,
}

impl Policy {
    /// The same, with what it remembers worked out anew.
    pub(super) fn remembering(mut self) -> Self {
        let memory = Channel::ALL.iter().map(|channel| {
            let mut remembered = Remembered { depth: 0, depends: self.manifest.depends.of(*channel)?.clone() };
            for (depth, layer) in (1..).zip(&self.layers) {
                let Some(depends) = layer_depends(layer, *channel) else { break };
                let depends = remembered.depends.union(&depends);
                remembered = Remembered { depth, depends };
            }
            Some(remembered)
        });
        let mut memory = memory.collect::<Vec<_>>().into_iter();
        self.memory = Memory(std::array::from_fn(|_| memory.next().flatten()));
        self
    }

    /// Judges events, one result each. An event with the values of an earlier one gets its verdict again, without a call.
    /// After a fault the batch is halved, until only the events that cause it are marked. A policy or an extension that
    /// burns its fuel and fails is not called for a while.
    pub fn judge(&self, settings: &Settings, events: &[Event]) -> Vec<Result<Arc<Verdict>, Fault>> {
        let mut slots = self.remembered(settings, events);
        let asked = slots.iter().filter(|slot| slot.next == 0).count();
        self.health.reused(slots.len() - asked, asked);
        self.ask_policy(settings, &mut slots);
        self.remember(settings, &mut slots, 0);
        for (at, layer) in (1..).zip(&self.layers) {
            self.ask_layer(settings, &mut slots, at, layer);
            self.remember(settings, &mut slots, at);
        }
        let missing = || Err(Fault::result("judge", "the event was not judged"));
        let verdicts: Vec<_> = slots.into_iter().map(|slot| slot.verdict.unwrap_or_else(missing)).collect();
        self.health.judged(verdicts.iter().map(|verdict| {
            let (fault, faults) = match verdict {
                Ok(verdict) => (None, verdict.faults.as_slice()),
                Err(fault) => (Some(fault), [].as_slice()),
            };
            fault.into_iter().chain(faults.iter().map(|one| &one.fault))
        }));
        verdicts
    }

    /// A slot for each event, with the verdict that is remembered.
    fn remembered<'a>(&self, settings: &Settings, events: &'a [Event]) -> Vec<Slot<'a>> {
        let new = |event| Slot { event, verdict: None, next: 0, key: None };
        if self.cache.is_off() {
            return events.iter().map(new).collect();
        }
        let mut cache = self.cache.open(settings);
        let mut key = Vec::new();
        let slots = events.iter().map(|event| {
            let Some(Remembered { depth, depends }) = self.memory.of(event.channel) else { return new(event) };
            if !write_key(&mut key, depends, event) {
                return new(event);
            }
            match cache.get(&key) {
                Some(verdict) => Slot { event, verdict: Some(Ok(verdict)), next: depth + 1, key: None },
                None => Slot { key: Some((Key::from(key.as_slice()), *depth)), ..new(event) },
            }
        });
        slots.collect()
    }

    /// Remembers the verdicts that are complete after the layer at `depth`. A fault is never remembered.
    fn remember(&self, settings: &Settings, slots: &mut [Slot<'_>], depth: usize) {
        let mut cache = None;
        for slot in slots {
            let Some((key, _)) = slot.key.take_if(|(_, after)| *after == depth) else { continue };
            if let Some(Ok(verdict)) = slot.verdict.as_ref().filter(|verdict| is_whole(verdict)) {
                cache.get_or_insert_with(|| self.cache.open(settings)).put(key, verdict);
            }
        }
    }

    fn ask_policy(&self, settings: &Settings, slots: &mut [Slot<'_>]) {
        let events: Vec<_> = slots.iter().filter(|slot| slot.next == 0).map(|slot| slot.event).collect();
        let lift = FromWit { function: "judge", limits: self.limits };
        let call = |events: &[&Event]| {
            let (verdicts, cost) = self.sandbox.judge(settings, events, &self.reads);
            (verdicts.and_then(|verdicts| lift.verdicts(verdicts, events.len(), &self.manifest)), cost.fuel)
        };
        let mut answers = self.ask("judge", &self.breaker, &events, &call).into_iter();
        for slot in slots.iter_mut().filter(|slot| slot.next == 0) {
            (slot.verdict, slot.next) = (answers.next().map(|answer| answer.map(Arc::new)), 1);
        }
    }

    /// Asks an extension about the events that it is interested in. Where it fails, it loses its own say, and the payload
    /// is not kept: it may be the one that wanted to hide something.
    fn ask_layer(&self, settings: &Settings, slots: &mut [Slot<'_>], at: usize, layer: &Layer) {
        let is_asked = |slot: &Slot<'_>| match &slot.verdict {
            Some(Ok(verdict)) if slot.next <= at => interest::holds(&layer.manifest.interest, slot.event, verdict),
            _ => false,
        };
        let asked: Vec<_> = slots.iter().map(is_asked).collect();
        let seen = slots.iter().zip(&asked).filter(|(_, asked)| **asked);
        let seen = seen.filter_map(|(slot, _)| Some((slot.event, slot.verdict.as_ref()?.as_deref().ok()?)));
        let seen: Vec<(&Event, &Verdict)> = seen.collect();
        let lift = FromWit { function: "amend", limits: self.limits };
        let call = |seen: &[(&Event, &Verdict)]| {
            let (amendments, cost) = layer.sandbox.amend(settings, seen, &layer.reads, &self.manifest.masks);
            (amendments.and_then(|amendments| lift.amendments(amendments, seen.len(), &self.manifest)), cost.fuel)
        };
        let answers: Vec<Result<Option<Amendment>, Fault>> = self.ask("amend", &layer.breaker, &seen, &call);
        let mut answers = answers.into_iter();
        let mut replaced = 0;
        for slot in slots.iter_mut().zip(asked).filter_map(|(slot, asked)| asked.then_some(slot)) {
            let (Some(Ok(shared)), Some(answer)) = (&mut slot.verdict, answers.next()) else { continue };
            if let Ok(None) = answer
                && shared.faults.is_empty()
            {
                continue;
            }
            // What is remembered stays as it is.
            let verdict = Arc::make_mut(shared);
            match answer {
                Ok(Some(amendment)) => replaced += amend::apply(amendment, &layer.manifest, verdict, slot.event),
                Ok(None) => {}
                Err(fault) => {
                    let (layer, digest) = (layer.manifest.name.clone(), layer.digest.clone());
                    verdict.faults.push(LayerFault { layer, digest, fault });
                }
            }
            if !verdict.faults.is_empty() {
                verdict.keep = None;
            }
        }
        self.health.replaced(replaced);
    }

    /// Asks in batches, each of them halved after a fault.
    fn ask<I, T>(
        &self,
        function: &'static str,
        breaker: &Breaker,
        items: &[I],
        call: &Call<'_, I, T>,
    ) -> Vec<Result<T, Fault>> {
        let mut answers = Vec::with_capacity(items.len());
        for batch in items.chunks(self.limits.batch_events.max(1)) {
            self.ask_halving(function, breaker, batch, call, &mut answers);
        }
        answers
    }

    fn ask_halving<I, T>(
        &self,
        function: &'static str,
        breaker: &Breaker,
        items: &[I],
        call: &Call<'_, I, T>,
        answers: &mut Vec<Result<T, Fault>>,
    ) {
        if breaker.rests(Instant::now()) {
            answers.extend(items.iter().map(|_| Err(Fault::resting(function))));
            return;
        }
        let (batch, fuel) = call(items);
        self.health.burned(fuel);
        let fault = match batch {
            Ok(batch) => {
                breaker.judged(batch.len());
                answers.extend(batch.into_iter().map(Ok));
                return;
            }
            Err(fault) => fault,
        };
        // Reading a result costs the host time, which is not fuel.
        let was_handed_back = matches!(fault.kind, FaultKind::Result | FaultKind::Memory);
        let more = if was_handed_back { BAD_RESULT_FUEL } else { 0 };
        breaker.failed(fuel.saturating_add(more), Instant::now());
        if items.len() <= 1 {
            answers.extend(items.iter().map(|_| Err(fault.clone())));
            return;
        }
        let (left, right) = items.split_at(items.len() / 2);
        self.ask_halving(function, breaker, left, call, answers);
        self.ask_halving(function, breaker, right, call, answers);
    }
}

/// One call of a component about some items: an answer for each, and the fuel that it burned.
type Call<'a, I, T> = dyn Fn(&[I]) -> (Result<Vec<T>, Fault>, u64) + 'a;

/// What the say of an extension about events of `channel` depends on; `None` where it declares nothing about them.
pub(super) fn layer_depends(layer: &Layer, channel: Channel) -> Option<Dependencies> {
    let depends = layer.manifest.depends.of(channel)?;
    // A change that the host reported is treated otherwise than one of the policy.
    let facts = DependencyNames::of(amend::HOST_LINES.map(str::to_owned));
    let host = Dependencies { facts, ..Dependencies::default() };
    Some(depends.union(&interest::depends(&layer.manifest.interest)).union(&host))
}

fn is_whole(verdict: &Result<Arc<Verdict>, Fault>) -> bool {
    verdict.as_ref().is_ok_and(|verdict| verdict.faults.is_empty())
}
