//! SQL's LIKE with `%`, `_` and `\` as escape. The one matcher for queries and for evaluation in memory.

/// Whether `text` as a whole matches `pattern`; with `fold`, upper and lower case are the same.
///
/// Takes time proportional to the product of the lengths at worst, with no recursion.
pub fn like(text: &str, pattern: &str, fold: bool) -> bool {
    let fold_case = |text: &str| if fold { text.to_lowercase() } else { text.to_owned() };
    let text: Vec<char> = fold_case(text).chars().collect();
    matches(&text, &compile(&fold_case(pattern)))
}

#[derive(Clone, Copy)]
enum Part {
    Any,
    One,
    Exactly(char),
}

fn compile(pattern: &str) -> Vec<Part> {
    let mut chars = pattern.chars();
    let mut parts = Vec::new();
    while let Some(char) = chars.next() {
        parts.push(match char {
            '%' => Part::Any,
            '_' => Part::One,
            // A backslash at the very end stands for itself.
            '\\' => Part::Exactly(chars.next().unwrap_or('\\')),
            other => Part::Exactly(other),
        });
    }
    parts
}

/// The classic walk with one point to fall back to: after a `%`, a mismatch lets it swallow one more character.
fn matches(text: &[char], parts: &[Part]) -> bool {
    let (mut at, mut part) = (0, 0);
    let mut fallback = None;
    while at < text.len() {
        match parts.get(part) {
            Some(Part::Any) => {
                fallback = Some((part, at));
                part += 1;
            }
            Some(Part::One) => (at, part) = (at + 1, part + 1),
            Some(Part::Exactly(char)) if *char == text[at] => (at, part) = (at + 1, part + 1),
            _ => {
                let Some((star, from)) = fallback else { return false };
                fallback = Some((star, from + 1));
                (at, part) = (from + 1, star + 1);
            }
        }
    }
    parts[part..].iter().all(|part| matches!(part, Part::Any))
}
