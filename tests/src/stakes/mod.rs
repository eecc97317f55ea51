//! Jurors, their stakes, juries and pots a second time, in plain Rust, and the steps of random
//! histories that must go alike in it and in the `Jury` contract.
//!
//! The model is written from `IJury`'s words: `jurors` says who may register, leave, be paid and be
//! struck off, `juries` who may sit together and what a seat earns, `facts` what anybody may write
//! about anybody in the `ReputationRegistry`. It knows no EVM, no digest and no signature, only who
//! signed what. [`run`] does each step on the model and on the committed contracts and compares
//! whether it succeeded, by which error it was refused, every event, answer, balance, juror's word,
//! pot and standing, and the contract's own count of what it holds.
//!
//! After every step these hold, read from the contracts and not from the model:
//!
//! 1. What the jury holds is stakes, pots and what of slashed stakes not even nobody could be paid,
//!    to the unit; its balance covers that, and what is beyond was given.
//! 2. No money appears or vanishes.
//! 3. A call that is refused changes nothing.
//!
//! And at the end of every history: a juror can leave, not a second before its time is over, and
//! gets its whole stake; every pot can be paid; then nothing is held but what could not be burnt.
//!
//! Not drawn: a token that lies (`TransferMismatch`), batches of ballots, which the escrow's model
//! draws, and authorizations that their signer cancels.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "most of what is done with a step is about a few of them"
)]

pub mod calls;
pub mod chain;
pub mod close;
pub mod compare;
pub mod draw;
pub mod draw_seats;
pub mod draw_slash;
pub mod events;
pub mod facts;
pub mod juries;
pub mod jurors;
pub mod run;
pub mod state;
pub mod step;
pub mod token;

pub use run::Stakes;
