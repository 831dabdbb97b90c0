//! From entries to parts: the requests of a range of places, summed up by hour and by day for every cut.

use super::cells::Cells;
use super::cuts::{CUTS, Cut, DIMENSIONS};
use super::durations::Durations;
use super::entries::Requests;
use super::measures::{MEASURES, Measure, Sums, add};
use super::runs::{Grain, Key, Part, Run};
use super::slots::{Coded, Slots};
use super::sums::OfCells;
use super::users::Users;
use super::{HOUR, floor};
use crate::StoreError;
use crate::columns::{Bitmap, Kind, MERGED};
use crate::dictionary::Texts;
use crate::search::axis::Axis;
use crate::search::block_scan::BlockScan;
use crate::search::blocks::Block;
use crate::search::seqs::recorded_at;
use crate::snapshot::Snapshot;
use mcp_audit_log_filter::Domain;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::histogram;
use mcp_audit_log_model::time::Timestamp;

/// The requests of some entries, side by side.
#[derive(Default)]
struct Rows {
    at: Vec<i64>,
    dimensions: [Vec<u64>; DIMENSIONS.len()],
    sums: Vec<Sums>,
}

/// The requests at these places as a run and its parts.
pub(super) fn fold(log: &dyn Snapshot, places: std::ops::Range<u64>) -> Result<(Run, Vec<Part>), StoreError> {
    let rows = Rows::read(log, places.clone())?;
    let fields = DIMENSIONS.iter().zip(&rows.dimensions);
    let present = fields.filter(|(_, raw)| raw.iter().any(|raw| *raw > 0));
    let present = present.fold(0, |present, (field, _)| present | 1 << *field as u64);
    let run = Run {
        first: places.start,
        length: places.end - places.start,
        fields: present,
        least: rows.at.iter().min().map_or(0, |at| floor(*at, HOUR)),
        most: rows.at.iter().max().map_or(-1, |at| floor(*at, HOUR)),
        // 0 where the cleanup took the entry.
        recorded: recorded_at(log, places.end - 1..places.end)?.map_or(0, Timestamp::as_micros),
        large: log.block_length() * MERGED,
    };
    Ok((run, rows.parts(&run)))
}

impl Rows {
    fn read(log: &dyn Snapshot, places: std::ops::Range<u64>) -> Result<Self, StoreError> {
        let requests = Requests::new(log, &Texts::default(), Domain::TRUE)?;
        let mut fields = requests.fields();
        fields.extend(DIMENSIONS);
        let walk = BlockScan::new(log, places, &fields)?;
        let mut rows = Self::default();
        for (block, within) in walk.blocks() {
            let found = requests.find(log, block, within)?;
            rows.add(log, block, &requests, &found)?;
        }
        Ok(rows)
    }

    fn add(
        &mut self,
        log: &dyn Snapshot,
        block: &Block,
        requests: &Requests,
        found: &Bitmap,
    ) -> Result<(), StoreError> {
        let measures = requests.measures(log, block, found)?;
        let at = Axis::numbers(log, block, Field::OccurredAt)?;
        let axes = DIMENSIONS.map(|field| Axis::numbers(log, block, field));
        for (word, bits) in found.words().iter().enumerate().filter(|(_, bits)| **bits != 0) {
            let chosen = || (0..64).filter(|bit| bits >> bit & 1 == 1);
            let (sums, moments) = (measures.word(word), at.codes(word));
            self.sums.extend(chosen().map(|bit| sums[bit]));
            self.at.extend(chosen().map(|bit| Kind::Time.stored(at.raw(moments[bit]))));
            for (column, axis) in self.dimensions.iter_mut().zip(&axes) {
                let Ok(axis) = axis else { continue };
                let codes = axis.codes(word);
                column.extend(chosen().map(|bit| axis.raw(codes[bit])));
            }
        }
        axes.into_iter().try_for_each(|axis| axis.map(drop))
    }

