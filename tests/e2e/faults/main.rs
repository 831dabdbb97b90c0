//! What faults leave behind: everything that was promised, once, and nothing half done.

mod burst;
mod cleanup;
mod kills;
#[cfg(target_os = "linux")]
mod lasting;
#[cfg(target_os = "linux")]
mod outages;
#[cfg(target_os = "linux")]
mod power;
#[cfg(target_os = "linux")]
mod service;
