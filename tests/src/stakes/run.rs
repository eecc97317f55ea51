//! Both sides of a history of stakes.

use rand::rngs::StdRng;

use super::chain::Chain;
use super::state::Model;
use super::step::Step;
use super::{close, compare, draw};
use crate::histories::{Outcome, Sides};
use crate::model::compare::same;
use crate::model::state::Time;

/// How long a juror waits for its stake.
pub const UNBONDING_SECS: Time = 30 * 86_400;

/// The model of the jury, and the jury. A model that believes in another time than the jury's is
/// wrong, and for tests of what notices it.
#[derive(Debug)]
pub struct Stakes<const BELIEVED_SECS: Time = UNBONDING_SECS> {
    /// The model.
    pub model: Model,
    /// The contracts.
    pub chain: Chain,
}

impl<const BELIEVED_SECS: Time> Sides for Stakes<BELIEVED_SECS> {
    type Step = Step;

    fn new() -> Self {
        let (chain, model) = Chain::new(BELIEVED_SECS);
        Self { model, chain }
    }

    fn draw(&self, rng: &mut StdRng) -> Step {
        draw::step(rng, &self.model)
    }

    fn step(&mut self, step: &Step) -> Result<Outcome, String> {
        let stuck = self.model.stuck;
        let model = self.model.apply(step);
        let chain = self.chain.apply(step)?;
        let needed = model.map(|()| self.model.events.clone()).map_err(str::to_owned);
        same("what happens", &needed, &chain)?;
        compare::state(&self.model, &self.chain)?;
        Ok(match model {
            Ok(()) if self.model.stuck > stuck => Outcome::Done("slash, and the rest stays"),
            Ok(()) => Outcome::Done(step.name()),
            Err(refusal) => Outcome::Refused(refusal.to_owned()),
        })
    }

    fn close(&mut self) -> Result<(), String> {
        close::close(self)
    }
}
