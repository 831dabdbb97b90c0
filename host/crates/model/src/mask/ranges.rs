//! Parts of a text that are hidden.
//!
//! All that looks for secrets looks at the text as it was, and what is hidden is put together at the end. So nothing is
//! hidden twice, and however many patterns there are, the text grows no more than by one mark for each part.

use super::MASKED;

/// Places in a text, from and to.
#[derive(Default)]
pub(super) struct Ranges(Vec<(usize, usize)>);

impl Ranges {
    pub(super) fn hide(&mut self, from: usize, to: usize) {
        if from < to {
            self.0.push((from, to));
        }
    }

    /// The text without them; `None` where nothing is hidden. What touches is one.
    pub(super) fn out_of(mut self, text: &str) -> Option<String> {
        self.0.sort_unstable();
        let mut shown = String::with_capacity(text.len());
        let mut upto = None;
        for (from, to) in self.0 {
            match upto {
                Some(end) if from <= end => upto = Some(to.max(end)),
                end => {
                    shown.push_str(text.get(end.unwrap_or(0)..from)?);
                    shown.push_str(MASKED);
                    upto = Some(to);
                }
            }
        }
        shown.push_str(text.get(upto?..)?);
        Some(shown)
    }
}
