//! The little of Protocol Buffers that logs of OpenTelemetry need: fields of a message, written one after another, and
//! read back.

use serde_json::Value;

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

/// A message that is being written.
#[derive(Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn tag(&mut self, field: u64, kind: u64) {
        self.varint(field << 3 | kind);
    }

    pub(crate) fn integer(mut self, field: u64, value: i64) -> Self {
        self.tag(field, VARINT);
        self.varint(value.cast_unsigned());
        self
    }

    pub(crate) fn fixed64(mut self, field: u64, value: u64) -> Self {
        self.tag(field, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.tag(field, BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub(crate) fn message(self, field: u64, message: Self) -> Self {
        self.bytes(field, &message.0)
    }
}

/// `AnyValue` of OpenTelemetry.
pub(crate) fn any_value(value: &Value) -> Message {
    let message = Message::default();
    match value {
        Value::Null => message,
        Value::Bool(value) => message.integer(2, (*value).into()),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => message.integer(3, integer),
            None => message.fixed64(4, number.as_f64().unwrap_or_default().to_bits()),
        },
        Value::String(text) => message.text(1, text),
        Value::Array(values) => {
            message.message(5, values.iter().fold(Message::default(), |list, value| list.message(1, any_value(value))))
        }
        Value::Object(members) => message.message(
            6,
            members.iter().fold(Message::default(), |list, (key, value)| list.message(1, key_value(key, value))),
        ),
    }
}

/// `KeyValue` of OpenTelemetry.
pub(crate) fn key_value(key: &str, value: &Value) -> Message {
    Message::default().text(1, key).message(2, any_value(value))
}

/// The value of a field of a message that was received: a number, or bytes. Unknown fields are skipped; `None` also if
/// the message is damaged.
pub(crate) fn field(mut message: &[u8], wanted: u64) -> Option<(u64, &[u8])> {
    let mut found = None;
    while !message.is_empty() {
        let tag = read_varint(&mut message)?;
        let value = match tag & 7 {
            VARINT => (read_varint(&mut message)?, &[][..]),
            BYTES => {
                let length = usize::try_from(read_varint(&mut message)?).ok()?;
                (0, message.split_off(..length)?)
            }
            FIXED64 => (0, message.split_off(..8)?),
            FIXED32 => (0, message.split_off(..4)?),
            _ => return None,
        };
        if tag >> 3 == wanted {
            found = Some(value);
        }
    }
    found
}

fn read_varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *message.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_were_written_and_damage_is_no_value() {
        let inner = Message::default().integer(1, 300).text(2, "why");
        let message = Message::default().fixed64(9, 7).integer(8, -1).message(1, inner).done();
        let (_, inner) = field(&message, 1).expect("a message");
        assert_eq!((field(inner, 1), field(inner, 2)), (Some((300, &[][..])), Some((0, &b"why"[..]))));
        assert_eq!(field(&message, 8), Some((u64::MAX, &[][..])));
        assert_eq!(field(&message, 3), None);
        for end in 1..message.len() {
            let _ = field(&message[..end], 1);
        }
        assert_eq!(field(&[0x0a, 0xff], 1), None);
        assert_eq!(field(&[0xff; 20], 1), None);
    }
}
