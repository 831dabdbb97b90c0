//! Builds the components in guest/ that are shipped, and passes their paths to the crate, which embeds them: the default
//! policy, and what reads a policy or an extension in TOML.

mod component;

use std::process::ExitCode;

fn main() -> ExitCode {
    let here = component::package_folder();
    let root = here.join("../../..");
    let guest = root.join("guest");
    component::rerun_if_changed(&[
        &guest.join("src"),
        &guest.join("sdk"),
        &guest.join("declared"),
        &guest.join("Cargo.toml"),
        &root.join("wit"),
        &here.join("../model/src/mask/names.rs"),
        &here.join("component.rs"),
    ]);
    for (variable, folder, package, feature) in [
        ("DEFAULT_POLICY", guest.clone(), "mcp-audit-log-policy", ""),
        ("DECLARED_POLICY", guest.join("declared"), "mcp-audit-log-declared-policy", "policy"),
        ("DECLARED_EXTENSION", guest.join("declared"), "mcp-audit-log-declared-policy", "extension"),
    ] {
        match component::build(&folder.join("Cargo.toml"), package, feature) {
            Ok(path) => println!("cargo::rustc-env=MCP_AUDIT_LOG_{variable}={}", path.display()),
            Err(error) => {
                println!("cargo::error={}", error.replace('\n', "\ncargo::error="));
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
