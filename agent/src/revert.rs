//! Revert bytes as named errors.

use alloy::sol_types::SolInterface as _;
use surety_bindings::{escrow::DealEscrow::DealEscrowErrors, jury::Jury::JuryErrors};

/// One line for revert bytes of the escrow or of the jury contract.
pub(crate) fn describe(data: &[u8]) -> String {
    if let Ok(error) = DealEscrowErrors::abi_decode(data) {
        return format!("{error:?}");
    }
    JuryErrors::abi_decode(data)
        .map_or_else(|_| "without one of the contracts' errors".to_owned(), |e| format!("{e:?}"))
}
