//! Faults that end a call before it has an answer, and texts that no answer should contain.

use std::hint::black_box;

use crate::mode::Mode;

/// Causes the fault that ends the call. In the other modes it does nothing.
pub(crate) fn run(mode: Mode) {
    match mode {
        Mode::Panic => panic(),
        Mode::Spin => spin(),
        Mode::Memory => memory(),
        Mode::Recurse => drop(black_box(recurse(0))),
        _ => {}
    }
}

/// Traps, as every panic does in a component that can print nowhere, and leaves its message in memory as the hook of the
/// SDK does.
#[allow(clippy::panic, reason = "this is the point")]
pub(crate) fn panic() -> ! {
    #[cfg(feature = "imports")]
    black_box(crate::bindings::wasi::clocks::monotonic_clock::now());
    let message = format!("{}:{}: evil", file!(), line!());
    black_box(format!("mcp-audit-log-panic:{}:{message}", message.len()));
    panic!("evil")
}

/// Never returns.
pub(crate) fn spin() -> ! {
    loop {
        black_box(());
    }
}

/// Allocates memory by the megabyte, and writes to it, so that it is really used.
fn memory() -> ! {
    let mut taken = Vec::new();
    loop {
        taken.push(black_box(vec![1_u8; 1 << 20]));
        black_box(&taken);
    }
}

/// Recurses with work after each call, so that no compiler turns it into a loop.
#[allow(unconditional_recursion, reason = "this is the point")]
fn recurse(depth: u64) -> u64 {
    let below = recurse(black_box(depth + 1));
    black_box(below ^ depth)
}

/// A string that is not UTF-8.
#[allow(unsafe_code, reason = "no safe code can make one, and the host must not trust that none comes")]
pub(crate) fn bad_utf8() -> String {
    // SAFETY: none, on purpose. Only the host reads it, and the host must check it.
    unsafe { String::from_utf8_unchecked(vec![b'o', b'k', 0xff, 0xc3, 0x28]) }
}

/// Characters that can damage a terminal, a log line, a PostgreSQL text or a reader: escape, newline, NUL, and a bidi
/// override.
pub(crate) const CONTROL_CHARACTERS: &str = "evil.\u{1b}[31mred\r\nforged\0\u{202e}dekcart\u{7f}\u{9b}";

/// The items of an oversize list. All of them together still fit into 32 MiB of guest memory.
pub(crate) const MANY: usize = 200_000;

/// The bytes of an oversize text, which also fits.
pub(crate) const MUCH: usize = 8 << 20;
