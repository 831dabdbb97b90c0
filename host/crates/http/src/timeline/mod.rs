//! (short: the parts of one page) `/timeline`: all entries of a session, connection, agent run or trace, in the order
//! in which they began.

pub(crate) mod link;
pub(crate) mod page;
mod row;
