//! The values that the inputs of a search offer: those among the entries that the viewer may see.

use crate::field::Field;
use crate::http::ui::text::Shown;
use crate::reader::Reader;
use crate::value::Value;

/// The inputs with values, the most used ones first. Others have too many values, or are used too rarely for their cost
/// on each page; the script loads theirs when the input gets the focus.
const FIELDS: [Field; 7] =
    [Field::Tool, Field::User, Field::Connection, Field::Server, Field::Method, Field::Agent, Field::Model];
/// The most values of one input, and the longest of them in bytes: the page stays small, and other values can be typed.
const VALUES: usize = 50;
const LONGEST: usize = 80;
/// Most bytes of all values together.
const BYTES: usize = 8_000;

/// The values by field.
#[derive(Default)]
pub(in crate::http) struct Menus(Vec<(Field, Menu)>);

/// Values of one field.
#[derive(Default)]
pub(in crate::http) struct Menu {
    pub(in crate::http) values: Vec<String>,
    /// Whether there are others, which the script can ask for.
    pub(in crate::http) more: bool,
}

impl Menus {
    /// What `reader` sees. The page is of use without them, so that what cannot be read is not offered.
    pub(in crate::http) fn new(reader: &Reader<'_>) -> Self {
        let mut left = BYTES;
        Self(FIELDS.iter().map(|field| (*field, Menu::new(reader, *field, &mut left))).collect())
    }

    /// The values of a field. For a field without values here, the script loads them.
    pub(in crate::http) fn take(&mut self, field: Field) -> Option<Menu> {
        let menu = self.0.iter_mut().find(|(other, _)| *other == field);
        let later = field.repeats().then(|| Menu { values: Vec::new(), more: true });
        menu.map(|(_, menu)| std::mem::take(menu)).or(later)
    }
}

impl Menu {
    fn new(reader: &Reader<'_>, field: Field, left: &mut usize) -> Self {
        let found = reader.values(field, VALUES).unwrap_or_default();
        let all = found.values.len();
        let values: Vec<_> = found.values.into_iter().filter_map(|value| offered(value, left)).collect();
        Self { more: found.more || values.len() < all, values }
    }
}

/// A text that is what it seems: one with hidden characters would look like another.
fn offered(value: Value, left: &mut usize) -> Option<String> {
    match value {
        Value::Text(text) if text.len() <= LONGEST.min(*left) && Shown::line(&text).to_string() == text => {
            *left -= text.len();
            Some(text)
        }
        _ => None,
    }
}
