//! Whether a connection has an authenticated user: decides which connections a full server closes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::http::Extensions;

/// In a request's extensions, where the server put it there: what is known of its connection. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing(Arc<AtomicBool>);

impl Standing {
    /// Reports that the sender of the request with these extensions is authenticated.
    pub(crate) fn is_known_by(extensions: &Extensions) {
        if let Some(Self(known)) = extensions.get() {
            known.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it was reported.
    pub(crate) fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
