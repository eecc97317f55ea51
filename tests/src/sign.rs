//! The signatures that buyers, sellers and jurors make, as functions of who signs what. Digests and
//! packing are the ones the services use.

use alloy::primitives::aliases::U96;
use alloy::primitives::{B256, Bytes, U256};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use surety_bindings::escrow::{Accept, Agree, Concede, Delivery, Terms};
use surety_bindings::jury::{Ballot, BallotBatch, Case, Registration, Unbonding};
use surety_jury::ballot::{SignedBallot, SignedBatch, compact, pack};
use surety_terms::digest::{self, Authorization};

use crate::Contracts;

/// One juror's answer, before it signs: `seat` of the panel calls `met` met and `failed` failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The seat in the panel, from 0.
    pub seat: u8,
    /// Mask of the criteria that are met.
    pub met: u16,
    /// Mask of the criteria that are failed.
    pub failed: u16,
}

/// Signs a digest: `r`, `s` and `v` (27 or 28), 65 bytes.
pub fn digest(signer: &PrivateKeySigner, digest: B256) -> Bytes {
    let signature = signer.sign_hash_sync(&digest).expect("a local key signs");
    signature.as_bytes().into()
}

/// The id of the deal that `terms` make.
pub fn deal_id(contracts: &Contracts, terms: &Terms) -> B256 {
    digest::deal_id(terms, &contracts.escrow_domain())
}

/// Both openings' signatures: the buyer's authorization of the total, and the seller's of the bond or,
/// without one, of the deal's id.
pub fn opening(
    contracts: &Contracts,
    terms: &Terms,
    buyer: &PrivateKeySigner,
    seller: &PrivateKeySigner,
) -> (Bytes, Bytes) {
    let nonce = deal_id(contracts, terms);
    let pull = |signer: &PrivateKeySigner, amount| {
        funding(signer, contracts, amount, terms.openBy.to(), nonce)
    };
    let seller_signature =
        if terms.bond.is_zero() { digest(seller, nonce) } else { pull(seller, terms.bond) };
    (pull(buyer, terms.total), seller_signature)
}

/// Funding of `amount` by ERC-3009, as the escrow takes it; `nonce` is the digest that is thereby
/// signed.
pub fn funding(
    signer: &PrivateKeySigner,
    contracts: &Contracts,
    amount: U96,
    valid_before: u64,
    nonce: B256,
) -> Bytes {
    let authorization = Authorization {
        from: signer.address(),
        to: contracts.escrow,
        value: U256::from(amount),
        valid_after: 0,
        valid_before,
        nonce,
    };
    digest::by_authorization(&self::authorization(signer, contracts, &authorization))
}

/// An ERC-3009 authorization to receive.
pub fn authorization(
    signer: &PrivateKeySigner,
    contracts: &Contracts,
    authorization: &Authorization,
) -> Bytes {
    digest(signer, digest::authorization_digest(authorization, &contracts.token_domain))
}

/// The seller's delivery.
pub fn delivery(seller: &PrivateKeySigner, contracts: &Contracts, delivery: &Delivery) -> Bytes {
    digest(seller, digest::delivery_digest(delivery, &contracts.escrow_domain()))
}

/// The buyer's release.
pub fn accept(buyer: &PrivateKeySigner, contracts: &Contracts, act: &Accept) -> Bytes {
    digest(buyer, digest::accept_digest(act, &contracts.escrow_domain()))
}

/// The seller's refund.
pub fn concede(seller: &PrivateKeySigner, contracts: &Contracts, act: &Concede) -> Bytes {
    digest(seller, digest::concede_digest(act, &contracts.escrow_domain()))
}

/// A party's half of a split.
pub fn agree(party: &PrivateKeySigner, contracts: &Contracts, act: &Agree) -> Bytes {
    digest(party, digest::agree_digest(act, &contracts.escrow_domain()))
}

/// A juror's registration; with a stake, the authorization whose nonce is the registration's digest.
pub fn registration(
    juror: &PrivateKeySigner,
    contracts: &Contracts,
    registration: &Registration,
) -> Bytes {
    let nonce = digest::registration_digest(registration, contracts.chain_id, contracts.jury);
    if registration.stake.is_zero() {
        return digest(juror, nonce);
    }
    let authorization = Authorization {
        from: juror.address(),
        to: contracts.jury,
        value: U256::from(registration.stake),
        valid_after: 0,
        valid_before: registration.validUntil.to(),
        nonce,
    };
    self::authorization(juror, contracts, &authorization)
}

/// A juror's notice that it leaves.
pub fn unbonding(juror: &PrivateKeySigner, contracts: &Contracts, unbonding: &Unbonding) -> Bytes {
    digest(juror, digest::unbonding_digest(unbonding, contracts.chain_id, contracts.jury))
}

/// The case of a deal's milestone in round 1.
pub fn case(contracts: &Contracts, deal_id: B256, milestone: u8, deliverable: B256) -> Case {
    Case {
        chainId: U256::from(contracts.chain_id),
        jury: contracts.jury,
        consumer: contracts.escrow,
        dealId: deal_id,
        milestone,
        round: 1,
        deliverable,
    }
}

/// A juror's ballot on the seat `seat`.
pub fn ballot(
    juror: &PrivateKeySigner,
    contracts: &Contracts,
    seat: u8,
    ballot: Ballot,
) -> SignedBallot {
    let digest = digest::ballot_digest(&ballot, contracts.chain_id, contracts.jury);
    let signature = juror.sign_hash_sync(&digest).expect("a local key signs");
    SignedBallot { seat, ballot, signature: compact(&signature) }
}

/// A juror's ballots on a list of cases, on the seat `seat`.
pub fn ballot_batch(
    juror: &PrivateKeySigner,
    contracts: &Contracts,
    seat: u8,
    batch: BallotBatch,
) -> SignedBatch {
    let digest = digest::ballot_batch_digest(&batch, contracts.chain_id, contracts.jury);
    let signature = juror.sign_hash_sync(&digest).expect("a local key signs");
    SignedBatch { seat, batch, signature: compact(&signature) }
}

/// Packs one ballot per vote, signed by the seat's `jurors[seat]`, as `settle` takes them. Votes must
/// be in ascending order of their seats.
pub fn ballots(
    jurors: &[PrivateKeySigner],
    contracts: &Contracts,
    case: &Case,
    votes: &[Vote],
) -> Bytes {
    let case_id = digest::case_id(case);
    let sign = |vote: &Vote| {
        let (met, failed) = (vote.met, vote.failed);
        let answer = Ballot { caseId: case_id, met, failed, reason: 0, transcript: B256::ZERO };
        let juror = jurors.get(usize::from(vote.seat)).expect("the vote names a seat");
        ballot(juror, contracts, vote.seat, answer)
    };
    pack(&votes.iter().map(sign).collect::<Vec<_>>()).expect("votes in the order of seats")
}
