//! How every history ends: by time alone, once the token lets everybody receive.

use alloy::primitives::U256;

use super::compare;
use super::draw::which;
use super::run::Stakes;
use super::state::{Juror, Model};
use super::step::{Form, Signed, Step, Who};
use crate::histories::{Outcome, Sides as _};
use crate::model::compare::same;
use crate::model::state::Time;

/// Every pot is paid, everybody leaves and has its stake, not a second too early; then nothing is
/// held but what could not be burnt.
pub fn close<const BELIEVED_SECS: Time>(sides: &mut Stakes<BELIEVED_SECS>) -> Result<(), String> {
    compare::by_calls(&sides.model, &sides.chain)?;
    if sides.model.token.paused {
        must(sides, &Step::Unpause)?;
    }
    for who in sides.model.token.blacklist.clone() {
        must(sides, &Step::Unblacklist { who })?;
    }
    let pots: Vec<_> = sides.model.pots.keys().copied().collect();
    for (jury, round, seat) in pots {
        must(sides, &Step::ClaimFees { by: Who::Stranger, jury, round, seat })?;
    }
    for juror in which(&sides.model, Juror::serves) {
        let (nonce, valid_until) = (sides.model.juror(juror).registrations, sides.model.now + 1);
        let (by, signed) = (Who::Stranger, Signed { by: juror, form: Form::Whole });
        must(sides, &Step::Unbond { by, juror, nonce, valid_until, signed })?;
    }
    while let Some((juror, at)) = next_leaving(&sides.model) {
        leave(sides, juror, at)?;
    }
    same("what is left", &U256::from(sides.model.stuck), &compare::held(&sides.chain))
}

/// The juror cannot be paid a second before its time is over, and can then.
fn leave<const BELIEVED_SECS: Time>(
    sides: &mut Stakes<BELIEVED_SECS>,
    juror: Who,
    at: Time,
) -> Result<(), String> {
    let claim = Step::Claim { by: Who::Stranger, juror };
    let left = at.saturating_sub(sides.model.now);
    if left > 0 {
        must(sides, &Step::Advance { secs: left - 1 })?;
        let early = sides.step(&claim)?;
        same("a claim too early", &Outcome::Refused("StakeBonded".to_owned()), &early)?;
        must(sides, &Step::Advance { secs: 1 })?;
    }
    must(sides, &claim)
}

fn must<const BELIEVED_SECS: Time>(
    sides: &mut Stakes<BELIEVED_SECS>,
    step: &Step,
) -> Result<(), String> {
    match sides.step(step)? {
        Outcome::Done(_) => Ok(()),
        other => Err(format!("{step:?} at the end: {other:?}")),
    }
}

/// Whose time is over first, and when.
fn next_leaving(model: &Model) -> Option<(Who, Time)> {
    let leaving = model.jurors.iter().filter(|(_, juror)| juror.leaves());
    leaving.map(|(key, juror)| (*key, juror.unbonds_at)).min_by_key(|(_, at)| *at)
}
