//! One run of solc over the contracts, with foundry.toml's settings.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail, ensure};
use foundry_compilers::artifacts::output_selection::OutputSelection;
use foundry_compilers::artifacts::remappings::Remapping;
use foundry_compilers::artifacts::{
    BytecodeHash, EvmVersion, Optimizer, OptimizerDetails, Settings, SettingsMetadata, SolcInput,
    Source, Sources,
};
use foundry_compilers::compilers::solc::{Solc, SolcLanguage};
use foundry_compilers::resolver::parse::SolParser;
use foundry_compilers::{Graph, ProjectPathsConfig};
use serde::Deserialize;
use serde_json::Value;

/// The parts of foundry.toml that decide what the bytecode is. Unknown keys are forge's business.
#[derive(Debug, Deserialize)]
struct Profile {
    src: PathBuf,
    test: PathBuf,
    libs: Vec<PathBuf>,
    remappings: Vec<String>,
    solc: PathBuf,
    evm_version: String,
    optimizer: bool,
    optimizer_runs: usize,
    optimizer_details: OptimizerDetails,
    via_ir: bool,
    bytecode_hash: String,
    cbor_metadata: bool,
}

/// What solc said, by contract name.
#[derive(Debug)]
pub(crate) struct Compiled {
    contracts: BTreeMap<String, Value>,
}

impl Compiled {
    /// A contract's output: `abi`, `evm`, `devdoc`, `userdoc`.
    pub(crate) fn contract(&self, name: &str) -> anyhow::Result<&Value> {
        self.contracts.get(name).with_context(|| format!("no contract is called {name}"))
    }

    /// Every contract, interface and library that was compiled.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Value> {
        self.contracts.values()
    }
}

/// Compiles `targets` (relative to `root`) and everything they import.
pub(crate) fn compile(root: &Path, targets: &[PathBuf]) -> anyhow::Result<Compiled> {
    let profile = profile(root)?;
    let shim = root.join(&profile.solc);
    let solc = Solc::new(&shim).with_context(|| {
        format!("{} does not run; `cargo x setup` installs it", profile.solc.display())
    })?;
    let mut settings = settings(&profile)?;
    settings.remappings = remappings(&profile)?;
    let sources = sources(root, &profile, targets)?;
    let input = SolcInput::new(SolcLanguage::Solidity, sources, settings);
    let output: Value = serde_json::from_slice(&solc.compile_output(&input)?)?;
    refuse_diagnostics(&output, &profile.libs)?;

    let mut contracts = BTreeMap::new();
    for file in output["contracts"].as_object().context("solc compiled nothing")?.values() {
        for (name, contract) in file.as_object().into_iter().flatten() {
            contracts.insert(name.clone(), contract.clone());
        }
    }
    Ok(Compiled { contracts })
}

fn profile(root: &Path) -> anyhow::Result<Profile> {
    let text = fs::read_to_string(root.join("foundry.toml")).context("cannot read foundry.toml")?;
    let table: toml::Table = text.parse().context("foundry.toml is not TOML")?;
    let profile = table.get("profile").and_then(|profiles| profiles.get("default")).cloned();
    let profile = profile.context("foundry.toml has no [profile.default]")?;
    profile.try_into().context("foundry.toml lacks a setting that decides the bytecode")
}

fn settings(profile: &Profile) -> anyhow::Result<Settings> {
    let invalid = |what: &str| anyhow::anyhow!("foundry.toml: {what} is unknown");
    let hash = BytecodeHash::from_str(&profile.bytecode_hash);
    let hash = hash.map_err(|_| invalid(&profile.bytecode_hash))?;
    let evm_version = EvmVersion::from_str(&profile.evm_version);
    let outputs = ["abi", "devdoc", "userdoc", "evm.bytecode.object"].map(str::to_owned);
    Ok(Settings {
        optimizer: Optimizer {
            enabled: Some(profile.optimizer),
            runs: Some(profile.optimizer_runs),
            details: Some(profile.optimizer_details.clone()),
        },
        metadata: Some(SettingsMetadata::new(hash, profile.cbor_metadata)),
        evm_version: Some(evm_version.map_err(|_| invalid(&profile.evm_version))?),
        via_ir: Some(profile.via_ir),
        output_selection: OutputSelection::common_output_selection(outputs),
        ..Settings::default()
    })
}

fn remappings(profile: &Profile) -> anyhow::Result<Vec<Remapping>> {
    profile.remappings.iter().map(|text| Ok(Remapping::from_str(text)?)).collect()
}

/// The sources under their paths from the root, wherever the root is: solc orders by name, and the same
/// order gives the same bytecode.
fn sources(root: &Path, profile: &Profile, targets: &[PathBuf]) -> anyhow::Result<Sources> {
    let absolute = remappings(profile)?.into_iter().map(|remapping| Remapping {
        path: root.join(&remapping.path).display().to_string(),
        ..remapping
    });
    let paths: ProjectPathsConfig<SolcLanguage> = ProjectPathsConfig::builder()
        .sources(root.join(&profile.src))
        .tests(root.join(&profile.test))
        .scripts(root.join("script"))
        .libs(profile.libs.iter().map(|lib| root.join(lib)))
        .remappings(absolute)
        .build_with_root(root);
    let files = Source::read_all(targets.iter().map(|target| root.join(target)))
        .context("a contract's source is missing")?;
    let graph = Graph::<SolParser>::resolve_sources(&paths, files)?;
    let libraries: Vec<_> = profile
        .libs
        .iter()
        .filter_map(|lib| Some((root.join(lib).canonicalize().ok()?, lib.clone())))
        .collect();

    let mut named = Sources::new();
    for index in 0..graph.files().len() {
        let (path, source) = graph.node(index).unpack();
        let name = path.strip_prefix(root).map(Path::to_path_buf).or_else(|outside| {
            let inside = libraries
                .iter()
                .find_map(|(real, lib)| path.strip_prefix(real).ok().map(|rest| lib.join(rest)));
            inside.ok_or(outside)
        });
        let name = name.with_context(|| format!("{} is outside the tree", path.display()))?;
        named.insert(name, source.clone());
    }
    ensure!(named.len() >= targets.len(), "some sources were not found");
    Ok(named)
}

/// Errors, and warnings about our own sources, stop the build, as `deny = "warnings"` does for forge.
fn refuse_diagnostics(output: &Value, libs: &[PathBuf]) -> anyhow::Result<()> {
    let diagnostics = output["errors"].as_array().into_iter().flatten();
    let messages: Vec<_> = diagnostics
        .filter(|diagnostic| match diagnostic["severity"].as_str() {
            Some("error") => true,
            Some("warning") => {
                let file = diagnostic["sourceLocation"]["file"].as_str().map(Path::new);
                !file.is_some_and(|file| libs.iter().any(|lib| file.starts_with(lib)))
            }
            _ => false,
        })
        .filter_map(|diagnostic| diagnostic["formattedMessage"].as_str())
        .collect();
    if !messages.is_empty() {
        bail!("solc refuses the contracts:\n{}", messages.join("\n"));
    }
    Ok(())
}
