//! WebAssembly tests: a module that imports nothing reads the deliverable and says 1 or something
//! else.
//!
//! The module exports `memory`, `alloc(i32) -> i32` and `check(i32, i32) -> i32`. The deliverable is
//! written to where `alloc(length)` points, then `check(pointer, length)` is asked: 1 is met.
//! Without imports there is no clock, no randomness and no network. An interpreter counts fuel per
//! operator of the module, not per instruction of the machine, and NaNs have one form, so every
//! machine gives the same answer after the same fuel.

use std::sync::LazyLock;

use wasmi::{
    Config, EnforcedLimits, Engine, Error, Instance, Linker, Memory, Module, Store, StoreLimits,
    StoreLimitsBuilder, TypedFunc, TypedResumableCall, WasmParams, WasmResults,
};

use super::CheckResult;

/// The fuel between two questions to the caller's patience.
const SLICE: u64 = 1_000_000;
/// Bytes of a page.
const PAGE: usize = 64 * 1024;
/// How deep calls may nest.
const MAX_DEPTH: usize = 1_000;
/// Bytes that locals and operands of all nested calls may take.
const MAX_STACK: usize = 1 << 20;
/// Elements of the module's tables.
const MAX_TABLE: usize = 10_000;
/// What `check` answers when the criterion is met.
const MET: i32 = 1;

/// One engine, the same for every check.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut config = Config::default();
    config
        .consume_fuel(true)
        .allow_start_fn(false)
        .ignore_custom_sections(true)
        .wasm_tail_call(false)
        .wasm_multi_memory(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .compilation_mode(wasmi::CompilationMode::Eager)
        .enforced_limits(EnforcedLimits::strict())
        .set_max_recursion_depth(MAX_DEPTH)
        .set_max_stack_height(MAX_STACK);
    Engine::new(&config)
});

/// A module that is ready to be asked.
struct Test {
    store: Store<StoreLimits>,
    memory: Memory,
    alloc: TypedFunc<i32, i32>,
    check: TypedFunc<(i32, i32), i32>,
}

/// Why a call gave no answer.
enum Stop {
    /// The module trapped.
    Trapped(String),
    /// The fuel is burnt.
    OutOfFuel,
    /// The caller had enough.
    BrokenOff,
}

/// The fuel that is left of a check's, beside what the store holds at the moment.
struct Tank<'a> {
    left: u64,
    slice: u64,
    patience: &'a dyn Fn() -> bool,
}

/// Whether a module can be asked at all.
pub(super) fn prepare(module: &[u8], memory_pages: u32) -> Result<(), String> {
    Test::new(module, memory_pages).map(drop)
}

/// Asks a module about a deliverable, within its fuel and memory; `None` when the caller had
/// enough.
pub(super) fn run(
    module: &[u8],
    (fuel, memory_pages): (u64, u32),
    deliverable: &[u8],
    patience: &dyn Fn() -> bool,
) -> Option<CheckResult> {
    let mut test = match Test::new(module, memory_pages) {
        Ok(test) => test,
        Err(why) => return Some(CheckResult::unusable(why)),
    };
    let mut tank = Tank { left: fuel, slice: SLICE, patience };
    let answer = test.ask(deliverable, &mut tank);
    let burnt = fuel.saturating_sub(tank.left);
    Some(match answer {
        Ok(MET) => CheckResult::met(format!("answered 1 after {burnt} fuel")),
        Ok(other) => CheckResult::failed(format!("answered {other} after {burnt} fuel")),
        Err(Stop::Trapped(why)) => CheckResult::failed(format!("trapped: {why}")),
        Err(Stop::OutOfFuel) => CheckResult::failed(format!("no answer within {fuel} fuel")),
        Err(Stop::BrokenOff) => return None,
    })
}

