//! An entry: one immutable row of the log.

use std::num::NonZeroU32;

use serde::ser::{Serialize, SerializeMap, Serializer};
use uuid::Uuid;

use crate::event::Outcome;
use crate::field::{Field, FieldType};
use crate::time::Timestamp;
use crate::value::Value;

/// The free part of an entry: names and values in the order in which they were given.
pub type Details = serde_json::Map<String, serde_json::Value>;

/// One entry of the log.
///
/// The texts are accessed by [`Field`], so that storage, filters and output loop over the same table and cannot miss a
/// field. They share one string, because entries are created and dropped by the thousand.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its `seq` in the log; 0 until it is stored.
    pub seq: u64,
    /// Its id.
    pub id: Uuid,
    /// When it began.
    pub occurred_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The HTTP status.
    pub status_code: Option<u16>,
    /// The duration, in microseconds.
    pub duration_us: Option<u64>,
    /// The length of the request's body, in bytes.
    pub request_bytes: Option<u64>,
    /// The length of the answer's body, in bytes.
    pub response_bytes: Option<u64>,
    /// The input tokens of the language model.
    pub input_tokens: Option<u64>,
    /// The output tokens of the language model.
    pub output_tokens: Option<u64>,
    /// The cost, in millionths of the currency unit.
    pub cost_micros: Option<u64>,
    /// The event it belongs to.
    pub parent: Option<Uuid>,
    /// Whether a payload is kept for it.
    pub has_payload: bool,
    /// The salted commitment to its payload; stays when the payload is erased.
    pub payload_commitment: Option<[u8; 32]>,
    /// Facts without a field.
    pub details: Details,
    texts: String,
    /// The begin and the length of each field's text in `texts`.
    places: [Option<(u32, NonZeroU32)>; Field::COUNT],
}

impl Entry {
    /// An entry with only the id and the times.
    pub fn new(id: Uuid, occurred_at: Timestamp, recorded_at: Timestamp) -> Self {
        Self {
            seq: 0,
            id,
            occurred_at,
            recorded_at,
            status_code: None,
            duration_us: None,
            request_bytes: None,
            response_bytes: None,
            input_tokens: None,
            output_tokens: None,
            cost_micros: None,
            parent: None,
            has_payload: false,
            payload_commitment: None,
            details: Details::new(),
            texts: String::new(),
            places: [None; Field::COUNT],
        }
    }

    /// Reserves room for this many bytes of texts.
    #[doc(hidden)]
    pub fn reserve(&mut self, bytes: usize) {
        self.texts.reserve(bytes);
    }

    /// The text of a text field; `None` when it is not set, and for every other type of field.
    #[inline]
    pub fn text(&self, field: Field) -> Option<&str> {
        let (begin, length) = self.places[field as usize]?;
        self.texts.get(begin as usize..)?.get(..length.get() as usize)
    }

    /// Sets a text field. Setting a field of another type has no effect. An empty text counts as absent.
    pub fn set_text(&mut self, field: Field, text: Option<&str>) {
        let place =
            |text: &str| Some((u32::try_from(self.texts.len()).ok()?, NonZeroU32::new(text.len().try_into().ok()?)?));
        self.places[field as usize] = text.and_then(place);
        self.texts.push_str(text.unwrap_or_default());
    }

    /// The details as they are stored and hashed; `None` where there are none.
    #[doc(hidden)]
    pub fn details_text(&self) -> Option<String> {
        (!self.details.is_empty()).then(|| serde_json::to_string(&self.details).unwrap_or_default())
    }

    /// The outcome; an unreadable one counts as an error.
    pub fn outcome(&self) -> Outcome {
        self.text(Field::Outcome).and_then(Outcome::parse).unwrap_or(Outcome::Error)
    }

    /// The value of any field. Times are integers of microseconds, ids are texts.
    pub fn value(&self, field: Field) -> Value {
        fn integer<T: TryInto<i64>>(value: Option<T>) -> Value {
            value.and_then(|value| value.try_into().ok()).map_or(Value::Unset, Value::Integer)
        }
        match field {
            Field::Seq => integer(Some(self.seq)),
            Field::Id => self.id.to_string().into(),
            Field::OccurredAt => self.occurred_at.as_micros().into(),
            Field::RecordedAt => self.recorded_at.as_micros().into(),
            Field::StatusCode => integer(self.status_code),
            Field::DurationUs => integer(self.duration_us),
            Field::RequestBytes => integer(self.request_bytes),
            Field::ResponseBytes => integer(self.response_bytes),
            Field::InputTokens => integer(self.input_tokens),
            Field::OutputTokens => integer(self.output_tokens),
            Field::CostMicros => integer(self.cost_micros),
            Field::Parent => self.parent.map_or(Value::Unset, |id| id.to_string().into()),
            text => self.text(text).map_or(Value::Unset, Value::from),
        }
    }

    /// The count in a field, to be set; `None` where the field counts nothing.
    pub fn count_mut(&mut self, field: Field) -> Option<&mut Option<u64>> {
        Some(match field {
            Field::DurationUs => &mut self.duration_us,
            Field::RequestBytes => &mut self.request_bytes,
            Field::ResponseBytes => &mut self.response_bytes,
            Field::InputTokens => &mut self.input_tokens,
            Field::OutputTokens => &mut self.output_tokens,
            Field::CostMicros => &mut self.cost_micros,
            _ => return None,
        })
    }

    /// The value of a field as the API writes it: times as RFC 3339.
    pub fn json(&self, field: Field) -> serde_json::Value {
        match (field.kind(), self.value(field)) {
            (FieldType::Time, Value::Integer(micros)) => Timestamp::from_micros(micros).to_string().into(),
            (_, value) => value.to_json(),
        }
    }
}

/// Two entries are equal if all of their readable values are equal.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        let rest = |entry: &Self| (entry.has_payload, entry.payload_commitment);
        rest(self) == rest(other)
            && self.details == other.details
            && Field::ALL.iter().all(|field| self.value(*field) == other.value(*field))
    }
}

/// Every field by its name, then `has_payload`. Details are serialized by the view of a single entry.
impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Field::COUNT + 1))?;
        for field in Field::ALL {
            map.serialize_entry(field.name(), &self.json(*field))?;
        }
        map.serialize_entry("has_payload", &self.has_payload)?;
        map.end()
    }
}
