//! The end of a history: a stranger ends everything by waiting, whatever the token refuses.

use super::compare;
use super::sides::Pacts;
use super::state::{At, Model, Status};
use super::step::{Call, Step};
use super::who::Who;
use crate::histories::Outcome;
use crate::model::compare::same;
use crate::model::state::Time;

/// Ends every period, collects every record and closes every pact; then the registry owes nothing
/// but credits.
pub fn close(sides: &mut Pacts) -> Result<(), String> {
    compare::by_calls(&sides.model, &sides.chain)?;
    while let Some((at, until)) = next_claimed(&sides.model) {
        let step = Step::Expire { call: call(at.pact), period: at.period };
        by_time(sides, &step, until)?;
    }
    let left: Vec<_> = sides.model.presenters.keys().copied().collect();
    for record in left {
        done(sides, &Step::Collect { record, by: Who::Stranger })?;
    }
    while let Some((pact, until)) = next_open(&sides.model) {
        by_time(sides, &Step::Close { call: call(pact) }, until)?;
    }
    sides.ledger.check_closed(&sides.chain)?;
    compare::by_calls(&sides.model, &sides.chain)
}

fn call(pact: u32) -> Call {
    Call { pact, by: Who::Stranger, altered: false }
}

/// The claimed period whose panel's time is over first, and when.
fn next_claimed(model: &Model) -> Option<(At, Time)> {
    let claimed = model.periods.iter().filter(|(_, period)| period.status == Status::Claimed);
    let until = |at: At| (at, model.promises[&at.pact].0.judge_end(at.period));
    claimed.map(|(at, _)| until(*at)).min_by_key(|(_, until)| *until)
}

/// The pact that closes first, and when.
fn next_open(model: &Model) -> Option<(u32, Time)> {
    let open = model.pacts.iter().filter(|(_, pact)| !pact.closed);
    let until = open.map(|(number, pact)| {
        let (promise, _) = &model.promises[number];
        (*number, pact.covered_until + promise.present_within + promise.judge_within)
    });
    until.min_by_key(|(_, until)| *until)
}

/// It cannot be done a second sooner, and can be then.
fn by_time(sides: &mut Pacts, step: &Step, until: Time) -> Result<(), String> {
    let early = until - 1;
    if early >= sides.model.now {
        let mut model = sides.model.clone();
        model.now = early;
        let got = (model.apply(step).is_ok(), sides.chain.would(&sides.model, step, early));
        same(&format!("whether {step:?} works at {early}"), &(false, false), &got)?;
    }
    done(sides, &Step::Wait { until, blocks: 1 })?;
    done(sides, step)
}

fn done(sides: &mut Pacts, step: &Step) -> Result<(), String> {
    match sides.single(step)? {
        Outcome::Done(_) => Ok(()),
        outcome @ (Outcome::Refused(_) | Outcome::Skipped) => {
            Err(format!("{step:?} at {}: {outcome:?}", sides.model.now))
        }
    }
}
