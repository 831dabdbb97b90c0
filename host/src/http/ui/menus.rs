//! The values that the inputs of a search offer: those that there are among what the viewer may see.

use super::text::Shown;
use crate::field::Field;
use crate::reader::Reader;
use crate::value::Value;

/// The inputs that offer values. The others have too many to choose from.
const FIELDS: [Field; 5] = [Field::Method, Field::Tool, Field::User, Field::Connection, Field::Server];
/// Most values of one input.
const VALUES: usize = 200;

/// The values by the input's name.
#[derive(Default)]
pub(super) struct Menus(Vec<(&'static str, Vec<String>)>);

impl Menus {
    /// What `reader` sees. The page is of use without them, so that what cannot be read is not offered.
    pub(super) fn new(reader: &Reader<'_>) -> Self {
        let values = |field: Field| reader.values(field, VALUES).map(|found| found.values).unwrap_or_default();
        let offered = |field: Field| values(field).into_iter().filter_map(offered).collect();
        Self(FIELDS.iter().map(|field| (field.name(), offered(*field))).collect())
    }

    /// The values of an input; none where it offers none.
    pub(super) fn take(&mut self, name: &str) -> Vec<String> {
        let menu = self.0.iter_mut().find(|(other, _)| *other == name);
        menu.map(|(_, values)| std::mem::take(values)).unwrap_or_default()
    }
}

/// A text that looks like what it is: one with hidden characters could not be told from another.
fn offered(value: Value) -> Option<String> {
    match value {
        Value::Text(text) if Shown::line(&text).to_string() == text => Some(text),
        _ => None,
    }
}
