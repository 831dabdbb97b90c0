//! Wraps wasmtime: one compiled component, called within limits. Nothing outside this crate names wasmtime.

use std::panic::{AssertUnwindSafe, catch_unwind};

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use wasmtime::component::{Component, Instance, InstancePre};
use wasmtime::{
    Config, Enabled, Engine, FrameInfo, InstanceAllocationStrategy, PoolingAllocationConfig, ResourceLimiter, Store,
    Trap, WasmBacktrace, WasmCoreDump, WasmFeatures,
};

use super::compiled::CompiledCache;
use super::exports::{Exports, Role};
use super::fault::{Fault, FaultKind, LoadError};
use super::imports::{self, ImportCalled};
use super::limits::Limits;
use super::panic_message;
use super::source::ComponentSource;
use super::symbol::author_functions;
use mcp_audit_log_model::format::prefix;

/// A policy's compiled code.
pub(super) struct Sandbox {
    pre: InstancePre<InstanceLimiter>,
    exports: Exports,
    limits: Limits,
    turns: Turns,
    /// Whether a fault has the message of a panic, on each function. It may quote an event.
    shows_panics: bool,
    /// Whether its code was compiled just now, and not before.
    is_new: bool,
}

/// The functions that see no event.
const WITHOUT_EVENTS: [&str; 2] = ["manifest", "declares"];

impl Sandbox {
    /// Loads a component: from `cache`, or else by compiling it, which takes some tenths of a second. Also returns its
    /// size. The code is kept for the life of the process.
    pub(super) fn load(
        source: &ComponentSource,
        limits: Limits,
        role: Role,
        cache: Option<&CompiledCache>,
    ) -> Result<(Self, usize), LoadError> {
        let cached = |engine: &Engine| cache.and_then(|cache| cache.load(engine, source.digest()));
        let not_a_component = |error: wasmtime::Error| LoadError::NotAComponent(reason(&error));
        let pooled = Engine::new(&pooled(limits)).map_err(not_a_component)?;
        // With more parts than a slot of the pool has room for, each call allocates its own.
        let plain = || Engine::new(&config(limits)).map_err(not_a_component);
        let cached = match cached(&pooled) {
            None if cache.is_some() => cached(&plain()?),
            found => found,
        };
        let is_new = cached.is_none();
        let fits = |bytes: usize| match bytes > limits.component_bytes {
            true => Err(LoadError::TooLarge { bytes, limit: limits.component_bytes }),
            false => Ok(bytes),
        };
        let (component, bytes) = match cached {
            Some((component, bytes)) => (component, fits(bytes)?),
            None => {
                let component = source.bytes().map_err(|error| LoadError::Unreadable(error.to_string()))?;
                let bytes = fits(component.len())?;
                (compiled(&component, &pooled, plain)?, bytes)
            }
        };
        let engine = component.engine().clone();
        let pre = imports::linker(&engine, &component)?.instantiate_pre(&component);
        let pre = pre.map_err(not_a_component)?;
        let names: Vec<_> = component.component_type().exports(&engine).map(|(name, _)| name.to_owned()).collect();
        let exports = Exports::find(&pre, names, role)?;
        Ok((Self { pre, exports, limits, turns: Turns::default(), is_new, shows_panics: false }, bytes))
    }

    /// From now on a fault has the message of a panic.
    pub(super) fn show_panics(&mut self) {
        self.shows_panics = true;
    }

