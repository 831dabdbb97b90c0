//! Fault injection, and the checks afterwards: `docs/faults.md` lists how each fault is injected and what it shows.
//!
//! Unlike the rest of the harness this links the product, to read a log that no process has open.

mod dice;
mod log;
mod oracle;
mod subject;

#[cfg(target_os = "linux")]
mod image;
#[cfg(target_os = "linux")]
mod shim;

pub use dice::Dice;
pub use log::{admin, index_agrees, of_action, open, rows, seen, without_holes};
pub use oracle::{Oracle, Seen, Word, verified};
pub use subject::Subject;

#[cfg(target_os = "linux")]
pub use image::{Ballast, Frozen, Image};
#[cfg(target_os = "linux")]
pub use shim::{ALWAYS, EIO, ENOSPC, Shim, Steps, Sync};
