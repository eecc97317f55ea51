//! Deploys the contracts, or says what a deployment would do.
//!
//! Everything goes through the canonical CREATE2 factory, so what is already there is skipped and a
//! run that broke off is simply run again: the worst a crash costs is the gas of one transaction.

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, B256, Bytes, TxHash},
    providers::Provider,
    rpc::types::TransactionRequest,
    sol,
};
use serde::Serialize;
use surety_bindings::deployment::{Deployment, FACTORY, Plan, Planned};
use thiserror::Error;

sol! {
    #[sol(rpc)]
    interface TokenDomain {
        function DOMAIN_SEPARATOR() external view returns (bytes32);
    }
}

/// Why a deployment did not begin or did not end.
#[derive(Debug, Error)]
pub enum DeployError {
    /// The endpoint serves another chain.
    #[error("the endpoint serves chain {got}, not {needed}: check --rpc")]
    ChainId {
        /// What the endpoint answered.
        got: u64,
        /// What the deployment is for.
        needed: u64,
    },
    /// A contract that must be there is not.
    #[error("there is no {what} at {address} on this chain")]
    CodeMissing {
        /// What should be there.
        what: &'static str,
        /// Where.
        address: Address,
    },
    /// The token is another one than the deployment expects.
    #[error("the token's DOMAIN_SEPARATOR is {got}, not {needed}: this is another token")]
    TokenDomain {
        /// What the token answered.
        got: B256,
        /// What the deployment file says.
        needed: B256,
    },
    /// A deployment transaction was mined and the code is still not there.
    #[error("{name} is not at {address} after transaction {tx}: read its trace")]
    NotDeployed {
        /// The contract.
        name: &'static str,
        /// Where it should be.
        address: Address,
        /// The transaction.
        tx: TxHash,
    },
    /// The endpoint failed; its own words may carry a key and are not repeated.
    #[error("the endpoint failed while {0}: try again, what is deployed stays deployed")]
    Endpoint(&'static str),
}

/// What happened, or would happen, to one contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// The code was there before.
    Present,
    /// It is missing, and nothing was sent.
    Planned,
    /// It was deployed now.
    Deployed,
}

/// One contract of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The contract's name.
    pub name: &'static str,
    /// Its address.
    pub address: Address,
    /// What happened to it.
    pub state: StepState,
    /// The transaction that deployed it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx: Option<TxHash>,
}

/// Checks chain id, factory, token and the token's domain, before anything else.
pub async fn preflight<P: Provider>(
    provider: &P,
    deployment: &Deployment,
) -> Result<(), DeployError> {
    let got = provider.get_chain_id().await.map_err(|_| DeployError::Endpoint("asking its id"))?;
    let needed = deployment.chain_id;
    if got != needed {
        return Err(DeployError::ChainId { got, needed });
    }
    let token = deployment.token.address;
    if !has_code(provider, token).await? {
        return Err(DeployError::CodeMissing { what: "token", address: token });
    }
    let got = TokenDomain::new(token, provider)
        .DOMAIN_SEPARATOR()
        .call()
        .await
        .map_err(|_| DeployError::Endpoint("reading the token's domain"))?;
    let needed = deployment.token.domain_separator;
    if got != needed {
        return Err(DeployError::TokenDomain { got, needed });
    }
    Ok(())
}

/// Goes through the plan in order. Without a `sender` nothing is sent.
///
/// `provider` signs for `sender`; each transaction is waited for before the next one is sent.
pub async fn deploy<P: Provider>(
    provider: &P,
    sender: Option<Address>,
    plan: &Plan,
) -> Result<Vec<Step>, DeployError> {
    if !has_code(provider, FACTORY).await? {
        return Err(DeployError::CodeMissing { what: "CREATE2 factory", address: FACTORY });
    }
    let mut steps = Vec::new();
    for contract in plan.contracts() {
        let (name, address) = (contract.name, contract.address);
        let (state, tx) = if has_code(provider, address).await? {
            (StepState::Present, None)
        } else if let Some(sender) = sender {
            (StepState::Deployed, Some(send(provider, sender, contract).await?))
        } else {
            (StepState::Planned, None)
        };
        steps.push(Step { name, address, state, tx });
    }
    Ok(steps)
}

async fn send<P: Provider>(
    provider: &P,
    sender: Address,
    contract: &Planned,
) -> Result<TxHash, DeployError> {
    let request = TransactionRequest::default()
        .with_to(FACTORY)
        .with_from(sender)
        .with_input(contract.calldata());
    let receipt = provider
        .send_transaction(request)
        .await
        .map_err(|_| DeployError::Endpoint("taking a deployment"))?
        .get_receipt()
        .await
        .map_err(|_| DeployError::Endpoint("mining a deployment"))?;
    let (name, address, tx) = (contract.name, contract.address, receipt.transaction_hash);
    if has_code(provider, address).await? {
        Ok(tx)
    } else {
        Err(DeployError::NotDeployed { name, address, tx })
    }
}

async fn has_code<P: Provider>(provider: &P, address: Address) -> Result<bool, DeployError> {
    let code: Bytes = provider
        .get_code_at(address)
        .await
        .map_err(|_| DeployError::Endpoint("reading a contract's code"))?;
    Ok(!code.is_empty())
}
