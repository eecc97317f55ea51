//! The rules of a term sheet that need neither chain nor clock.

use surety_bindings::escrow::Delivery;

use crate::error::{Fault, TermsError};
use crate::sheet::TermSheet;

/// The sizes and times that a sheet keeps.
pub mod limits {
    /// Bytes of a term sheet.
    pub const SHEET_BYTES: usize = 256 * 1024;
    /// Bytes of a body that holds a term sheet or calldata.
    pub const BODY_BYTES: usize = 512 * 1024;
    /// Bytes of a signature: a contract wallet's may be long.
    pub const SIGNATURE_BYTES: usize = 4 * 1024;
    /// The largest `uint40`.
    pub const TIME: u64 = (1 << 40) - 1;
}

pub(crate) fn sheet(_sheet: &TermSheet) -> Result<(), TermsError> {
    Ok(())
}

pub(crate) fn unsupported(_sheet: &TermSheet) -> Option<&'static str> {
    None
}

pub(crate) fn delivery(_sheet: &TermSheet, _delivery: &Delivery) -> Result<(), TermsError> {
    Ok(())
}

pub(crate) fn signature(field: &str, signature: &[u8]) -> Result<(), TermsError> {
    let (got, most) = (signature.len(), limits::SIGNATURE_BYTES);
    if got > most {
        return Err(TermsError::at(field, Fault::TooLarge { got, most }));
    }
    Ok(())
}
