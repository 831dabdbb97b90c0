//! The order of layers: what an extension needs lies below it, and else the name decides.

use std::collections::BTreeSet;

use mcp_audit_log_contract::extension::ExtensionManifest;

/// The extensions from the bottom up.
///
/// # Errors
/// A sentence: two extensions have the same name, a needed one is missing, or some need each other.
pub(crate) fn order<T>(
    policy: &str,
    mut layers: Vec<T>,
    manifest: impl Fn(&T) -> &ExtensionManifest,
) -> Result<Vec<T>, String> {
    layers.sort_by(|left, right| manifest(left).name.cmp(&manifest(right).name));
    let names: Vec<_> = layers.iter().map(|layer| manifest(layer).name.clone()).collect();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("two extensions are called {:?}; leave one out", twice[0]));
    }
    if names.iter().any(|name| name == policy) {
        return Err(format!("an extension has the policy's name {policy:?}; rename the extension"));
    }
    for layer in &layers {
        let ExtensionManifest { name, modules, .. } = manifest(layer);
        if let Some(missing) = modules.iter().find(|module| *module != policy && !names.contains(module)) {
            return Err(format!("{name} needs {missing:?} below it; add it with --extend, or leave {name} out"));
        }
    }
    let mut placed = BTreeSet::from([policy.to_owned()]);
    let mut ordered = Vec::with_capacity(layers.len());
    while !layers.is_empty() {
        let is_next = |layer: &T| manifest(layer).modules.iter().all(|module| placed.contains(module));
        let Some(next) = layers.iter().position(is_next) else {
            let names: Vec<_> = layers.iter().map(|layer| manifest(layer).name.as_str()).collect();
            return Err(format!(
                "{} need each other, so they have no order; remove one of these needs",
                names.join(", ")
            ));
        };
        let layer = layers.remove(next);
        placed.insert(manifest(&layer).name.clone());
        ordered.push(layer);
    }
    Ok(ordered)
}