    /// Calls one function in a fresh instance, which is always dropped afterwards: nothing is remembered between calls,
    /// and a failed instance is never reused. Also returns what it cost.
    ///
    /// `exports.rs` has the functions.
    pub(super) fn call<T>(
        &self,
        function: &'static str,
        events: usize,
        call: impl FnOnce(&Exports, &Instance, &mut Store<InstanceLimiter>) -> wasmtime::Result<T>,
    ) -> (Result<T, Fault>, CallCost) {
        let _turn = self.turns.take();
        let fuel = self.limits.fuel.saturating_add(self.limits.fuel_per_event.saturating_mul(events as u64));
        let mut store = Store::new(
            self.pre.component().engine(),
            InstanceLimiter { limits: self.limits, ..InstanceLimiter::default() },
        );
        let ran = catch_unwind(AssertUnwindSafe(|| {
            store.limiter(|tenant| tenant);
            store.set_hostcall_fuel(self.limits.result_bytes);
            store.set_max_component_handles(0);
            store.set_fuel(fuel)?;
            let instance = self.pre.instantiate(&mut store)?;
            call(&self.exports, &instance, &mut store)
        }));
        let burned = fuel.saturating_sub(store.get_fuel().unwrap_or(0));
        let cost = CallCost { fuel: burned, memory_bytes: store.data().memory };
        let result = match ran {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let shows = self.shows_panics || WITHOUT_EVENTS.contains(&function);
                let dump = error.downcast_ref::<WasmCoreDump>().filter(|_| shows);
                let said = dump.and_then(|dump| panic_message::find(dump.memories(), &store));
                let message = match said {
                    Some(said) => format!("{said} ({})", located(&error)),
                    None => located(&error),
                };
                Err(Fault { function, kind: kind(&error, store.data()), message })
            }
            Err(_) => {
                Err(Fault { function, kind: FaultKind::Host, message: "the host panicked in this call".to_owned() })
            }
        };
        (result, cost)
    }

    /// Keeps its code in `cache`, if it was compiled just now.
    pub(super) fn save(&self, digest: &str, bytes: usize, cache: &CompiledCache) -> std::io::Result<()> {
        if self.is_new { cache.store(self.pre.component(), bytes, digest) } else { Ok(()) }
    }

    /// The contract that the component exports.
    pub(super) fn contract(&self) -> &'static str {
        self.exports.contract()
    }
}

/// What one call cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCost {
    /// Burned fuel.
    pub fuel: u64,
    /// All linear memories of its instance together, in bytes, when the call ended.
    pub memory_bytes: usize,
}

/// Compiles a component.
fn compiled(
    bytes: &[u8],
    pooled: &Engine,
    plain: impl FnOnce() -> Result<Engine, LoadError>,
) -> Result<Component, LoadError> {
    // A hostile component must not take the process down while it is being read.
    let compile = |engine: &Engine| {
        let compiled = catch_unwind(AssertUnwindSafe(|| Component::new(engine, bytes)));
        let compiled = compiled.unwrap_or_else(|_| Err(wasmtime::Error::msg("it cannot be compiled")));
        compiled.map_err(|error| LoadError::NotAComponent(reason(&error)))
    };
    match compile(pooled) {
        Ok(component) => Ok(component),
        Err(_) => compile(&plain()?),
    }
}

