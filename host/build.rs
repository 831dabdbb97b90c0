//! Builds the default policy in guest/ and hands its path to the host, which embeds it; and says which commit this is.

mod component;

use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let here = component::package_folder();
    let guest = here.join("../guest");
    component::rerun_if_changed(&[
        &guest.join("src"),
        &guest.join("Cargo.toml"),
        &here.join("../wit"),
        &here.join("src/mask/names.rs"),
        &here.join("component.rs"),
    ]);
    println!("cargo::rustc-env=MCP_AUDIT_LOG_COMMIT={}", commit(&here).unwrap_or_else(|| "unknown".to_owned()));
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

/// The commit that an optimized build is made of. Others do not say, as each commit would compile the host anew.
fn commit(here: &Path) -> Option<String> {
    if std::env::var("PROFILE").ok()? != "release" {
        return Some("of a debug build".to_owned());
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(here).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"])?);
    git(&["rev-parse", "--short=12", "HEAD"])
}
