//! `cargo x artifacts [--check]`: compiles the contracts and writes what the other crates are built
//! from, or says which committed file is not what the sources give.
//!
//! - `bindings/artifacts/<Contract>.json` and `demo/artifacts/TestUSDC.json`: `abi` and
//!   `bytecode.object`, nothing else.
//! - `bindings/artifacts/errors.json`: every error with its reason and its remedy, for decoding.
//! - `docs/errors.md`: the same, for people.
//! - `script/deployments/<chain-id>.json`: the addresses that follow from the bytecode.
//!
//! foundry.toml holds the compiler's settings; the compiler is the solc that `cargo x setup` installs.

mod compile;
mod deployments;
mod errors;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use serde_json::{Value, json};

use compile::Compiled;

/// Compiles the contracts and writes or compares the committed artifacts.
#[derive(Debug, Parser)]
struct Arguments {
    /// Compare instead of writing; fails naming the first file that differs.
    #[arg(long)]
    check: bool,
    /// The repository's root.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."))]
    root: PathBuf,
}

/// The contracts of the protocol, in the order of the documentation.
const CONTRACTS: [&str; 4] = ["DealEscrow", "Jury", "PactRegistry", "ReputationRegistry"];

fn main() -> ExitCode {
    let Err(error) = run(&Arguments::parse()) else { return ExitCode::SUCCESS };
    drop(writeln!(io::stderr(), "error: {error:#}"));
    ExitCode::FAILURE
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let root = arguments.root.canonicalize().context("the root does not exist")?;
    let mut sources: Vec<_> =
        CONTRACTS.iter().map(|name| PathBuf::from(format!("contracts/src/{name}.sol"))).collect();
    sources.push("contracts/src/DealDigests.sol".into());
    sources.push("contracts/test/doubles/TestUSDC.sol".into());
    let compiled = compile::compile(&root, &sources)?;

    let mut files = Vec::new();
    for name in CONTRACTS {
        let path = format!("bindings/artifacts/{name}.json");
        files.push((path, pretty(&artifact(&compiled, name)?)?));
    }
    let digests = pretty(&artifact(&compiled, "DealDigests")?)?;
    files.push(("bindings/artifacts/DealDigests.json".into(), digests));
    files.push(("demo/artifacts/TestUSDC.json".into(), pretty(&artifact(&compiled, "TestUSDC")?)?));
    let errors = errors::collect(&compiled, &CONTRACTS)?;
    files.push(("bindings/artifacts/errors.json".into(), pretty(&serde_json::to_value(&errors)?)?));
    files.push(("docs/errors.md".into(), errors::markdown(&errors)));

    files.extend(deployments::files(&root, &compiled)?);

    for (path, text) in &files {
        let path = Path::new(path);
        if arguments.check { compare(&root, path, text)? } else { write(&root, path, text)? }
    }
    Ok(())
}

fn artifact(compiled: &Compiled, name: &str) -> anyhow::Result<Value> {
    let contract = compiled.contract(name)?;
    let code = contract.pointer("/evm/bytecode/object").and_then(Value::as_str).unwrap_or_default();
    ensure!(!code.is_empty(), "{name} has no bytecode: is a function of its interface missing?");
    let abi = contract.get("abi").context("solc left out the ABI")?;
    Ok(json!({ "abi": abi, "bytecode": { "object": format!("0x{code}") } }))
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn write(root: &Path, path: &Path, text: &str) -> anyhow::Result<()> {
    let file = root.join(path);
    if fs::read_to_string(&file).is_ok_and(|present| present == text) {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&file, text).with_context(|| format!("cannot write {}", path.display()))
}

fn compare(root: &Path, path: &Path, text: &str) -> anyhow::Result<()> {
    let present = fs::read_to_string(root.join(path)).unwrap_or_default();
    if present == text {
        return Ok(());
    }
    bail!("{} is not what the sources give; run `cargo x artifacts` and commit it", path.display())
}
