//! From entries to parts: the requests of a range of places, summed up by hour and by day for every cut.

use rusqlite::Connection;

use super::super::axis::Axis;
use super::super::blocks::Block;
use super::super::lexicon::Lexicon;
use super::super::walk::Walk;
use super::cells::Packed;
use super::cuts::{CUTS, Cut, DIMENSIONS};
use super::durations::Durations;
use super::entries::Requests;
use super::measures::{MEASURES, Measure, Sums, add};
use super::runs::{Grain, Part, Run};
use super::slots::{Coded, Slots};
use super::users::Users;
use super::{HOUR, floor};
use crate::domain::Domain;
use crate::field::Field;
use crate::histogram;
use crate::store::StoreError;
use crate::store::index::{Bitmap, Kind};

/// The requests of some entries, side by side.
#[derive(Default)]
struct Rows {
    at: Vec<i64>,
    dimensions: [Vec<u64>; DIMENSIONS.len()],
    sums: Vec<Sums>,
}

/// The requests at these places as a run and its parts.
pub(super) fn fold(connection: &Connection, places: std::ops::Range<u64>) -> Result<(Run, Vec<Part>), StoreError> {
    let rows = Rows::read(connection, places.clone())?;
    let fields = DIMENSIONS.iter().zip(&rows.dimensions);
    let present = fields.filter(|(_, raw)| raw.iter().any(|raw| *raw > 0));
    let present = present.fold(0, |present, (field, _)| present | 1 << *field as u64);
    let run = Run {
        first: places.start,
        length: places.end - places.start,
        fields: present,
        least: rows.at.iter().min().map_or(0, |at| floor(*at, HOUR)),
        most: rows.at.iter().max().map_or(-1, |at| floor(*at, HOUR)),
    };
    Ok((run, rows.parts(present)))
}

impl Rows {
    fn read(connection: &Connection, places: std::ops::Range<u64>) -> Result<Self, StoreError> {
        let requests = Requests::new(connection, &Lexicon::default(), Domain::TRUE)?;
        let mut fields = requests.fields();
        fields.extend(DIMENSIONS);
        let walk = Walk::new(connection, places, &fields)?;
        let mut rows = Self::default();
        for (block, within) in walk.blocks() {
            let found = requests.find(connection, block, within)?;
            rows.add(connection, block, &requests, &found)?;
        }
        Ok(rows)
    }

    fn add(
        &mut self,
        connection: &Connection,
        block: &Block,
        requests: &Requests,
        found: &Bitmap,
    ) -> Result<(), StoreError> {
        let measures = requests.measures(connection, block, found)?;
        let at = Axis::numbers(connection, block, Field::OccurredAt)?;
        let axes = DIMENSIONS.map(|field| Axis::numbers(connection, block, field));
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
    fn parts(&self, present: u64) -> Vec<Part> {
        let coded = self.dimensions.each_ref().map(|raw| Coded::new(raw));
        let timed = |(row, sums): (usize, &Sums)| {
            let micros = (sums[Measure::Timed as usize] > 0).then_some(sums[Measure::Micros as usize])?;
            Some((row as u32, histogram::bucket(micros) as u16))
        };
        let (timed, buckets): (Vec<u32>, Vec<u16>) = self.sums.iter().enumerate().filter_map(timed).unzip();
        let mut parts = Vec::new();
        for grain in Grain::ALL {
            let starts: Vec<_> = self.at.iter().map(|at| Kind::Time.raw(floor(*at, grain.micros()))).collect();
            let times = Coded::new(&starts);
            for (at, cut) in CUTS.iter().enumerate() {
                if !grain.is_kept(*cut) || cut.among(present).0 != at {
                    continue;
                }
                let of = |field: &Field| DIMENSIONS.iter().position(|other| other == field).map(|at| &coded[at]);
                let columns: Vec<_> =
                    [&times].into_iter().chain(of(&Field::Instance)).chain(cut.fields.iter().filter_map(of)).collect();
                let slots = Slots::new(self.at.len(), &columns);
                let timed: Vec<_> = timed.iter().map(|row| slots.of_rows[*row as usize]).collect();
                parts.push(Part {
                    number: grain.part(at),
                    cells: self.cells(*cut, &starts, &slots).to_bytes(),
                    sums: self.sums(&slots).to_bytes(),
                    durations: Durations::pack(slots.firsts.len(), &timed, &buckets),
                    users: grain.has_users(*cut).then(|| self.users(&slots)),
                });
            }
        }
        parts
    }

    fn cells(&self, cut: Cut, starts: &[u64], slots: &Slots) -> Packed {
        let firsts = |raw: &[u64]| slots.firsts.iter().map(|row| raw[*row as usize]).collect::<Vec<_>>();
        let field = |(field, raw): (&Field, &Vec<u64>)| {
            let kept = *field == Field::Instance || cut.fields.contains(field);
            kept.then(|| (*field as u64, Kind::Term, firsts(raw)))
        };
        let fields = DIMENSIONS.iter().zip(&self.dimensions).filter_map(field);
        // Listed as texts are: there are few hours in a run.
        let time = (Field::OccurredAt as u64, Kind::Term, firsts(starts));
        Packed::new(slots.firsts.len(), fields.chain([time]))
    }

    fn users(&self, slots: &Slots) -> Vec<u8> {
        let users = DIMENSIONS.iter().position(|field| *field == Field::User).map(|at| self.dimensions[at].as_slice());
        let users = slots.of_rows.iter().copied().zip(users.unwrap_or_default().iter().copied());
        Users::pack(slots.firsts.len(), users.filter(|(_, user)| *user > 0).collect())
    }

    fn sums(&self, slots: &Slots) -> Packed {
        let mut sums = vec![[0; MEASURES]; slots.firsts.len()];
        for (slot, row) in slots.of_rows.iter().zip(&self.sums) {
            add(&mut sums[*slot as usize], row);
        }
        let of = |measure: Measure| sums.iter().map(|sums| sums[measure as usize]).collect();
        Packed::new(slots.firsts.len(), Measure::ALL.map(|measure| (measure as u64, Kind::Number, of(measure))))
    }
}
