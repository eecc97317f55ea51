//! Checks: the deterministic programs that answer a criterion, and the limits that keep a hostile
//! one from costing a juror more than a moment.

mod module;
mod probe;
mod schema;

use alloy::primitives::B256;
use regex::bytes::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use module::Module;
pub use probe::{Method, Origin, Probe};
pub use schema::Schema;

use crate::error::{Fault, TermsError, excerpt};
use crate::validate::limits;

/// The memory that a compiled regular expression may take, in bytes.
const PATTERN_BYTES: usize = 1 << 18;

/// A deterministic program for a criterion, the same for every juror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// The deliverable is JSON that `schema` accepts.
    JsonSchema {
        /// A self-contained JSON Schema.
        schema: Schema,
    },
    /// The deliverable is text in which `pattern` is found, or is not.
    Regex {
        /// In the syntax of Rust's `regex` crate: no look-around, no back-references.
        pattern: String,
        /// Which of the two meets the criterion.
        expect: Expect,
    },
    /// The deliverable's bytes have this digest.
    Digest {
        /// keccak256 of the bytes.
        keccak256: B256,
    },
    /// The deliverable has between so many and so many bytes.
    Size {
        /// The fewest.
        least_bytes: u64,
        /// The most.
        most_bytes: u64,
    },
    /// The deliverable is of this format.
    Format {
        /// Which.
        format: Format,
    },
    /// A service answers one request in the way that was agreed.
    HttpProbe(Probe),
    /// A WebAssembly module without imports says that it is met.
    Wasm {
        /// The module; exports `memory`, `alloc` and `check`.
        module: Module,
        /// The WebAssembly operators that it may run, roughly; see the runner.
        fuel: u64,
        /// The pages of 64 KiB that its memory may have.
        memory_pages: u32,
    },
}

impl Check {
    /// Whether the program can be run at all, within the limits. `path` is where the check stands.
    ///
    /// A WebAssembly module is not compiled here: who is about to sign lints the sheet.
    pub fn validate(&self, path: &str) -> Result<(), TermsError> {
        match self {
            Self::JsonSchema { schema } => schema.compile(&format!("{path}.schema")).map(drop),
            Self::Regex { pattern, .. } => {
                compile_pattern(pattern, &format!("{path}.pattern")).map(drop)
            }
            Self::Digest { .. } | Self::Format { .. } => Ok(()),
            Self::Size { least_bytes, most_bytes } => {
                let most = limits::CHECKED_BYTES;
                within(path, "mostBytes", *most_bytes, (0, most))?;
                within(path, "leastBytes", *least_bytes, (0, *most_bytes))
            }
            Self::HttpProbe(probe) => probe.validate(path),
            Self::Wasm { module, fuel, memory_pages } => {
                module.validate(&format!("{path}.module"))?;
                within(path, "fuel", *fuel, (1, limits::FUEL))?;
                within(path, "memoryPages", (*memory_pages).into(), (1, limits::MEMORY_PAGES))
            }
        }
    }

    /// Whether the answer follows from the deliverable's bytes alone. A probe also asks the network.
    pub const fn is_offline(&self) -> bool {
        !matches!(self, Self::HttpProbe(_))
    }
}

fn within(path: &str, field: &str, got: u64, (least, most): (u64, u64)) -> Result<(), TermsError> {
    if (least..=most).contains(&got) {
        return Ok(());
    }
    Err(TermsError::at(format!("{path}.{field}"), Fault::OutOfRange { got, least, most }))
}

/// What a regular expression is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Expect {
    /// Be found somewhere.
    Match,
    /// Be found nowhere.
    NoMatch,
}

/// A format that a program can tell. The first four are read to their end; the others are told by
/// the bytes that such a file begins with, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Format {
    /// UTF-8 text without NUL.
    Text,
    /// One JSON document: no duplicate key, no number that a double cannot hold.
    Json,
    /// Such a document on every line, at least one.
    JsonLines,
    /// RFC 4180: records of equally many fields, at least one record, in UTF-8.
    Csv,
    /// Portable Document Format.
    Pdf,
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// ZIP, and what is packed in it, such as an office document.
    Zip,
    /// gzip.
    Gzip,
    /// A WebAssembly module.
    Wasm,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 10] = [
        Self::Text,
        Self::Json,
        Self::JsonLines,
        Self::Csv,
        Self::Pdf,
        Self::Png,
        Self::Jpeg,
        Self::Zip,
        Self::Gzip,
        Self::Wasm,
    ];

    /// Whether a deliverable of this format is text.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Json | Self::JsonLines | Self::Csv)
    }
}

/// Compiles a check's regular expression. It runs in time linear in the deliverable's length.
pub fn compile_pattern(pattern: &str, path: &str) -> Result<Regex, TermsError> {
    let (got, most) = (pattern.chars().count(), limits::PATTERN_CHARS);
    if got == 0 {
        return Err(TermsError::at(path, Fault::TextEmpty));
    }
    if got > most {
        return Err(TermsError::at(path, Fault::TextTooLong { got, most }));
    }
    RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build().map_err(|why| {
        TermsError::at(path, Fault::PatternInvalid { why: excerpt(&why.to_string()) })
    })
}
