//! Tests about rows: where they are appended, what a reader gets back, and what is removed.

use uuid::Uuid;

use super::{Opened, Subject, append, assert_refused, at, entry, keep, numbers};
use crate::row::{COMMITMENT, ColumnValue, DETAILS, HAS_PAYLOAD, NewRow, RowColumns, VERSION};
use crate::transaction::{HeadChange, Removable};
use crate::{Snapshot, StateChange, StoreError, StoredPayload};
use mcp_audit_log_model::entry::{Details, Entry};
use mcp_audit_log_model::field::Field;

/// The result of `read` on a snapshot.
pub(super) fn read<T>(opened: &Opened, mut read: impl FnMut(&dyn Snapshot) -> Result<T, StoreError>) -> T {
    let mut found = None;
    let done = opened.source.read(&mut |log| read(log).map(|value| found = Some(value)));
    done.and(found.ok_or(StoreError::Unread)).expect("read")
}

/// The seqs of the rows in a range, in the order in which the store returns them.
fn seqs(log: &dyn Snapshot, range: std::ops::Range<u64>) -> Result<Vec<u64>, StoreError> {
    let mut found = Vec::new();
    log.rows(range, RowColumns::Fields(&[Field::Seq]), &mut |seq, row| {
        assert_eq!(row.column(0), ColumnValue::Integer(seq as i64));
        found.push(seq);
        Ok(true)
    })?;
    Ok(found)
}

pub(super) fn seq_ascends_without_holes(subject: &dyn Subject) {
    let mut opened = subject.open();
    assert_eq!(read(&opened, |log| log.seqs()), 0..0);
    keep(&mut opened, |log| (0..5).try_for_each(|seq| append(log, seq)));
    for seq in [0, 4, 6, 1 << 40] {
        assert_refused(&mut opened, false, "an entry elsewhere than behind the last", |log| append(log, seq));
    }
    keep(&mut opened, |log| append(log, 5));
    assert_eq!(read(&opened, |log| log.seqs()), 0..6);
    assert_eq!(read(&opened, |log| seqs(log, 0..u64::MAX)), [0, 1, 2, 3, 4, 5]);
    assert_eq!(read(&opened, |log| seqs(log, 2..4)), [2, 3]);
    assert!(read(&opened, |log| seqs(log, 6..9)).is_empty() && read(&opened, |log| seqs(log, 3..3)).is_empty());
}

pub(super) fn rows_come_back(subject: &dyn Subject) {
    let mut opened = subject.open();
    let mut given = entry(7);
    given.parent = Some(Uuid::from_u128(3));
    given.duration_us = Some(1_234);
    given.payload_commitment = Some([9; 32]);
    given.set_text(Field::RequestId, Some("grün"));
    given.details.insert("number".to_owned(), 7.into());
    let mut texts = numbers();
    texts[Field::Tool as usize] = 12;
    keep(&mut opened, |log| {
        log.append(&NewRow::new(&given, 0, at(8), texts))?;
        append(log, 1)
    });
    let fields = [Field::Tool, Field::Seq, Field::RequestId, Field::Parent, Field::RecordedAt, Field::DurationUs];
    let mut shown = 0;
    read(&opened, |log| {
        log.rows(0..1, RowColumns::Fields(&fields), &mut |_, row| {
            let recorded_at = at(8).as_micros();
            assert_eq!(row.column(0), ColumnValue::Integer(12));
            assert_eq!(row.column(1), ColumnValue::Integer(0));
            assert_eq!(row.column(2), ColumnValue::Text("grün"));
            assert_eq!(row.column(3), ColumnValue::Bytes(Uuid::from_u128(3).as_bytes()));
            assert_eq!(row.column(4), ColumnValue::Integer(recorded_at));
            assert_eq!(row.column(5), ColumnValue::Integer(1_234));
            shown += 1;
            Ok(true)
        })?;
        for columns in [RowColumns::Shown, RowColumns::Hashed] {
            log.rows(0..2, columns, &mut |seq, row| {
                let is_first = seq == 0;
                let text = if is_first { ColumnValue::Integer(12) } else { ColumnValue::Unset };
                assert_eq!(row.column(Field::Tool as usize), text);
                let commitment = if is_first { ColumnValue::Bytes(&[9; 32]) } else { ColumnValue::Unset };
                assert_eq!(row.column(COMMITMENT), commitment);
                let details = if is_first { ColumnValue::Text("{\"number\":7}") } else { ColumnValue::Unset };
                assert_eq!(row.column(DETAILS), details);
                match columns {
                    RowColumns::Hashed => assert_eq!(row.column(VERSION), ColumnValue::Integer(1)),
                    _ => assert_eq!(row.column(HAS_PAYLOAD), ColumnValue::Integer(0)),
                }
                shown += 1;
                Ok(true)
            })?;
        }
        log.rows(0..2, RowColumns::Shown, &mut |_, _| {
            shown += 1;
            Ok(false)
        })
    });
    assert_eq!(shown, 1 + 2 * 2 + 1, "no more rows than are wanted");
}

