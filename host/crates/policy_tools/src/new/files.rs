//! The files of new folders, by language.

/// Paths in the folder, and texts.
type Texts = &'static [(&'static str, &'static str)];

/// A file of `templates/`.
macro_rules! template {
    ($name:expr) => {
        include_str!(concat!("../../templates/", $name))
    };
}

/// Files of the SDK, by way of the links in `templates/sdk`, so that a package of this crate has them.
macro_rules! sdk {
    ($($name:literal,)+) => {
        &[("sdk/Cargo.toml", template!("sdk/Cargo.toml.in")), $((concat!("sdk/", $name), template!(concat!("sdk/", $name)))),+]
    };
}

const SDK: Texts = sdk! {
    "src/component.rs",
    "src/declare.rs",
    "src/domain.rs",
    "src/json/mod.rs",
    "src/json/parts.rs",
    "src/json/scalar.rs",
    "src/lib.rs",
    "src/memory.rs",
    "src/panic_message.rs",
    "src/retention.rs",
    "src/security.rs",
    "src/settings.rs",
    "src/verdict.rs",
    "wit/policy.wit",
};

const POLICY_CASES: Texts = &[("cases/policy.json", template!("cases/policy.json"))];
const EXTENSION_CASES: Texts = &[("cases/extension.json", template!("cases/extension.json"))];

const WIT: Texts = &[("wit/policy.wit", template!("sdk/wit/policy.wit"))];

/// The files of a policy or an extension: those of the one, those of the other, and those of both.
pub(super) struct Template {
    policy: Texts,
    extension: Texts,
    both: &'static [Texts],
}

impl Template {
    /// Those of a policy, or of an extension.
    pub(super) fn texts(&self, is_extension: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
        let (own, cases) = if is_extension { (self.extension, EXTENSION_CASES) } else { (self.policy, POLICY_CASES) };
        [own, cases].into_iter().chain(self.both.iter().copied()).flatten().copied()
    }
}

pub(super) const RUST: Template = Template {
    policy: &[("src/lib.rs", template!("rust/lib.rs"))],
    extension: &[("src/lib.rs", template!("rust/extension.rs"))],
    both: &[
        &[
            ("README.md", template!("rust/README.md")),
            ("Cargo.toml", template!("rust/Cargo.toml.in")),
            ("rust-toolchain.toml", template!("rust/rust-toolchain.toml")),
            (".cargo/config.toml", template!("rust/cargo-config.toml")),
            (".gitignore", "target/\n"),
        ],
        SDK,
    ],
};

pub(super) const JAVASCRIPT: Template = Template {
    policy: &[("policy.js", template!("js/policy.js"))],
    extension: &[("extension.js", template!("js/extension.js"))],
    both: &[
        &[
            ("README.md", template!("js/README.md")),
            ("package.json", template!("js/package.json")),
            ("sdk.js", template!("js/sdk.js")),
            (".gitignore", "node_modules/\n*.wasm\n"),
        ],
        WIT,
    ],
};

pub(super) const PYTHON: Template = Template {
    policy: &[("policy.py", template!("python/policy.py"))],
    extension: &[("extension.py", template!("python/extension.py"))],
    both: &[
        &[
            ("README.md", template!("python/README.md")),
            ("build.sh", template!("python/build.sh")),
            ("sdk.py", template!("python/sdk.py")),
            (".gitignore", ".venv/\n__pycache__/\n*.wasm\n"),
        ],
        WIT,
    ],
};

pub(super) const TOML: Template = Template {
    policy: &[("policy.toml", template!("toml/policy.toml"))],
    extension: &[("extension.toml", template!("toml/extension.toml"))],
    both: &[&[("README.md", template!("toml/README.md"))]],
};

/// The bindings are made from the contract.
pub(super) const C: Template = Template {
    policy: &[("policy.c", template!("c/policy.c"))],
    extension: &[("extension.c", template!("c/extension.c"))],
    both: &[&[
        ("README.md", template!("c/README.md")),
        ("build.sh", template!("c/build.sh")),
        ("sdk.c", template!("c/sdk.c")),
        ("sdk.h", template!("c/sdk.h")),
        ("libc/stdlib.h", template!("c/libc/stdlib.h")),
        ("libc/string.h", template!("c/libc/string.h")),
        (".gitignore", ".venv/\n*.wasm\n"),
    ]],
};
