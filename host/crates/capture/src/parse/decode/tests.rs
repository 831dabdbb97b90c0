//! Bodies that clients can decode are decoded, whatever the chunks and the turns are. Decompression bombs are not.

use std::io::Write as _;

use mcp_audit_log_core::recorder::Budget;

use super::*;

const JSON: &[u8] = br#"{"id":1,"result":{}}"#;

/// Whether all could be decoded, how many messages there were, and how many documents.
fn read(coding: &str, body: &[u8], piece: usize) -> (bool, usize) {
    grown(coding, body, piece, Growth::ANSWER)
}

fn grown(coding: &str, body: &[u8], piece: usize, growth: Growth) -> (bool, usize) {
    let [whole, in_turns] = [u64::MAX, 1].map(|quota| decoded(coding, body, piece, growth, quota));
    assert_eq!(whole, in_turns, "{coding} in pieces of {piece}");
    whole
}

fn decoded(coding: &str, body: &[u8], piece: usize, growth: Growth, quota: u64) -> (bool, usize) {
    let windows = Budget::new(256 << 20).nothing();
    let codings = Coding::of([coding].into_iter());
    let mut decoder = Decoder::new(&codings, Format::Json, growth, &Keep::default(), windows);
    let mut found = 0;
    for piece in body.chunks(piece) {
        // A few bytes at a time, or all at once: it makes no difference.
        let (piece, mut quota) = (Bytes::copy_from_slice(piece), quota);
        decoder.push(&piece, &mut quota, &mut |parts| found += parts.messages.list.len());
        while decoder.is_behind() {
            decoder.go_on(&mut 1, &mut |parts| found += parts.messages.list.len());
        }
    }
    decoder.finish(true, &mut |parts| found += parts.messages.list.len());
    (decoder.is_good(), found)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(bytes).expect("written");
    gzip.finish().expect("finished")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(bytes).expect("written");
    zlib.finish().expect("finished")
}

fn raw(bytes: &[u8]) -> Vec<u8> {
    let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    raw.write_all(bytes).expect("written");
    raw.finish().expect("finished")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("encoded")
}

/// One uncompressed metablock, then the empty last one.
fn brotli(bytes: &[u8]) -> Vec<u8> {
    let head = u32::try_from(bytes.len() - 1).expect("short") << 4 | 1 << 20;
    [&head.to_le_bytes()[..3], bytes, &[0x03]].concat()
}

/// A gzip member with every part that a header may have.
fn adorned(bytes: &[u8]) -> Vec<u8> {
    let plain = gzip(bytes);
    let extras = [&[3, 0][..], b"abc", b"name\0", b"comment\0", &[1, 2]].concat();
    [&plain[..3], &[4 | 8 | 16 | 2], &plain[4..10], &extras, &plain[10..]].concat()
}

#[test]
fn every_encoding_of_clients_is_decoded_from_any_chunks() {
    let (head, tail) = JSON.split_at(7);
    let bodies = [
        ("identity", JSON.to_vec()),
        ("", JSON.to_vec()),
        ("gzip", gzip(JSON)),
        ("X-GZip", gzip(JSON)),
        ("gzip", adorned(JSON)),
        ("gzip", [gzip(head), gzip(b""), adorned(tail)].concat()),
        ("gzip", [gzip(JSON), b"\0\0\0 trailing garbage".to_vec()].concat()),
        ("gzip", [gzip(JSON), vec![0x1f, 0x8b, 0]].concat()),
        ("deflate", zlib(JSON)),
        ("deflate", raw(JSON)),
        ("deflate", [raw(JSON), b"more".to_vec()].concat()),
        ("zstd", zstd(JSON)),
        ("zstd", [zstd(head), zstd(tail)].concat()),
        ("zstd", [zstd(JSON), b"trailing garbage".to_vec()].concat()),
        ("br", brotli(JSON)),
        ("gzip, br", brotli(&gzip(JSON))),
        (" , GZIP ,identity,, deflate ,", zlib(&gzip(JSON))),
        ("deflate,zstd,gzip,br,x-gzip", gzip(&brotli(&gzip(&zstd(&zlib(JSON)))))),
    ];
    for (coding, body) in bodies {
        for piece in [1, 3, 1_000] {
            assert_eq!(read(coding, &body, piece), (true, 1), "{coding:?} in pieces of {piece}");
        }
    }
    assert!(!read("gzip", b"not gzip at all", 100).0);
    assert!(!read("gzip, br", JSON, 100).0);
    assert!(!read("gzip", &gzip(JSON)[1..], 100).0);
}

