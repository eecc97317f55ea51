//! The contracts' side of a history: names to addresses, steps to signed transactions.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use alloy::primitives::map::HashMap;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::{SolCall as _, SolValue as _};
use surety_bindings::deployment::Codes;
use surety_bindings::escrow::{self, SlowState};
use surety_bindings::jury::Jury;

use super::events;
use super::money::Due;
use super::state::{At, Event, Kept, Model, Time};
use super::step::Step;
use super::terms::{Panels, Terms, Who};
use crate::contracts::token::TestUSDC;
use crate::{Contracts, World, actors, sign, usd};

/// How many jurors are registered.
pub const JURORS: u8 = 12;
/// The seats of every jury: the panel's, then the appeal panel's.
const SEATS: [(std::ops::Range<u8>, std::ops::Range<u8>); 5] =
    [(0..5, 5..5), (0..3, 3..6), (0..5, 5..12), (0..7, 7..10), (2..5, 5..5)];
/// What rich wallets begin with: more than two of the largest deals.
const RICH: u128 = 1 << 98;

/// Everybody.
pub fn everybody() -> Vec<Who> {
    use Who::{Alice, Bob, Carol, Escrow, Jury, Market, Relayer, Stranger};
    let mut all = vec![Alice, Bob, Carol, Relayer, Market, Stranger, Escrow, Jury];
    all.extend((0..JURORS).map(Who::Juror));
    all
}

static KEYS: LazyLock<BTreeMap<Who, PrivateKeySigner>> = LazyLock::new(|| {
    let key = |who| match who {
        Who::Juror(i) => actors::juror(usize::from(i)),
        who => actors::actor(&format!("model {who:?}")),
    };
    everybody().into_iter().map(|who| (who, key(who))).collect()
});

/// Somebody's key; contracts have one here, too, but no use for it.
pub fn key(who: Who) -> &'static PrivateKeySigner {
    KEYS.get(&who).expect("everybody has a key")
}

/// The contracts, and what the model's names stand for.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The contracts.
    pub world: World,
    /// Where they are.
    pub contracts: Contracts,
    /// The juries' digests, as `SEATS` has them.
    pub juries: Vec<B256>,
    /// Every deal's terms and id.
    pub deals: Vec<(escrow::Terms, B256)>,
    /// The same as the model has them.
    pub learned: Vec<Terms>,
    ids: HashMap<B256, usize>,
    names: HashMap<Address, Who>,
}

/// Where histories begin: everybody has money and the juries exist.
#[derive(Clone, Debug)]
pub struct Beginning {
    world: World,
    juries: Vec<B256>,
}

impl Beginning {
    /// With the committed contracts.
    pub fn committed() -> &'static Self {
        static COMMITTED: LazyLock<Beginning> = LazyLock::new(|| Beginning::of(World::bare()));
        &COMMITTED
    }

    /// With other bytecode.
    pub fn with_codes(codes: &Codes) -> Self {
        Self::of(World::with_codes(codes))
    }
}

impl Chain {
    /// A chain as it begins, and the model of it.
    pub fn new(beginning: &Beginning) -> (Self, Model) {
        let Beginning { world, juries } = beginning.clone();
        let contracts = world.contracts().clone();
        let mut chain = Self {
            world,
            contracts,
            juries,
            deals: Vec::new(),
            learned: Vec::new(),
            ids: HashMap::default(),
            names: HashMap::default(),
        };
        chain.names = everybody().into_iter().map(|who| (chain.address(who), who)).collect();
        let mut model = Model { now: chain.world.now(), ..Model::default() };
        for (panel, appeal) in SEATS {
            let (panel, appeal) = (panel.map(Who::Juror), appeal.map(Who::Juror));
            model.juries.push(Panels { panel: panel.collect(), appeal: appeal.collect() });
        }
        for who in everybody() {
            model.token.balances.insert(who, chain.balance(who));
        }
        (chain, model)
    }

    /// Somebody's address.
    pub fn address(&self, who: Who) -> Address {
        match who {
            Who::Escrow => self.contracts.escrow,
            Who::Jury => self.contracts.jury,
            who => key(who).address(),
        }
    }

    /// What somebody has.
    pub fn balance(&self, who: Who) -> u128 {
        let balance = TestUSDC::balanceOfCall { account: self.address(who) };
        self.world.view(self.contracts.token, &balance).expect("balanceOf answers").to()
    }

    /// Whose address it is.
    pub fn who(&self, address: Address) -> Result<Who, String> {
        self.names.get(&address).copied().ok_or_else(|| format!("nobody has address {address}"))
    }

    /// Which deal's id it is.
    pub fn deal(&self, id: B256) -> Result<usize, String> {
        self.ids.get(&id).copied().ok_or_else(|| format!("no deal has the id {id}"))
    }

    /// Learns the terms that steps name.
    pub fn learn(&mut self, terms: &[Terms]) {
        for (index, terms) in terms.iter().enumerate().skip(self.deals.len()) {
            self.learned.push(terms.clone());
            let terms = self.terms(index, terms);
            let id = sign::deal_id(&self.contracts, &terms);
            self.ids.insert(id, index);
            self.deals.push((terms, id));
        }
    }

