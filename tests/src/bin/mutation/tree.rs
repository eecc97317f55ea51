//! What the repository has to mutate, and what tests it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use alloy::primitives::B256;
use anyhow::Context as _;
use serde_json::Value;

use super::compiler::{Compiler, Target};
use super::files::{self, Texts};
use super::judge::Verdict;
use super::mutant::{self, Mutant};
use super::walk::{self, Enums};

/// The deployed contracts. A library that several have counts for the first.
pub(crate) const CONTRACTS: [&str; 4] =
    ["ReputationRegistry", "Jury", "DealEscrow", "PactRegistry"];

/// What tests with forge share.
const SHARED: [&str; 3] =
    ["contracts/test/utils/", "contracts/test/doubles/", "contracts/test/invariant/"];

/// What the model and its chain are made of.
const MODEL: [&str; 7] = [
    "tests/src/model/",
    "tests/src/actors.rs",
    "tests/src/contracts.rs",
    "tests/src/evm.rs",
    "tests/src/meter.rs",
    "tests/src/sign.rs",
    "tests/src/world.rs",
];

/// Sources, tests, and which contract is made of which sources.
#[derive(Debug)]
pub(crate) struct Tree {
    texts: Texts,
    /// The contracts' own sources, without interfaces.
    sources: BTreeMap<&'static str, Vec<String>>,
    /// Digests of many texts, by what they are of: thousands of mutants ask for the same.
    digests: Mutex<BTreeMap<String, B256>>,
}

