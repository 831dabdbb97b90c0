//! From a domain to the rows of its entries: the dictionary resolves the domain once, and then the plan is applied to
//! each block. Columns narrow the rows; where a column cannot decide, the rows are read.

use std::collections::BTreeSet;
use std::ops::Range;

use uuid::Uuid;

use super::blocks::Block;
use super::seqs::seq_at;
use super::text_condition::TextCondition;
use crate::StoreError;
use crate::columns::{Bitmap, ColumnKind, ValueSet, Zone, hash, kind};
use crate::dictionary::Texts;
use crate::row::{ColumnValue, RowColumns};
use crate::snapshot::Snapshot;
use mcp_audit_log_filter::{Domain, Term, Test};
use mcp_audit_log_model::field::{Field, FieldType};
use mcp_audit_log_model::time::Timestamp;
use mcp_audit_log_model::value::Value;

/// The largest number of candidates whose rows are read one by one.
const SINGLE_ROWS: u64 = 512;

/// A domain in terms of the index, with the cheapest conditions first.
#[derive(Debug)]
pub(crate) enum Plan {
    All(Vec<Plan>),
    Any(Vec<Plan>),
    Not(Box<Plan>),
    /// Entries with these seqs.
    Seqs(Vec<Range<u64>>),
    /// Entries whose field has one of these values.
    Column(Field, ValueSet),
    /// Entries whose field has a text that must be compared.
    TextCondition(TextCondition),
    /// Entries whose rows must be compared. If there are hashes, only entries with these hashes.
    Rows(Term, Option<ValueSet>),
}

impl Plan {
    /// The plan for `domain`.
    pub(crate) fn new(log: &dyn Snapshot, texts: &Texts, domain: &Domain) -> Result<Self, StoreError> {
        let all = |domains: &[Domain]| {
            let mut plans: Vec<_> = domains.iter().map(|one| Self::new(log, texts, one)).collect::<Result<_, _>>()?;
            plans.sort_by_key(Self::cost);
            Ok(plans)
        };
        Ok(match domain {
            Domain::All(domains) => Self::All(all(domains)?),
            Domain::Any(domains) => Self::Any(all(domains)?),
            Domain::Not(domain) => Self::Not(Box::new(Self::new(log, texts, domain)?)),
            Domain::Term(term) => Self::term(log, texts, term)?,
        })
    }

    fn term(log: &dyn Snapshot, texts: &Texts, term: &Term) -> Result<Self, StoreError> {
        let field = term.field;
        Ok(match kind(field) {
            // Ids are drawn and not counted, so that their order follows from nothing that is indexed.
            None if field == Field::Id && !matches!(term.test, Test::In(_) | Test::Unset) => {
                Self::Rows(term.clone(), None)
            }
            None => Self::Seqs(seqs(log, term)?),
            Some(_) if term.test == Test::Unset => Self::Column(field, ValueSet::Among(vec![0])),
            // Those that are asked for by their whole text are in an index of the dictionary.
            Some(ColumnKind::Term) if matches!(term.test, Test::In(_)) => {
                Self::Column(field, ValueSet::Among(numbers_of(log, term)?))
            }
            Some(ColumnKind::Term) => Self::TextCondition(TextCondition::new(term, texts)),
            Some(ColumnKind::Hash) => Self::Rows(term.clone(), Some(hashes(field, &term.test))),
            Some(kind) => Self::Column(field, numbers(kind, &term.test)),
        })
    }

    fn cost(&self) -> usize {
        match self {
            Self::Seqs(_) => 0,
            Self::Column(_, ValueSet::Among(values)) => 1 + usize::from(values.len() > 8),
            Self::Column(..) => 3,
            Self::TextCondition(_) => 60,
            Self::All(plans) | Self::Any(plans) => 4 + plans.iter().map(Self::cost).sum::<usize>(),
            Self::Not(plan) => plan.cost(),
            Self::Rows(..) => 1_000,
        }
    }

    /// The fields whose columns it reads.
    pub(crate) fn fields(&self, into: &mut BTreeSet<Field>) {
        match self {
            Self::All(plans) | Self::Any(plans) => plans.iter().for_each(|plan| plan.fields(into)),
            Self::Not(plan) => plan.fields(into),
            Self::Column(field, _) | Self::Rows(Term { field, .. }, Some(_)) => drop(into.insert(*field)),
            Self::TextCondition(condition) => drop(into.insert(condition.term.field)),
            Self::Seqs(_) | Self::Rows(_, None) => {}
        }
    }

