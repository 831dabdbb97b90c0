//! The form of a search, with the values that its inputs offer.

use mcp_audit_log_core::reader::Reader;
use mcp_audit_log_model::field;
use mcp_audit_log_model::field::Field;
use mcp_audit_log_model::value::Value;

use crate::problem::Problem;
use crate::query::search::{Pairs, fields, is_field, values};
use crate::ui::assets::vocabulary;
use crate::ui::text::Shown;

/// The content of "More filters": the parameters of these sections. Outcome is in the first line.
const SECTIONS: [(&str, &[field::Section]); 4] = [
    ("What", &[field::Section::What, field::Section::Errors]),
    ("Who", &[field::Section::Who]),
    ("Affected", &[field::Section::Affected]),
    ("Usage and record", &[field::Section::Usage, field::Section::Record]),
];

/// The search's form.
pub(crate) struct Panel {
    pub(crate) free_text: Input,
    pub(crate) outcome: Input,
    pub(crate) from: Input,
    pub(crate) to: Input,
    pub(crate) domain: Input,
    pub(crate) sections: Vec<Section>,
    /// Parameters without an input in the form. The form passes them on.
    pub(crate) others: Pairs,
    /// The number of used inputs inside "More filters", and whether one of them has an error.
    pub(crate) more: usize,
    pub(crate) wrong: bool,
}

/// A group of inputs.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) inputs: Vec<Input>,
}

/// An input.
pub(crate) struct Input {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) value: String,
    pub(crate) wrong: bool,
    pub(crate) offers: Offers,
}

/// The values that an input offers.
pub(crate) enum Offers {
    /// The menu has no values.
    Nothing,
    /// These and no others.
    Words(Vec<&'static str>),
    /// Some of the existing values, for the browser to offer.
    Values(Menu),
}

impl Panel {
    /// The form, filled with these parameters.
    pub(crate) fn new(pairs: &Pairs, problem: Option<&Problem>, mut menus: Menus) -> Self {
        let input = |name, label| Input::new(pairs, problem, name, label);
        let mut field =
            |field: Field| Input { offers: offers(field, &mut menus), ..input(field.name(), field.label()) };
        let mut section = |(title, sections): &(&'static str, &[field::Section])| Section {
            title,
            inputs: parameters_in(sections).map(&mut field).collect(),
        };
        let sections: Vec<_> = SECTIONS.iter().map(&mut section).collect();
        let (domain, outcome) = (input("domain", "Domain"), field(Field::Outcome));
        let inputs = || sections.iter().flat_map(|section| &section.inputs).chain([&domain]);
        let more = inputs().filter(|input| !input.value.is_empty()).count();
        let wrong = inputs().any(|input| input.wrong);
        Self {
            more,
            wrong,
            free_text: input("q", "Search"),
            from: input("from", "From"),
            to: input("to", "Until"),
            others: others(pairs),
            outcome,
            domain,
            sections,
        }
    }
}

/// The fields in these sections that have a parameter, except the outcome.
fn parameters_in(sections: &[field::Section]) -> impl Iterator<Item = Field> {
    fields().filter(|field| *field != Field::Outcome && sections.contains(&field.section()))
}

impl Input {
    fn new(pairs: &Pairs, problem: Option<&Problem>, name: &'static str, label: &'static str) -> Self {
        let value = values(pairs, name).next().unwrap_or_default().to_owned();
        let wrong = problem.and_then(Problem::wrong_parameter) == Some(name);
        Self { name, label, value, wrong, offers: Offers::Nothing }
    }
}

fn offers(field: Field, menus: &mut Menus) -> Offers {
    match vocabulary(field) {
        Some(words) => Offers::Words(words),
        None => menus.take(field).map_or(Offers::Nothing, Offers::Values),
    }
}

/// Known parameters only: an unknown one is reported once and then dropped. An input holds the first value of its
/// field; the form passes further values on.
fn others(pairs: &Pairs) -> Pairs {
    let kept = |name: &str| ["filter", "limit", "sort", "columns", "counts"].contains(&name);
    let is_first =
        |at: usize, name: &str| pairs.iter().position(|(other, value)| other == name && !value.is_empty()) == Some(at);
    let stays = |at: usize, name: &str| kept(name) || is_field(name) && !is_first(at, name);
    let pairs = pairs.iter().enumerate().filter(|(at, (name, value))| stays(*at, name) && !value.is_empty());
    pairs.map(|(_, pair)| pair.clone()).collect()
}

/// The inputs with values, the most used ones first. Other fields have too many values, or are used too rarely to load
/// them on each page; the script loads theirs when the input gets the focus.
const MENU_FIELDS: [Field; 7] =
    [Field::Tool, Field::User, Field::Connection, Field::Server, Field::Method, Field::Agent, Field::Model];
/// The most values of one input, and the longest of them in bytes. This keeps the page small; other values can be
/// typed.
const VALUES: usize = 50;
const LONGEST: usize = 80;
/// The most bytes of all values together.
const BYTES: usize = 8_000;

/// The values by field.
#[derive(Default)]
pub(crate) struct Menus(Vec<(Field, Menu)>);

/// Values of one field.
#[derive(Default)]
pub(crate) struct Menu {
    pub(crate) values: Vec<String>,
    /// Whether there are further values, which the script can load.
    pub(crate) more: bool,
}

impl Menus {
    /// The values that `reader` sees. The page works without them, so an error offers none.
    pub(crate) fn new(reader: &Reader<'_>) -> Self {
        let mut left = BYTES;
        Self(MENU_FIELDS.iter().map(|field| (*field, Menu::new(reader, *field, &mut left))).collect())
    }

    /// The values of a field. If there are none here, the script loads them.
    pub(crate) fn take(&mut self, field: Field) -> Option<Menu> {
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

/// Whether a text shows all of its characters: one with hidden characters would look like another text.
fn offered(value: Value, left: &mut usize) -> Option<String> {
    match value {
        Value::Text(text) if text.len() <= LONGEST.min(*left) && Shown::line(&text).to_string() == text => {
            *left -= text.len();
            Some(text)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_has_one_input() {
        let inputs = SECTIONS.iter().flat_map(|(_, sections)| parameters_in(sections));
        let mut inputs: Vec<_> = inputs.chain([Field::Outcome]).collect();
        inputs.sort();
        assert_eq!(inputs, fields().collect::<Vec<_>>());
    }

    #[test]
    fn parameters_without_an_input_are_passed_on() {
        let asked = [("tool", "a"), ("tool", "b"), ("filter", "today"), ("cursor", "x"), ("by", "tool"), ("q", "z")];
        let asked: Pairs = asked.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let names: Vec<_> = others(&asked).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(names, ["tool=b", "filter=today"]);
    }
}
