//! A policy, or an extension, that is declared in TOML: groups with what they see, settings, actions by domain, masks,
//! and a rule for payloads.
//!
//! The host checks the TOML, writes it as JSON into [`PLACE`], and loads the component. So the component's digest covers
//! the declarations too, and a call sees nothing but its arguments and them.

mod domain;
#[cfg(feature = "extension")]
mod extension;
mod object;
mod policy;
mod tables;

#[cfg(feature = "extension")]
pub use extension::DeclaredExtension;
pub use policy::Declared;

/// The size of the declarations, in bytes.
const SIZE: usize = 32_768;

/// What the host looks for; the declarations follow it.
const MARK: &[u8; 24] = b"mcp-audit-log-declared: ";

/// The place for the declarations.
#[used]
static PLACE: [u8; MARK.len() + SIZE] = {
    let mut place = [b' '; MARK.len() + SIZE];
    let mut at = 0;
    while at < MARK.len() {
        place[at] = MARK[at];
        at += 1;
    }
    place
};

/// The declarations, as JSON on one line. Empty in a component that nothing was written into.
fn declarations() -> &'static str {
    // The compiler must not know what is there.
    let place: &'static [u8] = core::hint::black_box(&PLACE);
    let text = place.get(MARK.len()..).unwrap_or_default();
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or_default();
    str::from_utf8(text.get(..end).unwrap_or_default()).unwrap_or_default()
}
