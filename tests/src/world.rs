//! The contracts in revm, with actors and a clock.
//!
//! A test is five lines from a settled deal: [`World::new`], [`World::terms`] and struct update for what
//! it wants different, [`World::open`], [`World::settle`] with [`World::unanimous`] votes.
//!
//! Transactions cost nothing here and each one is a block of its own at the present time; time moves
//! only by [`World::advance`]. Gas is what a receipt would say: intrinsic gas, calldata and refunds
//! included.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use alloy::primitives::aliases::{U40, U96};
use alloy::primitives::{Address, B256, Bytes, Log, TxKind, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::{SolCall, SolError, SolEvent};
use revm::context::TxEnv;
use revm::context::result::ExecutionResult;
use surety_bindings::deployment::Codes;
use surety_bindings::escrow::{DealEscrow, Milestone, SlowState, Terms};
use surety_bindings::jury::{Jury, Registration};

use crate::contracts::token::TestUSDC;
use crate::contracts::{self, Contracts, Message};
use crate::evm::{Evm, State};
use crate::meter::Spent;
use crate::node::Node;
use crate::sign::{self, Vote};
use crate::{actors, usd};

/// The chain id of worlds and of local chains.
pub const CHAIN_ID: u64 = 31_337;

/// When worlds begin, in Unix seconds.
pub const GENESIS: u64 = 1_800_000_000;

/// The gas limit of a world's transactions: Base's cap per transaction.
pub const GAS_LIMIT: u64 = 1 << 24;

/// What a successful transaction did.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt<T> {
    /// Gas used by the whole transaction.
    pub gas: u64,
    /// Bytes of calldata.
    pub calldata: u64,
    /// Where the gas went; empty unless the EVM was told to [`meter`](Evm::meter).
    pub spent: Spent,
    /// Events, in order.
    pub logs: Vec<Log>,
    /// What the function returned.
    pub output: T,
}

impl<T> fmt::Debug for Receipt<T> {
    /// Without the output: the types that `sol!` makes for it do not all show themselves.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gas, calldata, logs, .. } = self;
        f.debug_struct("Receipt")
            .field("gas", gas)
            .field("calldata", calldata)
            .field("logs", logs)
            .finish_non_exhaustive()
    }
}

impl<T> Receipt<T> {
    /// The events of type `E`, in order, whoever emitted them.
    pub fn events<E: SolEvent>(&self) -> Vec<E> {
        self.logs.iter().filter_map(|log| E::decode_log(log).ok()).map(|log| log.data).collect()
    }
}

/// Why a transaction failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert {
    /// Gas used all the same.
    pub gas: u64,
    /// What the contract reverted with; empty when the EVM stopped it.
    pub data: Bytes,
    /// Why the EVM stopped it or refused to start, such as `OutOfGas`.
    pub halt: Option<String>,
}

impl Revert {
    /// The revert as the error `E`, if it is one.
    pub fn decode<E: SolError>(&self) -> Option<E> {
        E::abi_decode(&self.data).ok()
    }

    /// Whether it reverted with the error `E`.
    pub fn is<E: SolError>(&self) -> bool {
        self.decode::<E>().is_some()
    }
}

/// A point to return to; see [`World::snapshot`].
#[derive(Clone, Debug)]
pub struct Snapshot(Evm);

/// The contracts, deployed, with funded actors and a clock.
#[derive(Clone, Debug)]
pub struct World {
    evm: Evm,
    contracts: Contracts,
    jurors: Vec<PrivateKeySigner>,
    appeal: Vec<PrivateKeySigner>,
    jury: B256,
    deals: u64,
    sent: Vec<Message>,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A world with a jury of five.
    pub fn new() -> Self {
        static FIVE: OnceLock<World> = OnceLock::new();
        FIVE.get_or_init(|| Self::with_seats(5)).clone()
    }

    /// A world with a jury of `seats`, 3 to 15.
    pub fn with_seats(seats: usize) -> Self {
        Self::with_panels(seats, 0)
    }

    /// A world with a jury of `seats` and an appeal panel of `appeal`; none if zero.
    pub fn with_panels(seats: usize, appeal: usize) -> Self {
        let mut world = Self::bare();
        let mut jurors: Vec<_> = (0..seats + appeal).map(actors::juror).collect();
        for (i, juror) in jurors.iter().enumerate() {
            let url = format!("http://127.0.0.1:{}", 9_100 + i);
            world.register(juror, &format!("rehearsal-family-{i}"), &url);
        }
        world.appeal = jurors.split_off(seats);
        world.jurors = jurors;
        let keys = |jurors: &[PrivateKeySigner]| {
            jurors.iter().map(PrivateKeySigner::address).collect::<Vec<_>>()
        };
        world.jury = world.create_jury(&keys(&world.jurors), &keys(&world.appeal));
        world
    }

