//! Every row comes back as it was, and each has one stored form.

use proptest::prelude::*;

use super::super::few::FewColumns;
use super::*;

/// Columns of a row.
#[derive(Clone, Debug)]
enum Owned {
    Unset,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

#[derive(Debug)]
struct Owner(Vec<Owned>);

impl Row for Owner {
    fn column(&self, at: usize) -> ColumnValue<'_> {
        match self.0.get(at) {
            Some(Owned::Integer(number)) => ColumnValue::Integer(*number),
            Some(Owned::Text(text)) => ColumnValue::Text(text),
            Some(Owned::Bytes(bytes)) => ColumnValue::Bytes(bytes),
            Some(Owned::Unset) | None => ColumnValue::Unset,
        }
    }
}

fn value(column: usize) -> BoxedStrategy<Owned> {
    let number = || prop_oneof![any::<i64>(), -3..300_i64, Just(i64::MIN), Just(i64::MAX)];
    match form(column) {
        Form::Mark => Just(Owned::Unset).boxed(),
        Form::Number if column == VERSION => (0..4_i64).prop_map(Owned::Integer).boxed(),
        Form::Number => number().prop_map(Owned::Integer).boxed(),
        Form::Term => (1..i64::MAX).prop_map(Owned::Integer).boxed(),
        Form::Bytes(length) => proptest::collection::vec(any::<u8>(), length).prop_map(Owned::Bytes).boxed(),
        Form::Text => {
            let texts =
                ["[0-9]{0,20}", "[0-9a-f]{0,70}", "([0-9a-f]{2}){4,32}", "0[0-9]{0,3}", ".{0,80}", "[0-9A-F]{8}"];
            let texts: Vec<_> = texts.into_iter().map(|text| text.prop_map(Owned::Text).boxed()).collect();
            proptest::strategy::Union::new(texts).boxed()
        }
    }
}

/// A row in which every second column is set.
fn row() -> impl Strategy<Value = Owner> {
    let columns = (0..COLUMNS).map(|column| {
        let always = [Field::Id as usize, Field::OccurredAt as usize, Field::RecordedAt as usize, VERSION];
        match always.contains(&column) {
            true => value(column),
            false => prop_oneof![Just(Owned::Unset), value(column)].boxed(),
        }
    });
    (columns.collect::<Vec<_>>(), any::<bool>()).prop_map(|(mut columns, is_own)| {
        columns[Field::Seq as usize] = Owned::Integer(7);
        if let (true, Owned::Integer(at), Owned::Bytes(id)) =
            (is_own, columns[Field::OccurredAt as usize].clone(), &mut columns[Field::Id as usize])
        {
            id[..6].copy_from_slice(&beginning(at));
        }
        Owner(columns)
    })
}

fn assert_same(found: &Unpacked<'_>, given: &Owner) {
    for column in 0..COLUMNS {
        assert_eq!(found.column(column), given.column(column), "column {column}");
    }
}

#[test]
fn all_texts_of_a_row_may_be_the_longest_digits() {
    for digits in ["f".repeat(LONGEST_HEX), "9".repeat(18)] {
        let mut columns = vec![Owned::Unset; COLUMNS];
        for column in [Field::Seq, Field::OccurredAt, Field::RecordedAt] {
            columns[column as usize] = Owned::Integer(7);
        }
        columns[VERSION] = Owned::Integer(LEAF_VERSION.into());
        columns[Field::Id as usize] = Owned::Bytes(vec![7; 16]);
        let texts: Vec<_> = ORDER.into_iter().filter(|column| matches!(form(*column), Form::Text)).collect();
        assert_eq!(texts.len(), TEXTS, "as many as there is room for");
        texts.into_iter().for_each(|column| columns[column] = Owned::Text(digits.clone()));
        let (given, mut bytes) = (Owner(columns), Vec::new());
        pack(&given, [0; 2], &mut bytes).expect("packed");
        assert_same(&Unpacked::read(7, &bytes).expect("unpacked"), &given);
    }
}

