//! The cursor of a page. It is opaque to clients, so that paging may change without breaking them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_audit_log_core::secret::Secret;
use mcp_audit_log_index::Place;

use crate::problem::Problem;

/// The version of the format: a byte, the direction, the `seq`, and a code over all of it.
const VERSION: u8 = 2;
const OLDER: u8 = 0;
const NEWER: u8 = 1;
const CODE: usize = 8;
/// Version, direction and `seq`.
const BODY: usize = 10;

/// The cursor for "older than `seq`".
pub(crate) fn older(secret: &Secret, seq: u64) -> String {
    encode(secret, OLDER, seq)
}

/// The cursor for "newer than `seq`": of a page, and of an event of a tail.
pub(crate) fn newer(secret: &Secret, seq: u64) -> String {
    encode(secret, NEWER, seq)
}

/// The position in the cursor of the parameter `name`.
pub(crate) fn read(name: &str, text: &str, secret: &Secret) -> Result<Place, Problem> {
    let advice = format!(
        "{name}: not a cursor issued by this log; use `next` or `previous` of a page, or the `id` of an event, or \
         leave it out."
    );
    decode(secret, text).ok_or_else(|| Problem::parameter(name, advice))
}

/// The position in a cursor that this log issued.
fn decode(secret: &Secret, text: &str) -> Option<Place> {
    let bytes: [u8; BODY + CODE] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let (body, given) = bytes.split_at(BODY);
    let [VERSION, direction, seq @ ..] = body else { return None };
    if given != code(secret, body) {
        return None;
    }
    let seq = u64::from_be_bytes(seq.try_into().ok()?);
    match *direction {
        OLDER => Some(Place::Before(seq)),
        NEWER => Some(Place::After(seq)),
        _ => None,
    }
}

fn encode(secret: &Secret, direction: u8, seq: u64) -> String {
    let mut bytes = vec![VERSION, direction];
    bytes.extend(seq.to_be_bytes());
    bytes.extend(code(secret, &bytes));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The code does not hide anything (a `seq` is not secret). It keeps clients from inventing cursors and depending on
/// them.
fn code(secret: &Secret, body: &[u8]) -> [u8; CODE] {
    let mut code = [0; CODE];
    code.copy_from_slice(&secret.code("cursor", &URL_SAFE_NO_PAD.encode(body))[..CODE]);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_issued_cursors_are_accepted() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = Secret::open(folder.path()).expect("a key");
        for seq in [0, 1, u64::MAX] {
            assert_eq!(decode(&secret, &older(&secret, seq)), Some(Place::Before(seq)));
            assert_eq!(decode(&secret, &newer(&secret, seq)), Some(Place::After(seq)));
        }
        let forged = URL_SAFE_NO_PAD.encode([&[VERSION, OLDER][..], &7_u64.to_be_bytes(), &[0; CODE]].concat());
        for bad in ["", "7", "x!", &forged, &older(&secret, 7)[..22], &encode(&secret, 2, 7)] {
            assert_eq!(decode(&secret, bad), None, "{bad}");
        }
    }

    #[test]
    fn a_cursor_with_any_byte_changed_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = Secret::open(folder.path()).expect("a key");
        let bytes = URL_SAFE_NO_PAD.decode(older(&secret, 7)).expect("base64");
        for at in 0..bytes.len() {
            let mut turned = bytes.clone();
            turned[at] ^= 1;
            assert_eq!(decode(&secret, &URL_SAFE_NO_PAD.encode(turned)), None, "byte {at}");
        }
    }
}
