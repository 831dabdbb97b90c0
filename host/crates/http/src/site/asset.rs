//! (short: the site has one, and the pages have the others) A file for browsers. Its address contains its hash, so that
//! browsers may cache it without limit.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

/// A file of this site.
pub(crate) struct Asset {
    /// Its address below the site's base.
    pub(crate) address: String,
    pub(crate) kind: &'static str,
    pub(crate) text: Cow<'static, str>,
}

impl Asset {
    /// A style sheet.
    pub(crate) fn style(css: impl Into<Cow<'static, str>>) -> Self {
        Self::new("css", "text/css; charset=utf-8", css)
    }

    /// A file of the media type `kind`.
    pub(crate) fn new(extension: &str, kind: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        let hash = Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
        Self { address: format!("/assets/{hash}.{extension}"), kind, text }
    }
}
