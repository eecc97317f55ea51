//! Invariant 7: a verdict does not depend on which ballots are left out.

use surety_bindings::jury::Jury;

use super::chain::{Chain, deliverable};
use super::compare::same;
use super::state::{At, Model};
use super::tally::{Ballot, Outcome, Tally, tally};

/// Whatever part of the ballots of a verdict is left out, the rest says the same or nothing: all
/// parts by the model, and one without one of the ballots by the contract.
pub fn check(
    before: &Model,
    chain: &Chain,
    (at, work): (At, u8),
    ballots: &[Ballot],
) -> Result<(), String> {
    let deal = &before.deals[&at.deal];
    let part = &deal.parts[usize::from(at.milestone)];
    let round = part.kept.map_or(1, |kept| if kept.status as u8 == 3 { 2 } else { 1 });
    let rule = &deal.terms.milestones[usize::from(at.milestone)].rule;
    let seats = before.juries[deal.terms.jury].of(round).len();
    let n = u32::try_from(seats).map_err(|e| e.to_string())?;
    let whole = tally(rule, n, ballots);
    for left in 0u32..1 << ballots.len() {
        let some: Vec<_> = (0..ballots.len()).filter(|i| left >> i & 1 == 1).collect();
        let some: Vec<_> = some.into_iter().map(|i| ballots[i]).collect();
        let part = tally(rule, n, &some);
        same_or_none(&whole, rule.pro_rata, (part.outcome, part.met_bps))?;
    }
    // Any of them, the same one in every replay.
    let any = (before.now + chain.deals.len() as u64) % (ballots.len() as u64).max(1);
    for out in (0..ballots.len()).filter(|out| *out as u64 == any) {
        let mut some = ballots.to_vec();
        some.remove(out);
        let judge = Jury::judgeCall {
            jury: chain.juries[deal.terms.jury],
            round,
            dealId: chain.deals[at.deal].1,
            milestone: at.milestone,
            deliverable: deliverable(work),
            rule: rule.word(),
            ballots: chain.ballots(before, (at, round), work, &some),
        };
        let (from, to) = (chain.contracts.escrow, chain.contracts.jury);
        let part = chain.world.view_from(from, to, &judge).map_err(|e| format!("{e:?}"))?;
        let needed = tally(rule, n, &some);
        let needed = (needed.outcome as u8, needed.met_bps, needed.seats, needed.voted);
        let got = (part.outcome, u128::from(part.metBps), part.seats, part.voted);
        same("tally without a ballot", &needed, &got)?;
    }
    Ok(())
}

fn same_or_none(
    whole: &Tally,
    pro_rata: bool,
    (outcome, met_bps): (Outcome, u128),
) -> Result<(), String> {
    if outcome == Outcome::NoVerdict {
        return Ok(());
    }
    same("verdict of a part of the ballots", &whole.outcome, &outcome)?;
    if pro_rata && outcome == Outcome::Accepted {
        same("weight met of a part of the ballots", &whole.met_bps, &met_bps)?;
    }
    Ok(())
}
