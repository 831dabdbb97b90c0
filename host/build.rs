//! Says which commit this is.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let commit = commit(Path::new(&here)).unwrap_or_else(|| "commit unknown".to_owned());
    println!("cargo::rustc-env=MCP_AUDIT_LOG_COMMIT={commit}");
}

/// The commit of an optimized build. Other builds do not name theirs, because each commit would then compile the host
/// again.
fn commit(here: &Path) -> Option<String> {
    if std::env::var("PROFILE").ok()? != "release" {
        return Some("debug build".to_owned());
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(here).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"])?);
    Some(format!("commit {}", git(&["rev-parse", "--short=12", "HEAD"])?))
}