impl Tree {
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let texts = files::read(
            root,
            &["contracts/src", "contracts/test", "tests/src", "foundry.toml", "tools/package.json"],
        )?;
        Ok(Self { texts, sources: BTreeMap::new(), digests: Mutex::default() })
    }

    /// Every mutant of the contracts, in the order of files and lines.
    pub(crate) fn mutants(&mut self, compiler: &mut Compiler) -> anyhow::Result<Vec<Mutant>> {
        let files = CONTRACTS.map(file_of);
        let trees = compiler.trees(&files)?;
        for contract in CONTRACTS {
            let mut found = Vec::new();
            imports(&trees, &file_of(contract), &mut found);
            self.sources.insert(contract, found);
        }
        let mut enums = Enums::new();
        for (_, source) in trees.as_object().into_iter().flatten() {
            walk::enums(&source["ast"], &mut enums);
        }
        let mut mutants = Vec::new();
        for (file, source) in trees.as_object().into_iter().flatten() {
            let counts_for = CONTRACTS.into_iter().find(|contract| self.uses(contract, file));
            let Some(contract) = counts_for.filter(|_| file.starts_with("contracts/src/")) else {
                continue;
            };
            let text = self.text(file)?;
            mutants.extend(walk::mutants((contract, file), text, &source["ast"], &enums));
        }
        mutant::number(&mut mutants);
        Ok(mutants)
    }

    /// The text of a source.
    pub(crate) fn text(&self, file: &str) -> anyhow::Result<&str> {
        let text = self.texts.get(file).with_context(|| format!("{file} is missing"))?;
        Ok(std::str::from_utf8(text)?)
    }

    /// What else has a mutant's source in it: other contracts, and the tests of a library.
    pub(crate) fn others(&self, mutant: &Mutant) -> anyhow::Result<Vec<Target>> {
        let other = |contract: &&str| *contract != mutant.contract;
        let other = CONTRACTS.into_iter().filter(other);
        let mut others = other
            .filter(|contract| self.uses(contract, &mutant.file))
            .map(target)
            .collect::<Vec<_>>();
        others.extend(self.tests_of(&mutant.file)?);
        Ok(others)
    }

    /// The tests of a library that need no cheatcode.
    pub(crate) fn plain_tests_of(&self, file: &str) -> anyhow::Result<Vec<Target>> {
        let mut tests = self.tests_of(file)?;
        let plain =
            |test: &Target| self.text(&test.file).is_ok_and(|text| !text.contains("Vm.sol"));
        tests.retain(plain);
        Ok(tests)
    }

    /// Every such test.
    pub(crate) fn plain_tests(&self) -> anyhow::Result<Vec<Target>> {
        let files = self.sources.values().flatten().collect::<std::collections::BTreeSet<_>>();
        let mut all = Vec::new();
        for file in files {
            for test in self.plain_tests_of(file)? {
                if !all.contains(&test) {
                    all.push(test);
                }
            }
        }
        Ok(all)
    }

    /// The tests that have a library in them.
    fn tests_of(&self, file: &str) -> anyhow::Result<Vec<Target>> {
        let import = format!("/{}\"", file.rsplit('/').next().unwrap_or_default());
        let library = file.contains("/libraries/");
        let mut found = Vec::new();
        for file in self.texts.keys().filter(|file| library && file.ends_with(".t.sol")) {
            let text = self.text(file)?;
            if file.contains("/symbolic/") || !text.contains(&import) {
                continue;
            }
            let contracts = text.lines().filter_map(|line| line.strip_prefix("contract "));
            let names = contracts.filter_map(|rest| rest.split(' ').next());
            let tests = names.filter(|name| name.ends_with("Test"));
            found.extend(tests.map(|name| Target { file: file.clone(), name: name.to_owned() }));
        }
        Ok(found)
    }

    fn uses(&self, contract: &str, file: &str) -> bool {
        self.sources.get(contract).is_some_and(|files| files.iter().any(|known| known == file))
    }

    /// What identifies a mutant of the contract as it stands.
    pub(crate) fn identity(&self, mutant: &Mutant) -> B256 {
        let contract = mutant.contract.as_str();
        let sources = || {
            let sources = self.sources.get(contract).into_iter().flatten();
            files::digest(sources.filter_map(|file| self.texts.get_key_value(file)))
        };
        mutant.lot(0) ^ self.remembered(contract, sources)
    }

    /// What a verdict rests on besides the contract: as long as this is the same, it stands.
    pub(crate) fn rests_on(&self, verdict: &Verdict) -> B256 {
        let by = match verdict {
            Verdict::NotCompiled | Verdict::Same => return B256::ZERO,
            Verdict::Killed(by) => by.split(' ').next().unwrap_or_default(),
            Verdict::Survived => "",
        };
        let model = |path: &str| MODEL.iter().any(|part| path.starts_with(part));
        let needed = |path: &str| match by {
            "" | "no" if path.starts_with("tests/") => model(path),
            "" | "no" => !path.contains("/symbolic/"),
            "model" => model(path),
            file => path == file || SHARED.iter().any(|folder| path.starts_with(folder)),
        };
        let texts = || self.texts.iter().filter(|(path, _)| needed(path));
        self.remembered(&format!("tests {by}"), || files::digest(texts()))
    }

    /// What the first histories say of a mutant rests on this.
    pub(crate) fn sifted(&self, mutant: &Mutant) -> B256 {
        let model = Verdict::Killed("model".to_owned());
        self.identity(mutant) ^ self.rests_on(&model) ^ self.sources_digest()
    }

    /// What the contracts without a mutation are compiled from.
    pub(crate) fn sources_digest(&self) -> B256 {
        let is_test =
            |path: &str| path.starts_with("contracts/test/") || path.starts_with("tests/");
        let texts = || self.texts.iter().filter(|(path, _)| !is_test(path));
        self.remembered("sources", || files::digest(texts()))
    }

    /// The digest that is known by this name.
    fn remembered(&self, name: &str, digest: impl FnOnce() -> B256) -> B256 {
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        *digests.entry(name.to_owned()).or_insert_with(digest)
    }

    /// What the baseline rests on.
    pub(crate) fn everything(&self) -> B256 {
        self.rests_on(&Verdict::Survived)
    }
}

/// Where a deployed contract is.
pub(crate) fn target(contract: &str) -> Target {
    Target { file: file_of(contract), name: contract.to_owned() }
}

fn file_of(contract: &str) -> String {
    format!("contracts/src/{contract}.sol")
}

/// A source and what it imports, without interfaces and libraries of others.
fn imports(trees: &Value, file: &str, found: &mut Vec<String>) {
    let ours = file.starts_with("contracts/src/") && !file.contains("/interfaces/");
    if !ours || found.iter().any(|known| known == file) {
        return;
    }
    found.push(file.to_owned());
    let nodes = trees[file]["ast"]["nodes"].as_array();
    for node in nodes.into_iter().flatten() {
        if let Some(path) = node["absolutePath"].as_str() {
            imports(trees, path, found);
        }
    }
}
