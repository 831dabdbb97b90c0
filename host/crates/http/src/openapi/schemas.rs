//! The schemas of the types that are sent, each once under its name.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value as Json};

/// The prefix of a schema's name in a reference.
const PLACE: &str = "#/components/schemas/";

/// The schemas so far. A type has different schemas for reading and writing, because different members are optional.
pub(crate) struct Schemas {
    written: SchemaGenerator,
    read: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = || SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = PLACE.into());
        Self {
            written: settings().for_serialize().into_generator(),
            read: settings().for_deserialize().into_generator(),
        }
    }
}

impl Schemas {
    /// The schema of an answer's content, or a reference to it.
    pub(crate) fn written<T: JsonSchema>(&mut self) -> Json {
        self.written.subschema_for::<T>().into()
    }

    /// The schema of a request's content, or a reference to it.
    pub(crate) fn read<T: JsonSchema>(&mut self) -> Json {
        self.read.subschema_for::<T>().into()
    }

    /// All referenced schemas, by name.
    pub(crate) fn definitions(mut self) -> Map<String, Json> {
        let mut all: Vec<_> = self.written.take_definitions(true).into_iter().collect();
        for (name, schema) in self.read.take_definitions(true) {
            // A type that is both read and written must have one schema, or two names.
            debug_assert!(all.iter().all(|(other, same)| *other != name || *same == schema), "two types called {name}");
            all.retain(|(other, _)| *other != name);
            all.push((name, schema));
        }
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all.into_iter().collect()
    }
}
