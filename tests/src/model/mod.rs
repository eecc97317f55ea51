//! The protocol a second time, in plain Rust, and random histories that must go alike in both.
//!
//! The model is written from the protocol's table and not from the contracts: `rows` and `verdicts`
//! have one function per operation, each naming its rows, `money` is who gets what, `tally` counts
//! ballots one by one, `reputation` says what is good and bad. It knows no EVM, no digest and no
//! signature, only who signed what. [`history`] draws steps that mostly succeed, does each on the
//! model and on the committed contracts, and compares whether it succeeded, by which error it was
//! refused, every event, balance, credit, deal word, state digest, pot and standing.
//!
//! After every step these hold, checked from what the contracts log and hold and not from the model:
//!
//! 1. The escrow's balance is the open milestones' money and bonds, the open appeals' bonds, the
//!    credits and what was donated, to the unit; the jury's is stakes, pots and donations.
//! 2. What an ended milestone paid to seller, buyer and as fees is its money and its bond share, to
//!    the unit; an appeal's bond is paid out once, whole, in the transaction that ends its milestone.
//! 3. A milestone ends exactly once, and a deal opens at most once.
//! 4. Nothing leaves Ended: no event but its own is about an ended milestone, and its bit stays set.
//! 5. Nobody's money changes but that of the parties, the fee receiver, the caller, round 1's
//!    submitter and the seats; a withdrawal changes nobody's.
//! 6. Every live milestone has exactly one timed ending: none a second before its window closes, one
//!    from then on; so a stranger can end everything by waiting, whatever the token refuses, and then
//!    the escrow owes nothing but credits.
//! 7. A verdict does not depend on which ballots are left out: any part of them says the same or
//!    nothing.
//! 8. Every wallet's standing is the fold of the events about its milestones.
//! 9. A call that is refused changes nothing.
//!
//! Not drawn: contract wallets, tokens that lie, jurors that leave or are slashed, patches of a batch's
//! templates, `multicall`.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "most of what is done with a step or an event is about a few of them"
)]

pub mod calls;
pub mod chain;
pub mod compare;
pub mod draw;
pub mod draw_money;
pub mod draw_steps;
pub mod events;
pub mod history;
pub mod ledger;
pub mod money;
pub mod reputation;
pub mod rows;
pub mod shrink;
pub mod state;
pub mod step;
pub mod superset;
pub mod tally;
pub mod terms;
pub mod token;
pub mod verdicts;
