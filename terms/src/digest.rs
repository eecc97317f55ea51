//! Every digest that a party or a juror signs, computed from the contracts' own structs.

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::{Eip712Domain, SolStruct, eip712_domain};
use surety_bindings::escrow::{Accept, Agree, Appeal, Concede, Delivery, Request, Revoke, Terms};
use surety_bindings::jury::{Ballot, BallotBatch, Case, Registration, Unbonding};

mod token {
    //! The token's struct; not ours, so it comes from the standard and not from an artifact.
    alloy::sol! {
        #[derive(Debug)]
        struct ReceiveWithAuthorization {
            address from;
            address to;
            uint256 value;
            uint256 validAfter;
            uint256 validBefore;
            bytes32 nonce;
        }
    }
}

/// The EIP-712 domain of a `DealEscrow`.
pub fn escrow_domain(chain_id: u64, escrow: Address) -> Eip712Domain {
    eip712_domain! {
        name: "Surety",
        version: "1",
        chain_id: chain_id,
        verifying_contract: escrow,
    }
}

/// The EIP-712 domain of a `Jury`.
pub fn jury_domain(chain_id: u64, jury: Address) -> Eip712Domain {
    eip712_domain! {
        name: "Surety Jury",
        version: "1",
        chain_id: chain_id,
        verifying_contract: jury,
    }
}

/// The deal id of terms in an escrow's domain: what both parties sign.
pub fn deal_id(terms: &Terms, domain: &Eip712Domain) -> B256 {
    terms.eip712_signing_hash(domain)
}

/// What a seller signs for a delivery, in the escrow's domain.
pub fn delivery_digest(delivery: &Delivery, domain: &Eip712Domain) -> B256 {
    delivery.eip712_signing_hash(domain)
}

/// What a buyer signs to accept, in the escrow's domain.
pub fn accept_digest(act: &Accept, domain: &Eip712Domain) -> B256 {
    act.eip712_signing_hash(domain)
}

/// What a seller signs to concede, in the escrow's domain.
pub fn concede_digest(act: &Concede, domain: &Eip712Domain) -> B256 {
    act.eip712_signing_hash(domain)
}

/// What both parties sign to agree, in the escrow's domain.
pub fn agree_digest(act: &Agree, domain: &Eip712Domain) -> B256 {
    act.eip712_signing_hash(domain)
}

/// What a party signs to revoke, in the escrow's domain.
pub fn revoke_digest(act: &Revoke, domain: &Eip712Domain) -> B256 {
    act.eip712_signing_hash(domain)
}

/// What a loser signs to appeal, or its authorization has as nonce, in the escrow's domain.
pub fn appeal_digest(act: &Appeal, domain: &Eip712Domain) -> B256 {
    act.eip712_signing_hash(domain)
}

/// What a party signs to have something performed for a fee, in the escrow's domain.
pub fn request_digest(request: &Request, domain: &Eip712Domain) -> B256 {
    request.eip712_signing_hash(domain)
}

/// The id of a case: its EIP-712 struct hash, without a domain, since it names chain and contract.
pub fn case_id(case: &Case) -> B256 {
    case.eip712_hash_struct()
}

/// What a juror signs for a ballot.
pub fn ballot_digest(ballot: &Ballot, chain_id: u64, jury: Address) -> B256 {
    ballot.eip712_signing_hash(&jury_domain(chain_id, jury))
}

/// What a juror signs for a list of cases at once.
pub fn ballot_batch_digest(batch: &BallotBatch, chain_id: u64, jury: Address) -> B256 {
    batch.eip712_signing_hash(&jury_domain(chain_id, jury))
}

/// What a juror signs, or what its stake's authorization has as nonce, to register.
pub fn registration_digest(registration: &Registration, chain_id: u64, jury: Address) -> B256 {
    registration.eip712_signing_hash(&jury_domain(chain_id, jury))
}

/// What a juror signs to start leaving.
pub fn unbonding_digest(unbonding: &Unbonding, chain_id: u64, jury: Address) -> B256 {
    unbonding.eip712_signing_hash(&jury_domain(chain_id, jury))
}

/// An ERC-3009 `receiveWithAuthorization`: who lets whom pull how much, once, and when.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authorization {
    /// Whose money it is.
    pub from: Address,
    /// Who pulls it: only this address can.
    pub to: Address,
    /// How much, in base units.
    pub value: U256,
    /// It works after this moment, in Unix seconds.
    pub valid_after: u64,
    /// It works before this moment, in Unix seconds.
    pub valid_before: u64,
    /// The digest that the signer thereby signs too.
    pub nonce: B256,
}

/// What a token's EIP-712 domain is made of. Tokens differ: USDC on Base has another name than a
/// test token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenDomain {
    /// The domain's name, e.g. "USD Coin".
    pub name: String,
    /// The domain's version, "2" for Circle's USDC.
    pub version: String,
    /// The chain.
    pub chain_id: u64,
    /// The token.
    pub address: Address,
}

impl TokenDomain {
    /// The EIP-712 domain.
    pub fn domain(&self) -> Eip712Domain {
        Eip712Domain::new(
            Some(self.name.clone().into()),
            Some(self.version.clone().into()),
            Some(U256::from(self.chain_id)),
            Some(self.address),
            None,
        )
    }

    /// What the token's `DOMAIN_SEPARATOR()` returns.
    pub fn separator(&self) -> B256 {
        self.domain().separator()
    }
}

/// How the escrow takes an ERC-3009 signature: behind the byte of that route.
pub fn by_authorization(signature: &[u8]) -> Bytes {
    [&[0], signature].concat().into()
}

/// What a party signs so that the escrow or the jury can pull its money.
pub fn authorization_digest(authorization: &Authorization, token: &TokenDomain) -> B256 {
    let message = token::ReceiveWithAuthorization {
        from: authorization.from,
        to: authorization.to,
        value: authorization.value,
        validAfter: U256::from(authorization.valid_after),
        validBefore: U256::from(authorization.valid_before),
        nonce: authorization.nonce,
    };
    message.eip712_signing_hash(&token.domain())
}
