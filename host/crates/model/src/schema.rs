//! Schemas of the types with handwritten serialization: they must match it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value as Json, json};

use crate::entry::Entry;
use crate::event::{Channel, Kind, Outcome};
use crate::field::{Field, FieldType};
use crate::time::Timestamp;
use crate::value::Value;

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time", "description": "In UTC, with six decimals." })
    }
}

impl JsonSchema for Value {
    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["null", "boolean", "integer", "string"] })
    }
}

/// The members of the field table, in its order; all of them are always present.
impl JsonSchema for Entry {
    fn schema_name() -> Cow<'static, str> {
        "Entry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let moment = generator.subschema_for::<Timestamp>();
        let member = |field: &Field| (field.name().to_owned(), member(*field, &moment));
        let mut members: Map<_, _> = Field::ALL.iter().map(member).collect();
        let payload = json!({ "type": "boolean", "description": "Whether a payload is kept for it." });
        members.insert("has_payload".to_owned(), payload);
        let names: Vec<_> = members.keys().cloned().collect();
        json_schema!({ "type": "object", "properties": members, "required": names })
    }
}

fn member(field: Field, moment: &Schema) -> Json {
    let words = |words: Vec<&str>| json!({ "type": "string", "enum": words });
    match (field, field.kind()) {
        (Field::Seq, _) => json!({ "type": "integer", "minimum": 0 }),
        (Field::Id, _) => json!({ "type": "string", "format": "uuid" }),
        (Field::Outcome, _) => words(Outcome::ALL.iter().map(|word| word.as_str()).collect()),
        (Field::Channel, _) => words(Channel::ALL.iter().map(|word| word.as_str()).collect()),
        (Field::Kind, _) => words(Kind::ALL.iter().map(|word| word.as_str()).collect()),
        (_, FieldType::Time) => moment.clone().into(),
        (_, FieldType::Integer) => json!({ "type": ["integer", "null"], "minimum": 0 }),
        (_, FieldType::Id) => json!({ "type": ["string", "null"], "format": "uuid" }),
        (_, FieldType::Text) => json!({ "type": ["string", "null"] }),
    }
}
