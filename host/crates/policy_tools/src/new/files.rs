//! The files of new folders, by language: the path there, and the text.

/// Paths and texts.
type Texts = &'static [(&'static str, &'static str)];

/// A file of `templates/`.
macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("../../templates/", $name))
    };
}

/// A file of the SDK.
macro_rules! sdk {
    ($($name:literal,)+) => {
        &[$((concat!("sdk/", $name), include_str!(concat!("../../../../../guest/sdk/", $name)))),+]
    };
}

const SDK: Texts = sdk! {
    "Cargo.toml",
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

const CASES: Texts = &[("cases/policy.json", template!("cases/policy.json"))];

const WIT: Texts = &[("wit/policy.wit", include_str!("../../../../../wit/policy.wit"))];

const CARGO: Texts = &[
    ("Cargo.toml", template!("rust/Cargo.toml.in")),
    ("rust-toolchain.toml", template!("rust/rust-toolchain.toml")),
    (".cargo/config.toml", template!("rust/cargo-config.toml")),
    (".gitignore", "target/\n"),
];

/// A policy in Rust.
pub(super) const RUST: &[Texts] =
    &[&[("README.md", template!("rust/README.md")), ("src/lib.rs", template!("rust/lib.rs"))], CARGO, CASES, SDK];

/// An extension in Rust.
pub(super) const RUST_EXTENSION: &[Texts] = &[
    &[
        ("README.md", template!("rust/README-extension.md")),
        ("src/lib.rs", template!("rust/extension.rs")),
        ("cases/policy.json", template!("cases/extension.json")),
    ],
    CARGO,
    SDK,
];

/// A policy in JavaScript.
pub(super) const JAVASCRIPT: &[Texts] = &[
    &[
        ("README.md", template!("js/README.md")),
        ("package.json", template!("js/package.json")),
        ("policy.js", template!("js/policy.js")),
        ("sdk.js", template!("js/sdk.js")),
        (".gitignore", "node_modules/\n*.wasm\n"),
    ],
    CASES,
    WIT,
];

/// A policy in Python.
pub(super) const PYTHON: &[Texts] = &[
    &[
        ("README.md", template!("python/README.md")),
        ("build.sh", template!("python/build.sh")),
        ("policy.py", template!("python/policy.py")),
        ("sdk.py", template!("python/sdk.py")),
        (".gitignore", ".venv/\n__pycache__/\n*.wasm\n"),
    ],
    CASES,
    WIT,
];

/// A policy in TOML.
pub(super) const TOML: &[Texts] =
    &[&[("README.md", template!("toml/README.md")), ("policy.toml", template!("toml/policy.toml"))], CASES];

/// A policy in C; its bindings are made from the contract.
pub(super) const C: &[Texts] = &[
    &[
        ("README.md", template!("c/README.md")),
        ("build.sh", template!("c/build.sh")),
        ("policy.c", template!("c/policy.c")),
        ("sdk.c", template!("c/sdk.c")),
        ("sdk.h", template!("c/sdk.h")),
        ("libc/stdlib.h", template!("c/libc/stdlib.h")),
        ("libc/string.h", template!("c/libc/string.h")),
        (".gitignore", ".venv/\n*.wasm\n"),
    ],
    CASES,
];
