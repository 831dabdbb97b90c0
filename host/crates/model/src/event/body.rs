//! The bodies of an event.

use bytes::Bytes;

/// One captured body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The bytes, decoded and possibly only a beginning.
    pub bytes: Bytes,
    /// The length of the whole body.
    pub length: u64,
    /// Whether `bytes` is less than the body.
    pub truncated: bool,
}

impl Body {
    /// A body that is kept whole.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { length: bytes.len() as u64, bytes, truncated: false }
    }

    /// Drops the bytes, because there is no room, and marks this.
    pub(crate) fn leave_out(&mut self) {
        self.bytes = Bytes::new();
        self.truncated |= self.length > 0;
    }
}

/// The bodies of an event. Present only when the payload switch was on at capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// The client's message.
    pub request: Option<Body>,
    /// The response.
    pub response: Option<Body>,
}

impl Payload {
    /// The bytes it holds.
    pub fn len(&self) -> usize {
        [&self.request, &self.response].into_iter().flatten().map(|body| body.bytes.len()).sum()
    }

    /// Drops the bytes, because there is no room, and marks this.
    #[doc(hidden)]
    pub fn leave_out(&mut self) {
        for body in [&mut self.request, &mut self.response].into_iter().flatten() {
            body.leave_out();
        }
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
