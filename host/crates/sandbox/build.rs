//! Builds the default policy in guest/ and hands its path to the crate, which embeds it.

mod component;

use std::process::ExitCode;

fn main() -> ExitCode {
    let here = component::package_folder();
    let root = here.join("../../..");
    let guest = root.join("guest");
    component::rerun_if_changed(&[
        &guest.join("src"),
        &guest.join("Cargo.toml"),
        &root.join("wit"),
        &here.join("../model/src/mask/names.rs"),
        &here.join("component.rs"),
    ]);
    match component::build(&guest.join("Cargo.toml"), "mcp-audit-log-policy", "") {
        Ok(path) => {
            println!("cargo::rustc-env=MCP_AUDIT_LOG_DEFAULT_POLICY={}", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("cargo::error={}", error.replace('\n', "\ncargo::error="));
            ExitCode::FAILURE
        }
    }
}
