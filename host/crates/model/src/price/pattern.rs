//! Patterns of a price table: names in which `*` stands for any text.

/// Whether `pattern` is all of `text`, without regard to ASCII's case.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.as_bytes(), text.as_bytes());
    // After the last `*`: the rest of the pattern, and the text that the `*` has not consumed yet.
    let mut last: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', behind)), _) => {
                last = Some((behind, text));
                pattern = behind;
            }
            (Some((wanted, behind)), Some((there, rest))) if wanted.eq_ignore_ascii_case(there) => {
                (pattern, text) = (behind, rest);
            }
            (None, None) => return true,
            _ => match last.take().and_then(|(behind, from)| Some((behind, from.get(1..)?))) {
                Some((behind, from)) => {
                    last = Some((behind, from));
                    (pattern, text) = (behind, from);
                }
                None => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, text) in [
            ("claude-*", "claude-sonnet-4"),
            ("claude-*", "claude-"),
            ("*", ""),
            ("*", "gpt"),
            ("*mini*", "gpt-4o-mini-2024"),
            ("*-mini", "a-mini-b-mini"),
            ("a*b*c", "a-b-b-c"),
            ("GPT-4o", "gpt-4O"),
            ("", ""),
            ("**", "x"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("claude-*", "claude"),
            ("claude", "claude-3"),
            ("*-mini", "gpt-4o-mini-2024"),
            ("a*b", "a"),
            ("a*b*c", "a-c-b"),
            ("", "x"),
            ("claude-?", "claude-3"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        assert!(!fits(&"a*".repeat(50), &format!("{}b", "a".repeat(49))));
    }
}