pub(super) fn what_is_not_kept_is_not_there(subject: &dyn Subject) {
    let mut opened = subject.open();
    opened.store.transact(false, &mut |log| append(log, 0).map(|()| false)).expect("not kept");
    let failed = opened.store.transact(false, &mut |log| {
        append(log, 0)?;
        Err(StoreError::TooManyGroups(7))
    });
    assert!(matches!(failed, Err(StoreError::TooManyGroups(7))), "the work's own error comes back: {failed:?}");
    assert_eq!(read(&opened, |log| log.seqs()), 0..0);
    // A transaction sees what it wrote, and one that failed keeps none from going on.
    keep(&mut opened, |log| {
        append(log, 0)?;
        assert_eq!(log.snapshot().seqs()?, 0..1);
        append(log, 1)
    });
    assert_eq!(read(&opened, |log| log.seqs()), 0..2);
}

pub(super) fn what_is_committed_stays(subject: &dyn Subject) {
    let mut opened = subject.open();
    keep(&mut opened, |log| (0..3).try_for_each(|seq| append(log, seq)));
    drop(opened);
    let mut opened = subject.open();
    assert_eq!(read(&opened, |log| log.seqs()), 0..3);
    keep(&mut opened, |log| append(log, 3));
}

pub(super) fn a_snapshot_is_of_one_moment(subject: &dyn Subject) {
    let Opened { mut store, source } = subject.open();
    store.transact(false, &mut |log| append(log, 0).map(|()| true)).expect("stored");
    let look = &mut |log: &dyn Snapshot| {
        assert_eq!(log.seqs()?, 0..1);
        store.transact(false, &mut |log| append(log, 1).map(|()| true)).expect("stored beside a reader");
        assert_eq!(log.seqs()?, 0..1, "the snapshot is of the moment when it was first asked");
        assert_eq!(seqs(log, 0..9)?, [0]);
        Ok(())
    };
    source.read(look).expect("read");
    assert_eq!(read(&Opened { store, source }, |log| log.seqs()), 0..2);
}

pub(super) fn only_a_prefix_is_removed(subject: &dyn Subject) {
    let mut opened = subject.open();
    keep(&mut opened, |log| (0..6).try_for_each(|seq| append(log, seq)));
    let pruned = |entries| HeadChange::Pruned { entries, payloads: entries };
    assert_refused(&mut opened, true, "a removal that the head does not say", |log| {
        log.remove(Removable::Entries(3)).map(drop)
    });
    assert_refused(&mut opened, false, "a removal outside of a cleanup", |log| {
        log.put_head(pruned(3))?;
        log.remove(Removable::Entries(3)).map(drop)
    });
    keep(&mut opened, |log| {
        log.put_head(pruned(4))?;
        assert_eq!(log.remove(Removable::Entries(4))?, 4);
        Ok(())
    });
    assert_eq!(read(&opened, |log| log.seqs()), 4..6);
    assert_eq!(read(&opened, |log| seqs(log, 0..9)), [4, 5]);
    keep(&mut opened, |log| {
        log.put_head(pruned(6))?;
        assert_eq!(log.remove(Removable::Entries(6))?, 2);
        Ok(())
    });
    assert_eq!(read(&opened, |log| log.seqs()), 6..6);
    assert_refused(&mut opened, false, "a seq that was given before", |log| append(log, 0));
    keep(&mut opened, |log| append(log, 6));
}