    /// The numbers that `field` can have in matching entries; `None` if any number is possible.
    pub(crate) fn required(&self, field: Field) -> Option<BTreeSet<u64>> {
        match self {
            Self::Column(of, ValueSet::Among(numbers)) if *of == field => Some(numbers.iter().copied().collect()),
            Self::All(plans) => plans.iter().filter_map(|plan| plan.required(field)).reduce(|all, more| &all & &more),
            Self::Any(plans) => {
                let each: Option<Vec<_>> = plans.iter().map(|plan| plan.required(field)).collect();
                each.map(|each| each.into_iter().flatten().collect())
            }
            _ => None,
        }
    }

    /// The rows of `within` that match.
    pub(crate) fn find(&self, log: &dyn Snapshot, block: &Block, within: Bitmap) -> Result<Bitmap, StoreError> {
        if within.is_empty() {
            return Ok(within);
        }
        log.check_deadline()?;
        match self {
            Self::All(plans) => plans.iter().try_fold(within, |within, plan| plan.find(log, block, within)),
            Self::Any(plans) => {
                let mut found = Bitmap::none(block.length);
                for plan in plans {
                    let more = plan.find(log, block, within.clone().without(&found))?;
                    found = found.or(&more);
                }
                Ok(found)
            }
            Self::Not(plan) => Ok(within.clone().without(&plan.find(log, block, within)?)),
            Self::Seqs(ranges) => {
                let found = ranges.iter().map(|range| block.within(range));
                Ok(within.and(&found.fold(Bitmap::none(block.length), |all, found| all.or(&found))))
            }
            Self::Column(field, wanted) => column(log, block, *field, wanted, within),
            Self::TextCondition(condition) => {
                let Some(zone) = block.zone(log, condition.term.field)? else {
                    return Ok(Bitmap::none(block.length));
                };
                let wanted = condition.wanted(log, block, &zone, &within)?;
                select(log, block, condition.term.field, &zone, &wanted, within)
            }
            Self::Rows(term, None) => rows(log, block, term, within),
            Self::Rows(term, Some(wanted)) => rows(log, block, term, column(log, block, term.field, wanted, within)?),
        }
    }
}

fn column(
    log: &dyn Snapshot,
    block: &Block,
    field: Field,
    wanted: &ValueSet,
    within: Bitmap,
) -> Result<Bitmap, StoreError> {
    let Some(zone) = block.zone(log, field)? else {
        let unset = matches!(wanted, ValueSet::Among(values) if values.first() == Some(&0));
        return Ok(if unset { within } else { Bitmap::none(block.length) });
    };
    select(log, block, field, &zone, wanted, within)
}

/// The rows of `within` whose code in the column belongs to a wanted value.
fn select(
    log: &dyn Snapshot,
    block: &Block,
    field: Field,
    zone: &Zone,
    wanted: &ValueSet,
    within: Bitmap,
) -> Result<Bitmap, StoreError> {
    let codes = zone.codes(wanted);
    if codes.is_empty() {
        return Ok(Bitmap::none(block.length));
    }
    if zone.is_all(&codes) {
        return Ok(within);
    }
    let found = block.planes(log, field, |planes| zone.select(&codes, planes, block.length))?;
    Ok(within.and(&found))
}

/// The rows of `candidates` that match when they are read.
fn rows(log: &dyn Snapshot, block: &Block, term: &Term, candidates: Bitmap) -> Result<Bitmap, StoreError> {
    let mut found = Bitmap::none(block.length);
    let mut look = |first: u64, end: u64| {
        log.rows(first..end, RowColumns::Fields(&[term.field]), &mut |seq, row| {
            let at = seq - block.first;
            if candidates.contains(at) && matches(term, row.column(0)) {
                found.insert(at);
            }
            Ok(true)
        })
    };
    if candidates.count() > SINGLE_ROWS {
        look(block.first, block.seqs().end)?;
    } else {
        candidates.rows().try_for_each(|row| look(block.first + row, block.first + row + 1))?;
    }
    Ok(found)
}

