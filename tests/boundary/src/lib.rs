//! Components for the tests, built by this crate's build script: the evil policy's, and the example of a vendor's.

/// Misbehaves as the setting `evil` says, or an event's target `evil:MODE`.
pub const POLICY: &[u8] = include_bytes!(env!("EVIL_POLICY"));
/// The same, built against the present contract; [`POLICY`] has 0.6.
pub const POLICY_0_7: &[u8] = include_bytes!(env!("EVIL_CONTRACT_0_7"));
/// Both of them.
pub const POLICIES: [&[u8]; 2] = [POLICY, POLICY_0_7];
/// What a built-in mode begins with in a component.
const BUILT_IN: &[u8] = b"evil-mode:";
/// How long its name may be.
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

/// Imports a clock.
pub const IMPORTS: &[u8] = include_bytes!(env!("EVIL_IMPORTS"));
/// Panics in `manifest`.
pub const MANIFEST_PANIC: &[u8] = include_bytes!(env!("EVIL_MANIFEST_PANIC"));
/// Never returns from `manifest`.
pub const MANIFEST_SPIN: &[u8] = include_bytes!(env!("EVIL_MANIFEST_SPIN"));
/// Declares a cron that is none.
pub const MANIFEST_BAD_CRON: &[u8] = include_bytes!(env!("EVIL_MANIFEST_BAD_CRON"));
/// Declares a filter over a field that does not exist.
pub const MANIFEST_BAD_DOMAIN: &[u8] = include_bytes!(env!("EVIL_MANIFEST_BAD_DOMAIN"));
/// Declares nothing at all.
pub const MANIFEST_EMPTY: &[u8] = include_bytes!(env!("EVIL_MANIFEST_EMPTY"));
/// The example of a vendor's policy in guest/examples.
pub const VENDOR: &[u8] = include_bytes!(env!("VENDOR_POLICY"));
/// The example of an extension that hides bank accounts.
pub const IBAN: &[u8] = include_bytes!(env!("IBAN_EXTENSION"));
/// The example of an extension for one server.
pub const DELIVERIES: &[u8] = include_bytes!(env!("DELIVERIES_EXTENSION"));
/// An extension that misbehaves as an event's target `evil:MODE` says.
pub const EXTENSION: &[u8] = include_bytes!(env!("EVIL_EXTENSION"));
/// The same, which declares that it widens payloads.
pub const EXTENSION_WIDENS: &[u8] = include_bytes!(env!("EVIL_EXTENSION_WIDENS"));
/// The same, which widens and does not say so.
pub const EXTENSION_SILENT: &[u8] = include_bytes!(env!("EVIL_EXTENSION_SILENT"));
