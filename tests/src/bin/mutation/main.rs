//! `cargo x deep --only mutation`: changes the contracts in one small way at a time, and counts which
//! changes no test notices.
//!
//! What became of a mutant is kept in a committed file and stands until the contract or the test that
//! killed it changes; so a run can be interrupted, and one after a new test only asks again about
//! survivors.

mod compiler;
mod files;
mod forge;
mod judge;
mod mutant;
mod operators;
mod plain;
mod tree;
mod verdicts;
mod walk;

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use serde_json::json;

use compiler::{Codes, Compiler};
use forge::Forge;
use judge::{Judge, Sieve, Sifted, Verdict};
use mutant::Mutant;
use tree::{CONTRACTS, Tree};
use verdicts::Verdicts;

/// A smaller sample of a contract says nothing about it.
const LEAST: usize = 100;
const WORKERS: usize = 2;
/// How often progress is shown.
const PAUSE: Duration = Duration::from_secs(20);

/// Mutates the contracts and writes what became of each mutant.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many mutants, at least 100 of each contract.
    #[arg(long, default_value_t = 1_000)]
    sample: usize,
    /// What the sample is drawn by.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// After how long no mutant is begun any more; the rest stays for the next run. With 0 only what
    /// is known is told.
    #[arg(long)]
    seconds: Option<u64>,
    /// Of the sample only this contract's.
    #[arg(long)]
    contract: Option<String>,
    /// The repository.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."))]
    root: PathBuf,
    /// forge.
    #[arg(long)]
    forge: PathBuf,
    /// Where the results go.
    #[arg(long)]
    results: PathBuf,
    /// What is known of mutants from earlier runs; the file need not be there.
    #[arg(long)]
    verdicts: PathBuf,
}

fn main() -> ExitCode {
    let Err(error) = run(&Arguments::parse()) else { return ExitCode::SUCCESS };
    say(&format!("error: {error:#}"));
    ExitCode::FAILURE
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    // A history that panics kills a mutant; what it says is of no interest.
    std::panic::set_hook(Box::new(|_| {}));
    let root = arguments.root.canonicalize()?;
    let foundry: toml::Table = fs::read_to_string(root.join("foundry.toml"))?.parse()?;
    let profile = foundry.get("profile").and_then(|profiles| profiles.get("default"));
    let profile = profile.and_then(toml::Value::as_table).context("foundry.toml: no profile")?;
    let mut tree = Tree::read(&root)?;
    let all = tree.mutants(&mut Compiler::new(&root, profile))?;
    let known = Verdicts::read(&arguments.verdicts, &tree, &all)?;
    let mut sample = mutant::sample(&all, arguments.sample, LEAST, arguments.seed);
    if let Some(contract) = &arguments.contract {
        sample.retain(|mutant| mutant.contract == *contract);
    }
    let folder = root.join("target/deep/mutation");
    fs::create_dir_all(&folder)?;
    let open: Vec<_> =
        sample.iter().filter(|mutant| known.of(&tree, mutant).is_none()).cloned().collect();
    say(&format!("{} mutants, {} drawn, {} to judge", all.len(), sample.len(), open.len()));
    if !open.is_empty() && arguments.seconds != Some(0) {
        let bench = Bench { root: &root, folder: &folder, profile, forge: &arguments.forge };
        let end = arguments.seconds.map(|secs| Instant::now() + Duration::from_secs(secs));
        let judged = bench.judge_all(&tree, &open, &known, end);
        known.write()?;
        judged?;
    }
    let results =
        sample.iter().map(|mutant| json!({ "mutant": mutant, "verdict": known.of(&tree, mutant) }));
    let results: Vec<_> = results.collect();
    let counts = CONTRACTS.map(|contract| {
        let count = all.iter().filter(|mutant| mutant.contract == contract).count();
        json!({ "contract": contract, "mutants": count })
    });
    let text = serde_json::to_string_pretty(&json!({ "all": counts, "drawn": results }))?;
    files::write(&arguments.results, text.as_bytes())
}

/// What workers are made of.
#[derive(Debug)]
struct Bench<'a> {
    root: &'a Path,
    folder: &'a Path,
    profile: &'a toml::Table,
    forge: &'a Path,
}

