//! (short: shared by all masks) Hidden parts of a text.
//!
//! All searches read the original text, and the hidden parts are merged at the end. So nothing is hidden twice, and the
//! text grows by at most one mark per part, however many patterns there are.

use super::MASKED;

/// Byte ranges in a text.
#[derive(Default)]
pub(super) struct Ranges(Vec<(usize, usize)>);

impl Ranges {
    pub(super) fn hide(&mut self, from: usize, to: usize) {
        if from < to {
            self.0.push((from, to));
        }
    }

    /// The text with these ranges masked; `None` if there are none. Adjacent ranges become one.
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
