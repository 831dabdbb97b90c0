//! Valid names of users, tenants, connections and views. Two names that look alike on the screen must not be two names,
//! and no name may overlay its neighbours.

/// The longest name, in bytes: the size of an entry's field.
pub const LONGEST_NAME: usize = 256;

/// The reason why a text is not a valid name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It has no visible character.
    #[error("must not be empty")]
    Empty,
    /// It would be truncated, and could then equal another name.
    #[error("is longer than {LONGEST_NAME} bytes; use a shorter one")]
    Long,
    /// It begins or ends with space.
    #[error("begins or ends with space; remove it")]
    Space,
    /// It has control characters, or characters that change the text direction or are invisible.
    #[error("has invisible characters; remove them")]
    Hidden,
}

/// Checks that `text` is a valid name.
///
/// # Errors
/// It is not; the error says why.
pub fn check(text: &str) -> Result<(), NameError> {
    let shows = |letter: char| !letter.is_whitespace() && !is_hidden(letter) && !is_filler(letter);
    match text {
        text if !text.chars().any(shows) => Err(NameError::Empty),
        text if text.len() > LONGEST_NAME => Err(NameError::Long),
        text if text.trim().len() != text.len() => Err(NameError::Space),
        text if text.chars().any(|letter| is_hidden(letter) || is_filler(letter)) => Err(NameError::Hidden),
        _ => Ok(()),
    }
}

/// Characters that are invisible or change how others are shown: controls, direction marks, separators, byte-order
/// mark, tags. Joiners are not among them, since scripts and emoji need them.
pub fn is_hidden(character: char) -> bool {
    matches!(character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Joiners, variation selectors and blank letters: harmless in a text, but they make a second name that looks the same.
fn is_filler(character: char) -> bool {
    matches!(character,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200c}' | '\u{200d}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alike_names_are_refused() {
        for name in ["ada", "Ada Lovelace", "ada@example.com", "Ł. Żółć", "日本", "x".repeat(256).as_str()] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for (text, why) in [
            ("", NameError::Empty),
            (" \u{200b}\n", NameError::Empty),
            (" ada", NameError::Space),
            ("ada\u{a0}", NameError::Space),
            ("ad\u{200b}a", NameError::Hidden),
            ("ada\u{202e}", NameError::Hidden),
            ("ada\0", NameError::Hidden),
            ("a\nda", NameError::Hidden),
            ("\u{e0041}da", NameError::Hidden),
        ] {
            assert_eq!(check(text), Err(why), "{text:?}");
        }
        assert_eq!(check(&"x".repeat(257)), Err(NameError::Long));
    }
}
