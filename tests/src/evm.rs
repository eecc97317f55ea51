//! An EVM with its whole state in memory: what [`World`](crate::World) and
//! [`Node`](crate::Node) execute on.
//!
//! Every commit returns an [`Undo`], so a chain can answer for older blocks and reorganise without
//! keeping a copy of the state per block.

use std::convert::Infallible;

use alloy::primitives::map::{AddressMap, B256Map, HashMap};
use alloy::primitives::{Address, B256, Bytes, U256};
use revm::context::result::{EVMError, ExecutionResult, InvalidTransaction, ResultAndState};
use revm::context::{BlockEnv, CfgEnv, Context, TxEnv};
use revm::database_interface::WrapDatabaseRef;
use revm::handler::{EthFrame, Handler as _, MainnetContext, MainnetHandler};
use revm::primitives::hardfork::SpecId;
use revm::state::{AccountInfo, Bytecode, EvmState};
use revm::{DatabaseRef, ExecuteEvm as _, InspectEvm as _, MainBuilder as _};

use crate::meter::{Meter, Spent};

/// The rules that contracts are built for and that Base runs.
pub const SPEC: SpecId = SpecId::OSAKA;

/// An account with its storage; slots that are zero are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    info: AccountInfo,
    storage: HashMap<U256, U256>,
}

/// All accounts, and the hashes of the blocks so far.
#[derive(Clone, Debug, Default)]
pub struct State {
    accounts: AddressMap<Entry>,
    codes: B256Map<Bytecode>,
    block_hashes: HashMap<u64, B256>,
}

/// What one commit replaced; [`State::undo`] puts it back.
#[derive(Clone, Debug, Default)]
pub struct Undo {
    accounts: Vec<(Address, Before)>,
}

#[derive(Clone, Debug)]
enum Before {
    /// The account as it was, or that there was none.
    Whole(Option<Entry>),
    /// The account's own fields and the slots that changed.
    Changed(AccountInfo, Vec<(U256, U256)>),
}

impl State {
    /// An account's balance in wei.
    pub fn balance(&self, address: Address) -> U256 {
        self.accounts.get(&address).map_or(U256::ZERO, |entry| entry.info.balance)
    }

    /// How many transactions an account sent.
    pub fn nonce(&self, address: Address) -> u64 {
        self.accounts.get(&address).map_or(0, |entry| entry.info.nonce)
    }

    /// An account's code; empty when it has none.
    pub fn code(&self, address: Address) -> Bytes {
        let code = self.accounts.get(&address).and_then(|entry| entry.info.code.as_ref());
        code.map(Bytecode::original_bytes).unwrap_or_default()
    }

    /// One storage slot.
    pub fn storage(&self, address: Address, slot: U256) -> U256 {
        let entry = self.accounts.get(&address);
        entry.and_then(|entry| entry.storage.get(&slot)).copied().unwrap_or_default()
    }

    /// Sets an account's balance.
    pub fn set_balance(&mut self, address: Address, wei: U256) -> Undo {
        self.change(address, |info| info.balance = wei)
    }

    /// Puts code at an address.
    pub fn set_code(&mut self, address: Address, code: Bytes) -> Undo {
        let code = Bytecode::new_raw(code);
        self.codes.insert(code.hash_slow(), code.clone());
        self.change(address, |info| {
            info.set_code(code);
        })
    }

    /// Remembers a block's hash for the `BLOCKHASH` instruction.
    pub fn set_block_hash(&mut self, number: u64, hash: B256) {
        self.block_hashes.insert(number, hash);
    }

    fn change(&mut self, address: Address, edit: impl FnOnce(&mut AccountInfo)) -> Undo {
        let before = self.accounts.get(&address).cloned();
        edit(&mut self.accounts.entry(address).or_default().info);
        Undo { accounts: vec![(address, Before::Whole(before))] }
    }

    fn commit(&mut self, changes: EvmState) -> Undo {
        let mut undo = Undo::default();
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            if account.is_selfdestructed() || account.is_empty() {
                let before = self.accounts.remove(&address);
                undo.accounts.push((address, Before::Whole(before)));
                continue;
            }
            let known = self.accounts.contains_key(&address);
            let entry = self.accounts.entry(address).or_default();
            let mut slots = Vec::new();
            for (slot, value) in account.storage.into_iter().filter(|(_, slot)| slot.is_changed()) {
                slots.push((slot, set_slot(&mut entry.storage, slot, value.present_value)));
            }
            if let Some(code) = &account.info.code
                && !code.is_empty()
            {
                self.codes.entry(account.info.code_hash).or_insert_with(|| code.clone());
            }
            let info = std::mem::replace(&mut entry.info, account.info);
            let before = if known { Before::Changed(info, slots) } else { Before::Whole(None) };
            undo.accounts.push((address, before));
        }
        undo
    }

    /// Takes one commit back. Commits must be undone newest first.
    pub fn undo(&mut self, undo: Undo) {
        for (address, before) in undo.accounts.into_iter().rev() {
            match before {
                Before::Whole(None) => {
                    self.accounts.remove(&address);
                }
                Before::Whole(Some(entry)) => {
                    self.accounts.insert(address, entry);
                }
                Before::Changed(info, slots) => {
                    let entry = self.accounts.entry(address).or_default();
                    entry.info = info;
                    for (slot, value) in slots {
                        set_slot(&mut entry.storage, slot, value);
                    }
                }
            }
        }
    }
}

