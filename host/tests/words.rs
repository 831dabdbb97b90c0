//! Texts for users and operators, and comments for readers of the code, name the actor and use plain words. This reads
//! documents, pages, scripts, string literals and comments, and fails with file and line of each banned word.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// Words and phrases that hide the actor, with every form of the verb.
const BANNED: &[&str] = &[
    "whoever",
    "whomever",
    "whom",
    "somebody",
    "nobody",
    "anybody",
    "those who",
    "those whom",
    "of which",
    "hand on",
    "hands on",
    "handed on",
    "handing on",
    "give word",
    "gives word",
    "gave word",
    "given word",
    "giving word",
];

/// A piece of text and the line where it begins.
type Text = (usize, String);

#[test]
fn texts_have_no_banned_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    let mut seen = [0; 4];
    for path in files(&root) {
        let name = path.strip_prefix(&root).expect("below the root").to_string_lossy().replace('\\', "/");
        let read = || fs::read_to_string(&path).expect("text");
        if name.ends_with(".rs") {
            seen[3] += 1;
            let found_here = scan(&read()).comments.iter().flat_map(banned).collect::<Vec<_>>();
            found.extend(found_here.into_iter().map(|(line, phrase)| format!("{name}:{line}: {phrase:?}")));
        }
        if name.split('/').any(|part| part == "tests") {
            continue;
        }
        let texts = match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("md") if name != "CHANGELOG.md" => {
                seen[0] += 1;
                vec![(1, read())]
            }
            Some("html" | "js" | "css") if name.contains("/src/") || name.contains("/assets/") => {
                seen[1] += 1;
                vec![(1, read())]
            }
            Some("rs") if name.contains("/src/") && !is_test(&name) => {
                seen[2] += 1;
                scan(&read()).literals
            }
            _ => continue,
        };
        found.extend(texts.iter().flat_map(banned).map(|(line, phrase)| format!("{name}:{line}: {phrase:?}")));
    }
    assert!(
        seen.iter().zip([30, 15, 150, 400]).all(|(seen, least)| *seen >= least),
        "too few files are read: {seen:?}"
    );
    assert!(found.is_empty(), "name the actor, and use plain words:\n{}", found.join("\n"));
}

#[test]
fn the_scanner_reads_literals_and_comments_and_skips_literals_of_tests() {
    let source = r##"
// "nobody"
fn quote<'a>(text: &'a str) -> char { '"' }
const TEXT: &str = "given to \
    those who ask";
const RAW: &str = r#"a "quoted" word, told by nobody"#;
/* "nobody" */
#[cfg(test)]
mod tests {
    const TEXT: &str = "nobody }";
}
const LAST: &str = "\nHanded on.";
"##;
    let found: Vec<_> = scan(source).literals.iter().flat_map(banned).collect();
    assert_eq!(found, [(5, "those who"), (6, "nobody"), (12, "handed on")]);
    let found: Vec<_> = scan(source).comments.iter().flat_map(banned).collect();
    assert_eq!(found, [(2, "nobody"), (7, "nobody")]);
    assert!(banned(&(1, "This hand: on it, somebodys".to_owned())).is_empty(), "whole words of one clause");
    let comments =
        scan("/// The entry of\n/// which it\n//! Nobody.\nlet at = 1; // somebody's\n    // not those\n\n// who")
            .comments;
    let found: Vec<_> = comments.iter().flat_map(banned).collect();
    assert_eq!(found, [(1, "of which"), (3, "nobody"), (4, "somebody")]);
}

/// Every file of the project, except builds and downloads.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(&folder).expect("a folder") {
            let path = item.expect("an item").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_other = name.starts_with('.') || ["target", "node_modules"].contains(&name.as_str());
            match path.is_dir() {
                true if !is_other => folders.push(path),
                true => {}
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

fn is_test(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    file.starts_with("tests") || file.ends_with("tests.rs")
}

/// The banned phrases in a text, with their lines.
fn banned((first, text): &Text) -> Vec<(usize, &'static str)> {
    let lines = text.split('\n').enumerate();
    let words: Vec<_> = lines
        .flat_map(|(at, line)| {
            // A phrase ends at a punctuation mark.
            let line = line.replace(['.', ',', ':', ';', '!', '?'], " . ").to_lowercase();
            let words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '.');
            let words = words.filter(|word| !word.is_empty()).map(|word| (first + at, word.to_owned()));
            words.collect::<Vec<_>>()
        })
        .collect();
    let begins = |at: usize, phrase: &str| {
        let mut rest = words[at..].iter().map(|(_, word)| word.as_str());
        phrase.split(' ').all(|word| rest.next() == Some(word))
    };
    let here = |at: usize| BANNED.iter().filter(move |phrase| begins(at, phrase)).map(move |phrase| (at, *phrase));
    let found: Vec<_> = (0..words.len()).flat_map(here).collect();
    found.into_iter().map(|(at, phrase)| (words[at].0, phrase)).collect()
}

