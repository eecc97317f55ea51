//! The contracts' side of a history: names to addresses, steps to transactions and reads.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use alloy::primitives::map::HashMap;
use alloy::primitives::{Address, B256, Bytes, U256, address, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall as _;
use surety_bindings::jury::Jury;

use super::compare::Slots;
use super::events;
use super::state::{Event, Model};
use super::step::{Step, Who, everybody, keys};
use crate::contracts::token::TestUSDC;
use crate::model::compare::same;
use crate::model::state::Time;
use crate::{Contracts, Receipt, Revert, World, actors, usd};

/// Where slashed stakes go.
const NOBODY: Address = address!("000000000000000000000000000000000000dEaD");
/// What the donor begins with: more than any pot's own word has room for.
const RICH: u128 = 1 << 98;

static SIGNERS: LazyLock<BTreeMap<Who, PrivateKeySigner>> = LazyLock::new(|| {
    let signer = |who: Who| (who, actors::actor(&format!("stakes {who:?}")));
    everybody().map(signer).collect()
});

/// Somebody's key; nobody and the jury have one here, too, but no use for it.
pub fn key(who: Who) -> &'static PrivateKeySigner {
    SIGNERS.get(&who).expect("everybody has a key")
}

/// Where histories begin: everybody has money, and nobody registered.
#[derive(Debug)]
pub struct Beginning {
    world: World,
    slots: Slots,
    names: HashMap<Address, Who>,
    money: U256,
}

impl Beginning {
    fn committed() -> &'static Self {
        static COMMITTED: LazyLock<Beginning> = LazyLock::new(|| {
            let mut world = World::bare();
            let jury = world.contracts().jury;
            for who in keys().chain([Who::Reporter, Who::Stranger]) {
                world.mint(key(who).address(), usd(500));
            }
            let (token, donor) = (world.contracts().token, key(Who::Donor).address());
            let mint = TestUSDC::mintCall { to: donor, amount: U256::from(RICH) };
            world.call(actors::deployer().address(), token, &mint).expect("it may mint");
            let address = |who| address_of(jury, who);
            let names = everybody().map(|who| (address(who), who)).collect();
            let money = everybody().map(|who| balance(&world, address(who))).sum();
            Beginning { slots: Slots::new(address), world, names, money }
        });
        &COMMITTED
    }
}

/// What somebody has: the donor, more than the 96 bits that an amount has elsewhere.
fn balance(world: &World, account: Address) -> U256 {
    let balance = world.view(world.contracts().token, &TestUSDC::balanceOfCall { account });
    balance.expect("balanceOf answers")
}

fn address_of(jury: Address, who: Who) -> Address {
    match who {
        Who::Jury => jury,
        Who::Nobody => NOBODY,
        who => key(who).address(),
    }
}

/// The contracts, and what the model's names stand for.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The contracts.
    pub world: World,
    /// Where they are.
    pub contracts: Contracts,
    /// The juries' digests, in the order of their creation.
    pub juries: Vec<B256>,
    begin: &'static Beginning,
}

impl Chain {
    /// A chain as it begins, and the model of it.
    pub fn new(unbonding: Time) -> (Self, Model) {
        let begin = Beginning::committed();
        let world = begin.world.clone();
        let contracts = world.contracts().clone();
        let chain = Self { world, contracts, juries: Vec::new(), begin };
        let mut model = Model { now: chain.world.now(), unbonding, ..Model::default() };
        for who in everybody() {
            let balance = balance(&chain.world, chain.address(who)).to();
            model.token.balances.insert(who, balance);
        }
        (chain, model)
    }

    /// Somebody's address.
    pub fn address(&self, who: Who) -> Address {
        address_of(self.contracts.jury, who)
    }

    /// Whose address it is.
    pub fn who(&self, address: Address) -> Result<Who, String> {
        let who = self.begin.names.get(&address).copied();
        who.ok_or_else(|| format!("nobody has address {address}"))
    }

    /// Where everything is stored.
    pub fn slots(&self) -> &'static Slots {
        &self.begin.slots
    }

    /// What everybody has together, always.
    pub fn money(&self) -> U256 {
        self.begin.money
    }

    /// A jury's digest; one that no jury has when there are fewer.
    pub fn jury(&self, jury: usize) -> B256 {
        self.juries.get(jury).copied().unwrap_or_else(|| keccak256("no jury"))
    }

    /// Does it. Returns what happened, or the name of the error; Err when the contracts said
    /// something that has no name in the model.
    pub fn apply(&mut self, step: &Step) -> Result<Result<Vec<Event>, String>, String> {
        match step {
            Step::Advance { secs } => {
                self.world.set_time(self.world.now() + secs);
                Ok(Ok(Vec::new()))
            }
            Step::CheckJury { jury, buyer, seller, appeal } => {
                let (buyer, seller) = (self.address(*buyer), self.address(*seller));
                let (jury, needs) = (self.jury(*jury), *appeal);
                let check = Jury::checkJuryCall { jury, buyer, seller, needsAppealPanel: needs };
                let answer = self.world.view(self.contracts.jury, &check);
                Ok(answer.map(|_| Vec::new()).map_err(|revert| refusal(&revert)))
            }
            Step::Judge { by, count } => {
                let judge = self.judge(*by, count);
                let consumer = self.address(*by);
                let answer = self.world.view_from(consumer, self.contracts.jury, &judge);
                Ok(answer.map(|t| vec![events::counted(&t)]).map_err(|revert| refusal(&revert)))
            }
            step => {
                let (from, to, data) = self.transaction(step);
                match self.world.send(from, to, data) {
                    Ok(receipt) => {
                        self.learn(step, &receipt)?;
                        events::read(self, &receipt.logs).map(Ok)
                    }
                    Err(revert) => Ok(Err(refusal(&revert))),
                }
            }
        }
    }

    /// A jury's digest is that of its seats alone.
    fn learn(&mut self, step: &Step, receipt: &Receipt<Bytes>) -> Result<(), String> {
        let Step::CreateJury { panel, appeal, .. } = step else { return Ok(()) };
        let digest = Jury::createJuryCall::abi_decode_returns(&receipt.output);
        let digest = digest.map_err(|e| e.to_string())?;
        same("the jury's digest", &self.digest(panel, appeal), &digest)?;
        if !self.juries.contains(&digest) {
            self.juries.push(digest);
        }
        Ok(())
    }

    /// The hash of code that returns a zero byte, both panels' sizes and their keys.
    fn digest(&self, panel: &[Who], appeal: &[Who]) -> B256 {
        let size = |seats: &[Who]| u8::try_from(seats.len()).expect("at most fifteen");
        let mut data = vec![0, size(panel), size(appeal)];
        for who in panel.iter().chain(appeal) {
            data.extend_from_slice(self.address(*who).as_slice());
        }
        let length = u16::try_from(data.len()).expect("two panels").to_be_bytes();
        let returns_it: [u8; 7] = [0x80, 0x60, 10, 0x3d, 0x39, 0x3d, 0xf3];
        keccak256([&[0x61][..], &length, &returns_it, &data].concat())
    }

    /// One storage slot.
    pub fn slot(&self, contract: Address, slot: U256) -> U256 {
        self.world.storage(contract, slot)
    }
}

/// The error's name, and the field that it names, if any.
fn refusal(revert: &Revert) -> String {
    let Some(error) = surety_bindings::revert::decode(&revert.data) else {
        return revert.halt.clone().unwrap_or_else(|| "nothing".to_owned());
    };
    match error.operands.first() {
        Some((operand, field)) if operand == "field" => format!("{} {field}", error.name),
        _ => error.name,
    }
}