fn set_slot(storage: &mut HashMap<U256, U256>, slot: U256, value: U256) -> U256 {
    let before = if value.is_zero() { storage.remove(&slot) } else { storage.insert(slot, value) };
    before.unwrap_or_default()
}

impl DatabaseRef for State {
    type Error = Infallible;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.accounts.get(&address).map(|entry| entry.info.clone()))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Infallible> {
        Ok(self.codes.get(&code_hash).cloned().unwrap_or_default())
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        Ok(self.storage(address, slot))
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Infallible> {
        Ok(self.block_hashes.get(&number).copied().unwrap_or_default())
    }
}

/// The interpreter's rules, the state and the block that transactions execute in.
#[derive(Clone, Debug)]
pub struct Evm {
    chain_id: u64,
    state: State,
    block: BlockEnv,
    metered: bool,
    most_code: Option<usize>,
}

impl Evm {
    /// An EVM over `state`, with the rules of [`SPEC`].
    pub fn new(chain_id: u64, state: State) -> Self {
        let block = BlockEnv { prevrandao: Some(B256::ZERO), ..BlockEnv::default() };
        Self { chain_id, state, block, metered: false, most_code: None }
    }

    /// Takes code of any size from now on: contracts that were compiled in haste are too large for a
    /// chain.
    pub fn lift_code_limit(&mut self) {
        self.most_code = Some(usize::MAX);
    }

    /// The chain's id.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The state as of the last commit.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The state, to be changed outside any transaction.
    pub fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// The block that transactions execute in.
    pub fn block(&self) -> &BlockEnv {
        &self.block
    }

    /// The block that transactions execute in, to be changed.
    pub fn block_mut(&mut self) -> &mut BlockEnv {
        &mut self.block
    }

    /// From now on, [`Evm::transact_metered`] says where the gas goes.
    pub fn meter(&mut self) {
        self.metered = true;
    }

    /// [`Evm::transact`], and where the gas went: nothing is said of it unless [`Evm::meter`] was
    /// called.
    pub fn transact_metered(
        &mut self,
        tx: TxEnv,
    ) -> Result<(ExecutionResult, Spent), InvalidTransaction> {
        if !self.metered {
            return Ok((self.transact(tx)?.0, Spent::new()));
        }
        let (cfg, block) = (self.rules(), self.block.clone());
        let mut evm =
            context(&self.state, cfg, block).build_mainnet_with_inspector(Meter::default());
        let outcome = evm.inspect_tx(tx).map_err(invalid)?;
        let spent = evm.into_inspector().spent();
        self.state.commit(outcome.state);
        Ok((outcome.result, spent))
    }

    /// Executes a transaction and keeps what it did.
    pub fn transact(&mut self, tx: TxEnv) -> Result<(ExecutionResult, Undo), InvalidTransaction> {
        let cfg = self.rules();
        let block = self.block.clone();
        let outcome = execute(&self.state, cfg, block, tx)?;
        Ok((outcome.result, self.state.commit(outcome.state)))
    }

    /// Whether `block` could take a transaction at all, by everything that is checked before it runs.
    pub fn check(&self, tx: &TxEnv, block: BlockEnv) -> Result<(), InvalidTransaction> {
        let mut context = context(&self.state, self.rules(), block);
        context.tx = tx.clone();
        let mut evm = context.build_mainnet();
        let handler = MainnetHandler::<_, EVMError<Infallible>, EthFrame<_>>::default();
        handler.validate_env(&mut evm).map_err(invalid)?;
        handler.validate_initial_tx_gas(&mut evm).map_err(invalid)?;
        Ok(())
    }

    /// Executes a message as `eth_call` does and forgets what it did: any caller, any nonce, no cap
    /// on the transaction's gas and, at gas price zero, no base fee.
    pub fn call(&self, tx: TxEnv) -> Result<ExecutionResult, InvalidTransaction> {
        self.call_in(self.block.clone(), tx)
    }

