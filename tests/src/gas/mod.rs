//! The gas cases: whole transactions, measured in revm against TestUSDC.
//!
//! Steady state: both parties have settled before, so their standings and balances are not zero; the
//! escrow holds other deals' money, the relayer has sent transactions before, and some time has passed
//! since the parties' last facts, so that their weights decay. What is paid to the jury finds its pots
//! filled before.

mod batch;
mod fees;
mod life;
mod pacts;
mod page;
mod step;

use std::collections::BTreeMap;
use std::time::Duration;

use alloy::primitives::aliases::U96;
use alloy::primitives::keccak256;
use serde::{Deserialize, Serialize};
use surety_bindings::escrow::Terms;

use crate::meter::Spent;
use crate::world::{Receipt, milestone};
use crate::{World, usd};

/// What one operation costs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cost {
    /// Gas used.
    pub gas: u64,
    /// Bytes of calldata; Base charges for them apart.
    pub calldata: u64,
    /// Where the gas went. [`page`] tells; the snapshot does not.
    #[serde(skip)]
    spent: Spent,
}

impl PartialEq for Cost {
    fn eq(&self, other: &Self) -> bool {
        (self.gas, self.calldata) == (other.gas, other.calldata)
    }
}

impl Cost {
    fn of<T>(receipt: &Receipt<T>) -> Self {
        Self { gas: receipt.gas, calldata: receipt.calldata, spent: receipt.spent.clone() }
    }

    fn plus(mut self, other: Self) -> Self {
        self.gas += other.gas;
        self.calldata += other.calldata;
        for (place, gas) in other.spent {
            *self.spent.entry(place).or_default() += gas;
        }
        self
    }

    fn each(mut self, parts: u64) -> Self {
        self.gas /= parts;
        self.calldata /= parts;
        for gas in self.spent.values_mut() {
            *gas /= parts;
        }
        self
    }
}

/// Every case's cost, by name.
pub type Costs = BTreeMap<String, Cost>;

/// Measures every case, and says in Markdown where the gas of those goes that have an aim.
pub fn measure() -> (Costs, String) {
    let mut world = steady(World::with_panels(5, 5));
    world.evm().meter();
    let cases = [
        life::measure(&world),
        fees::measure(&world),
        batch::measure(&world),
        pacts::measure(&world),
        newcomers(),
    ]
    .concat();
    let costs = cases.into_iter().map(|(name, cost)| (name.to_owned(), cost)).collect();
    let page = page::write(&costs, world.contracts());
    (costs, page)
}

/// Named costs, as the modules return them.
type Cases = Vec<(&'static str, Cost)>;

/// Terms that are final at once, like the steady world's.
fn plain(terms: Terms) -> Terms {
    terms
}

/// Fees of every kind, a dollar each, and one per cent for the marketplace.
fn with_fees(world: &World, terms: Terms) -> Terms {
    let fee = usd(1);
    Terms {
        juryFee: fee,
        relayFee: fee,
        openFee: fee,
        total: terms.total + fee,
        feeBps: 100,
        feeReceiver: world.receiver().address(),
        ..terms
    }
}

/// Three milestones of equal amount instead of one.
fn three(mut terms: Terms) -> Terms {
    let part = terms.milestones.pop().expect("terms have a milestone");
    terms.total *= U96::from(3);
    terms.milestones = vec![part; 3];
    terms
}

/// A world in which everything that is written in a deal's life has been written before.
fn steady(mut world: World) -> World {
    for (credit, fees) in [(false, false), (true, false), (false, true)] {
        let mut terms = Terms { bond: usd(10), payAsCredit: credit, ..world.terms() };
        if fees {
            terms = with_fees(&world, terms);
        }
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

/// What costs more once: five jurors that register, and the first deal of two new wallets.
fn newcomers() -> Cases {
    let mut world = World::bare();
    let before = world.sent().len();
    let jurors = World::with_seats(5);
    let mut register = Cost { gas: 0, calldata: 0, spent: Spent::new() };
    for message in jurors.sent().get(before..).unwrap_or_default() {
        let sent = world.send(message.from, message.to, message.data.clone()).expect("as before");
        if message.to == world.contracts().jury {
            register = register.plus(Cost::of(&sent));
        }
    }
    let mut world = jurors;
    let terms = world.terms();
    let opened = world.open(&terms).expect("opened");
    let votes = world.unanimous(0b11, 0);
    let settled = world.settle(&terms, 0, keccak256("work"), &votes).expect("settled");
    let first = Cost::of(&opened).plus(Cost::of(&settled));
    vec![("register_jury_5", register), ("first_deal_of_two_newcomers", first)]
}

/// A deal whose verdicts can be appealed.
fn appealable(terms: Terms) -> Terms {
    let hour = alloy::primitives::aliases::U40::from(3_600);
    Terms { appealWithin: hour, appealBond: usd(20), ..terms }
}

/// Another seller's milestone for batches.
fn one_milestone(world: &World, amount: U96) -> Vec<surety_bindings::escrow::Milestone> {
    vec![milestone(amount, world.now() + 86_400, &[5_000, 5_000])]
}
