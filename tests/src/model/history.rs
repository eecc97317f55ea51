//! Random histories, run on both sides, and a failing one made short.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::chain::{Beginning, Chain};
use super::compare;
use super::draw_steps;
use super::ledger::Ledger;
use super::rows::careful;
use super::shrink;
use super::state::{At, Event, Handed, Model, Refusal, Time};
use super::step::{BY_TIME, Step};
use super::superset;
use super::terms::{Terms, Who};

/// How often something happened.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Histories.
    pub histories: u64,
    /// Successful calls by operation.
    pub done: BTreeMap<&'static str, u64>,
    /// Refused calls by error.
    pub refused: BTreeMap<&'static str, u64>,
    /// Rows of the table, and ways of paying.
    pub rows: BTreeMap<&'static str, u64>,
    /// Milestones by ending.
    pub endings: BTreeMap<&'static str, u64>,
}

/// What was signed and done.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Terms of the deals that the steps name.
    pub terms: Vec<Terms>,
    /// What was done, in order.
    pub steps: Vec<Step>,
}

/// Both sides of a history.
#[derive(Debug)]
pub struct Run {
    /// The model.
    pub model: Model,
    /// The contracts.
    pub chain: Chain,
    /// The invariants, kept from what the contracts say.
    pub ledger: Ledger,
    /// What happened so far.
    pub counts: Counts,
}

impl Default for Run {
    fn default() -> Self {
        Self::new(Beginning::committed())
    }
}

impl Run {
    /// Nothing happened yet.
    pub fn new(beginning: &Beginning) -> Self {
        let (chain, model) = Chain::new(beginning);
        let ledger = Ledger::new(&chain);
        Self { model, chain, ledger, counts: Counts::default() }
    }

    /// One step on both sides. Says how they differ, or which invariant fell.
    pub fn step(&mut self, terms: &[Terms], step: &Step) -> Result<(), String> {
        self.chain.learn(terms);
        let before = self.model.clone();
        let chain = self.chain.apply(&before, step)?;
        let model = self.model.apply(terms, step);
        let events = std::mem::take(&mut self.model.events);
        self.count(step, &model, &chain)?;
        for row in std::mem::take(&mut self.model.rows) {
            *self.counts.rows.entry(row).or_default() += 1;
        }
        let logged = chain.as_ref().map_or(&[][..], Vec::as_slice);
        compare::events(&events, logged)?;
        compare::state(&self.model, &self.chain)?;
        let funded = |event: &Event| matches!(event, Event::Funded { .. } | Event::Claimed { .. });
        if events.iter().any(funded) {
            compare::pots(&self.model, &self.chain)?;
        }
        self.ledger.check(&self.chain, terms, (step, model.is_ok()), logged)?;
        if let (Step::Settle { call, work, ballots }, true) = (step, model.is_ok()) {
            superset::check(&before, &self.chain, (call.at, *work), ballots)?;
        }
        Ok(())
    }

    /// Both succeed, or both refuse by the same error.
    fn count(
        &mut self,
        step: &Step,
        model: &Result<(), Refusal>,
        chain: &Result<Vec<Event>, String>,
    ) -> Result<(), String> {
        let model = model.err();
        let outcome = model.map(str::to_owned);
        compare::same("refusal", &outcome, &chain.as_ref().err().cloned())?;
        match model {
            None => *self.counts.done.entry(step.name()).or_default() += 1,
            Some(refusal) => *self.counts.refused.entry(refusal).or_default() += 1,
        }
        for event in chain.iter().flatten() {
            if let Event::Ended { ending, .. } = event {
                *self.counts.endings.entry(ending.name()).or_default() += 1;
            }
        }
        Ok(())
    }
}

/// How many steps a history has before everything is closed.
const STEPS: std::ops::Range<usize> = 30..90;

/// A history that went wrong, and how.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What it was drawn from.
    pub seed: u64,
    /// What was done until then.
    pub history: History,
    /// What went wrong.
    pub message: String,
}

/// Draws a history and runs it on both sides.
pub fn random(seed: u64) -> Result<Counts, Box<Failure>> {
    random_from(Beginning::committed(), seed)
}

