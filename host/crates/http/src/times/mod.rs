//! (short: one page) The page where a viewer chooses how times are shown.

pub(crate) mod page;
