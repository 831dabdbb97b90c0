//! The cursor of a page: opaque to clients, so that how the log is paged may change without breaking them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::problem::Problem;
use crate::secret::Secret;

/// The version of the form: a byte, the place, a code over both.
const VERSION: u8 = 1;
const CODE: usize = 8;

/// The cursor for "entries below `seq`", or above it where entries come oldest first.
pub(super) fn encode(secret: &Secret, seq: u64) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend(seq.to_be_bytes());
    bytes.extend(code(secret, seq));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place in the cursor that came as `name`.
pub(super) fn read(name: &str, text: &str, secret: &Secret) -> Result<u64, Problem> {
    let advice = format!(
        "{name}: this is none that the log gave out; take `next` of the page before, or the `id` of the last event, \
         or leave it out."
    );
    decode(secret, text).ok_or_else(|| Problem::parameter(name, advice))
}

/// The place in a cursor that this log gave out.
fn decode(secret: &Secret, text: &str) -> Option<u64> {
    let bytes: [u8; 9 + CODE] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let (place, given) = bytes.split_at(9);
    let seq = u64::from_be_bytes(place.get(1..)?.try_into().ok()?);
    (place.first() == Some(&VERSION) && given == code(secret, seq)).then_some(seq)
}

/// Not for secrecy, a place is no secret: it keeps clients from making cursors up and then depending on it.
fn code(secret: &Secret, seq: u64) -> [u8; CODE] {
    let mut code = [0; CODE];
    code.copy_from_slice(&secret.code("cursor", &seq.to_string())[..CODE]);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_given_out_is_taken_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = Secret::open(folder.path()).expect("a key");
        for seq in [0, 1, u64::MAX] {
            assert_eq!(decode(&secret, &encode(&secret, seq)), Some(seq));
        }
        let forged = URL_SAFE_NO_PAD.encode([&[VERSION][..], &7_u64.to_be_bytes(), &[0; CODE]].concat());
        for bad in ["", "7", "x!", &forged, &encode(&secret, 7)[..20]] {
            assert_eq!(decode(&secret, bad), None, "{bad}");
        }
    }
}
