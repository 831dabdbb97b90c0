//! How much one request to send events may hold. What is above a limit is refused by name, never cut.

/// Longest body, in bytes.
pub(super) const BODY: usize = 8 << 20;
/// Most items.
pub(super) const ITEMS: usize = 1_000;
/// Longest item, in bytes.
pub(super) const ITEM: usize = 512 << 10;
/// Longest text of a field, in characters.
pub(super) const TEXT: usize = 256;
/// Longest path, URI, sentence, or text of a fact, in characters.
pub(super) const LONG_TEXT: usize = 1_024;
/// Most facts, and most members of each other object in an item.
pub(super) const MEMBERS: usize = 64;
/// Longest name of a fact, in characters.
pub(super) const NAME: usize = 64;
/// Longest request or response in a payload, in bytes.
pub(super) const PAYLOAD: usize = 128 << 10;
