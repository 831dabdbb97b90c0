//! Passes the components that are shipped to the crate, which embeds them: the default policy, and what reads a policy or
//! an extension in TOML. In the repository they are built from guest/. A published package has them in policies/, so that
//! who embeds it needs neither their sources nor the Wasm target.

mod component;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The variable with a component's path, the folder of its package below guest/, the package, and its feature.
const COMPONENTS: [(&str, &str, &str, &str); 3] = [
    ("DEFAULT_POLICY", "", "mcp-audit-log-policy", ""),
    ("DECLARED_POLICY", "declared", "mcp-audit-log-declared-policy", "policy"),
    ("DECLARED_EXTENSION", "declared", "mcp-audit-log-declared-policy", "extension"),
];

fn main() -> ExitCode {
    let here = component::package_folder();
    let packaged = here.join("policies");
    let is_packaged = packaged.is_dir();
    if is_packaged {
        component::rerun_if_changed(&[&packaged]);
    } else {
        watch_sources(&here);
    }
    for (variable, folder, package, feature) in COMPONENTS {
        let path = if is_packaged {
            Ok(packaged.join(component::file_name(package, feature)))
        } else {
            component::build(&guest(&here).join(folder).join("Cargo.toml"), package, feature)
        };
        match path {
            Ok(path) => println!("cargo::rustc-env=MCP_AUDIT_LOG_{variable}={}", path.display()),
            Err(error) => {
                println!("cargo::error={}", error.replace('\n', "\ncargo::error="));
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn guest(here: &Path) -> PathBuf {
    here.join("../../../guest")
}

/// Makes cargo build the components again when something changes that they are built from.
fn watch_sources(here: &Path) {
    let guest = guest(here);
    component::rerun_if_changed(&[
        &guest.join("src"),
        &guest.join("sdk"),
        &guest.join("declared"),
        &guest.join("Cargo.toml"),
        &here.join("wit"),
        &here.join("../model/src/mask/names.rs"),
        &here.join("component.rs"),
    ]);
}
