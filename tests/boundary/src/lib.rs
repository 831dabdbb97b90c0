//! Components for the tests, built by this crate's build script: the evil policy's, and the example of a vendor's.

/// A policy that misbehaves as the setting `evil` selects, or an event's target `evil:MODE`.
pub const POLICY: &[u8] = include_bytes!(env!("EVIL_POLICY"));
/// The same policy for the current contract; [`POLICY`] is for 0.6.
pub const POLICY_0_7: &[u8] = include_bytes!(env!("EVIL_CONTRACT_0_7"));
/// Both of them.
pub const POLICIES: [&[u8]; 2] = [POLICY, POLICY_0_7];
/// The prefix of a built-in mode in a component.
const BUILT_IN: &[u8] = b"evil-mode:";
/// The greatest length of its name.
const LONGEST: usize = 30;

/// [`POLICY_0_7`] or [`EXTENSION`] with this mode built in, as a policy whose author made a mistake.
///
/// # Errors
/// The component has no place for it, or the name is too long.
pub fn mistaken(component: &[u8], mode: &str) -> Result<Vec<u8>, String> {
    let mut places = (0..component.len()).filter(|at| component[*at..].starts_with(BUILT_IN));
    let (Some(at), None) = (places.next(), places.next()) else {
        return Err("the component has not one place for a built-in mode".to_owned());
    };
    if mode.len() > LONGEST {
        return Err(format!("{mode:?} is too long for a built-in mode"));
    }
    let mut component = component.to_vec();
    let name = at + BUILT_IN.len()..at + BUILT_IN.len() + mode.len();
    component[name].copy_from_slice(mode.as_bytes());
    Ok(component)
}

/// Imports a clock, and calls it in the mode `panic`.
pub const IMPORTS: &[u8] = include_bytes!(env!("EVIL_IMPORTS"));
/// Panics in `manifest`.
pub const MANIFEST_PANIC: &[u8] = include_bytes!(env!("EVIL_MANIFEST_PANIC"));
/// A policy whose `manifest` never returns.
pub const MANIFEST_SPIN: &[u8] = include_bytes!(env!("EVIL_MANIFEST_SPIN"));
/// A policy that declares an unknown cron.
pub const MANIFEST_BAD_CRON: &[u8] = include_bytes!(env!("EVIL_MANIFEST_BAD_CRON"));
/// A policy that declares a filter on a field that does not exist.
pub const MANIFEST_BAD_DOMAIN: &[u8] = include_bytes!(env!("EVIL_MANIFEST_BAD_DOMAIN"));
/// A policy that declares nothing.
pub const MANIFEST_EMPTY: &[u8] = include_bytes!(env!("EVIL_MANIFEST_EMPTY"));
/// The example of a vendor's policy in guest/examples.
pub const VENDOR: &[u8] = include_bytes!(env!("VENDOR_POLICY"));
/// The example of an extension that hides bank accounts.
pub const IBAN: &[u8] = include_bytes!(env!("IBAN_EXTENSION"));
/// The example of an extension for one server.
pub const DELIVERIES: &[u8] = include_bytes!(env!("DELIVERIES_EXTENSION"));
/// An extension that misbehaves as an event's target `evil:MODE` selects.
pub const EXTENSION: &[u8] = include_bytes!(env!("EVIL_EXTENSION"));
/// The same extension, which declares that it widens payloads.
pub const EXTENSION_WIDENS: &[u8] = include_bytes!(env!("EVIL_EXTENSION_WIDENS"));
/// The same extension, which widens payloads without declaring it.
pub const EXTENSION_SILENT: &[u8] = include_bytes!(env!("EVIL_EXTENSION_SILENT"));