/// The settings of an engine with memory, tables and instances in slots that are made once and cleaned after each call.
fn pooled(limits: Limits) -> Config {
    const INSTANCES: u32 = 40;
    const MEMORIES: u32 = 4;
    const TABLES: u32 = 8;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(CALLS)
        .total_core_instances(CALLS * INSTANCES)
        .total_memories(CALLS * MEMORIES)
        .total_tables(CALLS * TABLES)
        .max_core_instances_per_component(INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_memories_per_module(MEMORIES)
        .max_tables_per_module(TABLES)
        .table_elements(limits.table_elements)
        .max_memory_size(limits.memory_bytes)
        .linear_memory_keep_resident(RESIDENT)
        .table_keep_resident(RESIDENT)
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(0);
    let mut config = config(limits);
    config
        .memory_reservation(limits.memory_bytes as u64)
        .memory_reservation_for_growth(0)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Only what stock rustc emits, and results that are the same on every machine.
fn config(limits: Limits) -> Config {
    let mut config = Config::new();
    config.consume_fuel(true).max_wasm_stack(limits.stack_bytes).cranelift_nan_canonicalization(true);
    // Only a way to the memories of an instance that trapped; nothing is copied.
    config.coredump_on_trap(true);
    // Faults name functions, not offsets; without the map from code to offsets a start reads a tenth less.
    config.generate_address_map(false);
    for feature in [WasmFeatures::RELAXED_SIMD, WasmFeatures::MEMORY64, WasmFeatures::TAIL_CALL] {
        config.wasm_features(feature, false);
    }
    // A component whose inner components call each other is joined by code that copies between two memories. The
    // limiter sums them all.
    config.wasm_features(WasmFeatures::MULTI_MEMORY, true);
    // A policy's memory is small: no 4 GiB of address space for each instance.
    config.memory_reservation(0).memory_reservation_for_growth(limits.memory_bytes as u64);
    config
}

fn kind(error: &wasmtime::Error, tenant: &InstanceLimiter) -> FaultKind {
    // A memory that may not grow ends in the guest's own panic; only the limiter can distinguish it.
    if tenant.denied {
        return FaultKind::Memory;
    }
    if error.is::<ImportCalled>() {
        return FaultKind::Trap;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => FaultKind::Fuel,
        Some(Trap::StackOverflow) => FaultKind::Stack,
        Some(_) => FaultKind::Trap,
        None => FaultKind::Result,
    }
}

/// Longest reason, in bytes.
const REASON: usize = 600;

/// The cause and then its location, on one line.
pub(super) fn reason(error: &wasmtime::Error) -> String {
    let mut causes: Vec<_> = error.chain().map(|cause| cause.to_string()).collect();
    causes.reverse();
    let words = causes.join("; ");
    let words: Vec<_> = words.split_whitespace().collect();
    prefix(&words.join(" "), REASON).to_owned()
}

/// The cause, and of a trap the author's functions that it ended.
fn located(error: &wasmtime::Error) -> String {
    let frames = match (error.downcast_ref::<WasmCoreDump>(), error.downcast_ref::<WasmBacktrace>()) {
        (Some(dump), _) => dump.frames(),
        (None, Some(trace)) => trace.frames(),
        (None, None) => &[],
    };
    let cause = error.downcast_ref::<Trap>().map(ToString::to_string);
    let cause = cause.or_else(|| error.downcast_ref::<ImportCalled>().map(ToString::to_string));
    match (author_functions(frames.iter().filter_map(FrameInfo::func_name)), cause) {
        (Some(functions), Some(cause)) => prefix(&format!("{cause} in {functions}"), REASON).to_owned(),
        (None, Some(cause)) => cause,
        (_, None) => reason(error),
    }
}

/// Most calls at the same time. A further call waits: each is over within its fuel.
const CALLS: u32 = 32;
/// How much of a slot's memory stays in memory and is cleaned by the host itself, in bytes.
const RESIDENT: usize = 1 << 20;

/// Turns of the calls that run at the same time.
#[derive(Default)]
struct Turns {
    taken: Mutex<u32>,
    given_back: Condvar,
}

impl Turns {
    /// Waits until fewer than [`CALLS`] run. Dropping the turn gives it back.
    fn take(&self) -> Turn<'_> {
        let mut taken = self.lock();
        while *taken >= CALLS {
            taken = self.given_back.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += 1;
        Turn(self)
    }

    fn lock(&self) -> MutexGuard<'_, u32> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.given_back.notify_one();
    }
}

/// Most core instances, memories and tables of one instance, however small each is.
const PARTS: usize = 200;

/// The limiter of one instance: sums what all memories and tables take.
#[derive(Default)]
pub(super) struct InstanceLimiter {
    limits: Limits,
    memory: usize,
    table: usize,
    denied: bool,
}

impl ResourceLimiter for InstanceLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.memory = self.memory.saturating_add(desired.saturating_sub(current));
        self.denied |= self.memory > self.limits.memory_bytes;
        Ok(!self.denied)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.table = self.table.saturating_add(desired.saturating_sub(current));
        self.denied |= self.table > self.limits.table_elements;
        Ok(!self.denied)
    }

    fn instances(&self) -> usize {
        PARTS
    }

    fn memories(&self) -> usize {
        PARTS
    }

    fn tables(&self) -> usize {
        PARTS
    }
}
