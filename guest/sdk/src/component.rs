//! Exports a policy or an extension as a component.

use core::marker::PhantomData;

use crate::bindings::exports::mcp_audit_log::policy::policy::Guest as PolicyGuest;
use crate::contract::{
    Amendment, Event, ExtensionManifest, Grant, PolicyManifest, RetentionPlan, Setting, Verdict, Viewer,
};
use crate::extension_bindings::exports::mcp_audit_log::policy::extension::Guest as ExtensionGuest;
use crate::{panic_message, retention};

/// A policy: four pure functions. The same arguments give the same answer, and nothing is remembered between calls.
pub trait Policy {
    /// What there is to configure, and what [`rule`](Self::rule) reads.
    fn manifest() -> PolicyManifest;

    /// The verdict on one event. Its index in the batch is filled in afterwards.
    fn rule(settings: &[Setting], event: &Event) -> Verdict;

    /// A verdict for each event, in the same order.
    fn judge(settings: &[Setting], events: &[Event]) -> Vec<Verdict> {
        (0..).zip(events).map(|(at, event)| Verdict { event: at, ..Self::rule(settings, event) }).collect()
    }

    /// The rights of a viewer, and the entries that exist for them.
    fn access(settings: &[Setting], viewer: &Viewer) -> Grant;

    /// What may be deleted: by default, what is older than the settings of the retention periods say. `now` is in
    /// microseconds since 1970.
    fn retention(settings: &[Setting], now: i64) -> RetentionPlan {
        retention::by_settings(settings, now)
    }
}

/// An extension: what it adds to a policy, and how it changes a verdict.
pub trait Extension {
    /// What it adds.
    fn declares() -> ExtensionManifest;

    /// What is different; `None` leaves the verdict as it is. The event's index in the batch is filled in afterwards.
    fn amend(settings: &[Setting], event: &Event, verdict: &Verdict) -> Option<Amendment>;

    /// The amendments, by ascending event and at most one for each.
    fn amend_all(settings: &[Setting], events: &[Event], verdicts: &[Verdict]) -> Vec<Amendment> {
        let amended = (0..).zip(events.iter().zip(verdicts)).filter_map(|(at, (event, verdict))| {
            Self::amend(settings, event, verdict).map(|amendment| Amendment { event: at, ..amendment })
        });
        amended.collect()
    }
}

/// A policy as the bindings want it; see [`export_policy`](crate::export_policy).
#[derive(Debug)]
pub struct ExportedPolicy<P>(PhantomData<P>);

impl<P: Policy> PolicyGuest for ExportedPolicy<P> {
    fn manifest() -> PolicyManifest {
        panic_message::keep();
        P::manifest()
    }

    fn judge(settings: Vec<Setting>, events: Vec<Event>) -> Vec<Verdict> {
        panic_message::keep();
        let verdicts = P::judge(&settings, &events);
        // The host drops the whole instance; to walk over each text before would be work for nothing.
        core::mem::forget((settings, events));
        verdicts
    }

    fn access(settings: Vec<Setting>, viewer: Viewer) -> Grant {
        panic_message::keep();
        P::access(&settings, &viewer)
    }

    fn retention(settings: Vec<Setting>, now: i64) -> RetentionPlan {
        panic_message::keep();
        P::retention(&settings, now)
    }
}

/// An extension as the bindings want it; see [`export_extension`](crate::export_extension).
#[derive(Debug)]
pub struct ExportedExtension<E>(PhantomData<E>);

impl<E: Extension> ExtensionGuest for ExportedExtension<E> {
    fn declares() -> ExtensionManifest {
        panic_message::keep();
        E::declares()
    }

    fn amend(settings: Vec<Setting>, events: Vec<Event>, verdicts: Vec<Verdict>) -> Vec<Amendment> {
        panic_message::keep();
        let amendments = E::amend_all(&settings, &events, &verdicts);
        core::mem::forget((settings, events, verdicts));
        amendments
    }
}

/// Exports a type that is a [`Policy`] as the component's. A native build exports nothing.
#[macro_export]
macro_rules! export_policy {
    ($policy:ident) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "generated code")]
        mod exported_policy {
            type Exported = $crate::ExportedPolicy<super::$policy>;
            $crate::bindings::export!(Exported);
        }
    };
}

/// Exports a type that is an [`Extension`] as the component's. A native build exports nothing.
#[macro_export]
macro_rules! export_extension {
    ($extension:ident) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "generated code")]
        mod exported_extension {
            type Exported = $crate::ExportedExtension<super::$extension>;
            $crate::extension_bindings::export!(Exported);
        }
    };
}
