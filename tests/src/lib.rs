//! The harness of the end-to-end tests: the real binary, a real server and client, a real browser.
//!
//! Nothing here links the product: a test knows what a user knows, the command line, HTTP and the pages. Only `fault`
//! does, to read the log after a fault.

mod api;
mod browser;
mod controlled_process;
mod cutter;
mod demo;
mod everything;
pub mod fault;
mod gestures;
mod helpers;
mod log;
mod private_ca;
mod process;
mod receiver;
mod server;
mod stub;

pub use api::{Answer, Api};
pub use browser::{Browser, Scripts};
pub use controlled_process::ControlledProcess;
pub use cutter::Cutter;
pub use demo::Demo;
pub use everything::Everything;
pub use helpers::eventually;
pub use helpers::files_with;
pub use helpers::{program, same_results, script, script_trusting};
pub use log::{expect_entries, grouped, listed, listed_by, text};
pub use private_ca::PrivateCa;
pub use process::{Process, binary, product, run};
pub use receiver::{Delivered, Misdeed, Receiver};
pub use server::{READY, Server, token_in};
pub use stub::{Stub, free_port};

/// What no output of ours may hold: a panic, or a value as Rust prints it for its developers.
const RUST_SPEAK: &[&str] = &["panicked", "RUST_BACKTRACE", "Err(", "Some(", "Os {", "Error {", "kind: "];

/// Fails when `output` speaks Rust instead of English.
pub fn assert_plain(output: &str) {
    for word in RUST_SPEAK {
        assert!(!output.contains(word), "the output has {word:?}, which is not for its reader:\n{output}");
    }
}
