//! Deterministic checks: programs that answer a criterion the same way for every juror.
//!
//! Both sides are hostile here: a buyer writes the check, a seller the bytes. `surety_terms` bounds
//! what a check may cost to compile and to run per byte; this module bounds the bytes. A deliverable
//! beyond those bounds fails, since the seller chose its size, and so does one on which a test
//! traps, runs dry or asks for more memory: the seller could read the test before it signed. A
//! check that cannot be run on any deliverable answers nothing, since no honest sheet holds one.

mod format;
pub mod probe;
mod text;
mod wasm;

use alloy::primitives::keccak256;
use surety_terms::Check;

pub use text::{MAX_JSON_BYTES, MAX_JSON_WORK, MAX_TEXT_BYTES};

/// The longest detail, in characters.
const MAX_DETAIL_CHARS: usize = 200;

/// What a check says about a deliverable, with one line for the transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// The criterion is met.
    Met {
        /// What was found.
        detail: String,
    },
    /// The criterion is failed.
    Failed {
        /// What was found.
        detail: String,
    },
    /// The check itself cannot run: an abstention.
    Unusable {
        /// Why.
        detail: String,
    },
}

impl CheckResult {
    /// The word for the transcript: "met", "failed" or "unusable".
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Met { .. } => "met",
            Self::Failed { .. } => "failed",
            Self::Unusable { .. } => "unusable",
        }
    }

    /// The line for the transcript.
    pub fn detail(&self) -> &str {
        match self {
            Self::Met { detail } | Self::Failed { detail } | Self::Unusable { detail } => detail,
        }
    }

    fn met(detail: impl Into<String>) -> Self {
        Self::Met { detail: detail.into() }
    }

    /// A failed criterion, its detail cut to one short line.
    pub fn failed(detail: impl Into<String>) -> Self {
        Self::Failed { detail: excerpt(&detail.into()) }
    }

    /// A check that cannot run, its detail cut to one short line.
    pub fn unusable(detail: impl Into<String>) -> Self {
        Self::Unusable { detail: excerpt(&detail.into()) }
    }
}

/// Runs `check` on the deliverable's bytes, however long that takes: its fuel is bounded.
pub fn run(check: &Check, deliverable: &[u8]) -> CheckResult {
    // A patience without an end breaks nothing off.
    run_while(check, deliverable, &|| true)
        .unwrap_or_else(|| CheckResult::unusable("it was broken off"))
}

/// Runs `check` on the deliverable's bytes for as long as `patience` says so; it is asked every few
/// milliseconds of a WebAssembly test. `None` when it was broken off: how fast a juror's machine is
/// says nothing about the deliverable, so that is no answer of any kind.
pub fn run_while(
    check: &Check,
    deliverable: &[u8],
    patience: &dyn Fn() -> bool,
) -> Option<CheckResult> {
    Some(match check {
        Check::JsonSchema { schema } => text::json_schema(schema, deliverable),
        Check::Regex { pattern, expect } => text::regex(pattern, *expect, deliverable),
        Check::Digest { keccak256: needed } => {
            let got = keccak256(deliverable);
            if got == *needed {
                CheckResult::met("the digest is equal")
            } else {
                CheckResult::failed(format!("the digest is {got}, the criterion names {needed}"))
            }
        }
        Check::Size { least_bytes, most_bytes } => {
            let got = u64::try_from(deliverable.len()).unwrap_or(u64::MAX);
            let detail = format!("{got} bytes, allowed are {least_bytes} to {most_bytes}");
            if (*least_bytes..=*most_bytes).contains(&got) {
                CheckResult::met(detail)
            } else {
                CheckResult::failed(detail)
            }
        }
        Check::Format { format } => format::run(*format, deliverable),
        Check::HttpProbe(_) => CheckResult::unusable("a probe asks the network; nothing else can"),
        Check::Wasm { module, fuel, memory_pages } => {
            return wasm::run(module.bytes(), (*fuel, *memory_pages), deliverable, patience);
        }
    })
}

/// Whether a check can be run on some deliverable at all: what a sheet's own rules leave open, which
/// is a WebAssembly module that does not compile, imports something or lacks an export.
pub fn is_runnable(check: &Check) -> Result<(), String> {
    match check {
        Check::Wasm { module, memory_pages, .. } => wasm::prepare(module.bytes(), *memory_pages),
        Check::JsonSchema { .. }
        | Check::Regex { .. }
        | Check::Digest { .. }
        | Check::Size { .. }
        | Check::Format { .. }
        | Check::HttpProbe(_) => check.validate("check").map_err(|error| error.to_string()),
    }
}

/// One short line: whatever a hostile text makes a library say stays out of logs and terminals.
fn excerpt(text: &str) -> String {
    let line = text.chars().map(|char| if char.is_control() { ' ' } else { char });
    line.take(MAX_DETAIL_CHARS).collect()
}

#[cfg(test)]
mod tests;