/// The texts of a source file.
#[derive(Default)]
struct Texts {
    /// The string literals outside of comments and of items behind `#[cfg(test)]`.
    literals: Vec<Text>,
    /// The comments, those on neighbouring lines as one text.
    comments: Vec<Text>,
}

fn scan(source: &str) -> Texts {
    let mut found = Texts::default();
    let mut at = 0;
    // How deep the braces of a test item are, while one is skipped.
    let mut skipped: Option<usize> = None;
    while let Some(next) = source[at..].chars().next() {
        let rest = &source[at..];
        let line = || 1 + source[..at].matches('\n').count();
        at += match next {
            '/' if rest.starts_with("//") => {
                let end = rest.find('\n').unwrap_or(rest.len());
                join(&mut found.comments, line(), &rest[..end]);
                end
            }
            '/' if rest.starts_with("/*") => {
                let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
                found.comments.push((line(), rest[..end].to_owned()));
                end
            }
            '#' if rest.starts_with("#[cfg(test)]") => {
                skipped = skipped.or(Some(0));
                "#[cfg(test)]".len()
            }
            '\'' => character(rest),
            '"' | 'r' if raw(rest).is_some() || next == '"' => {
                let (begin, end) = raw(rest).unwrap_or_else(|| (1, plain(rest)));
                if skipped.is_none() {
                    found.literals.push((line(), shown(&rest[begin..end])));
                }
                end + begin.saturating_sub(1).max(1)
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
                // A byte string is `b` and a string.
                if rest.starts_with("b\"") || rest.starts_with("br") && raw(&rest[1..]).is_some() {
                    1
                } else {
                    rest.find(|letter| !is_name(letter)).unwrap_or(rest.len())
                }
            }
            other => {
                skipped = match (skipped, other) {
                    (Some(depth), '{') => Some(depth + 1),
                    (Some(0 | 1), '}') | (Some(0), ';') => None,
                    (Some(depth), '}') => Some(depth - 1),
                    (skipped, _) => skipped,
                };
                other.len_utf8()
            }
        };
    }
    found
}

/// Adds a line comment, to the comment on the line before if there is one.
fn join(comments: &mut Vec<Text>, line: usize, comment: &str) {
    let text = comment.trim_start_matches('/').trim_start_matches('!');
    match comments.last_mut().filter(|(first, last)| first + last.matches('\n').count() + 1 == line) {
        Some((_, last)) => {
            last.push('\n');
            last.push_str(text);
        }
        None => comments.push((line, text.to_owned())),
    }
}

/// Where the text of a raw string begins and ends.
fn raw(rest: &str) -> Option<(usize, usize)> {
    let hashes = rest.strip_prefix('r')?.bytes().take_while(|byte| *byte == b'#').count();
    let text = rest.get(1 + hashes..)?.strip_prefix('"')?;
    let end = text.find(&format!("\"{}", "#".repeat(hashes)))?;
    Some((hashes + 2, hashes + 2 + end))
}

/// Where the text of a plain string ends.
fn plain(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut end = 1;
    while bytes.get(end).is_some_and(|byte| *byte != b'"') {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    end.min(rest.len())
}

/// The text with its escapes as blanks.
fn shown(text: &str) -> String {
    let mut letters = text.chars();
    let mut shown = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => shown.push(if letters.next() == Some('\n') { '\n' } else { ' ' }),
            other => shown.push(other),
        }
    }
    shown
}

/// How long a character literal is, or the quote of a lifetime.
fn character(rest: &str) -> usize {
    let inner = &rest[1..];
    match inner.chars().next() {
        Some('\\') => inner[2..].find('\'').map_or(1, |end| end + 4),
        Some(letter) if inner[letter.len_utf8()..].starts_with('\'') => letter.len_utf8() + 2,
        _ => 1,
    }
}
