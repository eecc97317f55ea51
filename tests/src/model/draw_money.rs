//! Random steps that are about no milestone: credits, pots, the token and the clock.

use rand::Rng as _;
use rand::rngs::StdRng;

use super::chain::{JURORS, everybody};
use super::draw::{amount, chance, one};
use super::draw_steps::SUBMITTERS;
use super::state::Model;
use super::step::Step;
use super::terms::Who;

/// Something with credits, pots, the token or the clock.
pub fn on_money(rng: &mut StdRng, model: &Model) -> Step {
    if model.token.paused && chance(rng, 60) {
        return Step::Unpause;
    }
    if let Some(who) = model.token.blacklist.iter().next().copied()
        && chance(rng, 35)
    {
        return Step::Unblacklist { who };
    }
    let by = one(rng, &SUBMITTERS);
    let owners: Vec<_> =
        model.credits.iter().filter(|(_, credit)| **credit > 0).map(|(who, _)| *who).collect();
    let pots: Vec<_> = model.pots.keys().copied().collect();
    match rng.random_range(0..100) {
        0..30 if !owners.is_empty() => Step::Withdraw { owner: one(rng, &owners), by },
        30..50 if !pots.is_empty() => {
            let (jury, round, seat) = one(rng, &pots);
            Step::ClaimFees { jury, round, seat, by }
        }
        0..65 if chance(rng, 3) => Step::Withdraw { owner: Who::Alice, by },
        0..65 => {
            let owner = one(rng, &[Who::Alice, Who::Bob, Who::Carol]);
            let amount = one(rng, &[0, 1_000_000, 1 << 60, 1 << 96, u128::MAX]);
            Step::Approve { owner, amount }
        }
        65..72 => {
            let (to, amount) = (one(rng, &[Who::Escrow, Who::Jury]), amount(rng, false));
            Step::Donate { from: one(rng, &[Who::Alice, Who::Stranger]), to, amount }
        }
        72..88 => {
            let everybody = everybody();
            let who = if chance(rng, 50) {
                one(rng, &[Who::Alice, Who::Bob, Who::Market, Who::Relayer, Who::Jury])
            } else {
                one(rng, &everybody)
            };
            Step::Blacklist { who }
        }
        88..92 => Step::Pause,
        92..94 => Step::ClaimFees { jury: 0, round: 1, seat: rng.random_range(0..5), by },
        _ => Step::Advance { secs: rng.random_range(1..40 * 86_400) / u64::from(JURORS) },
    }
}