    /// A world in which nobody registered as a juror yet.
    pub fn bare() -> Self {
        static BARE: OnceLock<World> = OnceLock::new();
        BARE.get_or_init(|| Self::deploy(contracts::deploy)).clone()
    }

    /// A bare world with other bytecode than the committed one, of any size.
    pub fn with_codes(codes: &Codes) -> Self {
        Self::deploy(|evm| contracts::deploy_codes(evm, codes))
    }

    fn deploy(contracts: impl FnOnce(&mut Evm) -> (Contracts, Vec<Message>)) -> Self {
        let mut evm = Evm::new(CHAIN_ID, State::default());
        evm.block_mut().timestamp = U256::from(GENESIS);
        evm.block_mut().number = U256::ONE;
        let (contracts, sent) = contracts(&mut evm);
        let (jurors, appeal, jury) = (Vec::new(), Vec::new(), B256::ZERO);
        let mut world = Self { evm, contracts, jurors, appeal, jury, deals: 0, sent };
        for actor in [actors::buyer(), actors::seller()] {
            world.mint(actor.address(), usd(1_000_000));
        }
        world
    }

    /// Where the contracts are.
    pub fn contracts(&self) -> &Contracts {
        &self.contracts
    }

    /// Funds deals; has a million dollars.
    pub fn buyer(&self) -> PrivateKeySigner {
        actors::buyer()
    }

    /// Delivers; has a million dollars for bonds.
    pub fn seller(&self) -> PrivateKeySigner {
        actors::seller()
    }

    /// Submits what others signed.
    pub fn relayer(&self) -> PrivateKeySigner {
        actors::relayer()
    }

    /// Whom marketplace fees go to.
    pub fn receiver(&self) -> PrivateKeySigner {
        actors::actor("receiver")
    }

    /// The juror on seat `i`.
    pub fn juror(&self, i: usize) -> PrivateKeySigner {
        self.jurors.get(i).expect("the jury has that seat").clone()
    }

    /// The jurors of the jury, in the order of their seats.
    pub fn jurors(&self) -> &[PrivateKeySigner] {
        &self.jurors
    }

    /// The jurors of the jury's appeal panel, in the order of their seats.
    pub fn appeal_jurors(&self) -> &[PrivateKeySigner] {
        &self.appeal
    }

    /// The jury that [`World::terms`] names.
    pub fn jury(&self) -> B256 {
        self.jury
    }

    /// The time of the next transaction, in Unix seconds.
    pub fn now(&self) -> u64 {
        self.evm.block().timestamp.saturating_to()
    }

    /// Moves the clock on.
    pub fn advance(&mut self, by: Duration) {
        self.set_time(self.now() + by.as_secs());
    }

    /// Moves the clock to `at`, in Unix seconds.
    pub fn set_time(&mut self, at: u64) {
        self.evm.block_mut().timestamp = U256::from(at);
    }

    /// Every transaction so far, deployment included: what makes the same world on another chain.
    pub fn sent(&self) -> &[Message] {
        &self.sent
    }

    /// The EVM underneath, for what this type does not offer.
    pub fn evm(&mut self) -> &mut Evm {
        &mut self.evm
    }

    /// A chain that goes on from here, for services; the relayer and the deployer have a hundred ether.
    /// What happened before is in its state but not in its blocks or logs.
    pub fn node(&self) -> Node {
        let node = Node::new(self.evm.clone());
        for actor in [actors::relayer(), actors::deployer()] {
            node.set_balance(actor.address(), U256::from(100) * U256::from(10).pow(U256::from(18)));
        }
        node
    }

