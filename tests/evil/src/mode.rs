//! The modes in which the policy misbehaves, and how one of them is chosen.

use std::hint::black_box;

use crate::contract::{Event, Setting, Value};

/// The setting that chooses the mode.
pub(crate) const SETTING: &str = "evil";

/// The prefix of an event's target that chooses a mode for this event.
const TARGET: &str = "evil:";

/// Declares the modes with their names, so that no name can be forgotten.
macro_rules! modes {
    ($($(#[$doc:meta])* $mode:ident = $name:literal,)+) => {
        /// A mode in which the policy misbehaves.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Mode { $($(#[$doc])* $mode,)+ }

        impl Mode {
            fn parse(name: &str) -> Self {
                match name { $($name => Self::$mode,)+ _ => Self::Decent }
            }

            /// All of them, by name.
            #[cfg(test)]
            pub(crate) const ALL: &'static [(&'static str, Self)] = &[$(($name, Self::$mode)),+];
        }
    };
}

modes! {
    /// Not at all.
    Decent = "",

    // In every function.
    /// Traps.
    Panic = "panic",
    /// Never returns.
    Spin = "spin",
    /// Takes memory until there is none.
    Memory = "memory",
    /// Calls itself without end.
    Recurse = "recurse",

    // In `judge` and `access`.
    /// Answers with a list of 200,000 items.
    OversizeList = "oversize-list",
    /// Answers with a text of 8 MiB.
    OversizeText = "oversize-text",
    /// Answers with a string that is not UTF-8.
    BadUtf8 = "bad-utf8",
    /// Answers with texts full of control, escape and bidi characters.
    ControlChars = "control-chars",

    // In `judge`.
    /// Leaves the event's verdict out.
    TooFew = "too-few",
    /// Gives the event's verdict twice.
    TooMany = "too-many",
    /// Gives the verdict of another event.
    WrongIndex = "wrong-index",
    /// Keeps the payload with an undeclared mask.
    BadMask = "bad-mask",
    /// The same, only where the switch lets payloads be kept.
    KeepUnknown = "keep-unknown",
    /// Keeps the payload whole and unmasked, whatever the switch says.
    Widen = "widen",
    /// Calls the event by a name of 1 MB.
    LongAction = "long-action",
    /// Returns facts and changes under the host's names.
    Overwrite = "overwrite",
    /// Returns a thousand changes with long values, and as many facts.
    ManyChanges = "many-changes",

    // In `access`.
    /// Grants everything, of every user.
    GrantAll = "grant-all",
    /// Grants everything under a domain whose operator has no operands.
    BadDomain = "bad-domain",
    /// Grants everything under a domain whose comparison has no operand.
    BadOperands = "bad-operands",
    /// Grants everything under a domain over a field that does not exist.
    UnknownField = "unknown-field",

    /// Grants everything under a domain with a pattern of the viewer's name.
    ViewerMisused = "viewer-misused",
    /// Grants everything under a domain that says "not of the viewer's instance", to one without.
    ViewerLacks = "viewer-lacks",

    // Typical mistakes, which their author would not choose by a setting: they are built in.
    /// Judges the first event of a batch otherwise.
    Remembers = "remembers",
    /// Reads the user, and declares that it reads the method.
    Undeclared = "undeclared",
    /// Declares a mask that hides everything.
    MaskAll = "mask-all",
    /// Copies each argument into the verdict.
    Leak = "leak",
    /// Keeps every payload while the switch is on.
    KeepAll = "keep-all",
    /// Gives payloads without entries.
    NoRead = "no-read",
    /// Lets a group imply another one, and does not follow that.
    ForgotImplies = "forgot-implies",
    /// Lets a group imply one that there is not.
    ImpliesUnknown = "implies-unknown",
    /// Burns two million units of fuel for each event.
    Slow = "slow",
    /// Takes 20 MiB for each batch.
    Hungry = "hungry",
    /// Calls an event by a sentence.
    BadAction = "bad-action",
    /// Divides by a setting.
    Divides = "divides",

    // In `retention`.
    /// Wants everything deleted that will ever be.
    FutureRetention = "future-retention",
    /// Wants everything deleted that there is.
    EarlyRetention = "early-retention",
}

/// The mode that is built in: the default of the setting. Tests write a name over the hyphens of a built component.
static BUILT_IN: [u8; 40] = *b"evil-mode:------------------------------";

/// The name of the mode that is built in.
pub(crate) fn built_in() -> &'static str {
    let name = black_box(&BUILT_IN).get(10..).unwrap_or_default();
    std::str::from_utf8(name).unwrap_or_default().trim_end_matches('-')
}

impl Mode {
    /// The mode that is built in.
    pub(crate) fn built_in() -> Self {
        Self::parse(built_in())
    }

    /// The mode that the settings choose. An unknown name means the well-behaved one.
    pub(crate) fn of_settings(settings: &[Setting]) -> Self {
        let chosen = settings.iter().find(|setting| setting.key == SETTING);
        match chosen.map(|setting| &setting.value) {
            Some(Value::Text(name)) => Self::parse(name),
            _ => Self::Decent,
        }
    }

    /// The way that an event chooses for itself, if it does.
    pub(crate) fn of_event(event: &Event) -> Option<Self> {
        event.target.as_deref()?.strip_prefix(TARGET).map(Self::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_chosen_by_its_name() {
        for (name, mode) in Mode::ALL {
            let value = Value::Text((*name).to_owned());
            assert_eq!(Mode::of_settings(&[Setting { key: SETTING.to_owned(), value }]), *mode, "{name}");
        }
        assert_eq!(Mode::of_settings(&[]), Mode::Decent);
    }
}
