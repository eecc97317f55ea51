//! What jurors sign besides ballots. The model does not know it, so no mutant's verdict rests on it.

use alloy::primitives::{B256, keccak256};
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;
use surety_jury::SignedCommitment;
use surety_jury::ballot::compact;
use surety_jury::commitment::commitment_digest;

use crate::Contracts;

/// A juror's commitment to something, for a case.
pub fn commitment(contracts: &Contracts, juror: &PrivateKeySigner, case: B256) -> SignedCommitment {
    let digest = keccak256(juror.address());
    let signed = commitment_digest(case, digest, (contracts.chain_id, contracts.jury));
    let signature = compact(&juror.sign_hash_sync(&signed).expect("a local key signs"));
    SignedCommitment { case_id: case, digest, juror: juror.address(), signature }
}