/// Draws a history and runs it on both sides from another beginning.
pub fn random_from(beginning: &Beginning, seed: u64) -> Result<Counts, Box<Failure>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut run = Run::new(beginning);
    let mut history = History::default();
    let outcome = drawn(&mut rng, &mut run, &mut history);
    let Err(message) = outcome else {
        run.counts.histories = 1;
        return Ok(run.counts);
    };
    Err(Box::new(Failure { seed, history, message }))
}

fn drawn(rng: &mut StdRng, run: &mut Run, history: &mut History) -> Result<(), String> {
    for _ in 0..rng.random_range(STEPS) {
        let step = draw_steps::step(rng, &run.model, &mut history.terms);
        history.steps.push(step.clone());
        run.step(&history.terms, &step)?;
    }
    close(run, &history.terms)
}

/// Runs a given history on both sides.
pub fn replay(history: &History) -> Result<(), String> {
    let mut run = Run::default();
    for step in &history.steps {
        run.step(&history.terms, step)?;
    }
    close(&mut run, &history.terms)
}

/// Ends everything by time alone, as a stranger can; then the escrow owes nothing but credits.
pub fn close(run: &mut Run, terms: &[Terms]) -> Result<(), String> {
    compare::by_calls(&run.model, &run.chain)?;
    while let Some((at, until)) = next_live(&run.model) {
        let step = only_ending(run, terms, at, until)?;
        if let Some(secs) = until.checked_sub(run.model.now).filter(|secs| *secs > 0) {
            run.step(terms, &Step::Advance { secs })?;
        }
        run.step(terms, &step)?;
    }
    run.ledger.check_closed()?;
    compare::by_calls(&run.model, &run.chain)
}

/// The live milestone whose window closes first, and when.
fn next_live(model: &Model) -> Option<(At, Time)> {
    let deals = model.deals.iter().flat_map(|(deal, d)| {
        let milestones = (0u8..).take(d.parts.len());
        milestones.map(|milestone| At { deal: *deal, milestone })
    });
    let until = |at: At| {
        let live = model.live(at, Who::Stranger, model.handed(at, Handed::Right));
        live.ok().map(|live| (at, live.until()))
    };
    deals.filter_map(until).min_by_key(|(_, until)| *until)
}

/// What time allows for a live milestone: nothing before its window closes, exactly one thing then.
fn only_ending(run: &mut Run, terms: &[Terms], at: At, until: Time) -> Result<Step, String> {
    let call = careful(at, Who::Stranger);
    let steps = BY_TIME.map(|action| Step::ByTime { action, call, requested: Vec::new() });
    let then = until.max(run.model.now);
    let early = until.saturating_sub(1);
    if early >= run.model.now {
        let possible = possible(run, terms, &steps, early)?;
        compare::same(&format!("endings of {at:?} before {until}"), &0, &possible.len())?;
    }
    let mut possible = possible(run, terms, &steps, then)?;
    compare::same(&format!("timed endings of {at:?} at {then}"), &1, &possible.len())?;
    possible.pop().ok_or_else(|| "no ending".to_owned())
}

fn possible(run: &mut Run, terms: &[Terms], steps: &[Step], at: Time) -> Result<Vec<Step>, String> {
    let mut possible = Vec::new();
    for step in steps {
        let mut model = run.model.clone();
        model.now = at;
        let by_model = model.apply(terms, step).is_ok();
        let by_contracts = run.chain.would(&run.model, step, at);
        compare::same(&format!("whether {step:?} works at {at}"), &by_model, &by_contracts)?;
        if by_contracts {
            possible.push(step.clone());
        }
    }
    Ok(possible)
}

/// Makes a failing history short and shows it.
pub fn show(failure: &Failure) -> String {
    let (history, message) = shrink::shrink(failure);
    let mut text = format!("seed {}: {message}\n", failure.seed);
    for (deal, terms) in history.terms.iter().enumerate() {
        if history.steps.iter().any(|step| shrink::names(step, deal)) {
            writeln!(text, "  terms {deal}: {terms:?}").expect("a string takes text");
        }
    }
    for step in &history.steps {
        writeln!(text, "  {step:?}").expect("a string takes text");
    }
    text
}
