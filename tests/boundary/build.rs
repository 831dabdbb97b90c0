//! Builds the evil policy in each of its variants, the examples of policies and extensions, and an evil extension.

#[path = "../../host/crates/sandbox/component.rs"]
mod component;

use std::process::ExitCode;

/// Variants that cannot be switched on while the component runs: its contract, its imports, and its manifest, which
/// gets no input.
const SHAPES: [&str; 8] = [
    "",
    "contract-0-7",
    "imports",
    "manifest-panic",
    "manifest-spin",
    "manifest-bad-cron",
    "manifest-bad-domain",
    "manifest-empty",
];

fn main() -> ExitCode {
    let here = component::package_folder();
    let evil = here.join("../evil");
    let wit = here.join("../../wit");
    component::rerun_if_changed(&[&evil, &wit, &here.join("../../host/crates/sandbox/component.rs")]);
    for shape in SHAPES {
        match component::build(&evil.join("Cargo.toml"), "mcp-audit-log-evil-policy", shape) {
            Ok(path) => println!("cargo::rustc-env=EVIL_{}={}", name(shape), path.display()),
            Err(error) => {
                println!("cargo::error={}", error.replace('\n', "\ncargo::error="));
                return ExitCode::FAILURE;
            }
        }
    }
    let guest = here.join("../../guest");
    let extension = here.join("../evil-extension");
    component::rerun_if_changed(&[&guest, &extension, &here.join("../../host/crates/model/src/mask/names.rs")]);
    for (variable, folder, package, feature) in [
        ("VENDOR_POLICY", guest.join("examples/vendor"), "mcp-audit-log-example-policy", ""),
        ("IBAN_EXTENSION", guest.join("examples/iban"), "mcp-audit-log-example-iban", ""),
        ("DELIVERIES_EXTENSION", guest.join("examples/deliveries"), "mcp-audit-log-example-deliveries", ""),
        ("EVIL_EXTENSION", extension.clone(), "mcp-audit-log-evil-extension", ""),
        ("EVIL_EXTENSION_WIDENS", extension.clone(), "mcp-audit-log-evil-extension", "widens-payloads"),
        ("EVIL_EXTENSION_SILENT", extension, "mcp-audit-log-evil-extension", "widens-silently"),
    ] {
        match component::build(&folder.join("Cargo.toml"), package, feature) {
            Ok(path) => println!("cargo::rustc-env={variable}={}", path.display()),
            Err(error) => {
                println!("cargo::error={}", error.replace('\n', "\ncargo::error="));
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn name(shape: &str) -> String {
    if shape.is_empty() { "POLICY".to_owned() } else { shape.to_uppercase().replace('-', "_") }
}