    /// Every part that says something of its own.
    fn parts(&self, run: &Run) -> Vec<Part> {
        let coded = self.dimensions.each_ref().map(|raw| Coded::new(raw));
        let [whole, divided] = [1, run.most_shares()].map(|shares| self.divided(shares));
        let mut parts = Vec::new();
        for grain in Grain::ALL {
            let starts: Vec<_> = self.at.iter().map(|at| Kind::Time.raw(floor(*at, grain.micros()))).collect();
            let times = Coded::new(&starts);
            let is_stored = |(at, cut): &(usize, &Cut)| grain.is_kept(**cut) && cut.among(run.fields).0 == *at;
            for (_, cut) in CUTS.iter().enumerate().filter(is_stored) {
                let of = |field: &Field| &coded[dimension(*field)];
                let fields = [&Field::Instance].into_iter().chain(cut.fields).map(of);
                let columns: Vec<_> = [&times].into_iter().chain(fields).collect();
                let rows = if run.shares(*cut) > 1 { &divided } else { &whole };
                let part =
                    |(key, rows): (Key, &Vec<u32>)| self.part((*cut, grain), key, &starts, &Slots::new(rows, &columns));
                parts.extend(run.keys(*cut, grain, None).into_iter().zip(rows).map(part));
            }
        }
        parts
    }

    fn part(&self, (cut, grain): (Cut, Grain), key: Key, starts: &[u64], slots: &Slots<'_>) -> Part {
        Part {
            key,
            cells: self.cells(cut, starts, slots),
            sums: self.sums(slots),
            durations: self.durations(slots),
            users: grain.has_users(cut).then(|| self.users(slots)),
        }
    }

    /// The rows of each of so many shares of the users.
    fn divided(&self, shares: u64) -> Vec<Vec<u32>> {
        let mut divided = vec![Vec::new(); shares as usize];
        let users = &self.dimensions[dimension(Field::User)];
        (0..).zip(users).for_each(|(row, user)| divided[(user % shares) as usize].push(row));
        divided
    }

    fn cells(&self, cut: Cut, starts: &[u64], slots: &Slots<'_>) -> Vec<u8> {
        let firsts = |raw: &[u64]| slots.firsts.iter().map(|row| raw[*row as usize]).collect::<Vec<_>>();
        let kept = |field: &Field| *field == Field::Instance || cut.fields.contains(field);
        let fields = DIMENSIONS.iter().zip(&self.dimensions).filter(|(field, _)| kept(field));
        let fields = fields.map(|(field, raw)| (*field, firsts(raw)));
        Cells::pack(slots.firsts.len(), fields.chain([(Field::OccurredAt, firsts(starts))]))
    }

    fn sums(&self, slots: &Slots<'_>) -> Vec<u8> {
        let mut sums = vec![[0; MEASURES]; slots.firsts.len()];
        slots.pairs().for_each(|(slot, row)| add(&mut sums[slot as usize], &self.sums[row]));
        OfCells::pack(&sums)
    }

    fn durations(&self, slots: &Slots<'_>) -> Vec<u8> {
        let timed = slots.pairs().filter(|(_, row)| self.sums[*row][Measure::Timed as usize] > 0);
        let bucket = |row: usize| histogram::bucket(self.sums[row][Measure::Micros as usize]) as u16;
        let timed: Vec<_> = timed.map(|(slot, row)| (slot, bucket(row))).collect();
        Durations::pack(slots.firsts.len(), &timed)
    }

    fn users(&self, slots: &Slots<'_>) -> Vec<u8> {
        let users = &self.dimensions[dimension(Field::User)];
        let users = slots.pairs().map(|(slot, row)| (slot, users[row])).filter(|(_, user)| *user > 0);
        Users::pack(slots.firsts.len(), users.collect())
    }
}

/// The position of a dimension among the dimensions.
fn dimension(field: Field) -> usize {
    DIMENSIONS.iter().position(|other| *other == field).unwrap_or_default()
}
