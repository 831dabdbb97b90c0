//! The quick search finds everything that the masks would hide, and lets the rest through.

use super::tests::{SECRETS, the_floor};
use super::*;

/// A text that the prefilter lets through is not searched, so the prefilter must find everything that the masks would
/// hide.
#[test]
fn the_prefilter_finds_everything_that_is_hidden() {
    assert!(SIEVE.is_there());
    let (masks, names) = (the_floor(), names::LISTS.iter().flat_map(|(_, names)| names.iter()));
    let mut texts: Vec<String> = SECRETS.iter().map(|text| (*text).to_owned()).collect();
    for name in names {
        let name = name.trim_start_matches(['-', '*']);
        let camel: String = name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        for name in [name.to_owned(), name.to_uppercase(), name.replace('_', "-"), format!("{name}2"), camel] {
            texts.extend([format!("{name}=x1y2z3"), format!("a\n{name}=x1y2z3"), format!("my_{name} = x1y2z3")]);
        }
    }
    for text in texts {
        let bare = Masker { prefilter: None, floor: &masks.floor, own: Vec::new() };
        let body = serde_json::json!({ "t": text }).to_string();
        for body in [&body, &text, &serde_json::json!({ "t": body }).to_string()] {
            assert!(!bare.body(body.as_bytes()).1 || SIEVE.finds(body.as_bytes()), "{body}");
        }
    }
}

/// What a policy's masks hide is the same without the quick search, in texts, in JSON, in JSON within JSON, in truncated
/// bodies, and in bytes that are no UTF-8.
#[test]
fn the_prefilter_of_own_masks_finds_everything_that_is_hidden() {
    let strings = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let patterns = [
        r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}\b",
        r"(?i)straße\s+\d",
        r"^x/y$",
        r"a.b",
        r"[^a-z ]b c",
        r#"q"r"#,
        r"(?m)^k\W",
        r"é",
        r"b\\ x",
    ];
    let keys = ["*iban", "Card.Number", "plz", "a b", "steuer_id", "id_nr", "line2"];
    let masks: Vec<_> = (patterns.iter().map(|pattern| Mask::new("m".into(), &[], &strings(&[pattern]))))
        .chain([Mask::new("k".into(), &strings(&keys), &[])])
        .map(|mask| mask.expect("a mask"))
        .collect();
    let parts: [&[u8]; 35] = [
        b"DE89",
        b" 3704",
        b"0044",
        b"\n",
        b"\r\n",
        b"\t",
        b" ",
        b"\\",
        b"\"",
        b"/",
        b"x",
        b"y",
        b"a",
        b"b",
        b"b c",
        b"q",
        b"r",
        b"k",
        "Straße".as_bytes(),
        "STRASSE".as_bytes(),
        b"7",
        "é".as_bytes(),
        b"\xff",
        b"\xe2\x82",
        b"customer_iban",
        b"cardNumber",
        b"card.number",
        b"plz",
        b"plzen",
        b"=",
        b":",
        b"steuer-id",
        b"\\n",
        b"a b",
        b"b\\nx",
    ];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |bound: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % bound as u64).unwrap_or_default()
    };
    let alone: Vec<_> = masks.chunks(1).map(|mask| Masks::new(&[], mask)).collect();
    let (all, mut hidden) = (Masks::new(&[], &masks), 0);
    for _ in 0..4_000 {
        let raw: Vec<u8> = (0..=below(7)).flat_map(|_| parts[below(parts.len())]).copied().collect();
        let text = String::from_utf8_lossy(&raw).into_owned();
        let key = ["t", "customer_iban", "Card.Number2", "ibans", "PLZ", "plzen", "id_nrs", "line3"][below(8)];
        let json = serde_json::json!({ key: text, "u": 1 }).to_string();
        // As some libraries write it.
        let ascii: String = json.chars().fold(String::new(), |mut ascii, letter| {
            match letter.is_ascii() {
                true => ascii.push(letter),
                false => letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| ascii += &format!("\\u{unit:04x}")),
            }
            ascii
        });
        let nested = serde_json::json!([json]).to_string();
        let cut = nested[..nested.floor_char_boundary(below(nested.len()))].to_owned();
        let bodies =
            [raw, json.replace('/', "\\/").into_bytes(), ascii.into_bytes(), nested.into_bytes(), cut.into_bytes()];
        for body in bodies {
            let own = below(masks.len());
            let bare = Masker { prefilter: None, floor: &all.floor, own: vec![&all.own[own]] };
            let expected = bare.body(&body);
            for found in [alone[own].body(&[0], &body), all.body(&[own], &body)] {
                assert_eq!(found, expected, "{own}: {:?}", String::from_utf8_lossy(&body));
            }
            hidden += usize::from(expected.1);
        }
    }
    assert!(hidden > 1_000, "{hidden} were hidden");
    let plain = br#"{"name":"Anna","city":"Berlin","note":"two lines\nof text","total":12.5,"state":"open"}"#;
    for (at, masks) in alone.iter().enumerate() {
        let prefilter = masks.prefilter.get().expect("it was made");
        assert!(prefilter.is_there());
        assert!(!prefilter.finds(plain), "{at} lets plain text through");
    }
}