impl Bench<'_> {
    /// The contracts without a mutation, compiled when a source changed.
    fn built(&self, tree: &Tree) -> anyhow::Result<Codes> {
        let path = self.folder.join(format!("codes-{}", tree.sources_digest()));
        let kept = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(codes) = kept {
            return Ok(codes);
        }
        say("compiling the contracts as mutants are compiled");
        let mut compiler = Compiler::new(self.root, self.profile);
        let mut built = Codes::new();
        for contract in CONTRACTS {
            let codes = compiler.compile(&[tree::target(contract)], None)?;
            built.extend(codes.with_context(|| format!("{contract} does not compile"))?);
        }
        files::write(&path, &serde_json::to_vec(&built)?)?;
        Ok(built)
    }

    /// First the model sifts all of them, while forge builds; then forge is asked about the rest.
    fn judge_all(
        &self,
        tree: &Tree,
        open: &[Mutant],
        known: &Verdicts,
        end: Option<Instant>,
    ) -> anyhow::Result<()> {
        let built = self.built(tree)?;
        let passed = self.folder.join("baseline");
        let digest = format!("{}{}", tree.everything(), files::digest(&codes_as_texts(&built)));
        let has_passed = fs::read_to_string(&passed).is_ok_and(|text| text == digest);
        let workers = WORKERS.min(open.len());
        let sieve = |_| Sieve {
            tree,
            built: &built,
            compiler: Compiler::new(self.root, self.profile),
            folder: self.folder.join("sifted"),
        };
        let mut sieves: Vec<_> = (0..workers).map(sieve).collect();
        if !has_passed {
            say("running the model without a mutation");
            sieves.first_mut().map_or(Ok(()), Sieve::baseline)?;
        }
        let forges = thread::scope(|scope| {
            let forges = scope.spawn(|| self.forges(workers));
            say("sifting by the model");
            let board = Mutex::new(Board::new(open.iter().cloned().collect(), end));
            each(&mut sieves, |sieve| sift(&board, sieve, known))?;
            forges.join().unwrap_or_else(|_| Err(anyhow::anyhow!("building panicked")))
        })?;
        let mut judges: Vec<_> =
            sieves.into_iter().zip(forges).map(|(sieve, forge)| Judge { sieve, forge }).collect();
        if !has_passed {
            say("running everything without a mutation");
            judges.first().map_or(Ok(()), Judge::baseline)?;
            fs::write(passed, digest)?;
        }
        let rest = open.iter().filter(|mutant| known.of(tree, mutant).is_none());
        let board = Mutex::new(Board::new(rest.cloned().collect(), end));
        say("asking forge about the rest");
        each(&mut judges, |judge| work(&board, judge, known))
    }

    /// A copy of the tree for each worker.
    fn forges(&self, workers: usize) -> anyhow::Result<Vec<Forge>> {
        say("building the tests of each worker; the first time it takes ten minutes");
        let mut forges: Vec<Forge> = Vec::new();
        for worker in 0..workers {
            let folder = self.folder.join(format!("tree-{worker}"));
            let program = self.forge.to_path_buf();
            forges.push(Forge::prepare(self.root, folder, program, forges.first())?);
        }
        say("the tests are built");
        Ok(forges)
    }
}

/// Lets every worker work at once.
fn each<W: Send>(
    workers: &mut [W],
    work: impl Fn(&mut W) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let work = &work;
    thread::scope(|scope| {
        let started = workers.iter_mut().map(|worker| scope.spawn(move || work(worker)));
        let started: Vec<_> = started.collect();
        let join = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked")))
        };
        started.into_iter().try_for_each(join)
    })
}

fn codes_as_texts(codes: &Codes) -> files::Texts {
    codes.iter().map(|(target, code)| (target.name.clone(), code.to_vec())).collect()
}

/// What is left to do, and how it goes.
#[derive(Debug)]
struct Board {
    open: VecDeque<Mutant>,
    total: usize,
    done: usize,
    killed: usize,
    survived: usize,
    begin: Instant,
    shown: Instant,
    end: Option<Instant>,
}

impl Board {
    fn new(open: VecDeque<Mutant>, end: Option<Instant>) -> Self {
        let (total, now) = (open.len(), Instant::now());
        Self { open, total, done: 0, killed: 0, survived: 0, begin: now, shown: now, end }
    }

    fn next(&mut self) -> Option<Mutant> {
        if self.end.is_some_and(|end| Instant::now() > end) {
            return None;
        }
        self.open.pop_front()
    }

    /// Counts a mutant, of which nothing is known yet when it was only sifted.
    fn count(&mut self, mutant: &Mutant, verdict: Option<&Verdict>) {
        self.done += 1;
        self.killed += usize::from(matches!(verdict, Some(Verdict::Killed(_))));
        if verdict == Some(&Verdict::Survived) {
            self.survived += 1;
            say(&format!("survived: {mutant}"));
        }
        if self.shown.elapsed() > PAUSE || self.done == self.total {
            self.shown = Instant::now();
            let Self { done, total, killed, survived, .. } = self;
            let each = self.begin.elapsed().as_secs() / (*done as u64).max(1);
            let left = each * (*total - *done) as u64 / 60;
            say(&format!(
                "{done}/{total}: {killed} killed, {survived} survived, about {left} minutes left"
            ));
        }
    }
}

fn sift(board: &Mutex<Board>, sieve: &mut Sieve<'_>, known: &Verdicts) -> anyhow::Result<()> {
    loop {
        let next = held(board).next();
        let Some(mutant) = next else { return Ok(()) };
        let sifted = sieve.sift(&mutant).with_context(|| mutant.to_string())?;
        let verdict = match &sifted {
            Sifted::Judged(verdict) => Some(verdict),
            Sifted::Passed(_) => None,
        };
        if let Some(verdict) = verdict {
            known.add(sieve.tree, &mutant, verdict)?;
        }
        held(board).count(&mutant, verdict);
    }
}

fn work(board: &Mutex<Board>, judge: &mut Judge<'_>, known: &Verdicts) -> anyhow::Result<()> {
    loop {
        let next = held(board).next();
        let Some(mutant) = next else { return Ok(()) };
        let verdict = judge.judge(&mutant).with_context(|| mutant.to_string())?;
        known.add(judge.sieve.tree, &mutant, &verdict)?;
        held(board).count(&mutant, Some(&verdict));
    }
}

fn held(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

fn say(line: &str) {
    drop(writeln!(io::stderr(), "mutation: {line}"));
}
