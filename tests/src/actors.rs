//! Who acts in tests: fixed keys, so that a failure repeats with the same addresses.

use alloy::primitives::aliases::U96;
use alloy::primitives::{Address, address, keccak256};
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

/// The ten accounts that anvil funds, and everybody's tools know the keys of.
pub fn anvil_accounts() -> [Address; 10] {
    [
        address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        address!("70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
        address!("90F79bf6EB2c4f870365E785982E1f101E93b906"),
        address!("15d34AAf54267DB7D7c367839AAf71A00a2C6A65"),
        address!("9965507D1a55bcC2695C58ba16FB37d819B0A4dc"),
        address!("976EA74026E726554dB657fA54763abd0C3a0aa9"),
        address!("14dC79964da2C08b23698B3D3cc7Ca32193d9955"),
        address!("23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f"),
        address!("a0Ee7A142d267C1f36714E4a8F75612F20a79720"),
    ]
}
