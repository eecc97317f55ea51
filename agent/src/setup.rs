//! Setting a jury up: registering jurors and creating juries. Here the sender's key pays the gas.

use std::time::Duration;

use alloy::{
    network::{EthereumWallet, TransactionBuilder as _},
    primitives::{Address, B256, Bytes, aliases::U40},
    providers::{Provider as _, ProviderBuilder},
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use surety_bindings::jury::{Jury, Registration};
use surety_chain::{BlockTag, CallOutcome, Rpc};
use surety_keys::Key;
use surety_terms::{Authorization, Usdc, digest};

use crate::{
    Error,
    chain::{read, token_domain},
};

/// How long a transaction may take to be mined.
const MINED_WITHIN: Duration = Duration::from_mins(2);
/// How long a registration's signature is good.
const REGISTER_WITHIN_SECS: u64 = 3_600;

/// What a juror claims and stakes.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who trained its model.
    pub family: String,
    /// Who runs it.
    pub operator: String,
    /// Where it answers, without a trailing slash.
    pub url: String,
    /// What it stakes.
    pub stake: Usdc,
}

/// A jury contract, with a key that has ETH to send transactions to it.
#[derive(Clone, Debug)]
pub struct Setup {
    rpc: Rpc,
    chain_id: u64,
    jury: Address,
    sender: PrivateKeySigner,
}

impl Setup {
    /// Checks the chain and the contract.
    pub async fn connect(
        rpc: Rpc,
        chain_id: u64,
        jury: Address,
        sender: PrivateKeySigner,
    ) -> Result<Self, Error> {
        rpc.expect_chain(chain_id).await?;
        rpc.expect_code(jury).await?;
        Ok(Self { rpc, chain_id, jury, sender })
    }

    /// Registers a juror with its own signature and stake; returns the transaction.
    pub async fn register(&self, juror: &Key, claim: &Claim) -> Result<B256, Error> {
        let key = juror.address();
        let earlier = read(&self.rpc, self.jury, &Jury::jurorCall { key }).await?;
        let now = self.rpc.head(BlockTag::Latest).await?.timestamp;
        let valid_until = now.saturating_add(REGISTER_WITHIN_SECS);
        let registration = Registration {
            juror: key,
            family: claim.family.clone(),
            operator: claim.operator.clone(),
            url: claim.url.clone(),
            stake: claim.stake.into(),
            nonce: earlier.registrations,
            validUntil: U40::saturating_from(valid_until),
        };
        let own = digest::registration_digest(&registration, self.chain_id, self.jury);
        let signed = if claim.stake == Usdc::ZERO {
            own
        } else {
            let token = read(&self.rpc, self.jury, &Jury::tokenCall {}).await?;
            let authorization = Authorization {
                from: key,
                to: self.jury,
                value: claim.stake.into(),
                valid_after: 0,
                valid_before: valid_until,
                nonce: own,
            };
            let domain = token_domain(&self.rpc, self.chain_id, token).await?;
            digest::authorization_digest(&authorization, &domain)
        };
        let signature = Bytes::from(juror.sign(&signed).await?.as_bytes());
        self.send(&Jury::registerCall::from((registration, signature))).await
    }

    /// Creates a jury, or finds that it exists; returns its digest and the transaction.
    pub async fn create_jury(
        &self,
        panel: Vec<Address>,
        appeal_panel: Vec<Address>,
    ) -> Result<(B256, B256), Error> {
        let call = Jury::createJuryCall::from((panel, appeal_panel));
        let jury = read(&self.rpc, self.jury, &call).await?;
        Ok((jury, self.send(&call).await?))
    }

    /// Simulates a call of the jury contract, sends it, and waits until it is mined.
    pub async fn send<C: SolCall>(&self, call: &C) -> Result<B256, Error> {
        let (from, calldata) = (self.sender.address(), Bytes::from(call.abi_encode()));
        if let CallOutcome::Reverted(data) =
            self.rpc.call(Some(from), self.jury, &calldata, BlockTag::Latest).await?
        {
            return Err(Error::reverted(&data));
        }
        let provider = ProviderBuilder::new()
            .wallet(EthereumWallet::from(self.sender.clone()))
            .connect_provider(self.rpc.provider().clone());
        let request = TransactionRequest::default().with_to(self.jury).with_input(calldata);
        let sent = provider.send_transaction(request).await.map_err(|_| {
            Error::NotSent("the endpoint does not take it; the sender needs ETH for the gas")
        })?;
        let receipt = sent
            .with_timeout(Some(MINED_WITHIN))
            .get_receipt()
            .await
            .map_err(|_| Error::NotSeen("the transaction"))?;
        if receipt.status() {
            return Ok(receipt.transaction_hash);
        }
        Err(Error::NotSent("it was mined but reverted; try again"))
    }
}
