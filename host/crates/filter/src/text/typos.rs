//! Words that are probably not meant as free text. A search for them would find nothing and read as "nothing happened".

use super::names;
use crate::DomainError;

/// What other languages write for our operators, and what to write instead.
const OPERATORS: &[(&str, &str)] = &[
    ("or", "write OR in capitals"),
    ("|", "write OR"),
    ("||", "write OR"),
    ("and", "a space means AND; or write AND in capitals"),
    ("&", "a space means AND"),
    ("&&", "a space means AND"),
    ("not", "put - or ! in front of the word, such as -tool:x"),
    ("NOT", "put - or ! in front of the word, such as -tool:x"),
];

/// # Errors
/// What to write instead, if the word looks like a slip.
pub(super) fn check(word: &str) -> Result<(), DomainError> {
    match operator(word)
        .or_else(|| parenthesis(word))
        .or_else(|| quote(word))
        .or_else(|| sign(word))
        .or_else(|| time(word))
    {
        Some(advice) => Err(DomainError::new(format!("{advice}. To search for the word, put it in quotes"))),
        None => Ok(()),
    }
}

fn operator(word: &str) -> Option<String> {
    let (_, advice) = OPERATORS.iter().find(|(operator, _)| *operator == word)?;
    Some((*advice).to_owned())
}

/// `tool:x)`, and a lone parenthesis. `f(x)` and `:)` are words.
fn parenthesis(word: &str) -> Option<String> {
    let count = |wanted: char| word.chars().filter(|char| *char == wanted).count();
    let closes = word == ")" || (word.ends_with(')') && names::begins(word, ':') && count(')') > count('('));
    closes.then(|| "this parenthesis closes nothing; add the opening one, or remove it".to_owned())
}

/// Quotes as text editors make them.
fn quote(word: &str) -> Option<String> {
    let curly = word.starts_with(['“', '”', '„', '‘', '’']) || word.contains(":“") || word.contains(":„");
    curly.then(|| "use straight quotes, such as \"two words\"".to_owned())
}

/// `tool=x`, `outcome!=error`, `duration>2s`.
fn sign(word: &str) -> Option<String> {
    let at = word.find(['=', '<', '>', '!', '~'])?;
    let (name, rest) = word.split_at(at);
    let value = rest.trim_start_matches(['=', '!', '~']);
    let meant = match rest {
        _ if !names::is_known(name) => return None,
        _ if rest.starts_with('!') => format!("-{name}:{value}"),
        _ => format!("{name}:{value}"),
    };
    Some(format!("write {meant}"))
}

/// `09:00`, as left over from `since:2026-11-21 09:00`.
fn time(word: &str) -> Option<String> {
    let (hours, rest) = word.split_once(':')?;
    let digits =
        |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = digits(hours, 2) && rest.split(':').all(|part| digits(part.trim_end_matches('Z'), 2));
    is_time.then(|| "write the day with the time, such as since:2026-11-21T09:00:00Z".to_owned())
}
