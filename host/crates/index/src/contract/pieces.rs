//! Tests about the data that belongs to entries: texts, blocks, runs, tiles, the head.

use super::entries::read;
use super::{Opened, Subject, assert_refused, keep};
use crate::transaction::{HeadChange, NewColumn, NewPart, Removable};
use crate::{Blob, LogHead, PartColumn, PartKey, StoredBlock, StoredRun};
use mcp_audit_log_ledger::{Hash, Head, Tile};
use mcp_audit_log_model::field::Field;

/// The bytes of a blob, if it is there.
fn blob(opened: &Opened, blob: Blob) -> Option<Vec<u8>> {
    read(opened, |log| {
        let mut found = None;
        let is_there = log.blob(blob, &mut |bytes| found = Some(bytes.to_vec()))?;
        assert_eq!(is_there, found.is_some());
        Ok(found)
    })
}

/// The texts of a field whose numbers are above a number.
fn texts(opened: &Opened, field: Field, above: u64) -> Vec<(u64, String)> {
    read(opened, |log| {
        let mut found = Vec::new();
        log.texts(field, above, &mut |number, text| {
            found.push((number, text.to_owned()));
            Ok(found.len() < 3)
        })?;
        Ok(found)
    })
}

pub(super) fn numbers_are_given_once(subject: &dyn Subject) {
    let mut opened = subject.open();
    keep(&mut opened, |log| {
        assert_eq!(log.last_number(Field::Tool)?, 0);
        for (number, text) in (1..).zip(["b", "a", "B", "ä", ""]) {
            log.append_text(Field::Tool, number, text)?;
        }
        assert_eq!(log.last_number(Field::Tool)?, 5);
        log.append_text(Field::User, 1, "a")
    });
    for number in [0, 1, 5, 7] {
        assert_refused(&mut opened, false, "another number than the next", |log| {
            log.append_text(Field::Tool, number, "new")
        });
    }
    let owned =
        |found: &[(u64, &str)]| found.iter().map(|(number, text)| (*number, (*text).to_owned())).collect::<Vec<_>>();
    assert_eq!(texts(&opened, Field::Tool, 0), owned(&[(1, "b"), (2, "a"), (3, "B")]), "three are enough");
    assert_eq!(texts(&opened, Field::Tool, 3), owned(&[(4, "ä"), (5, "")]));
    assert_eq!(texts(&opened, Field::User, 0), owned(&[(1, "a")]));
    read(&opened, |log| {
        let number = |field, text: &str| log.number(field, text);
        assert_eq!(
            (number(Field::Tool, "a")?, number(Field::User, "a")?, number(Field::Tool, "c")?),
            (Some(2), Some(1), None)
        );
        assert_eq!((number(Field::Tool, "B")?, number(Field::Tool, "")?), (Some(3), Some(5)), "texts are bytes");
        assert_eq!(log.text(Field::Tool, 4)?.as_deref(), Some("ä"));
        assert_eq!((log.text(Field::Tool, 6)?, log.text(Field::Server, 1)?), (None, None));
        Ok(())
    });
    assert_refused(&mut opened, false, "a removal outside of a cleanup", |log| {
        log.remove(Removable::Texts(Field::Tool, &[1])).map(drop)
    });
    let swept = read(&opened, |log| log.head()).swept;
    keep(&mut opened, |log| log.remove(Removable::Texts(Field::Tool, &[1, 3])).map(drop));
    assert_eq!(read(&opened, |log| log.head()).swept, swept + 2, "readers know that they must forget");
    assert_eq!(texts(&opened, Field::Tool, 0), owned(&[(2, "a"), (4, "ä"), (5, "")]));
    assert_eq!(read(&opened, |log| log.number(Field::Tool, "b")), None);
}

pub(super) fn blocks_are_written_once(subject: &dyn Subject) {
    let mut opened = subject.open();
    let length = read(&opened, |log| Ok(log.block_length()));
    let column = |field, bytes: &[u8]| NewColumn { field, zone: bytes.to_vec(), planes: [bytes, bytes].concat() };
    let block = |at: u64| StoredBlock { first: at * length, length, fields: at + 1 };
    keep(&mut opened, |log| {
        (0..3).try_for_each(|at| {
            let columns = [column(Field::Tool, &[at as u8; 9]), column(Field::User, b"")];
            log.append_block(block(at), &columns)
        })
    });
    assert_eq!(read(&opened, |log| log.blocks()), [block(0), block(1), block(2)]);
    assert_refused(&mut opened, false, "a block that is there", |log| log.append_block(block(1), &[]));
    let zone = |first, field| Blob::Zone { first, field };
    assert_eq!(blob(&opened, zone(length, Field::Tool)), Some(vec![1; 9]));
    assert_eq!(blob(&opened, Blob::Planes { first: length, field: Field::Tool }), Some(vec![1; 18]));
    assert_eq!(blob(&opened, zone(length, Field::User)), Some(Vec::new()));
    assert_eq!(
        (blob(&opened, zone(length, Field::Server)), blob(&opened, zone(3 * length, Field::Tool))),
        (None, None)
    );
    let columns = |opened: &Opened, range: std::ops::Range<u64>| read(opened, |log| log.columns(range.clone()));
    assert_eq!((columns(&opened, 0..3 * length), columns(&opened, length..length + 1)), (6, 2));
    // The index can be made again, so that it may be removed at any time.
    let middle = &mut |log: &dyn crate::Transaction| log.remove(Removable::Blocks(length..length + 1)).map(|_| true);
    opened.store.transact(false, middle).expect("removed");
    assert_eq!(read(&opened, |log| log.blocks()), [block(0), block(2)]);
    assert_eq!((columns(&opened, 0..u64::MAX), blob(&opened, zone(length, Field::Tool))), (4, None));
    keep(&mut opened, |log| log.append_block(block(1), &[]));
    keep(&mut opened, |log| log.remove(Removable::Blocks(0..u64::MAX)).map(drop));
    assert!(read(&opened, |log| log.blocks()).is_empty() && columns(&opened, 0..u64::MAX) == 0);
}