    /// Remembers the whole state and the time.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.evm.clone())
    }

    /// Returns to a snapshot, any number of times.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        self.evm = snapshot.0.clone();
    }

    /// Sends a transaction.
    pub fn call<C: SolCall>(
        &mut self,
        from: Address,
        to: Address,
        call: &C,
    ) -> Result<Receipt<C::Return>, Revert> {
        let receipt = self.send(from, to, call.abi_encode().into())?;
        let Receipt { gas, calldata, spent, logs, output } = receipt;
        Ok(Receipt { gas, calldata, spent, logs, output: decode::<C>(&output) })
    }

    /// Sends a transaction with raw calldata.
    pub fn send(
        &mut self,
        from: Address,
        to: Address,
        data: Bytes,
    ) -> Result<Receipt<Bytes>, Revert> {
        let calldata = data.len() as u64;
        self.sent.push(Message { from, to, data: data.clone() });
        let outcome = self.evm.transact_metered(self.message(from, to, data));
        self.evm.block_mut().number += U256::ONE;
        receipt(outcome, calldata)
    }

    /// Calls a function and forgets what it changed.
    pub fn view<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, Revert> {
        self.view_from(Address::ZERO, to, call)
    }

    /// The same from an address that the function may care about.
    pub fn view_from<C: SolCall>(
        &self,
        from: Address,
        to: Address,
        call: &C,
    ) -> Result<C::Return, Revert> {
        let tx = self.message(from, to, call.abi_encode().into());
        let receipt = receipt(self.evm.call(tx).map(|result| (result, Spent::new())), 0)?;
        Ok(decode::<C>(&receipt.output))
    }

    /// Whether a transaction would succeed at that time; forgets what it changed.
    pub fn would(&mut self, at: u64, (from, to, data): (Address, Address, Bytes)) -> bool {
        let now = self.now();
        self.set_time(at);
        let outcome = self.evm.call(self.message(from, to, data));
        self.set_time(now);
        outcome.is_ok_and(|result| result.is_success())
    }

    fn message(&self, from: Address, to: Address, data: Bytes) -> TxEnv {
        TxEnv {
            caller: from,
            kind: TxKind::Call(to),
            data,
            gas_limit: GAS_LIMIT,
            nonce: self.evm.state().nonce(from),
            chain_id: Some(self.contracts.chain_id),
            ..TxEnv::default()
        }
    }

    /// An account's TestUSDC.
    pub fn balance(&self, account: Address) -> U96 {
        let balance = self.view(self.contracts.token, &TestUSDC::balanceOfCall { account });
        balance.expect("balanceOf answers").to()
    }

    /// One storage slot of a contract.
    pub fn storage(&self, contract: Address, slot: U256) -> U256 {
        self.evm.state().storage(contract, slot)
    }

    /// How many transactions an account sent.
    pub fn nonce(&self, account: Address) -> u64 {
        self.evm.state().nonce(account)
    }

    /// Prints TestUSDC.
    pub fn mint(&mut self, to: Address, amount: U96) {
        let mint = TestUSDC::mintCall { to, amount: U256::from(amount) };
        self.call(actors::deployer().address(), self.contracts.token, &mint).expect("it may mint");
    }

    /// Registers a juror with a stake of 100 dollars, minted for it, as its own operator.
    pub fn register(&mut self, juror: &PrivateKeySigner, family: &str, url: &str) {
        let stake = usd(100);
        self.mint(juror.address(), stake);
        let registration = Registration {
            juror: juror.address(),
            family: family.to_owned(),
            operator: format!("{family}.example"),
            url: url.to_owned(),
            stake,
            nonce: 0,
            validUntil: U40::from(self.now() + 3_600),
        };
        let signature = sign::registration(juror, &self.contracts, &registration);
        let register = Jury::registerCall { r: registration, signature };
        self.call(actors::relayer().address(), self.contracts.jury, &register).expect("registered");
    }

    /// Creates a jury and returns its digest.
    pub fn create_jury(&mut self, panel: &[Address], appeal: &[Address]) -> B256 {
        let create = Jury::createJuryCall { panel_: panel.to_vec(), appealPanel: appeal.to_vec() };
        let created = self.call(actors::relayer().address(), self.contracts.jury, &create);
        created.expect("created").output
    }

    /// Terms of a deal of 100 dollars and one milestone with two criteria of equal weight, both needed:
    /// open within an hour, delivered within a day, judged within a day; without a bond, silence and
    /// disagreement pay the seller nothing. Each call gives a new deal.
    pub fn terms(&mut self) -> Terms {
        self.deals += 1;
        let now = self.now();
        Terms {
            buyer: actors::buyer().address(),
            seller: actors::seller().address(),
            buyerAgent: U256::ZERO,
            sellerAgent: U256::ZERO,
            token: self.contracts.token,
            total: usd(100),
            bond: U96::ZERO,
            jury: self.jury,
            juryFee: U96::ZERO,
            relayFee: U96::ZERO,
            openFee: U96::ZERO,
            feeBps: 0,
            feeReceiver: Address::ZERO,
            payAsCredit: false,
            openBy: U40::from(now + 3_600),
            judgeWithin: U40::from(86_400),
            appealWithin: U40::ZERO,
            appealBond: U96::ZERO,
            silentSellerBps: 0,
            splitSellerBps: 0,
            sequential: false,
            document: keccak256("term sheet"),
            salt: B256::from(U256::from(self.deals)),
            milestones: vec![milestone(usd(100), now + 86_400, &[5_000, 5_000])],
        }
    }

    /// Opens the deal, signed by buyer and seller, submitted by the relayer.
    pub fn open(&mut self, terms: &Terms) -> Result<Receipt<B256>, Revert> {
        self.open_by(terms, &self.seller())
    }

    /// Opens a deal of another seller.
    pub fn open_by(
        &mut self,
        terms: &Terms,
        seller: &PrivateKeySigner,
    ) -> Result<Receipt<B256>, Revert> {
        let (buyer, seller) = sign::opening(&self.contracts, terms, &self.buyer(), seller);
        let open = DealEscrow::openCall {
            terms: terms.clone(),
            buyerAuthorization: buyer,
            sellerAuthorization: seller,
        };
        self.call(self.relayer().address(), self.contracts.escrow, &open)
    }

    /// Hands in these votes on a delivery that never was on-chain, submitted by the relayer.
    pub fn settle(
        &mut self,
        terms: &Terms,
        milestone: u8,
        deliverable: B256,
        votes: &[Vote],
    ) -> Result<Receipt<DealEscrow::settleReturn>, Revert> {
        let settle = self.settle_call(terms, milestone, (deliverable, vec![]), votes);
        self.call(self.relayer().address(), self.contracts.escrow, &settle)
    }

    /// The call that [`World::settle`] sends; `delivered` is the digest judged and the milestone's state.
    pub fn settle_call(
        &self,
        terms: &Terms,
        milestone: u8,
        delivered: (B256, Vec<SlowState>),
        votes: &[Vote],
    ) -> DealEscrow::settleCall {
        let (deliverable, state) = delivered;
        let deal = sign::deal_id(&self.contracts, terms);
        let case = sign::case(&self.contracts, deal, milestone, deliverable);
        let ballots = sign::ballots(&self.jurors, &self.contracts, &case, votes);
        DealEscrow::settleCall { terms: terms.clone(), milestone, state, deliverable, ballots }
    }

    /// One vote per seat of the jury, all with the same masks.
    pub fn unanimous(&self, met: u16, failed: u16) -> Vec<Vote> {
        (0u8..).take(self.jurors.len()).map(|seat| Vote { seat, met, failed }).collect()
    }
}

