//! The limits of a policy, in one value.

/// The limits of a policy's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest component, in bytes, checked before it is compiled.
    pub component_bytes: usize,
    /// Fuel of every call; Cranelift's code burns some 2.8 billion units a second.
    pub fuel: u64,
    /// Further fuel for each event of a batch; a simple rule burns some thousand.
    pub fuel_per_event: u64,
    /// All linear memories of one instance together, in bytes.
    pub memory_bytes: usize,
    /// Elements of all tables of one instance together.
    pub table_elements: usize,
    /// The guest's call stack, in bytes.
    pub stack_bytes: usize,
    /// How much one call may return in all, in bytes of the host's memory.
    pub result_bytes: usize,
    /// Longest text in a result, in bytes.
    pub text_bytes: usize,
    /// Longest list in a result.
    pub list_items: usize,
    /// Largest batch of events in one call.
    pub batch_events: usize,
    /// How much the verdicts take that are remembered, in bytes; 0 remembers none.
    pub verdict_cache_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            component_bytes: 32 << 20,
            fuel: 100_000_000,
            fuel_per_event: 1_000_000,
            memory_bytes: 32 << 20,
            table_elements: 20_000,
            stack_bytes: 512 << 10,
            result_bytes: 16 << 20,
            text_bytes: 16 << 10,
            list_items: 1_000,
            batch_events: 1_024,
            verdict_cache_bytes: 16 << 20,
        }
    }
}
