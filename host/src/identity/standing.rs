//! Whether somebody is known who sends requests over a connection: what a server goes by when room is short.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::http::Extensions;

/// In a request's extensions, where the server put it there: what is known of its connection. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing(Arc<AtomicBool>);

impl Standing {
    /// Says that whoever sent the request with these extensions is known.
    pub(crate) fn is_known_by(extensions: &Extensions) {
        if let Some(Self(known)) = extensions.get() {
            known.store(true, Ordering::Relaxed);
        }
    }

    /// Whether somebody said so.
    pub(crate) fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