#[test]
fn a_false_content_encoding_hides_no_message() {
    let long = [br#"{"params":{"name":""#.as_slice(), &b"x".repeat(1 << 20), br#""},"method":"m"}"#].concat();
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, br", "rot13", "br, rot13", "br,br,br,br,br,br"] {
        for (body, piece) in [(JSON, 1), (JSON, 3), (JSON, 1_000), (&long, 70_000)] {
            assert_eq!(read(coding, body, piece), (false, 1), "{coding} in pieces of {piece}");
        }
    }
}

#[test]
fn a_highly_compressed_answer_is_read_and_a_decompression_bomb_is_not() {
    let blanks = |length: usize| [&b" ".repeat(length)[..], JSON].concat();
    assert_eq!(read("zstd", &zstd(&blanks(64 << 20)), 1 << 20), (true, 1));
    assert_eq!(read("zstd", &zstd(&blanks(82 << 20)), 1 << 20), (false, 0));
    assert_eq!(grown("zstd", &zstd(&blanks(1 << 20)), 1 << 20, Growth::REQUEST), (true, 1));
    assert_eq!(grown("zstd", &zstd(&blanks(3 << 20)), 1 << 20, Growth::REQUEST), (false, 0), "a stranger's bomb");
    let twice = gzip(&zstd(&blanks(64 << 20)));
    assert!(twice.len() < 10_000 && read("zstd, gzip", &twice, 100) == (true, 1));
}

/// A few bytes that decode to many are decoded in turns.
#[test]
fn a_turn_decodes_no_more_than_its_quota() {
    let bomb = [&b" ".repeat(8 << 20)[..], JSON].concat();
    for (coding, body) in [("gzip", gzip(&bomb)), ("gzip, zstd", zstd(&gzip(&bomb))), ("zstd", zstd(&bomb))] {
        let windows = Budget::new(256 << 20).nothing();
        let codings = Coding::of([coding].into_iter());
        let mut decoder = Decoder::new(&codings, Format::Json, Growth::ANSWER, &Keep::default(), windows);
        decoder.push(&Bytes::from(body), &mut (1 << 20), &mut |_| {});
        let first = decoder.work.decoded;
        assert!(decoder.is_behind() && ((1 << 20)..(1 << 20) + PIECE as u64).contains(&first), "{coding}: {first}");
        decoder.go_on(&mut { u64::MAX }, &mut |_| {});
        assert!(!decoder.is_behind() && decoder.is_good() && decoder.work.decoded > 8 << 20, "{coding}");
        // What is given up is not good.
        decoder.stop();
        assert!(!decoder.is_good());
    }
}

#[test]
fn a_body_is_not_unpacked_without_memory_for_its_window() {
    let budget = Budget::new(1 << 20);
    let keep = Keep::default();
    let codings = Coding::of(["zstd"].into_iter());
    let mut decoders: Vec<_> =
        (0..3).map(|_| Decoder::new(&codings, Format::Json, Growth::ANSWER, &keep, budget.nothing())).collect();
    let body = zstd(&[&b" ".repeat(500_000)[..], JSON].concat());
    let body = Bytes::from(body);
    decoders.iter_mut().for_each(|decoder| decoder.push(&body, &mut { u64::MAX }, &mut |_| {}));
    assert_eq!(decoders.iter().map(Decoder::is_good).collect::<Vec<_>>(), [true, true, false]);
    decoders.remove(0);
    let mut again = Decoder::new(&codings, Format::Json, Growth::ANSWER, &keep, budget.nothing());
    again.push(&body, &mut { u64::MAX }, &mut |_| {});
    assert!(again.is_good() && budget.held() <= 1 << 20);
}
