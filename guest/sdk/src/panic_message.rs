//! (short: the panic hook) Leaves the message of a panic in memory, where the host finds it when an author tries the
//! policy. A component can print nowhere.

/// From now on a panic leaves its message and its place. The mark, the length and a colon come first.
pub(crate) fn keep() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| {
        let said = panic.payload_as_str().unwrap_or("panicked");
        let message = panic.location().map_or_else(|| said.to_owned(), |place| format!("{place}: {said}"));
        // The instance is thrown away with it.
        Box::leak(format!("mcp-audit-log-panic:{}:{message}", message.len()).into_boxed_str());
    }));
}
