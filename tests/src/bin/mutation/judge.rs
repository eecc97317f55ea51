//! Whether anything notices a mutant: first the plain tests of a library, and the model, which need no
//! other process, then the suites of its contract, then everything.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use alloy::primitives::Bytes;
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use surety_bindings::deployment;
use surety_tests::model::chain::Beginning;
use surety_tests::model::history;

use super::compiler::{Codes, Compiler, Target};
use super::files;
use super::forge::{Forge, Suites};
use super::mutant::Mutant;
use super::plain;
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

/// What is known of a mutant before forge runs.
#[derive(Debug)]
pub(crate) enum Sifted {
    /// Nothing else needs to be asked.
    Judged(Verdict),
    /// Its contract's code, which the first histories do not tell from what it should be.
    Passed(Codes),
}

/// A worker's compiler, and the model.
#[derive(Debug)]
pub(crate) struct Sieve<'a> {
    pub(crate) tree: &'a Tree,
    /// The contracts without a mutation, compiled like mutants.
    pub(crate) built: &'a Codes,
    pub(crate) compiler: Compiler,
    /// Where the codes are kept that passed: compiling them is most of the work.
    pub(crate) folder: PathBuf,
}

impl Sieve<'_> {
    /// Compiles a mutant and runs the first histories.
    pub(crate) fn sift(&mut self, mutant: &Mutant) -> anyhow::Result<Sifted> {
        let kept = self.folder.join(self.tree.sifted(mutant).to_string());
        if let Some(codes) = fs::read(&kept).ok().and_then(|it| serde_json::from_slice(&it).ok()) {
            return Ok(Sifted::Passed(codes));
        }
        let plain = self.tree.plain_tests_of(&mutant.file)?;
        let source = self.tree.text(&mutant.file)?;
        let Some(changed) = mutant.patch.apply(source) else {
            return Ok(Sifted::Judged(Verdict::NotCompiled));
        };
        let changed = Some((mutant.file.as_str(), changed.as_str()));
        let Some(plain) = self.compiler.interfaces(&plain, changed)? else {
            return Ok(Sifted::Judged(Verdict::NotCompiled));
        };
        if let Some(by) = plain::failure(&plain)? {
            return Ok(Sifted::Judged(Verdict::Killed(by)));
        }
        let own = tree::target(&mutant.contract);
        let Some(codes) = self.compiler.compile(&[own], changed)? else {
            return Ok(Sifted::Judged(Verdict::NotCompiled));
        };
        if !self.is_same(&codes)
            && let Some(seed) = first_failure(&self.codes(&codes), 0..FIRST, mutant)
        {
            return Ok(Sifted::Judged(killed_by_model(seed)));
        }
        files::write(&kept, &serde_json::to_vec(&codes)?)?;
        Ok(Sifted::Passed(codes))
    }

    /// The codes of targets with a mutation; nothing when it does not compile.
    fn compile(&mut self, targets: &[Target], mutant: &Mutant) -> anyhow::Result<Option<Codes>> {
        let source = self.tree.text(&mutant.file)?;
        let Some(changed) = mutant.patch.apply(source) else { return Ok(None) };
        self.compiler.compile(targets, Some((&mutant.file, &changed)))
    }

    /// Whether the deployed ones among the codes are as without a mutation.
    fn is_same(&self, codes: &Codes) -> bool {
        let mut deployed = codes.iter().filter(|(target, _)| !target.is_test());
        deployed.all(|code| self.built.contains(code))
    }

    /// What must be said of the contracts as they are, or what is said of a mutant means nothing.
    pub(crate) fn baseline(&mut self) -> anyhow::Result<()> {
        let plain = self.compiler.interfaces(&self.tree.plain_tests()?, None)?;
        if let Some(by) = plain::failure(&plain.context("the tests do not compile")?)? {
            anyhow::bail!("{by} fails without a mutation");
        }
        if let Some(seed) = first_history(&self.codes(&Vec::new()), 0..FIRST) {
            anyhow::bail!("the model's history {seed} fails without a mutation");
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

/// A worker with forge.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    pub(crate) sieve: Sieve<'a>,
    pub(crate) forge: Forge,
}

impl Judge<'_> {
    /// Looks for the first thing that notices a mutant.
    pub(crate) fn judge(&mut self, mutant: &Mutant) -> anyhow::Result<Verdict> {
        let mut codes = match self.sieve.sift(mutant)? {
            Sifted::Judged(verdict) => return Ok(verdict),
            Sifted::Passed(codes) => codes,
        };
        let same = self.sieve.is_same(&codes);
        let own = format!("{}/*", mutant.contract);
        if !same && let Some(by) = self.forge.kill(&codes, Suites::Of(&own))? {
            return Ok(Verdict::Killed(by));
        }
        // Whoever else has the source in it: other contracts, and the tests of a library.
        let others = self.sieve.tree.others(mutant)?;
        let Some(more) = self.sieve.compile(&others, mutant)? else {
            return Ok(Verdict::NotCompiled);
        };
        if same && self.sieve.is_same(&more) {
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
        let failed = first_failure(&self.sieve.codes(&codes), FIRST..ALL, mutant);
        Ok(failed.map_or(Verdict::Survived, killed_by_model))
    }

    /// What must hold of the contracts as they are, or no mutant's failure would mean anything.
    pub(crate) fn baseline(&self) -> anyhow::Result<()> {
        if let Some(by) = self.forge.kill(self.sieve.built, Suites::All)? {
            anyhow::bail!(
                "{by} fails without a mutation; compiled without the optimiser, it must not"
            );
        }
        Ok(())
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
