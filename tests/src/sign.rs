//! The signatures that buyers, sellers and jurors make, as functions of who signs what.

use alloy::primitives::{B256, Bytes, U256};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolStruct;
use surety_bindings::escrow::{Accept, Agree, Concede, Delivery, Terms};
use surety_bindings::jury::{Ballot, Case, Registration, Unbonding};

use crate::Contracts;
use crate::contracts::token::ReceiveWithAuthorization;

/// One juror's answer, before it signs: `seat` of the panel calls `met` met and `failed` failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The seat in the panel, from 0.
    pub seat: usize,
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
    terms.eip712_signing_hash(&contracts.escrow_domain())
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
        authorization(
            signer,
            contracts,
            &ReceiveWithAuthorization {
                from: signer.address(),
                to: contracts.escrow,
                value: U256::from(amount),
                validAfter: U256::ZERO,
                validBefore: U256::from(terms.openBy),
                nonce,
            },
        )
    };
    let seller_signature =
        if terms.bond.is_zero() { digest(seller, nonce) } else { pull(seller, terms.bond) };
    (pull(buyer, terms.total), seller_signature)
}

/// An ERC-3009 authorization to receive.
pub fn authorization(
    signer: &PrivateKeySigner,
    contracts: &Contracts,
    authorization: &ReceiveWithAuthorization,
) -> Bytes {
    digest(signer, authorization.eip712_signing_hash(&contracts.token_domain))
}

/// The seller's delivery.
pub fn delivery(seller: &PrivateKeySigner, contracts: &Contracts, delivery: &Delivery) -> Bytes {
    digest(seller, delivery.eip712_signing_hash(&contracts.escrow_domain()))
}

/// The buyer's release.
pub fn accept(buyer: &PrivateKeySigner, contracts: &Contracts, accept: &Accept) -> Bytes {
    digest(buyer, accept.eip712_signing_hash(&contracts.escrow_domain()))
}

/// The seller's refund.
pub fn concede(seller: &PrivateKeySigner, contracts: &Contracts, concede: &Concede) -> Bytes {
    digest(seller, concede.eip712_signing_hash(&contracts.escrow_domain()))
}

/// A party's half of a split.
pub fn agree(party: &PrivateKeySigner, contracts: &Contracts, agree: &Agree) -> Bytes {
    digest(party, agree.eip712_signing_hash(&contracts.escrow_domain()))
}

/// A juror's registration; with a stake, the authorization whose nonce is the registration's digest.
pub fn registration(
    juror: &PrivateKeySigner,
    contracts: &Contracts,
    registration: &Registration,
) -> Bytes {
    let nonce = registration.eip712_signing_hash(&contracts.jury_domain());
    if registration.stake.is_zero() {
        return digest(juror, nonce);
    }
    authorization(
        juror,
        contracts,
        &ReceiveWithAuthorization {
            from: juror.address(),
            to: contracts.jury,
            value: U256::from(registration.stake),
            validAfter: U256::ZERO,
            validBefore: U256::from(registration.validUntil),
            nonce,
        },
    )
}

/// A juror's notice that it leaves.
pub fn unbonding(juror: &PrivateKeySigner, contracts: &Contracts, unbonding: &Unbonding) -> Bytes {
    digest(juror, unbonding.eip712_signing_hash(&contracts.jury_domain()))
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

/// A ballot's signature in 64 bytes: `r`, then `s` with the parity in its top bit (ERC-2098).
pub fn ballot(juror: &PrivateKeySigner, contracts: &Contracts, ballot: &Ballot) -> [u8; 64] {
    let digest = ballot.eip712_signing_hash(&contracts.jury_domain());
    let signature = juror.sign_hash_sync(&digest).expect("a local key signs");
    signature.as_erc2098()
}

/// Packs one ballot per vote, signed by the seat's `jurors[seat]`, as `settle` takes them. Votes must
/// be in ascending order of their seats.
pub fn ballots(
    jurors: &[PrivateKeySigner],
    contracts: &Contracts,
    case: &Case,
    votes: &[Vote],
) -> Bytes {
    let case_id = case.eip712_hash_struct();
    let seats = votes.iter().fold(0u16, |seats, vote| seats | 1 << vote.seat);
    let mut packed = seats.to_be_bytes().to_vec();
    for vote in votes {
        let answer = Ballot {
            caseId: case_id,
            met: vote.met,
            failed: vote.failed,
            reason: 0,
            transcript: B256::ZERO,
        };
        let juror = jurors.get(vote.seat).expect("the vote names a seat of the panel");
        packed.extend(answer.met.to_be_bytes());
        packed.extend(answer.failed.to_be_bytes());
        packed.push(answer.reason);
        packed.extend(answer.transcript);
        packed.extend(ballot(juror, contracts, &answer));
    }
    packed.into()
}
