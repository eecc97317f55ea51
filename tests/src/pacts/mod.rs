//! Pacts a second time, in plain Rust, and random histories that must go alike in both.
//!
//! The model is written from `docs/pacts.md` and `docs/operations/pacts.md`: [`opening`] has what
//! is done with a pact, [`sample`] what is done with a period's sample, [`claims`] what is done with
//! records, and [`money`] who gets what. It knows no EVM and no signature, only who signed what; of
//! digests it knows a pact's id, since samples are drawn by hashing it. [`Pacts`] does every step
//! on the model and on the committed contracts, and compares whether it succeeded, by which error it
//! was refused, every event, balance, credit, pot, pact, period, record and standing.
//!
//! After every step these hold, checked by [`ledger`] from what the contracts log and hold and not
//! from the model:
//!
//! 1. The registry's balance is the bonds, the locks, the fees of claimed periods' records, what
//!    ended periods' records bring back, the credits and what was donated, to the unit; the jury's
//!    is stakes, pots and donations; all balances together never change.
//! 2. A period ends once, and nothing is presented in it then; a record is presented once and
//!    collected once, after its period has ended: so no record is judged twice.
//! 3. An ended period's fees and its slash are what its records bring back, what its seats get and
//!    what nobody gets, to the unit; a period that time ended costs nobody anything.
//! 4. A call that is refused changes nothing.
//!
//! At the end of every history, a stranger ends every pact by waiting, and not a second sooner;
//! then the registry owes nothing but credits.
//!
//! Not drawn: contract wallets, tokens that lie, and who else brings ballots to the jury.

pub mod calls;
pub mod chain;
pub mod claims;
pub mod close;
pub mod compare;
pub mod draw;
pub mod draw_claims;
pub mod events;
pub mod ledger;
pub mod money;
pub mod opening;
pub mod promise;
pub mod sample;
pub mod sides;
pub mod state;
pub mod step;
pub mod token;
pub mod who;

pub use sides::Pacts;
