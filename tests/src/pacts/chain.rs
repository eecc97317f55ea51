//! The contracts' side of a history: names to addresses and digests, and a chain whose blocks have
//! the hashes that samples are drawn from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use alloy::eips::eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE};
use alloy::eips::eip4788::SYSTEM_ADDRESS;
use alloy::primitives::map::HashMap;
use alloy::primitives::{Address, B256, Bytes, TxKind, U256, address, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::{Eip712Domain, SolCall, SolStruct as _, eip712_domain};
use revm::context::TxEnv;
use surety_bindings::deployment;
use surety_bindings::jury::Jury;
use surety_bindings::pacts as signed;

use super::events;
use super::promise::Promise;
use super::sample::{block_hash, key_word};
use super::state::{Event, Model, Record};
use super::step::Step;
use super::who::{AGENTS, COUNTERPARTIES, JURORS, Panels, Who, everybody};
use crate::contracts::token::TestUSDC;
use crate::model::chain::{Transaction, error_name, time, u96};
use crate::model::state::Time;
use crate::world::GAS_LIMIT;
use crate::{Contracts, World, actors, usd};

/// The seats of every jury: the panel's, then the appeal panel's.
const SEATS: [(std::ops::Range<u8>, std::ops::Range<u8>); 3] =
    [(0..3, 3..3), (0..5, 5..8), (2..9, 9..12)];
/// What rich wallets begin with: more than two of the largest bonds.
const RICH: u128 = 1 << 98;
/// Where what is slashed goes.
const NOBODY: Address = address!("000000000000000000000000000000000000dEaD");
/// Code that answers nothing.
const SILENCE: Bytes = Bytes::from_static(&[0]);

static KEYS: LazyLock<BTreeMap<Who, PrivateKeySigner>> = LazyLock::new(|| {
    let key = |who| match who {
        Who::Juror(i) => actors::juror(usize::from(i)),
        Who::Agent(_)
        | Who::Counterparty(_)
        | Who::Relayer
        | Who::Stranger
        | Who::Nobody
        | Who::Registry
        | Who::Jury => actors::actor(&format!("pacts {who:?}")),
    };
    everybody().into_iter().map(|who| (who, key(who))).collect()
});

/// Somebody's key; nobody and contracts have one here, too, but no use for it.
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
    /// The registry of pacts.
    pub registry: Address,
    /// What is signed for it is signed in here.
    pub domain: Eip712Domain,
    /// The juries' digests, as `SEATS` has them.
    pub juries: Vec<B256>,
    /// Every promise's pact and id.
    pub pacts: BTreeMap<u32, (signed::Pact, B256)>,
    ids: HashMap<B256, u32>,
    /// Presented records by their digests, and the other way around.
    records: HashMap<B256, Record>,
    digests: BTreeMap<Record, B256>,
    names: HashMap<Address, Who>,
    /// Drawn blocks that are not over yet.
    drawn: BTreeSet<u64>,
    forgets: bool,
}

/// Where histories begin: everybody has money, the juries exist and the chain keeps its hashes.
#[derive(Clone, Debug)]
struct Beginning {
    world: World,
    juries: Vec<B256>,
}

static BEGINNING: LazyLock<Beginning> = LazyLock::new(|| Beginning::of(World::bare()));

