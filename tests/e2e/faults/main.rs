//! After a fault, each acknowledged event is stored once, and no operation is half done.

#[cfg(target_os = "linux")]
mod birth;
mod burst;
mod cleanup;
#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod each;
#[cfg(target_os = "linux")]
mod flood;
mod kills;
#[cfg(target_os = "linux")]
mod lasting;
mod old;
#[cfg(target_os = "linux")]
mod outages;
#[cfg(target_os = "linux")]
mod power;
#[cfg(target_os = "linux")]
mod room;
#[cfg(target_os = "linux")]
mod service;
#[cfg(target_os = "linux")]
mod steps;
#[cfg(unix)]
mod strict;
#[cfg(target_os = "linux")]
mod swap;
