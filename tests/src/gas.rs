//! The gas cases: whole transactions, measured in revm against TestUSDC.
//!
//! Steady state: both parties have settled before, so their standings and balances are not zero; the
//! escrow holds other deals' money, the relayer has sent transactions before, and some time has passed
//! since the parties' last facts, so that their weights decay.

use std::collections::BTreeMap;
use std::time::Duration;

use alloy::primitives::aliases::U96;
use alloy::primitives::keccak256;
use serde::{Deserialize, Serialize};
use surety_bindings::escrow::Terms;

use crate::world::Receipt;
use crate::{World, usd};

/// What one operation costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Gas used.
    pub gas: u64,
    /// Bytes of calldata; Base charges for them apart.
    pub calldata: u64,
}

impl Cost {
    fn of<T>(receipt: &Receipt<T>) -> Self {
        Self { gas: receipt.gas, calldata: receipt.calldata }
    }

    fn plus(self, other: Self) -> Self {
        Self { gas: self.gas + other.gas, calldata: self.calldata + other.calldata }
    }
}

/// Every case's cost, by name.
pub type Costs = BTreeMap<String, Cost>;

/// Measures every case.
pub fn measure() -> Costs {
    let world = steady();
    let (open, settle) = life(&world, |terms| terms);
    let (open_bonded, _) = life(&world, |terms| Terms { bond: usd(10), ..terms });
    let (_, settle_credit) = life(&world, |terms| Terms { payAsCredit: true, ..terms });
    [
        ("open", open),
        ("open_bonded", open_bonded),
        ("settle_transfer", settle),
        ("settle_credit", settle_credit),
        ("life_one_milestone", open.plus(settle)),
    ]
    .map(|(name, cost)| (name.to_owned(), cost))
    .into()
}

/// A world in which everything that is written in a deal's life has been written before.
fn steady() -> World {
    let mut world = World::new();
    for credit in [false, true] {
        let terms = Terms { bond: usd(10), payAsCredit: credit, ..world.terms() };
        world.open(&terms).expect("opened");
        let votes = world.unanimous(0b11, 0);
        world.settle(&terms, 0, keccak256("work"), &votes).expect("settled");
    }
    // Another deal stays open, so that the escrow's balance is never zero.
    let open = world.terms();
    world.open(&open).expect("opened");
    for account in [open.buyer, open.seller, world.contracts().escrow] {
        assert!(world.balance(account) > U96::ZERO, "a balance would begin at zero");
    }
    assert!(world.nonce(world.relayer().address()) > 0, "the relayer would be new");
    // An odd while later: a fact in the same second as the last one has nothing to decay.
    world.advance(Duration::from_secs(123_457));
    world
}

/// The costs of opening and of settling one deal of one milestone with five ballots.
fn life(world: &World, edit: impl Fn(Terms) -> Terms) -> (Cost, Cost) {
    let mut world = world.clone();
    let terms = edit(world.terms());
    let opened = world.open(&terms).expect("opened");
    let votes = world.unanimous(0b11, 0);
    let settled = world.settle(&terms, 0, keccak256("work"), &votes).expect("settled");
    (Cost::of(&opened), Cost::of(&settled))
}