impl Chain {
    /// A chain as it begins, and the model of it.
    pub fn new() -> (Self, Model) {
        let Beginning { world, juries } = BEGINNING.clone();
        let contracts = world.contracts().clone();
        let registry = deployment::plan(contracts.token).pacts.address;
        let domain = eip712_domain! {
            name: "Surety Pacts",
            version: "1",
            chain_id: contracts.chain_id,
            verifying_contract: registry,
        };
        let mut chain = Self {
            world,
            contracts,
            registry,
            domain,
            juries,
            pacts: BTreeMap::new(),
            ids: HashMap::default(),
            records: HashMap::default(),
            digests: BTreeMap::new(),
            names: HashMap::default(),
            drawn: BTreeSet::new(),
            forgets: false,
        };
        chain.names = everybody().into_iter().map(|who| (chain.address(who), who)).collect();
        let (now, block) = (chain.world.now(), chain.block());
        let mut model = Model { now, block, ..Model::default() };
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
            Who::Registry => self.registry,
            Who::Jury => self.contracts.jury,
            Who::Nobody => NOBODY,
            Who::Agent(_) | Who::Counterparty(_) | Who::Relayer | Who::Stranger | Who::Juror(_) => {
                key(who).address()
            }
        }
    }

    /// What somebody has.
    pub fn balance(&self, who: Who) -> u128 {
        let balance = TestUSDC::balanceOfCall { account: self.address(who) };
        self.ask(self.contracts.token, &balance).to()
    }

    /// The block that the next transaction is in.
    pub fn block(&mut self) -> u64 {
        self.world.evm().block().number.to()
    }

    /// What a view answers.
    pub fn ask<C: SolCall>(&self, contract: Address, call: &C) -> C::Return {
        self.world.view(contract, call).expect("a view answers")
    }

    /// Whose address it is.
    pub fn who(&self, address: Address) -> Result<Who, String> {
        self.names.get(&address).copied().ok_or_else(|| format!("nobody has address {address}"))
    }

    /// Which promise's pact has the id.
    pub fn pact(&self, id: B256) -> Result<u32, String> {
        self.ids.get(&id).copied().ok_or_else(|| format!("no pact has the id {id}"))
    }

    /// Which record has the digest.
    pub fn record(&self, digest: B256) -> Result<Record, String> {
        self.records.get(&digest).copied().ok_or_else(|| format!("no record has digest {digest}"))
    }

    /// Learns a promise; returns its pact's id.
    pub fn learn(&mut self, promise: &Promise) -> B256 {
        let pact = self.signed_pact(promise);
        let id = pact.eip712_signing_hash(&self.domain);
        self.ids.insert(id, promise.number);
        self.pacts.insert(promise.number, (pact, id));
        id
    }

    fn signed_pact(&self, p: &Promise) -> signed::Pact {
        signed::Pact {
            agent: self.address(p.agent),
            agentId: U256::ZERO,
            jury: self.juries.get(p.jury).copied().unwrap_or_else(|| keccak256("no jury")),
            rule: p.rule.word(),
            criteria: keccak256("criteria"),
            bond: u96(p.bond),
            slashBps: p.slash_bps,
            juryFee: u96(p.jury_fee),
            sampleBps: p.sample_bps,
            openBy: time(p.open_by),
            startAt: time(p.start_at),
            periodSecs: time(p.period_secs),
            periods: p.periods,
            presentWithin: time(p.present_within),
            judgeWithin: time(p.judge_within),
            document: keccak256("the promise"),
            salt: U256::from(p.number).into(),
        }
    }

    /// A record as the agent signs it.
    pub fn signed_record(&self, record: Record) -> signed::Record {
        signed::Record {
            pactId: self.pacts[&record.pact].1,
            period: record.period,
            key: key_word(record.key),
            content: keccak256([record.content]),
        }
    }

    /// A record's digest.
    pub fn digest(&self, record: Record) -> B256 {
        let known = self.digests.get(&record).copied();
        known.unwrap_or_else(|| self.signed_record(record).eip712_signing_hash(&self.domain))
    }

    /// The fold of a period's records.
    pub fn evidence(&self, records: &[Record]) -> B256 {
        let fold = |evidence, record: &Record| keccak256([evidence, self.digest(*record)].concat());
        records.iter().fold(B256::ZERO, fold)
    }

    /// Does it. Returns what happened, or the name of the error; Err when the contracts said
    /// something that has no name in the model.
    pub fn apply(
        &mut self,
        model: &Model,
        step: &Step,
    ) -> Result<Result<Vec<Event>, String>, String> {
        if let Step::Wait { until, blocks } = step {
            self.world.set_time(self.world.now().max(*until));
            self.world.evm().block_mut().number += U256::from(*blocks);
            return Ok(Ok(Vec::new()));
        }
        if let Step::History { answers } = step {
            self.forgets = !answers;
            self.let_history_answer(*answers);
            return Ok(Ok(Vec::new()));
        }
        if let Step::Present { what, .. } = step {
            let digest = self.digest(what.record);
            self.records.insert(digest, what.record);
            self.digests.insert(what.record, digest);
        }
        self.remember();
        let (from, to, data) = self.transaction(model, step);
        let receipt = match self.world.send(from, to, data) {
            Ok(receipt) => receipt,
            Err(revert) => {
                let name = error_name(&revert.data).or(revert.halt);
                return Ok(Err(name.unwrap_or_else(|| "nothing".to_owned())));
            }
        };
        let events = events::read(self, &receipt.logs)?;
        for event in &events {
            if let Event::Drawn { block, .. } = event {
                self.drawn.insert(*block);
            }
        }
        Ok(Ok(events))
    }

    /// Whether it would succeed at that time.
    pub fn would(&mut self, model: &Model, step: &Step, at: Time) -> bool {
        let transaction: Transaction = self.transaction(model, step);
        self.world.would(at, transaction)
    }

    // ---- the hashes of blocks

    /// Lets the chain know the hashes of drawn blocks that are over, as every chain does at the
    /// start of the next block. Hashes of other blocks are never asked for.
    fn remember(&mut self) {
        let present = self.block();
        while let Some(block) = self.drawn.first().copied().filter(|block| *block < present) {
            self.drawn.remove(&block);
            self.let_history_answer(true);
            keep_hash(&mut self.world, block);
            self.let_history_answer(!self.forgets);
        }
    }

    fn let_history_answer(&mut self, answers: bool) {
        let code = if answers { HISTORY_STORAGE_CODE.clone() } else { SILENCE };
        self.world.evm().state_mut().set_code(HISTORY_STORAGE_ADDRESS, code);
    }
}