pub(super) fn runs_are_written_once(subject: &dyn Subject) {
    let mut opened = subject.open();
    let run = |first| StoredRun { first, length: 10, fields: 3, least: -7, most: 8, recorded: 9, checksum: 11 };
    let part = |run: u64, share: u64| {
        let [cells, amounts] = ["cells", "amounts"].map(|text| format!("{text} {run} {share}").into_bytes());
        NewPart { key: PartKey { run, number: 5, share }, cells, amounts }
    };
    keep(&mut opened, |log| {
        log.append_run(run(0), &[part(0, 0), part(0, 1)])?;
        log.append_run(run(10), &[part(10, 0)])
    });
    assert_eq!(read(&opened, |log| log.runs()), [run(0), run(10)]);
    assert_refused(&mut opened, false, "a run before the last", |log| log.append_run(run(5), &[]));
    let of = |run, share, column| Blob::Part(PartKey { run, number: 5, share }, column);
    assert_eq!(blob(&opened, of(0, 1, PartColumn::Amounts)), Some(b"amounts 0 1".to_vec()));
    assert_eq!(blob(&opened, of(10, 0, PartColumn::Cells)), Some(b"cells 10 0".to_vec()));
    assert_eq!(blob(&opened, of(0, 2, PartColumn::Cells)), None);
    keep(&mut opened, |log| log.remove(Removable::Runs(0..10)).map(drop));
    assert_eq!(read(&opened, |log| log.runs()), [run(10)]);
    assert_eq!(blob(&opened, of(0, 0, PartColumn::Cells)), None);
}

pub(super) fn tiles_only_grow(subject: &dyn Subject) {
    let mut opened = subject.open();
    let tile = |number| Tile { level: 0, number };
    let hashes: Vec<u8> = (0..96).collect();
    keep(&mut opened, |log| {
        log.put_tile(tile(0), &hashes[..32], false)?;
        log.put_tile(tile(1), &hashes[..32], false)?;
        log.put_tile(Tile { level: 1, number: 0 }, &hashes[32..64], false)
    });
    keep(&mut opened, |log| log.put_tile(tile(0), &hashes, true));
    assert_eq!(blob(&opened, Blob::Tile(tile(0))), Some(hashes.clone()));
    for changed in [&hashes[..64], &hashes[32..], &[7; 128]] {
        assert_refused(&mut opened, true, "a tile with other hashes", |log| log.put_tile(tile(0), changed, true));
    }
    assert_refused(&mut opened, false, "a removal outside of a cleanup", |log| {
        log.remove(Removable::Tiles(0, 1)).map(drop)
    });
    let there = |opened: &Opened| {
        [tile(0), tile(1), Tile { level: 1, number: 0 }].map(|tile| blob(opened, Blob::Tile(tile)).is_some())
    };
    assert_eq!(there(&opened), [true, true, true]);
}

pub(super) fn the_head_is_kept(subject: &dyn Subject) {
    let mut opened = subject.open();
    assert_eq!(read(&opened, |log| log.head()), LogHead::default());
    let tree = Head { size: 3, root: Hash::of(b"three") };
    for change in [HeadChange::Pruned { entries: 0, payloads: 1 }, HeadChange::UsagePruned { below: 0, until: 5 }] {
        assert_refused(&mut opened, false, "prune points outside of a cleanup", |log| log.put_head(change));
    }
    (0..3).for_each(|seq| keep(&mut opened, |log| super::append(log, seq)));
    keep(&mut opened, |log| {
        log.put_head(HeadChange::Tree(tree))?;
        log.put_head(HeadChange::Pruned { entries: 1, payloads: 2 })?;
        log.remove(Removable::Entries(1))?;
        log.put_head(HeadChange::UsagePruned { below: 1, until: -5 })
    });
    let expected = LogHead { pruned: 1, payloads_pruned: 2, swept: 0, usage_pruned: 1, usage_until: Some(-5), tree };
    assert_eq!(read(&opened, |log| log.head()), expected);
    drop(opened);
    assert_eq!(read(&subject.open(), |log| log.head()), expected);
}
