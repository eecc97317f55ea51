//! Rust types of the Surety contracts: calls, events, errors, signed structs and addresses.
//!
//! Everything here is generated from the committed artifacts, so that a signed struct has one
//! definition, the Solidity one. The crate does no I/O.

pub mod deployment;
pub mod formula;
pub mod revert;

pub mod escrow {
    //! `DealEscrow`: deals, milestones, payouts and credits.
    #![expect(
        missing_docs,
        clippy::too_many_arguments,
        reason = "generated from the ABI; the interface is documented in Solidity"
    )]
    alloy::sol!(
        #[sol(rpc, all_derives, extra_derives(serde::Serialize, serde::Deserialize))]
        DealEscrow,
        "artifacts/DealEscrow.json"
    );
    pub use super::digests::IDealEscrow::{
        Accept, Agree, Appeal, Concede, Delivery, Request, Revoke,
    };
    pub use IDealEscrow::*;
}

pub mod digests {
    //! `DealDigests`: what parties sign for an escrow besides the terms. Not deployed: it is the
    //! source of these structs, and a second opinion on their digests.
    alloy::sol!(
        #[sol(rpc, all_derives, extra_derives(serde::Serialize, serde::Deserialize))]
        DealDigests,
        "artifacts/DealDigests.json"
    );
}

pub mod jury {
    //! `Jury`: jurors, juries, ballots and the tally.
    #![expect(
        missing_docs,
        clippy::too_many_arguments,
        reason = "generated from the ABI; the interface is documented in Solidity"
    )]
    alloy::sol!(
        #[sol(rpc, all_derives, extra_derives(serde::Serialize, serde::Deserialize))]
        Jury,
        "artifacts/Jury.json"
    );
    pub use IJury::*;
}

pub mod pacts {
    //! `PactRegistry`: standing promises, bonded and judged.
    #![expect(
        missing_docs,
        clippy::too_many_arguments,
        reason = "generated from the ABI; the interface is documented in Solidity"
    )]
    alloy::sol!(
        #[sol(rpc, all_derives, extra_derives(serde::Serialize, serde::Deserialize))]
        PactRegistry,
        "artifacts/PactRegistry.json"
    );
    pub use IPactRegistry::*;
}

pub mod registry {
    //! `ReputationRegistry`: facts about wallets and the score formula.
    #![expect(
        missing_docs,
        clippy::too_many_arguments,
        reason = "generated from the ABI; the interface is documented in Solidity"
    )]
    alloy::sol!(
        #[sol(rpc, all_derives, extra_derives(serde::Serialize, serde::Deserialize))]
        ReputationRegistry,
        "artifacts/ReputationRegistry.json"
    );
    pub use IReputationRegistry::*;
}
