//! Who acts in tests: fixed keys, so that a failure repeats with the same addresses.

use alloy::primitives::aliases::U96;
use alloy::primitives::keccak256;
use alloy::signers::local::PrivateKeySigner;

/// Whole dollars of USDC in base units.
pub fn usd(dollars: u64) -> U96 {
    U96::from(dollars) * U96::from(1_000_000u64)
}

/// The key of the actor called `name`: always the same one.
pub fn actor(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(format!("surety test actor {name}")))
        .expect("a digest is a key")
}

/// Funds deals.
pub fn buyer() -> PrivateKeySigner {
    actor("buyer")
}

/// Delivers and is paid.
pub fn seller() -> PrivateKeySigner {
    actor("seller")
}

/// Submits what others signed.
pub fn relayer() -> PrivateKeySigner {
    actor("relayer")
}

/// Deploys the contracts and mints TestUSDC; has no rights afterwards.
pub fn deployer() -> PrivateKeySigner {
    actor("deployer")
}

/// The key of juror `i`.
pub fn juror(i: usize) -> PrivateKeySigner {
    actor(&format!("juror {i}"))
}