/// A milestone whose criteria have these weights in basis points; all of them must be met, none is
/// mandatory by itself.
pub fn milestone(amount: U96, deliver_by: u64, weights: &[u16]) -> Milestone {
    let weights =
        weights.iter().rev().fold(U256::ZERO, |word, weight| word << 14 | U256::from(*weight));
    Milestone {
        amount,
        deliverBy: U40::from(deliver_by),
        criteria: keccak256("criteria"),
        rule: weights | U256::from(10_000) << 240,
    }
}

fn decode<C: SolCall>(output: &[u8]) -> C::Return {
    C::abi_decode_returns(output).expect("the output fits the ABI")
}

fn receipt<E: ToString>(
    outcome: Result<(ExecutionResult, Spent), E>,
    calldata: u64,
) -> Result<Receipt<Bytes>, Revert> {
    match outcome {
        Ok((ExecutionResult::Success { gas, logs, output, .. }, spent)) => {
            let (gas, output) = (gas.tx_gas_used(), output.into_data());
            Ok(Receipt { gas, calldata, spent, logs, output })
        }
        Ok((ExecutionResult::Revert { gas, output, .. }, _)) => {
            Err(Revert { gas: gas.tx_gas_used(), data: output, halt: None })
        }
        Ok((ExecutionResult::Halt { reason, gas, .. }, _)) => Err(Revert {
            gas: gas.tx_gas_used(),
            data: Bytes::new(),
            halt: Some(format!("{reason:?}")),
        }),
        Err(refused) => Err(Revert { gas: 0, data: Bytes::new(), halt: Some(refused.to_string()) }),
    }
}
