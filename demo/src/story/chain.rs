//! The local chain: the token, the contracts, the jurors' registrations and the clock.

use std::time::{Duration, Instant};

use alloy::network::{EthereumWallet, TransactionBuilder as _};
use alloy::primitives::{Address, B256, Bytes, U256, aliases::U40};
use alloy::providers::{DynProvider, Provider as _, ProviderBuilder};
use alloy::rpc::types::{TransactionReceipt, TransactionRequest};
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall as _;
use surety_bindings::deployment;
use surety_bindings::jury::{Jury, Registration};
use surety_terms::Usdc;
use surety_terms::digest::{Authorization, TokenDomain, authorization_digest, registration_digest};
use url::Url;

use super::process::LOOK_EVERY;
use super::token::TestUSDC;
use crate::error::DemoError;

/// The first development key of every local node: public, and rich only there.
const DEPLOYER: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// How long one transaction may take.
const MINED_WITHIN: Duration = Duration::from_secs(20);
/// What a juror stakes.
const STAKE: Usdc = Usdc::from_whole(100);

/// Where everything is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) token: Address,
    pub(super) jury: Address,
    pub(super) escrow: Address,
}

/// The chain, with the deployer's key.
#[derive(Debug, Clone)]
pub(super) struct LocalChain {
    pub(super) rpc: Url,
    pub(super) chain_id: u64,
    pub(super) provider: DynProvider,
    deployer: Address,
}

/// A juror's claims.
pub(super) struct Claims<'a> {
    pub(super) key: &'a PrivateKeySigner,
    pub(super) family: &'a str,
    pub(super) operator: &'a str,
    pub(super) url: &'a Url,
}

impl LocalChain {
    /// Connects, and refuses a chain whose development account has no money: it is no local chain.
    pub(super) async fn connect(rpc: &Url) -> Result<Self, DemoError> {
        let key: PrivateKeySigner =
            DEPLOYER.parse().map_err(|_| DemoError::Chain("the deployer's key".to_owned()))?;
        let deployer = key.address();
        let provider = ProviderBuilder::new()
            .wallet(EthereumWallet::from(key))
            .connect_http(rpc.clone())
            .erased();
        provider.client().set_poll_interval(LOOK_EVERY);
        let chain_id = provider.get_chain_id().await.map_err(|error| {
            DemoError::Chain(format!("nothing answers at {rpc}: start anvil first ({error})"))
        })?;
        let money = provider.get_balance(deployer).await.map_err(failed("the balance"))?;
        if money.is_zero() {
            return Err(DemoError::Chain(format!(
                "the development account {deployer} has no ETH: this is no local chain"
            )));
        }
        Ok(Self { rpc: rpc.clone(), chain_id, provider, deployer })
    }

    /// Deploys the token and the contracts.
    pub(super) async fn deploy(&self) -> Result<Addresses, DemoError> {
        let token = TestUSDC::deploy(&self.provider, self.deployer)
            .await
            .map_err(failed("deploying TestUSDC"))?;
        let token = *token.address();
        let plan = deployment::plan(token);
        surety_agent::deploy::deploy(&self.provider, Some(self.deployer), &plan)
            .await
            .map_err(|error| DemoError::Chain(error.to_string()))?;
        Ok(Addresses { token, jury: plan.jury.address, escrow: plan.escrow.address })
    }

    /// The timestamp of the newest block.
    pub(super) async fn now(&self) -> Result<u64, DemoError> {
        let block = self
            .provider
            .get_block_by_number(alloy::eips::BlockNumberOrTag::Latest)
            .await
            .map_err(failed("the newest block"))?;
        block
            .map(|block| block.header.timestamp)
            .ok_or_else(|| DemoError::Chain("there is no newest block".to_owned()))
    }

    /// Lets chain time pass, with a block at the end of it.
    pub(super) async fn advance_to(&self, time: u64) -> Result<(), DemoError> {
        let seconds = time.saturating_sub(self.now().await?);
        if seconds == 0 {
            return Ok(());
        }
        self.raw("evm_increaseTime", vec![seconds]).await?;
        self.raw("evm_mine", Vec::new()).await
    }

    async fn raw(&self, method: &'static str, params: Vec<u64>) -> Result<(), DemoError> {
        let answer: Result<serde_json::Value, _> =
            self.provider.raw_request(method.into(), params).await;
        answer.map(drop).map_err(failed(method))
    }

