//! Builds a policy crate into a component. Shared by the build scripts of the sandbox and of the tests.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds `package`, whose manifest is `manifest`, with `features`, and returns the path of a copy of its own.
///
/// The nested build has a target directory of its own: the outer one is locked by the build that waits for us. Its linker
/// makes the component, so no adapter and no further tool is needed.
pub(crate) fn build(manifest: &Path, package: &str, features: &str) -> Result<PathBuf, String> {
    ensure_target()?;
    let target_dir = target_dir(&out_dir()?);
    let mut cargo = Command::new(var("CARGO")?);
    cargo.args([
        "build",
        "--quiet",
        "--release",
        "--locked",
        "--target",
        TARGET,
        "--package",
        package,
        "--features",
        features,
    ]);
    cargo.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(&target_dir);
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-component-ld");
    // Flags and wrappers are meant for the host's code: coverage, clippy and sanitizers do not fit a policy.
    for unset in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CLIPPY_ARGS",
        "CARGO_BUILD_TARGET",
    ] {
        cargo.env_remove(unset);
    }
    // As small as it goes while a backtrace still names functions: those names are a custom section, not debug info.
    cargo.env("CARGO_PROFILE_RELEASE_DEBUG", "false").env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3");
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "true").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
    let output = cargo.output().map_err(|error| format!("cannot start cargo for the policy: {error}"))?;
    if !output.status.success() {
        return Err(format!("the policy {package} does not build:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    let built = target_dir.join(TARGET).join("release").join(format!("{}.wasm", package.replace('-', "_")));
    let copy = out_dir()?.join(file_name(package, features));
    fs::copy(&built, &copy).map_err(|error| format!("the policy {} cannot be copied: {error}", built.display()))?;
    Ok(copy)
}

/// The name of a component's file, by what it is built from.
pub(crate) fn file_name(package: &str, features: &str) -> String {
    format!("{package}-{features}.wasm")
}

/// Makes cargo rebuild when anything below these folders changes.
pub(crate) fn rerun_if_changed(folders: &[&Path]) {
    for folder in folders {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
}

/// Installs the Wasm target through rustup if it is missing, or reports what to run.
fn ensure_target() -> Result<(), String> {
    if has_target()? {
        return Ok(());
    }
    let advice = format!(
        "the Rust target {TARGET} is missing, and a policy cannot be built without it; run: rustup target add {TARGET}"
    );
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]);
    match rustup.output() {
        Ok(output) if output.status.success() && has_target()? => Ok(()),
        Ok(output) => Err(format!("{advice}\n(tried it: {})", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("{advice}\n(tried it: rustup does not start: {error})")),
    }
}

fn has_target() -> Result<bool, String> {
    let mut rustc = Command::new(var("RUSTC")?);
    let output = rustc.args(["--print", "target-libdir", "--target", TARGET]).output();
    let output = output.map_err(|error| format!("cannot start rustc: {error}"))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success() && Path::new(&folder).is_dir())
}

/// The folder of the package that is being built: asked for when the script runs, so that a checkout can be moved.
pub(crate) fn package_folder() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

/// Beside the folders of the outer build's profiles, so that all policies and all profiles share what they are built
/// with; a nested cargo waits there for another.
fn target_dir(out_dir: &Path) -> PathBuf {
    let build = out_dir.ancestors().find(|folder| folder.ends_with("build"));
    let target = build.and_then(|build| build.parent()?.parent());
    target.unwrap_or(out_dir).join("policies")
}

fn out_dir() -> Result<PathBuf, String> {
    var("OUT_DIR").map(PathBuf::from)
}

fn var(name: &str) -> Result<OsString, String> {
    env::var_os(name).ok_or_else(|| format!("cargo did not set {name}"))
}
