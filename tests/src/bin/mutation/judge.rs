//! Whether anything notices a mutant: first the model, whose histories need no other process, then the
//! suites of its contract, then everything.

use std::panic::{AssertUnwindSafe, catch_unwind};

use alloy::primitives::Bytes;
use serde::{Deserialize, Serialize};
use surety_bindings::deployment;
use surety_tests::model::chain::Beginning;
use surety_tests::model::history;

use super::compiler::{Codes, Compiler, Target};
use super::forge::{Forge, Suites};
use super::mutant::Mutant;
use super::tree::{self, Tree};

/// Where the histories' seeds begin.
const SEED: u64 = 20_261_123;
/// Histories before forge starts, and for what forge does not notice.
const FIRST: u64 = 10;
const ALL: u64 = 50;

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Verdict {
    /// The compiler refuses it.
    NotCompiled,
    /// It compiles to the same code.
    Same,
    /// The test that failed, or `model` and the history's seed.
    Killed(String),
    /// Nothing noticed it.
    Survived,
}

/// A worker's compiler and copy of the tree.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    pub(crate) tree: &'a Tree,
    /// The contracts without a mutation, compiled like mutants.
    pub(crate) built: &'a Codes,
    pub(crate) compiler: Compiler,
    pub(crate) forge: Forge,
}

impl Judge<'_> {
    /// Looks for the first thing that notices a mutant.
    pub(crate) fn judge(&mut self, mutant: &Mutant) -> anyhow::Result<Verdict> {
        let source = self.tree.text(&mutant.file)?;
        let Some(changed) = mutant.patch.apply(source) else { return Ok(Verdict::NotCompiled) };
        let changed = Some((mutant.file.as_str(), changed.as_str()));
        let own = tree::target(&mutant.contract);
        let Some(mut codes) = self.compiler.compile(&[own], changed)? else {
            return Ok(Verdict::NotCompiled);
        };
        let same = codes.iter().all(|code| self.built.contains(code));
        if !same && let Some(seed) = first_failure(&self.codes(&codes), 0..FIRST, mutant) {
            return Ok(killed_by_model(seed));
        }
        let own = format!("{}/*", mutant.contract);
        if !same && let Some(by) = self.forge.kill(&codes, Suites::Of(&own))? {
            return Ok(Verdict::Killed(by));
        }
        // Whoever else has the source in it: other contracts, and the tests of a library.
        let others = self.tree.others(mutant)?;
        let Some(more) = self.compiler.compile(&others, changed)? else {
            return Ok(Verdict::NotCompiled);
        };
        let deployed = |code: &&(Target, Bytes)| !code.0.is_test();
        let same = same && more.iter().filter(deployed).all(|code| self.built.contains(code));
        if same {
            return Ok(Verdict::Same);
        }
        codes.extend(more);
        let tests: Vec<_> = others.iter().map(Target::suite).collect();
        let more = format!("{{{}}}", tests.join(","));
        if !tests.is_empty()
            && let Some(by) = self.forge.kill(&codes, Suites::Of(&more))?
        {
            return Ok(Verdict::Killed(by));
        }
        // Libraries' tests deploy nothing: those that hold the change have run.
        let ran = format!("{{{own},*Lib/*,TestUSDC/*}}");
        if let Some(by) = self.forge.kill(&codes, Suites::But(&ran))? {
            return Ok(Verdict::Killed(by));
        }
        let failed = first_failure(&self.codes(&codes), FIRST..ALL, mutant);
        Ok(failed.map_or(Verdict::Survived, killed_by_model))
    }

    /// What must hold of the contracts as they are, or no mutant's failure would mean anything.
    pub(crate) fn baseline(&self) -> anyhow::Result<()> {
        if let Some(seed) = first_history(&self.codes(&Vec::new()), 0..FIRST) {
            anyhow::bail!("the model's history {seed} fails without a mutation");
        }
        if let Some(by) = self.forge.kill(self.built, Suites::All)? {
            anyhow::bail!(
                "{by} fails without a mutation; compiled without the optimiser, it must not"
            );
        }
        Ok(())
    }

    /// The creation codes of all four, some of them changed.
    fn codes(&self, changed: &Codes) -> deployment::Codes {
        let code = |name: &str| -> Bytes {
            let known = |(target, _): &&(Target, Bytes)| target.name == name;
            let found = changed.iter().find(known).or_else(|| self.built.iter().find(known));
            found.map(|(_, code)| code.clone()).unwrap_or_default()
        };
        deployment::Codes {
            jury: code("Jury"),
            registry: code("ReputationRegistry"),
            escrow: code("DealEscrow"),
            pacts: code("PactRegistry"),
        }
    }
}

/// The model draws no pacts.
fn first_failure(
    codes: &deployment::Codes,
    seeds: std::ops::Range<u64>,
    mutant: &Mutant,
) -> Option<u64> {
    if mutant.contract == "PactRegistry" { None } else { first_history(codes, seeds) }
}

/// The first history that ends otherwise than in the model, or not at all.
fn first_history(codes: &deployment::Codes, seeds: std::ops::Range<u64>) -> Option<u64> {
    if seeds.is_empty() {
        return None;
    }
    let first = SEED + seeds.start;
    let Ok(beginning) = catch_unwind(|| Beginning::with_codes(codes)) else { return Some(first) };
    let fails = |seed: &u64| {
        let history = || history::random_from(&beginning, *seed).is_ok();
        !catch_unwind(AssertUnwindSafe(history)).unwrap_or(false)
    };
    seeds.map(|seed| SEED + seed).find(fails)
}

fn killed_by_model(seed: u64) -> Verdict {
    Verdict::Killed(format!("model {seed}"))
}
