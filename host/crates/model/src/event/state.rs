//! The state of something before and after a change, made to fit: a queue of thousands must not hold megabytes each.

use serde_json::{Map, Value as Json};

/// The longest state that is passed on unchanged, in bytes of JSON; of a longer one only the differences are.
const LONGEST: usize = 16 << 10;
/// The longest value of a long state as JSON, in bytes.
const VALUE: usize = 1_024;

/// Both states as JSON texts.
pub(super) struct States {
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
    /// The number of further fields that differ.
    pub(super) left_out: u64,
}

/// Both states if they are short; otherwise their differences, as far as they fit.
pub(super) fn fitting(old: Option<&Json>, new: Option<&Json>) -> States {
    let text = |state: Option<&Json>| state.map(Json::to_string);
    let (whole_old, whole_new) = (text(old), text(new));
    if [&whole_old, &whole_new].into_iter().flatten().all(|text| text.len() <= LONGEST) {
        return States { old: whole_old, new: whole_new, left_out: 0 };
    }
    let mut rest = Rest { bytes: LONGEST, left_out: 0 };
    let (old, new) = rest.differing(old, new);
    States { old: text(old.as_ref()), new: text(new.as_ref()), left_out: rest.left_out }
}

/// The space that is left.
struct Rest {
    bytes: usize,
    left_out: u64,
}

type Pair = (Option<Json>, Option<Json>);

impl Rest {
    fn differing(&mut self, old: Option<&Json>, new: Option<&Json>) -> Pair {
        match (old, new) {
            (old, new) if old == new => (None, None),
            (Some(Json::Object(old)), Some(Json::Object(new))) => self.members(old, new),
            (Some(Json::Object(old)), None) => self.members(old, &Map::new()),
            (None, Some(Json::Object(new))) => self.members(&Map::new(), new),
            (old, new) => self.value((old.map(|old| short(old, "")), new.map(|new| short(new, ", other")))),
        }
    }

    fn members(&mut self, old: &Map<String, Json>, new: &Map<String, Json>) -> Pair {
        let (mut before, mut after) = (Map::new(), Map::new());
        let added = new.keys().filter(|name| !old.contains_key(*name));
        for name in old.keys().chain(added) {
            let (old, new) = (old.get(name), new.get(name));
            if old == new || !self.takes(name.len()) {
                continue;
            }
            let (old, new) = self.differing(old, new);
            before.extend(old.map(|old| (name.clone(), old)));
            after.extend(new.map(|new| (name.clone(), new)));
        }
        let some = |map: Map<String, Json>| (!map.is_empty()).then_some(Json::Object(map));
        (some(before), some(after))
    }

    fn value(&mut self, pair: Pair) -> Pair {
        let bytes = [&pair.0, &pair.1].into_iter().flatten().map(|json| json.to_string().len()).sum();
        if self.takes(bytes) { pair } else { (None, None) }
    }

    fn takes(&mut self, bytes: usize) -> bool {
        let left = self.bytes.checked_sub(bytes);
        match left {
            Some(left) => self.bytes = left,
            None => self.left_out += 1,
        }
        left.is_some()
    }
}

/// The value, or how long it is. `mark` keeps two that are equally long apart.
fn short(json: &Json, mark: &str) -> Json {
    match json.to_string().len() {
        ..=VALUE => json.clone(),
        bytes => format!("[{bytes} bytes{mark}]").into(),
    }
}
