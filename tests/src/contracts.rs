//! The contracts under test: their committed bytecode, deployed the way `surety deploy` does it, and
//! the EIP-712 domains that follow from their addresses.

use alloy::primitives::{Address, Bytes, TxKind, bytes};
use alloy::sol_types::{Eip712Domain, SolCall, SolValue};
use revm::context::TxEnv;
use surety_bindings::deployment::{self, Codes, FACTORY, Plan, SALT};
use surety_terms::digest::{self, TokenDomain};

use crate::actors;
use crate::contracts::token::TestUSDC;
use crate::evm::Evm;

/// The factory's code, as it stands on every chain.
pub const FACTORY_CODE: Bytes = bytes!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
    "3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);

pub mod token {
    //! `TestUSDC`: behaves like Circle's `FiatTokenV2_2`.
    #![expect(clippy::too_many_arguments, reason = "generated from the ABI")]
    alloy::sol!(
        #[sol(rpc, all_derives)]
        TestUSDC,
        "../demo/artifacts/TestUSDC.json"
    );
}

/// Where everything is deployed on a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contracts {
    /// The chain's id.
    pub chain_id: u64,
    /// TestUSDC.
    pub token: Address,
    /// `Jury`.
    pub jury: Address,
    /// `ReputationRegistry`.
    pub registry: Address,
    /// `DealEscrow`.
    pub escrow: Address,
    /// What the token's EIP-712 domain is made of.
    pub token_domain: TokenDomain,
}

impl Contracts {
    /// The domain of everything that parties sign for the escrow.
    pub fn escrow_domain(&self) -> Eip712Domain {
        digest::escrow_domain(self.chain_id, self.escrow)
    }
}

/// A transaction that was sent, as far as it can be sent again elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who sent it.
    pub from: Address,
    /// The contract it called.
    pub to: Address,
    /// Its calldata.
    pub data: Bytes,
}

/// Deploys everything into an empty chain as `surety deploy` does: through the CREATE2 factory, with
/// the published salt. TestUSDC goes first, through the same factory. Returns what it sent, too.
pub fn deploy(evm: &mut Evm) -> (Contracts, Vec<Message>) {
    deploy_plan(evm, deployment::plan)
}

/// The same with other bytecode than the committed one, of any size.
pub fn deploy_codes(evm: &mut Evm, codes: &Codes) -> (Contracts, Vec<Message>) {
    evm.lift_code_limit();
    deploy_plan(evm, |token| deployment::plan_of(codes, token))
}

fn deploy_plan(evm: &mut Evm, plan: impl Fn(Address) -> Plan) -> (Contracts, Vec<Message>) {
    put_factory(evm);
    let admin = actors::deployer().address();
    let mut sent = Vec::new();
    let token_code = [&TestUSDC::BYTECODE, admin.abi_encode().as_slice()].concat();
    let token = FACTORY.create2_from_code(SALT, &token_code);
    sent.push(create(evm, [SALT.as_slice(), &token_code].concat().into()));
    let plan = plan(token);
    for planned in plan.contracts() {
        sent.push(create(evm, planned.calldata()));
    }
    let (jury, registry, escrow) = (plan.jury.address, plan.registry.address, plan.escrow.address);
    let token_domain = TokenDomain {
        name: view(evm, token, &TestUSDC::nameCall {}),
        version: view(evm, token, &TestUSDC::versionCall {}),
        chain_id: evm.chain_id(),
        address: token,
    };
    let chain_id = evm.chain_id();
    (Contracts { chain_id, token, jury, registry, escrow, token_domain }, sent)
}

/// Puts the CREATE2 factory where every chain has it.
pub(crate) fn put_factory(evm: &mut Evm) {
    evm.state_mut().set_code(FACTORY, FACTORY_CODE);
}

/// Calls the factory.
fn create(evm: &mut Evm, calldata: Bytes) -> Message {
    let deployer = actors::deployer().address();
    let tx = TxEnv {
        caller: deployer,
        kind: TxKind::Call(FACTORY),
        data: calldata.clone(),
        gas_limit: 1 << 24,
        nonce: evm.state().nonce(deployer),
        chain_id: Some(evm.chain_id()),
        ..TxEnv::default()
    };
    let (result, _) = evm.transact(tx).expect("a valid transaction");
    assert!(result.is_success(), "deployment failed: {result:?}");
    Message { from: deployer, to: FACTORY, data: calldata }
}

fn view<C: SolCall>(evm: &Evm, to: Address, call: &C) -> C::Return {
    let tx = TxEnv {
        kind: TxKind::Call(to),
        data: call.abi_encode().into(),
        gas_limit: 1 << 24,
        ..TxEnv::default()
    };
    let output = evm.call(tx).expect("a valid call").into_output().expect("an output");
    C::abi_decode_returns(&output).expect("the output fits the ABI")
}