    /// Prints tokens.
    pub(super) async fn mint(
        &self,
        token: Address,
        to: Address,
        amount: Usdc,
    ) -> Result<(), DemoError> {
        let amount = U256::from(amount.base_units());
        self.send(token, TestUSDC::mintCall { to, amount }.abi_encode()).await.map(drop)
    }

    /// Blacklists a wallet, as the token's issuer may.
    pub(super) async fn blacklist(
        &self,
        token: Address,
        account: Address,
    ) -> Result<(), DemoError> {
        self.send(token, TestUSDC::blacklistCall { account }.abi_encode()).await.map(drop)
    }

    /// Takes a wallet off the blacklist.
    pub(super) async fn delist(&self, token: Address, account: Address) -> Result<(), DemoError> {
        self.send(token, TestUSDC::unBlacklistCall { account }.abi_encode()).await.map(drop)
    }

    /// Gives a relayer its gas money.
    pub(super) async fn fund(&self, to: Address, ether: u64) -> Result<(), DemoError> {
        let wei = U256::from(ether).saturating_mul(U256::from(1_000_000_000_000_000_000_u64));
        let request = TransactionRequest::default().with_to(to).with_value(wei);
        self.transact(request).await.map(drop)
    }

    /// Registers a juror: it signs, the deployer submits.
    pub(super) async fn register(
        &self,
        at: Addresses,
        claims: &Claims<'_>,
    ) -> Result<(), DemoError> {
        let juror = claims.key.address();
        self.mint(at.token, juror, STAKE).await?;
        let valid_until = self.now().await?.saturating_add(3_600);
        let registration = Registration {
            juror,
            family: claims.family.to_owned(),
            operator: claims.operator.to_owned(),
            url: claims.url.as_str().trim_end_matches('/').to_owned(),
            stake: STAKE.into(),
            nonce: 0,
            validUntil: U40::saturating_from(valid_until),
        };
        let authorization = Authorization {
            from: juror,
            to: at.jury,
            value: STAKE.into(),
            valid_after: 0,
            valid_before: valid_until,
            nonce: registration_digest(&registration, self.chain_id, at.jury),
        };
        let token = TokenDomain {
            name: "USDC".to_owned(),
            version: "2".to_owned(),
            chain_id: self.chain_id,
            address: at.token,
        };
        let digest = authorization_digest(&authorization, &token);
        let signature = claims
            .key
            .sign_hash_sync(&digest)
            .map_err(|_| DemoError::Chain("a juror's key does not sign".to_owned()))?;
        let signature = Bytes::from(signature.as_bytes());
        let call = Jury::registerCall { r: registration, signature };
        self.send(at.jury, call.abi_encode()).await.map(drop)
    }

    /// Creates the jury of these jurors and returns its digest.
    pub(super) async fn create_jury(
        &self,
        at: Addresses,
        panel: Vec<Address>,
    ) -> Result<B256, DemoError> {
        let call = Jury::createJuryCall { panel_: panel, appealPanel: Vec::new() };
        let receipt = self.send(at.jury, call.abi_encode()).await?;
        let created = receipt.decoded_log::<Jury::JuryCreated>();
        created
            .map(|log| log.jury)
            .ok_or_else(|| DemoError::Chain("the jury was not created".to_owned()))
    }

    async fn send(&self, to: Address, input: Vec<u8>) -> Result<TransactionReceipt, DemoError> {
        self.transact(TransactionRequest::default().with_to(to).with_input(input)).await
    }

    /// Sends a transaction and waits until it is mined.
    async fn transact(&self, request: TransactionRequest) -> Result<TransactionReceipt, DemoError> {
        let sent = self
            .provider
            .send_transaction(request.with_from(self.deployer))
            .await
            .map_err(failed("a transaction"))?;
        let hash = *sent.tx_hash();
        let started = Instant::now();
        loop {
            let receipt = self.provider.get_transaction_receipt(hash).await;
            if let Some(receipt) = receipt.map_err(failed("a receipt"))? {
                return if receipt.status() {
                    Ok(receipt)
                } else {
                    Err(DemoError::Chain(format!("the transaction {hash} was reverted")))
                };
            }
            if started.elapsed() > MINED_WITHIN {
                let what = format!("the transaction {hash}");
                return Err(DemoError::Timeout { what, seconds: MINED_WITHIN.as_secs() });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Names what failed.
pub(super) fn failed<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> DemoError {
    move |error| DemoError::Chain(format!("{what}: {error}"))
}