    /// [`Evm::call`] in another block than the present one.
    pub fn call_in(
        &self,
        mut block: BlockEnv,
        mut tx: TxEnv,
    ) -> Result<ExecutionResult, InvalidTransaction> {
        let mut cfg = self.rules();
        cfg.disable_nonce_check = true;
        cfg.disable_eip3607 = true;
        cfg.tx_gas_limit_cap = Some(u64::MAX);
        if tx.gas_price == 0 {
            block.basefee = 0;
        }
        tx.chain_id = None;
        Ok(execute(&self.state, cfg, block, tx)?.result)
    }

    fn rules(&self) -> CfgEnv {
        let mut cfg = CfgEnv::new_with_spec(SPEC);
        cfg.set_spec_and_mainnet_gas_params(SPEC);
        cfg.chain_id = self.chain_id;
        cfg.limit_contract_code_size = self.most_code;
        cfg.limit_contract_initcode_size = self.most_code;
        cfg
    }
}

fn execute(
    state: &State,
    cfg: CfgEnv,
    block: BlockEnv,
    tx: TxEnv,
) -> Result<ResultAndState, InvalidTransaction> {
    context(state, cfg, block).build_mainnet().transact(tx).map_err(invalid)
}

fn context(state: &State, cfg: CfgEnv, block: BlockEnv) -> MainnetContext<WrapDatabaseRef<&State>> {
    let mut context = Context::new(WrapDatabaseRef(state), SPEC);
    context.cfg = cfg;
    context.block = block;
    context
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "any other error is a bug of ours, shown as it is"
)]
fn invalid(error: EVMError<Infallible>) -> InvalidTransaction {
    match error {
        EVMError::Transaction(error) => error,
        other => InvalidTransaction::Str(other.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::keccak256;
    use alloy::sol_types::SolCall as _;
    use surety_bindings::escrow::{DealEscrow, Terms};

    use super::*;
    use crate::{World, actors, sign, usd};

    /// Applies calldata from the relayer and returns what undoes it.
    fn commit(evm: &mut Evm, to: Address, data: Vec<u8>) -> Undo {
        let caller = actors::relayer().address();
        let tx = TxEnv {
            caller,
            kind: revm::primitives::TxKind::Call(to),
            data: data.into(),
            gas_limit: 1 << 24,
            nonce: evm.state().nonce(caller),
            chain_id: Some(evm.chain_id()),
            ..TxEnv::default()
        };
        let (result, undo) = evm.transact(tx).unwrap();
        assert!(result.is_success(), "{result:?}");
        undo
    }

    #[test]
    fn undoing_commits_newest_first_restores_every_account() {
        let mut world = World::new();
        let terms = Terms { bond: usd(10), ..world.terms() };
        let signed = sign::opening(world.contracts(), &terms, &world.buyer(), &world.seller());
        let votes = world.unanimous(0b11, 0);
        let settle = world.settle_call(&terms, 0, (keccak256("work"), vec![]), &votes).abi_encode();
        let open = DealEscrow::openCall {
            terms,
            buyerAuthorization: signed.0,
            sellerAuthorization: signed.1,
        };
        let escrow = world.contracts().escrow;
        let evm = world.evm();
        let before = evm.state().accounts.clone();
        // Creates an account, too: a contract that is one byte long.
        let created = [B256::ZERO.as_slice(), &[0x60, 1, 0x60, 0, 0xf3]].concat();

        let undos = [
            commit(evm, escrow, open.abi_encode()),
            commit(evm, surety_bindings::deployment::FACTORY, created),
            commit(evm, escrow, settle),
        ];
        assert_ne!(evm.state().accounts, before);
        for undo in undos.into_iter().rev() {
            evm.state_mut().undo(undo);
        }

        assert_eq!(evm.state().accounts, before);
    }

    #[test]
    fn a_call_changes_nothing() {
        let mut world = World::new();
        let terms = world.terms();
        let (contracts, relayer) = (world.contracts().clone(), world.relayer().address());
        let (buyer, seller) = sign::opening(&contracts, &terms, &world.buyer(), &world.seller());
        let open =
            DealEscrow::openCall { terms, buyerAuthorization: buyer, sellerAuthorization: seller };
        let before = world.evm().state().accounts.clone();
        let tx = TxEnv {
            caller: relayer,
            kind: revm::primitives::TxKind::Call(contracts.escrow),
            data: open.abi_encode().into(),
            gas_limit: 1_000_000,
            ..TxEnv::default()
        };
        assert!(world.evm().call(tx).unwrap().is_success());
        assert_eq!(world.evm().state().accounts, before);
    }
}
