//! Both sides of a history of pacts.

use rand::rngs::StdRng;

use super::chain::Chain;
use super::ledger::Ledger;
use super::state::{Model, Record};
use super::step::{Presentation, Step};
use super::{close, compare, draw};
use crate::histories::{Outcome, Sides};
use crate::model::compare::same;

/// The model, the contracts, and the invariants kept from what the contracts say.
#[derive(Debug)]
pub struct Pacts {
    /// The model.
    pub model: Model,
    /// The contracts.
    pub chain: Chain,
    /// The invariants.
    pub ledger: Ledger,
}

impl Sides for Pacts {
    type Step = Step;

    fn new() -> Self {
        let (chain, model) = Chain::new();
        let ledger = Ledger::new(&chain);
        Self { model, chain, ledger }
    }

    fn draw(&self, rng: &mut StdRng) -> Step {
        draw::step(rng, &self.model)
    }

    fn step(&mut self, step: &Step) -> Result<Outcome, String> {
        let Step::Crowd { call, what, many } = step else { return self.single(step) };
        let mut outcome = Outcome::Skipped;
        for more in 0..*many {
            let key = what.record.key.wrapping_add(more);
            let record = Record { key, ..what.record };
            let what = Presentation { record, claimed: record, ..*what };
            outcome = self.single(&Step::Present { call: *call, what })?;
            if !matches!(outcome, Outcome::Done(_)) {
                break;
            }
        }
        Ok(outcome)
    }

    fn close(&mut self) -> Result<(), String> {
        close::close(self)
    }
}

impl Pacts {
    /// Any step but a crowd, which is many.
    pub fn single(&mut self, step: &Step) -> Result<Outcome, String> {
        if let Step::Open { promise, .. } = step {
            let id = self.chain.learn(promise);
            self.model.promises.insert(promise.number, (promise.clone(), id));
        }
        if !self.model.knows(step) {
            return Ok(Outcome::Skipped);
        }
        let chain = self.chain.apply(&self.model, step)?;
        let model = self.model.apply(step);
        let refused = model.as_ref().err().map(|refusal| (*refusal).to_owned());
        same("refusal", &refused, &chain.as_ref().err().cloned())?;
        let logged = chain.unwrap_or_default();
        let (outcome, events) = match model {
            Ok(done) => (Outcome::Done(done.name), done.events),
            Err(refusal) => (Outcome::Refused(refusal.to_owned()), Vec::new()),
        };
        same("events", &events, &logged)?;
        same("block", &self.model.block, &self.chain.block())?;
        compare::state(&self.model, &self.chain)?;
        compare::pots(&self.model, &self.chain, &events)?;
        self.ledger.check(&self.chain, (step, refused.is_none()), &logged)?;
        Ok(outcome)
    }
}