/// Whether a row with this value matches. The result equals the evaluation of the entry.
fn matches(term: &Term, value: ColumnValue<'_>) -> bool {
    match value {
        ColumnValue::Text(text) => term.test.holds_text(text),
        ColumnValue::Bytes(id) => Uuid::from_slice(id).is_ok_and(|id| {
            let mut buffer = Uuid::encode_buffer();
            term.test.holds_text(id.hyphenated().encode_lower(&mut buffer))
        }),
        _ => false,
    }
}

/// The numbers of the texts that must match as a whole, ascending.
fn numbers_of(log: &dyn Snapshot, term: &Term) -> Result<Vec<u64>, StoreError> {
    let Test::In(values) = &term.test else { return Ok(Vec::new()) };
    let mut numbers = BTreeSet::new();
    for value in values {
        if let Value::Text(text) = value {
            numbers.extend(log.number(term.field, text)?);
        }
    }
    Ok(numbers.into_iter().collect())
}

/// The wanted values of a column of numbers or times.
fn numbers(kind: ColumnKind, test: &Test) -> ValueSet {
    let integer = |value: &Value| match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    };
    let raw = |value: &Value| integer(value).map_or(u64::MAX, |number| kind.raw(number));
    match test {
        Test::Unset => ValueSet::Among(vec![0]),
        Test::In(values) => {
            let possible = values.iter().filter_map(integer).filter(|number| kind == ColumnKind::Time || *number >= 0);
            ValueSet::Among(possible.map(|number| kind.raw(number)).collect::<BTreeSet<_>>().into_iter().collect())
        }
        Test::Less(limit) => ValueSet::Within(1..raw(limit)),
        Test::AtLeast(limit) => ValueSet::Within(raw(limit).max(1)..u64::MAX),
        Test::Like(_) => ValueSet::Among(Vec::new()),
    }
}

/// The hashes of all entries that may match.
fn hashes(field: Field, test: &Test) -> ValueSet {
    match test {
        Test::In(values) => {
            let hash = |value: &Value| match value {
                Value::Text(text) if field.kind() == FieldType::Id => {
                    Uuid::try_parse(text).ok().map(|id| hash(id.as_bytes()))
                }
                Value::Text(text) => Some(hash(text.as_bytes())),
                _ => None,
            };
            ValueSet::Among(values.iter().filter_map(hash).collect::<BTreeSet<_>>().into_iter().collect())
        }
        _ => ValueSet::Within(1..u64::MAX),
    }
}

/// The seqs that a term about `seq`, the id or the time of recording selects.
fn seqs(log: &dyn Snapshot, term: &Term) -> Result<Vec<Range<u64>>, StoreError> {
    let from_start = |value: &Value| -> Result<u64, StoreError> {
        Ok(match (term.field, value) {
            (Field::RecordedAt, Value::Integer(micros)) => since(log, *micros)?,
            (_, Value::Integer(number)) => u64::try_from(*number).unwrap_or(0),
            _ => 0,
        })
    };
    let exactly = |value: &Value| -> Result<Range<u64>, StoreError> {
        Ok(match (term.field, value) {
            (Field::RecordedAt, Value::Integer(micros)) => since(log, *micros)?..since(log, micros.saturating_add(1))?,
            (_, Value::Integer(number)) => u64::try_from(*number).map_or(0..0, |seq| seq..seq.saturating_add(1)),
            _ => 0..0,
        })
    };
    let one = |range| Ok(Vec::from_iter([range]));
    match &term.test {
        Test::In(values) if term.field == Field::Id => {
            let mut found = Vec::new();
            for value in values {
                found.extend(by_id(log, value)?);
            }
            Ok(found)
        }
        Test::In(values) => values.iter().map(exactly).collect(),
        Test::Less(limit) => one(0..from_start(limit)?),
        Test::AtLeast(limit) => one(from_start(limit)?..u64::MAX),
        Test::Unset | Test::Like(_) => Ok(Vec::new()),
    }
}

/// The seqs of an id: one for each tenant that has an entry with it.
fn by_id(log: &dyn Snapshot, id: &Value) -> Result<Vec<Range<u64>>, StoreError> {
    let Value::Text(id) = id else { return Ok(Vec::new()) };
    let Ok(id) = Uuid::try_parse(id) else { return Ok(Vec::new()) };
    Ok(log.seqs_of(id)?.into_iter().map(|seq| seq..seq + 1).collect())
}

fn since(log: &dyn Snapshot, micros: i64) -> Result<u64, StoreError> {
    seq_at(log, Timestamp::from_micros(micros))
}
