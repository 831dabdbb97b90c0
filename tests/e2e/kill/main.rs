//! What a kill leaves behind: everything that was promised, once, and nothing half done.

mod burst;
mod cleanup;
mod log;
mod prey;