pub(super) fn ids_are_found(subject: &dyn Subject) {
    let mut opened = subject.open();
    // Two of version 7, and a greater one of version 4.
    let id = |number: u128, version: u128| Uuid::from_u128(number << 80 | version << 76);
    let ids = [id(5, 7), id(9, 7), id(5, 7), id(99, 4)];
    let row = |id: Uuid, seq| {
        let entry = Entry::new(id, at(seq), at(seq));
        NewRow::new(Box::leak(Box::new(entry)), seq, at(seq), numbers())
    };
    keep(&mut opened, |log| {
        assert_eq!(log.greatest_id()?, None);
        ids.into_iter().zip(0..).try_for_each(|(id, seq)| log.append(&row(id, seq)))?;
        assert_eq!(log.greatest_id()?, Some(id(9, 7)));
        assert_eq!(log.snapshot().seqs_of(id(5, 7))?, [0, 2]);
        Ok(())
    });
    let found = |id: Uuid| read(&opened, |log| log.seqs_of(id));
    assert_eq!((found(id(5, 7)), found(id(9, 7)), found(id(7, 7))), (vec![0, 2], vec![1], vec![]));
    assert_eq!((found(id(99, 4)), found(id(98, 4))), (vec![3], vec![]));
    keep(&mut opened, |log| log.index_ids(0));
    let found = |id: Uuid| read(&opened, |log| log.seqs_of(id));
    assert_eq!((found(id(5, 7)), found(id(99, 4))), (vec![0, 2], vec![3]));
}

pub(super) fn payloads_come_and_go(subject: &dyn Subject) {
    let mut opened = subject.open();
    let response = Some(r#"{"name":"grün"},"#.repeat(100));
    let given = StoredPayload { salt: [9; 32], request: Some("{}".into()), response, notes: Details::new() };
    let packed = given.clone().pack();
    keep(&mut opened, |log| {
        (0..4).try_for_each(|seq| {
            append(log, seq)?;
            if seq == 2 { Ok(()) } else { log.append_payload(seq, &packed) }
        })
    });
    for seq in [0, 2, 3, 9] {
        assert_refused(&mut opened, false, "a payload of another entry than the newest", |log| {
            log.append_payload(seq, &packed)
        });
    }
    let found = |opened: &Opened| read(opened, |log| (0..4).map(|seq| log.payload(seq)).collect::<Result<Vec<_>, _>>());
    let there = |opened: &Opened| found(opened).iter().map(Option::is_some).collect::<Vec<_>>();
    assert_eq!(there(&opened), [true, true, false, true]);
    assert_eq!(found(&opened).swap_remove(1).and_then(|packed| packed.unpack()), Some(given));
    keep(&mut opened, |log| {
        let mut seqs = Vec::new();
        log.payloads_from(1, &mut |seq, recorded_at| {
            seqs.push((seq, recorded_at));
            true
        })?;
        assert_eq!(seqs, [(1, at(1)), (3, at(3))]);
        log.put_states(&StateChange { erased: vec![3], ..StateChange::default() })
    });
    assert_eq!(there(&opened), [true, true, false, false]);
    keep(&mut opened, |log| {
        log.put_head(HeadChange::Pruned { entries: 0, payloads: 1 })?;
        log.remove(Removable::Payloads(1)).map(drop)
    });
    assert_eq!(there(&opened), [false, true, false, false]);
}