proptest! {
    #[test]
    fn a_row_comes_back_as_it_was(given in row()) {
        let mut bytes = Vec::new();
        pack(&given, [0; 2], &mut bytes).expect("packed");
        assert_same(&Unpacked::read(7, &bytes).expect("unpacked"), &given);
        let (mut short, mut commons) = (Vec::new(), [Vec::new(), Vec::new()]);
        for (part, bytes) in Part::ALL.into_iter().zip(&mut commons) {
            pack_common(&given, part, bytes).expect("packed");
        }
        let numbers = [0, 1].map(|at| if commons[at].is_empty() { 0 } else { 300 + at as u64 });
        pack(&given, numbers, &mut short).expect("packed");
        let mut found = Unpacked::read(7, &short).expect("unpacked");
        prop_assert_eq!(found.numbers, numbers);
        for (part, bytes) in Part::ALL.into_iter().zip(&commons).filter(|(_, bytes)| !bytes.is_empty()) {
            found.add(part, &unpack_common(bytes).expect("unpacked")).expect("of this part");
        }
        assert_same(&found, &given);
    }

    /// Each field alone, and in a pair with another one.
    #[test]
    fn a_few_columns_are_those_of_the_whole_row(given in row(), other in 0..Field::COUNT) {
        let (mut short, mut commons) = (Vec::new(), [Vec::new(), Vec::new()]);
        for (part, bytes) in Part::ALL.into_iter().zip(&mut commons) {
            pack_common(&given, part, bytes).expect("packed");
        }
        let numbers = [0, 1].map(|at| if commons[at].is_empty() { 0 } else { 1 });
        pack(&given, numbers, &mut short).expect("packed");
        for fields in Field::ALL.iter().flat_map(|field| [vec![*field], vec![Field::ALL[other], *field]]) {
            let Some(few) = FewColumns::new(&fields) else { continue };
            let parts = Part::ALL.map(|part| fields.iter().any(|field| part.has(*field as usize)));
            let mut values = few.read(7, Scan::new(&short).expect("a row"), parts).expect("read");
            for bytes in commons.iter().filter(|bytes| !bytes.is_empty()) {
                few.add(&mut values, &unpack_common(bytes).expect("unpacked"));
            }
            for (at, field) in fields.iter().enumerate() {
                prop_assert_eq!(values.column(at), given.column(*field as usize), "{:?}", field);
            }
        }
    }

    /// If a changed form can be read at all, it is another row, or it is not the form that [`pack`] writes.
    #[test]
    fn a_row_has_one_stored_form(given in row(), place in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut bytes = Vec::new();
        pack(&given, [0; 2], &mut bytes).expect("packed");
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        if let Some(found) = Unpacked::read(7, &bytes) {
            let mut again = Vec::new();
            if pack(&found, found.numbers, &mut again).is_some() && again == bytes && found.numbers == [0; 2] {
                prop_assert!((0..COLUMNS).any(|column| found.column(column) != given.column(column)));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (Unpacked::read(1, &bytes).is_some(), unpack_common(&bytes).is_some());
    }
}

/// What a call of a tool takes.
#[test]
fn a_usual_row_is_short() {
    let mut columns = vec![Owned::Unset; COLUMNS];
    let at = BASE + 40 * 86_400_000_000;
    columns[Field::RecordedAt as usize] = Owned::Integer(at + 45_000);
    columns[Field::OccurredAt as usize] = Owned::Integer(at);
    let mut id = vec![0x71; 16];
    id[..6].copy_from_slice(&beginning(at));
    columns[Field::Id as usize] = Owned::Bytes(id);
    for (field, number) in [(Field::DurationUs, 41_000), (Field::RequestBytes, 400), (Field::ResponseBytes, 1_500)] {
        columns[field as usize] = Owned::Integer(number);
    }
    columns[Field::RequestId as usize] = Owned::Text("17".to_owned());
    columns[Field::ResourceName as usize] = Owned::Integer(90);
    let mut bytes = Vec::new();
    pack(&Owner(columns), [130, 1_000], &mut bytes).expect("packed");
    assert!(bytes.len() <= 34, "{}", bytes.len());
}