impl Test {
    fn new(bytes: &[u8], memory_pages: u32) -> Result<Self, String> {
        let module = Module::new(&ENGINE, bytes).map_err(|error| said(&error))?;
        if let Some(import) = module.imports().next() {
            return Err(format!("imports {}.{}: nothing is given", import.module(), import.name()));
        }
        let pages = usize::try_from(memory_pages).unwrap_or(0);
        let limits = StoreLimitsBuilder::new()
            .memory_size(pages.saturating_mul(PAGE))
            .table_elements(MAX_TABLE)
            .instances(1)
            .memories(1)
            .tables(4)
            .build();
        let mut store = Store::new(&ENGINE, limits);
        store.limiter(|limits| limits);
        // Data segments and tables are filled here; a start function is not allowed.
        store.set_fuel(SLICE).map_err(|error| said(&error))?;
        let instance = Linker::new(&ENGINE)
            .instantiate_and_start(&mut store, &module)
            .map_err(|error| said(&error))?;
        Self::of(store, instance)
    }

    fn of(store: Store<StoreLimits>, instance: Instance) -> Result<Self, String> {
        let memory = instance
            .get_memory(&store, "memory")
            .ok_or_else(|| "exports no memory named memory".to_owned())?;
        let alloc = instance
            .get_typed_func(&store, "alloc")
            .map_err(|_| "exports no function alloc(i32) -> i32".to_owned())?;
        let check = instance
            .get_typed_func(&store, "check")
            .map_err(|_| "exports no function check(i32, i32) -> i32".to_owned())?;
        Ok(Self { store, memory, alloc, check })
    }

    fn ask(&mut self, deliverable: &[u8], tank: &mut Tank<'_>) -> Result<i32, Stop> {
        let trapped = |why: &str| Stop::Trapped(why.to_owned());
        let too_long = |_| trapped("the deliverable is longer than a memory can be");
        let length = i32::try_from(deliverable.len()).map_err(too_long)?;
        let pointer = call(&mut self.store, self.alloc, length, tank)?;
        // Addresses are unsigned; WebAssembly knows only one kind of i32.
        let offset =
            usize::try_from(u32::from_ne_bytes(pointer.to_ne_bytes())).unwrap_or(usize::MAX);
        self.memory
            .write(&mut self.store, offset, deliverable)
            .map_err(|_| trapped("the deliverable does not fit where alloc points"))?;
        call(&mut self.store, self.check, (pointer, length), tank)
    }
}

/// Calls a function slice by slice of fuel.
fn call<P: WasmParams, R: WasmResults>(
    store: &mut Store<StoreLimits>,
    function: TypedFunc<P, R>,
    params: P,
    tank: &mut Tank<'_>,
) -> Result<R, Stop> {
    tank.fill(store, 0)?;
    let mut state = function.call_resumable(&mut *store, params);
    loop {
        tank.drain(store);
        match state.map_err(|error| Stop::Trapped(said(&error)))? {
            TypedResumableCall::Finished(results) => return Ok(results),
            TypedResumableCall::OutOfFuel(pending) => {
                tank.fill(store, pending.required_fuel())?;
                state = pending.resume(&mut *store);
            }
            // Nothing is imported, so no host function can trap.
            TypedResumableCall::HostTrap(_) => return Err(Stop::Trapped("a host".to_owned())),
        }
    }
}

impl Tank<'_> {
    /// Hands a slice to the store, at least what the next operators need.
    fn fill(&mut self, store: &mut Store<StoreLimits>, needed: u64) -> Result<(), Stop> {
        if needed > self.left || self.left == 0 {
            return Err(Stop::OutOfFuel);
        }
        if !(self.patience)() {
            return Err(Stop::BrokenOff);
        }
        let slice = self.slice.max(needed).min(self.left);
        self.left = self.left.saturating_sub(slice);
        store.set_fuel(slice).map_err(|error| Stop::Trapped(said(&error)))
    }

    /// Takes back what the store did not burn.
    fn drain(&mut self, store: &Store<StoreLimits>) {
        self.left = self.left.saturating_add(store.get_fuel().unwrap_or(0));
    }
}

/// What the interpreter says, as one line.
fn said(error: &Error) -> String {
    super::excerpt(&error.to_string())
}

#[cfg(test)]
mod tests;
