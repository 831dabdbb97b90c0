//! Bindings of the contract for C, and the component around what a C compiler links. The only module that names
//! wit-bindgen-c and wit-component.

use std::borrow::Cow;

use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;
use wit_component::ComponentEncoder;

use super::NewFile;

const CONTRACT: &str = include_str!("../../templates/sdk/wit/policy.wit");

/// The files, by their names in the folder and in the generator.
const FILES: [&str; 3] = ["audit.h", "audit.c", "audit_component_type.o"];

/// Source, header, and the object file that tells the linker the contract: of a `policy`, or of an `extension`.
///
/// # Errors
/// Never in a build whose tests pass.
pub(super) fn of_c(kind: &str) -> Result<Vec<NewFile>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("no bindings for C can be made: {error}");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("policy.wit", CONTRACT).map_err(|error| failed(&error))?;
    let world = resolve.select_world(&[package], Some(&format!("audit-{kind}"))).map_err(|error| failed(&error))?;
    let mut made = Files::default();
    // Short names: `audit_event_t`, `exports_policy_judge`.
    let rename = [("types", "audit"), (kind, kind)];
    let rename = rename.map(|(name, short)| (format!("mcp-audit-log:policy/{name}@0.7.0"), short.to_owned()));
    let options = wit_bindgen_c::Opts {
        rename: rename.into(),
        rename_world: Some("audit".to_owned()),
        ..wit_bindgen_c::Opts::default()
    };
    let mut generator = options.build();
    generator.generate(&mut resolve, world, &mut made).map_err(|error| failed(&error))?;
    let file = |path: &'static str| {
        let (_, content) = made.iter().find(|(name, _)| *name == path).ok_or_else(|| failed(&path))?;
        Ok(NewFile { path, content: Cow::Owned(content.to_vec()) })
    };
    FILES.into_iter().map(file).collect()
}

/// The component around a core module, as a C compiler links one with these bindings.
///
/// # Errors
/// It is no module, does not fit the contract, or imports something.
pub fn component_of(module: &[u8]) -> Result<Vec<u8>, String> {
    let encoded = ComponentEncoder::default().module(module).and_then(|encoder| encoder.validate(true).encode());
    encoded.map_err(|error| {
        // The cause is the last part; what comes before are places in the encoder.
        let cause = error.root_cause().to_string();
        format!("no component can be made of it: {cause}; it is a core module linked with audit_component_type.o")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bindings_have_the_functions_of_a_policy_or_an_extension() {
        let functions = |kind| match kind {
            "policy" => ["manifest", "judge", "access", "retention"].as_slice(),
            _ => &["declares", "amend"],
        };
        for kind in ["policy", "extension"] {
            let files = of_c(kind).expect("bindings");
            let header = String::from_utf8_lossy(&files[0].content).into_owned();
            for function in functions(kind) {
                assert!(header.contains(&format!("exports_{kind}_{function}(")), "{function}");
            }
            assert!(files.iter().all(|file| !file.content.is_empty()));
        }
    }

    #[test]
    fn what_is_no_module_is_refused() {
        for bytes in [&b""[..], b"hello", b"\0asm\x0d\0\x01\0"] {
            let refused = component_of(bytes).expect_err("refused");
            assert!(refused.starts_with("no component can be made of it: "), "{refused}");
        }
    }
}
