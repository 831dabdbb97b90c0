//! The folder that a new policy begins with: sources, cases, the contract, and a page with the commands.
//!
//! The files are those of `templates/` and `guest/sdk/`, with the policy's name filled in. Such a folder builds without
//! this repository.

mod bindings;
mod files;

use std::borrow::Cow;

pub use bindings::component_of;

/// The longest name.
const LONGEST: usize = 40;

/// The language of a new policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyLanguage {
    /// Rust, on the SDK.
    Rust,
    /// JavaScript, for QuickJS.
    JavaScript,
    /// C, for any compiler that has WebAssembly and a libc.
    C,
    /// Python, with its whole interpreter.
    Python,
    /// Declarations in TOML, which need no build.
    Toml,
}

impl PolicyLanguage {
    /// All of them, by the names that the command line takes.
    pub const ALL: [(&'static str, Self); 5] = [
        ("rust", Self::Rust),
        ("js", Self::JavaScript),
        ("c", Self::C),
        ("python", Self::Python),
        ("toml", Self::Toml),
    ];
}

/// A file of a new folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Its path inside of the folder, with `/` between names.
    pub path: &'static str,
    /// What is in it.
    pub content: Cow<'static, [u8]>,
}

/// A new folder, and where its build puts the component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPolicy {
    /// Its files.
    pub files: Vec<NewFile>,
    /// The command that builds it, if it needs a build.
    pub build: Option<&'static str>,
    /// The path of the component.
    pub component: String,
}

/// The folder of a new policy, or of an extension.
///
/// # Errors
/// The name does not fit.
pub fn new_policy(name: &str, language: PolicyLanguage, is_extension: bool) -> Result<NewPolicy, String> {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if !name.starts_with(|first: char| first.is_ascii_lowercase())
        || !name.bytes().all(is_plain)
        || name.len() > LONGEST
    {
        return Err(format!(
            "{name:?} is no name for a policy; use at most {LONGEST} lower-case letters, digits and `-`, a letter first"
        ));
    }
    let kind = if is_extension { "extension" } else { "policy" };
    let component = match language {
        PolicyLanguage::Rust => format!("target/wasm32-unknown-unknown/release/{}.wasm", name.replace('-', "_")),
        PolicyLanguage::Toml => format!("{kind}.toml"),
        _ => format!("{kind}.wasm"),
    };
    let (build, template) = match language {
        PolicyLanguage::Rust => (Some("cargo policy"), files::RUST),
        PolicyLanguage::JavaScript => (Some("npm install"), files::JAVASCRIPT),
        PolicyLanguage::Python => (Some("sh build.sh"), files::PYTHON),
        PolicyLanguage::C => (Some("sh build.sh"), files::C),
        PolicyLanguage::Toml => (None, files::TOML),
    };
    let [what, with, over] = match is_extension {
        true => ["An extension over a policy", "--extend", "--extend "],
        false => ["A policy", "--policy", ""],
    };
    let gaps =
        [("name", name), ("component", &component), ("kind", kind), ("what", what), ("with", with), ("over", over)];
    let fill = |text: &'static str| {
        let filled = |text: String, (gap, with): &(&str, &str)| text.replace(&format!("{{{{{gap}}}}}"), with);
        match text.contains("{{") {
            true => Cow::Owned(gaps.iter().fold(text.to_owned(), filled).into_bytes()),
            false => Cow::Borrowed(text.as_bytes()),
        }
    };
    let mut files: Vec<_> =
        template.texts(is_extension).map(|(path, text)| NewFile { path, content: fill(text) }).collect();
    if language == PolicyLanguage::C {
        files.extend(bindings::of_c(kind)?);
    }
    Ok(NewPolicy { files, build, component })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn each_language_has_its_files_with_the_name_in_them() {
        for ((word, language), is_extension) in
            PolicyLanguage::ALL.into_iter().flat_map(|one| [(one, false), (one, true)])
        {
            let new = new_policy("orders-2", language, is_extension).expect(word);
            let names: BTreeSet<_> = new.files.iter().map(|file| file.path).collect();
            assert_eq!(names.len(), new.files.len(), "{word}: a file is there twice");
            let cases = if is_extension { "cases/extension.json" } else { "cases/policy.json" };
            for wanted in ["README.md", cases] {
                assert!(names.contains(wanted), "{word}: {names:?}");
            }
            let text = |file: &NewFile| String::from_utf8_lossy(&file.content).into_owned();
            let gap = |file: &&NewFile| {
                let text = text(file);
                ["name", "component", "kind", "what", "with", "over"]
                    .iter()
                    .any(|gap| text.contains(&format!("{{{{{gap}}}}}")))
            };
            assert_eq!(new.files.iter().find(gap), None, "{word}");
            let page = new.files.iter().find(|file| file.path == "README.md").map(text).expect("a page");
            assert!(page.starts_with("# orders-2\n") && page.contains(&new.component), "{word}: {page}");
            assert!(new.build.is_none_or(|build| page.contains(build)), "{word}: {page}");
        }
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        for name in ["", "Orders", "2orders", "-a", "a b", "a/b", "..", "ä", &"a".repeat(41)] {
            assert!(new_policy(name, PolicyLanguage::Rust, false).is_err(), "{name}");
        }
    }

    /// A file that the list forgets would be missing from every new folder.
    #[test]
    fn the_whole_sdk_is_in_a_new_folder() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../guest/sdk");
        let new = new_policy("orders", PolicyLanguage::Rust, true).expect("a folder");
        let mut folders = vec![root.clone()];
        let mut found = 0;
        while let Some(folder) = folders.pop() {
            for item in std::fs::read_dir(&folder).expect("a folder") {
                let path = item.expect("an item").path();
                let name = path.strip_prefix(&root).expect("below").to_string_lossy().replace('\\', "/");
                if path.is_dir() {
                    folders.extend((name != "target").then_some(path));
                } else if name != "Cargo.lock" {
                    let file = new.files.iter().find(|file| file.path == format!("sdk/{name}"));
                    let content = std::fs::read(&path).expect("a file");
                    assert!(file.is_some_and(|file| *file.content == content), "sdk/{name} is not in new/files.rs");
                    found += 1;
                }
            }
        }
        assert!(found >= 15, "{found}");
    }
}
