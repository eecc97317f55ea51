//! Where the contracts are, and where they will be.
//!
//! The contracts are deployed through the canonical CREATE2 factory with one published salt, so an
//! address follows from code and constructor arguments alone: [`plan`] computes it for any token,
//! before anything is sent. `script/deployments/<chain-id>.json` is the only list of addresses; a
//! test compares it with the plan.

use alloy::{
    hex,
    primitives::{Address, B256, Bytes, address, b256, keccak256},
    sol_types::SolConstructor,
};
use serde::{Deserialize, Serialize};

use crate::{escrow::DealEscrow, jury::Jury, pacts::PactRegistry, registry::ReputationRegistry};

/// The canonical CREATE2 factory: calldata is the salt, then the creation code.
pub const FACTORY: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

/// `keccak256("surety/1")`: the salt of every deployment of this version.
pub const SALT: B256 = b256!("2c83c0a56b25b06ad38eb0e8c7c41ec27cd307090b8436790f5881bdc40ca68b");

/// One contract to deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The contract's name.
    pub name: &'static str,
    /// Its address on any chain whose token is the plan's.
    pub address: Address,
    /// Creation code with constructor arguments.
    pub init_code: Bytes,
}

impl Planned {
    fn new(name: &'static str, code: &Bytes, arguments: &[u8]) -> Self {
        let init_code = Bytes::from([code.as_ref(), arguments].concat());
        let address = FACTORY.create2(SALT, keccak256(&init_code));
        Self { name, address, init_code }
    }

    /// The calldata that makes the factory deploy it.
    #[must_use]
    pub fn calldata(&self) -> Bytes {
        Bytes::from([SALT.as_slice(), self.init_code.as_ref()].concat())
    }
}

/// The contracts in the order in which they must be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The token of deals and stakes.
    pub token: Address,
    /// Jurors, juries, ballots.
    pub jury: Planned,
    /// Facts about wallets.
    pub registry: Planned,
    /// Deals.
    pub escrow: Planned,
    /// Standing promises.
    pub pacts: Planned,
}

impl Plan {
    /// The contracts in deployment order.
    #[must_use]
    pub fn contracts(&self) -> [&Planned; 4] {
        [&self.jury, &self.registry, &self.escrow, &self.pacts]
    }
}

/// The creation codes that a plan deploys, without constructor arguments.
#[derive(Clone, Debug)]
pub struct Codes {
    /// Of `Jury`.
    pub jury: Bytes,
    /// Of `ReputationRegistry`.
    pub registry: Bytes,
    /// Of `DealEscrow`.
    pub escrow: Bytes,
    /// Of `PactRegistry`.
    pub pacts: Bytes,
}

/// Where the committed contracts go on a chain whose token is `token`.
#[must_use]
pub fn plan(token: Address) -> Plan {
    let codes = Codes {
        jury: Jury::BYTECODE.clone(),
        registry: ReputationRegistry::BYTECODE.clone(),
        escrow: DealEscrow::BYTECODE.clone(),
        pacts: PactRegistry::BYTECODE.clone(),
    };
    plan_of(&codes, token)
}

/// Where contracts with these creation codes go: for bytecode that is not committed yet.
#[must_use]
pub fn plan_of(codes: &Codes, token: Address) -> Plan {
    let arguments = Jury::constructorCall { token_: token }.abi_encode();
    let jury = Planned::new("Jury", &codes.jury, &arguments);
    let registry = Planned::new("ReputationRegistry", &codes.registry, &[]);
    let arguments = DealEscrow::constructorCall {
        jury_: jury.address,
        registry_: registry.address,
        token_: token,
    }
    .abi_encode();
    let escrow = Planned::new("DealEscrow", &codes.escrow, &arguments);
    let arguments =
        PactRegistry::constructorCall { jury_: jury.address, token_: token }.abi_encode();
    let pacts = Planned::new("PactRegistry", &codes.pacts, &arguments);
    Plan { token, jury, registry, escrow, pacts }
}

/// One file of `script/deployments`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deployment {
    /// The chain's id.
    pub chain_id: u64,
    /// The network's name on the command line, `base`.
    pub network: String,
    /// Whether the contracts are there; until then the addresses are a plan.
    pub deployed: bool,
    /// The salt, as published.
    pub salt: B256,
    /// The token of deals and stakes.
    pub token: Token,
    /// The contracts' addresses.
    pub contracts: Contracts,
}

/// A deployment's token and what it must answer before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Token {
    /// The token's address.
    pub address: Address,
    /// Its EIP-712 domain's name.
    pub name: String,
    /// Its EIP-712 domain's version.
    pub version: String,
    /// What `DOMAIN_SEPARATOR()` must return.
    pub domain_separator: B256,
}

/// The addresses of one deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contracts {
    /// Jurors, juries, ballots.
    pub jury: Address,
    /// Facts about wallets.
    pub reputation_registry: Address,
    /// Deals.
    pub deal_escrow: Address,
    /// Standing promises. Zero only in a file that is about to be written.
    #[serde(default)]
    pub pact_registry: Address,
}

impl Plan {
    /// The addresses alone.
    #[must_use]
    pub fn addresses(&self) -> Contracts {
        Contracts {
            jury: self.jury.address,
            reputation_registry: self.registry.address,
            deal_escrow: self.escrow.address,
            pact_registry: self.pacts.address,
        }
    }
}

const FILES: [&str; 2] = [
    include_str!("../../script/deployments/8453.json"),
    include_str!("../../script/deployments/84532.json"),
];

/// Every network that `script/deployments` lists.
#[must_use]
pub fn all() -> Vec<Deployment> {
    // A file that does not parse fails the test below, not a user.
    FILES.iter().filter_map(|file| serde_json::from_str(file).ok()).collect()
}

/// The network of that chain id, if it is listed.
#[must_use]
pub fn of_chain(chain_id: u64) -> Option<Deployment> {
    all().into_iter().find(|deployment| deployment.chain_id == chain_id)
}

/// The network of that name, if it is listed.
#[must_use]
pub fn of_network(network: &str) -> Option<Deployment> {
    all().into_iter().find(|deployment| deployment.network == network)
}

/// A token's EIP-712 domain separator, which its `DOMAIN_SEPARATOR()` must equal.
#[must_use]
pub fn domain_separator(name: &str, version: &str, chain_id: u64, token: Address) -> B256 {
    alloy::sol_types::eip712_domain! {
        name: name.to_owned(),
        version: version.to_owned(),
        chain_id: chain_id,
        verifying_contract: token,
    }
    .separator()
}

/// A short form of an address for tables: `0x1234…abcd`.
#[must_use]
pub fn short(address: Address) -> String {
    let text = hex::encode_prefixed(address);
    format!("{}…{}", text.get(..6).unwrap_or(&text), text.get(38..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_salt_is_the_published_words_hash() {
        assert_eq!(SALT, keccak256("surety/1"));
    }

    #[test]
    fn every_listed_network_has_the_planned_addresses_and_its_tokens_separator() {
        assert_eq!(all().len(), FILES.len(), "a file in script/deployments does not parse");
        for deployment in all() {
            let (token, network) = (&deployment.token, &deployment.network);
            assert_eq!(
                deployment.contracts,
                plan(token.address).addresses(),
                "{network}: run `cargo x artifacts` to write the planned addresses"
            );
            let separator =
                domain_separator(&token.name, &token.version, deployment.chain_id, token.address);
            assert_eq!(separator, token.domain_separator, "{network}");
        }
    }
}