/// What the chain does at the start of the block after `block`: the history contract keeps the hash
/// that the system hands in.
fn keep_hash(world: &mut World, block: u64) {
    let hash = block_hash(block);
    let evm = world.evm();
    let present = evm.block().number;
    evm.state_mut().set_block_hash(block, hash);
    evm.block_mut().number = U256::from(block + 1);
    let tx = TxEnv {
        caller: SYSTEM_ADDRESS,
        kind: TxKind::Call(HISTORY_STORAGE_ADDRESS),
        data: hash.into(),
        gas_limit: GAS_LIMIT,
        nonce: evm.state().nonce(SYSTEM_ADDRESS),
        chain_id: Some(evm.chain_id()),
        ..TxEnv::default()
    };
    let (result, _) = evm.transact(tx).expect("the system's call is valid");
    assert!(result.is_success(), "the history takes a hash: {result:?}");
    evm.block_mut().number = present;
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
        let last = [Who::Agent(AGENTS - 1), Who::Counterparty(COUNTERPARTIES - 1)];
        let rich = (0..AGENTS).map(Who::Agent).chain((0..COUNTERPARTIES).map(Who::Counterparty));
        for who in rich.filter(|who| !last.contains(who)) {
            mint(&mut world, who, RICH);
        }
        for who in last.into_iter().chain([Who::Stranger]) {
            mint(&mut world, who, usd(10).to());
        }
        world.evm().state_mut().set_code(HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE.clone());
        Self { world, juries }
    }
}

/// More than the world's own mint can: a bond is at most a uint96, a balance is not.
fn mint(world: &mut World, who: Who, amount: u128) {
    let mint = TestUSDC::mintCall { to: key(who).address(), amount: U256::from(amount) };
    let token = world.contracts().token;
    world.call(actors::deployer().address(), token, &mint).expect("it may mint");
}
