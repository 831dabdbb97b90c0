//! JSON as a tree that folds without a script. It shows the stored characters: a number keeps its precision, and a
//! duplicate name is shown twice.

use std::fmt::Write as _;

use serde::de::IgnoredAny;

use crate::ui::text::Shown;

/// A document with more values than this is shown as text, so that a phone can render the page.
const MOST: usize = 4_000;
/// Deeper levels are not shown as a tree.
const DEEPEST: usize = 64;
/// Levels that are open from the beginning, and the most values of one that is.
const OPEN: usize = 4;
const LONG: usize = 60;

/// A document as HTML. Only this module writes markup into it.
pub(crate) struct Tree(String);

impl Tree {
    /// The tree of a text. `None` if it is not JSON, nests too deep, or is too large to fold.
    pub(crate) fn new(text: &str) -> Option<Self> {
        serde_json::from_str::<IgnoredAny>(text).ok()?;
        let mut reader = Reader { text, at: 0, left: MOST };
        let mut html = String::new();
        reader.value("", 0, &mut html)?;
        Some(Self(html))
    }
}

impl std::fmt::Display for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a text that is valid JSON.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    left: usize,
}

impl Reader<'_> {
    /// Writes the next value, after `before`.
    fn value(&mut self, before: &str, depth: usize, html: &mut String) -> Option<()> {
        self.left = self.left.checked_sub(1).filter(|_| depth < DEEPEST)?;
        match self.peek()? {
            '{' => self.list(before, depth, '}', html),
            '[' => self.list(before, depth, ']', html),
            '"' => {
                let class = "s";
                let text = self.string()?;
                line(before, class, text, html)
            }
            first => {
                let class = if first == '-' || first.is_ascii_digit() { "n" } else { "w" };
                let text = self.word()?;
                line(before, class, text, html)
            }
        }
    }

    fn list(&mut self, before: &str, depth: usize, end: char, html: &mut String) -> Option<()> {
        let begin = if end == '}' { '{' } else { '[' };
        self.at += 1;
        let (mut inner, mut count) = (String::new(), 0_usize);
        while self.peek()? != end {
            if self.peek()? == ',' {
                self.at += 1;
            }
            let name = if end == '}' { self.name()? } else { String::new() };
            self.value(&name, depth + 1, &mut inner)?;
            count += 1;
        }
        self.at += 1;
        if count == 0 {
            return write!(html, "<div>{before}{begin}{end}</div>").ok();
        }
        let open = if depth < OPEN && count <= LONG { " open" } else { "" };
        let many = if count == 1 { "value" } else { "values" };
        write!(
            html,
            "<details{open}><summary>{before}{begin} <small>{count} {many}</small></summary>{inner}</details><div \
             class=\"z\">{end}</div>"
        )
        .ok()
    }

    /// A name and its colon, as they are before a value.
    fn name(&mut self) -> Option<String> {
        self.peek()?;
        let name = format!("<b>{}</b>: ", escaped(self.string()?));
        self.peek()?;
        self.at += 1;
        Some(name)
    }

    /// The next character that is not blank.
    fn peek(&mut self) -> Option<char> {
        let rest = self.text.get(self.at..)?;
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.text.get(self.at..)?.chars().next()
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&str> {
        let rest = self.text.get(self.at..)?;
        let mut is_escaped = true;
        let end = rest.bytes().position(|byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        })?;
        self.at += end + 1;
        rest.get(..=end)
    }

    /// A number, or `true`, `false`, `null`.
    fn word(&mut self) -> Option<&str> {
        let rest = self.text.get(self.at..)?;
        let end = rest.find([',', '}', ']', ' ', '\t', '\r', '\n']).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end)
    }
}

fn line(before: &str, class: &str, text: &str, html: &mut String) -> Option<()> {
    write!(html, "<div>{before}<span class=\"{class}\">{}</span></div>", escaped(text)).ok()
}

fn escaped(text: &str) -> String {
    let shown = Shown::line(text).to_string();
    let mut html = String::with_capacity(shown.len());
    for character in shown.chars() {
        match character {
            '&' => html.push_str("&#38;"),
            '<' => html.push_str("&#60;"),
            '>' => html.push_str("&#62;"),
            '"' => html.push_str("&#34;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> String {
        Tree::new(text).map_or_else(String::new, |tree| tree.to_string())
    }

    /// What is left without the markup, and with the characters that the markup needs.
    fn text(html: &str) -> String {
        let mut text = String::new();
        let mut inside = false;
        for character in html.chars() {
            match character {
                '<' => inside = true,
                '>' => inside = false,
                other if !inside => text.push(other),
                _ => {}
            }
        }
        text.replace("&#34;", "\"").replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&")
    }

    #[test]
    fn every_character_of_a_value_is_kept() {
        let number = "123456789012345678901234567890.10";
        let html = tree(&format!(r#" {{ "a" : {number}, "a": [true , null,"\"\\"], "e": {{}}, "f": [] }} "#));
        let shown = text(&html);
        assert_eq!(shown, format!(r#"{{ 4 values"a": {number}"a": [ 3 valuestruenull"\"\\"]"e": {{}}"f": []}}"#));
        assert_eq!(html.matches("<details open>").count(), 2);
        assert!(html.contains("<span class=\"w\">true</span>") && html.contains("<span class=\"n\">1234"), "{html}");
    }

    #[test]
    fn values_are_never_markup_or_invisible() {
        let html = tree("{\"<script>\": \"</span><img src=x onerror='x'>&amp;\u{202e}\"}");
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains('\u{202e}'), "{html}");
        assert!(text(&html).contains(r"&amp;\u{202e}"), "{html}");
    }

    #[test]
    fn scalars_have_no_tree() {
        for broken in ["", "{", "[1,2", "{\"a\":1}}", "nul", "\"open"] {
            assert!(Tree::new(broken).is_none(), "{broken}");
        }
        assert!(Tree::new(&format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000))).is_none());
        assert!(Tree::new(&format!("[{}0]", "0,".repeat(MOST))).is_none());
        assert!(Tree::new(&format!("[{}0]", "0,".repeat(MOST - 2))).is_some());
    }

    #[test]
    fn long_and_deep_parts_are_folded_at_first() {
        let long = tree(&format!("[{}0]", "0,".repeat(LONG)));
        assert!(long.starts_with("<details><summary>[ <small>61 values"), "{long}");
        let deep = tree("[[[[[[1]]]]]]");
        assert_eq!((deep.matches("<details open>").count(), deep.matches("<details>").count()), (4, 2));
    }
}