    fn terms(&self, index: usize, t: &Terms) -> escrow::Terms {
        let milestones = t.milestones.iter().map(|milestone| escrow::Milestone {
            amount: milestone.amount.try_into().expect("an amount is a uint96"),
            deliverBy: time(milestone.deliver_by),
            criteria: keccak256("criteria"),
            rule: milestone.rule.word(),
        });
        escrow::Terms {
            buyer: self.address(t.buyer),
            seller: self.address(t.seller),
            buyerAgent: U256::ZERO,
            sellerAgent: U256::ZERO,
            token: self.contracts.token,
            total: u96(t.total),
            bond: u96(t.bond),
            jury: self.juries[t.jury],
            juryFee: u96(t.jury_fee),
            relayFee: u96(t.relay_fee),
            openFee: u96(t.open_fee),
            feeBps: u16::try_from(t.fee_bps).expect("a uint16"),
            feeReceiver: t.fee_receiver.map_or(Address::ZERO, |who| self.address(who)),
            payAsCredit: t.pay_as_credit,
            openBy: time(t.open_by),
            judgeWithin: time(t.judge_within),
            appealWithin: time(t.appeal_within),
            appealBond: u96(t.appeal_bond),
            silentSellerBps: u16::try_from(t.silent_seller_bps).expect("a uint16"),
            splitSellerBps: u16::try_from(t.split_seller_bps).expect("a uint16"),
            sequential: t.sequential,
            document: keccak256("term sheet"),
            salt: B256::from(U256::from(index)),
            milestones: milestones.collect(),
        }
    }

    /// A state as the contract encodes it.
    pub fn state(&self, kept: &Kept) -> SlowState {
        let Kept { status, work, until, standing, met_bps, due } = *kept;
        let Due { seat_fee, voted, relay_fee, submitter } = due;
        SlowState {
            status: status as u8,
            deliverable: deliverable(work),
            until: time(until),
            standing: standing as u8,
            metBps: u16::try_from(met_bps).expect("basis points"),
            voted,
            seatFee: u96(seat_fee),
            relayFee: u96(relay_fee),
            submitter: submitter.map_or(Address::ZERO, |who| self.address(who)),
        }
    }

    /// A state's digest; zero for none.
    pub fn digest(&self, kept: Option<&Kept>) -> B256 {
        kept.map_or(B256::ZERO, |kept| keccak256(self.state(kept).abi_encode()))
    }

    /// The deal's terms and id, and the state handed in, as a call takes them.
    pub fn milestone(&self, at: At, handed: Option<Kept>) -> (escrow::Terms, B256, Vec<SlowState>) {
        let (terms, id) = self.deals[at.deal].clone();
        (terms, id, handed.iter().map(|kept| self.state(kept)).collect())
    }

    /// Does it. Returns what happened, or the name of the error; Err when the contracts said
    /// something that has no name in the model.
    pub fn apply(
        &mut self,
        model: &Model,
        step: &Step,
    ) -> Result<Result<Vec<Event>, String>, String> {
        if let Step::Advance { secs } = step {
            self.world.set_time(self.world.now() + secs);
            return Ok(Ok(Vec::new()));
        }
        let (from, to, data) = self.transaction(model, step);
        match self.world.send(from, to, data) {
            Ok(receipt) => Ok(Ok(events::read(self, &receipt.logs)?)),
            Err(revert) => Ok(Err(error_name(&revert.data)
                .or(revert.halt)
                .unwrap_or_else(|| "nothing".to_owned()))),
        }
    }

    /// Whether it would succeed at that time.
    pub fn would(&mut self, model: &Model, step: &Step, at: Time) -> bool {
        let transaction = self.transaction(model, step);
        self.world.would(at, transaction)
    }
}

/// The error's name.
pub fn error_name(data: &[u8]) -> Option<String> {
    surety_bindings::revert::decode(data).map(|revert| revert.name)
}

/// The digest of a deliverable.
pub fn deliverable(work: u8) -> B256 {
    keccak256([work])
}

/// A uint40.
pub fn time<const BITS: usize, const LIMBS: usize>(
    at: Time,
) -> alloy::primitives::Uint<BITS, LIMBS> {
    alloy::primitives::Uint::from(at)
}

/// A uint96.
pub fn u96(amount: u128) -> alloy::primitives::aliases::U96 {
    amount.try_into().expect("an amount is a uint96")
}

impl Beginning {
    fn of(mut world: World) -> Self {
        for i in 0..JURORS {
            let url = format!("http://127.0.0.1:{}", 9_100 + u32::from(i));
            world.register(key(Who::Juror(i)), &format!("rehearsal-family-{i}"), &url);
        }
        let keys = |seats: std::ops::Range<u8>| -> Vec<Address> {
            seats.map(|i| key(Who::Juror(i)).address()).collect()
        };
        let jury = world.contracts().jury;
        let mut create = |(panel, appeal)| {
            let create = Jury::createJuryCall { panel_: keys(panel), appealPanel: keys(appeal) };
            world.call(key(Who::Relayer).address(), jury, &create).expect("created").output
        };
        let juries = SEATS.map(&mut create).to_vec();
        for who in [Who::Alice, Who::Bob] {
            mint(&mut world, who, RICH);
        }
        mint(&mut world, Who::Carol, usd(10).to());
        mint(&mut world, Who::Stranger, usd(10).to());
        Self { world, juries }
    }
}

fn mint(world: &mut World, who: Who, amount: u128) {
    let mint = TestUSDC::mintCall { to: key(who).address(), amount: U256::from(amount) };
    let token = world.contracts().token;
    world.send(actors::deployer().address(), token, mint.abi_encode().into()).expect("it may mint");
}

/// A transaction: from whom, to whom, with which calldata.
pub type Transaction = (Address, Address, Bytes);
