//! The sizes and times that a sheet keeps.

/// Bytes of a term sheet.
pub const SHEET_BYTES: usize = 256 * 1024;
/// Bytes of a body that holds a term sheet or calldata.
pub const BODY_BYTES: usize = 512 * 1024;
/// Bytes of a deliverable that everybody takes: a juror that took less would call honest work
/// missing.
pub const DELIVERABLE_BYTES: usize = 4 << 20;
/// Bytes of a signature: a contract wallet's may be long.
pub const SIGNATURE_BYTES: usize = 4 * 1024;
/// Characters of a title.
pub const TITLE_CHARS: usize = 120;
/// Characters of a summary or a description.
pub const PROSE_CHARS: usize = 4_000;
/// Characters of a criterion.
pub const CRITERION_CHARS: usize = 600;
/// Characters of a criterion's id.
pub const ID_CHARS: usize = 32;
/// Characters of a check's regular expression.
pub const PATTERN_CHARS: usize = 1_000;
/// Bytes of a check's JSON Schema in canonical form.
pub const SCHEMA_BYTES: usize = 16 * 1024;
/// Bytes of a check's WebAssembly module.
pub const MODULE_BYTES: usize = 64 * 1024;
/// The fuel that a WebAssembly check may burn: about as many operators.
pub const FUEL: u64 = 100_000_000;
/// The pages of 64 KiB that the memory of a WebAssembly check may have.
pub const MEMORY_PAGES: u64 = 256;
/// The largest size that a check may name, in bytes.
pub const CHECKED_BYTES: u64 = 1 << 40;
/// Families that a seller declares.
pub const FAMILIES: usize = 8;
/// Characters of a delivery's URI, and of a probe's path.
pub const URI_CHARS: usize = 1_024;
/// Milestones of a deal.
pub const MILESTONES: usize = 16;
/// The largest `uint40`.
pub const TIME: u64 = (1 << 40) - 1;
/// The shortest window, in seconds.
pub const WINDOW_LEAST: u64 = 3_600;
/// How long a milestone may stay open after its opening, in seconds.
pub const LIFE_MOST: u64 = 730 * 86_400;
/// A marketplace's largest fee, in basis points.
pub const FEE_BPS: u16 = 1_000;
