//! One warm compiler: a process of `tools/deep/compile.mjs` that answers one request after another.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use alloy::primitives::Bytes;
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Answers after which the process starts anew: its memory only grows.
const ANSWERS: usize = 60;
const TESTS: &str = "contracts/test/";

/// A contract and the source that defines it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) file: String,
    pub(crate) name: String,
}

impl Target {
    /// Whether it is a test that has libraries in it.
    pub(crate) fn is_test(&self) -> bool {
        self.file.starts_with(TESTS)
    }

    /// The suites that it is tested by: its own when it is a test, else those of its folder.
    pub(crate) fn suite(&self) -> String {
        match self.file.strip_prefix(TESTS) {
            Some(test) => test.to_owned(),
            None => format!("{}/*", self.name),
        }
    }
}

/// What solc made of a target.
pub(crate) type Codes = Vec<(Target, Bytes)>;

/// A compiler with the settings of mutants.
#[derive(Debug)]
pub(crate) struct Compiler {
    root: PathBuf,
    settings: Value,
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    answers: usize,
}

impl Compiler {
    /// A compiler of the sources below `root`, which is not optimising: that is twice as fast.
    pub(crate) fn new(root: &Path, profile: &toml::Table) -> Self {
        let settings = json!({
            "viaIR": true,
            "optimizer": { "enabled": false },
            "metadata": { "bytecodeHash": "none", "appendCBOR": false },
            // Where code comes from is a tenth of the work, and nobody asks.
            "debug": { "debugInfo": [] },
            "evmVersion": profile.get("evm_version").and_then(toml::Value::as_str),
            "remappings": profile.get("remappings"),
        });
        Self { root: root.to_path_buf(), settings, process: None }
    }

    /// The syntax trees of `files` and of what they import.
    pub(crate) fn trees(&mut self, files: &[String]) -> anyhow::Result<Value> {
        let mut sources = serde_json::Map::new();
        for file in files {
            let content = std::fs::read_to_string(self.root.join(file))?;
            sources.insert(file.clone(), json!({ "content": content }));
        }
        let answer = self.ask(&Value::Object(sources), &json!({ "*": { "": ["ast"] } }))?;
        anyhow::ensure!(!failed(&answer), "solc refuses the contracts: {}", answer["errors"]);
        Ok(answer["sources"].clone())
    }

    /// The creation code of each target, `changed` being a source's path and text; nothing when it does
    /// not compile.
    pub(crate) fn compile(
        &mut self,
        targets: &[Target],
        changed: Option<(&str, &str)>,
    ) -> anyhow::Result<Option<Codes>> {
        let compiled = self.interfaces(targets, changed)?;
        Ok(compiled.map(|them| them.into_iter().map(|(target, code, _)| (target, code)).collect()))
    }

    /// The same, each with its interface.
    pub(crate) fn interfaces(
        &mut self,
        targets: &[Target],
        changed: Option<(&str, &str)>,
    ) -> anyhow::Result<Option<Vec<(Target, Bytes, Value)>>> {
        if targets.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut sources = serde_json::Map::new();
        let mut selection = serde_json::Map::new();
        for Target { file, name } in targets {
            let content = std::fs::read_to_string(self.root.join(file))?;
            sources.insert(file.clone(), json!({ "content": content }));
            selection
                .insert(file.clone(), json!({ name.as_str(): ["abi", "evm.bytecode.object"] }));
        }
        if let Some((file, content)) = changed {
            sources.insert(file.to_owned(), json!({ "content": content }));
        }
        let answer = self.ask(&Value::Object(sources), &Value::Object(selection))?;
        if failed(&answer) {
            return Ok(None);
        }
        let code = |target: &Target| {
            let contract = &answer["contracts"][&target.file][&target.name];
            let hex = contract["evm"]["bytecode"]["object"].as_str();
            let code = hex.and_then(|hex| hex.parse().ok());
            let code = code.with_context(|| format!("no code of {}", target.name))?;
            Ok((target.clone(), code, contract["abi"].clone()))
        };
        targets.iter().map(code).collect::<anyhow::Result<_>>().map(Some)
    }

    /// One request, twice when the process died of the first.
    fn ask(&mut self, sources: &Value, selection: &Value) -> anyhow::Result<Value> {
        let mut settings = self.settings.clone();
        settings["outputSelection"] = selection.clone();
        let request = json!({ "language": "Solidity", "sources": sources, "settings": settings });
        if let Ok(answer) = self.process()?.ask(&request) {
            return Ok(answer);
        }
        self.process = None;
        self.process()?.ask(&request)
    }

    fn process(&mut self) -> anyhow::Result<&mut Process> {
        if self.process.as_ref().is_some_and(|process| process.answers >= ANSWERS) {
            self.process = None;
        }
        match &mut self.process {
            Some(process) => Ok(process),
            empty => Ok(empty.insert(Process::start(&self.root)?)),
        }
    }
}

impl Process {
    fn start(root: &Path) -> anyhow::Result<Self> {
        let mut node = Command::new("node");
        node.arg(root.join("tools/deep/compile.mjs")).arg(root);
        let node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = node.spawn().context("node does not start; install Node.js 20")?;
        let input = child.stdin.take().context("node takes no input")?;
        let output = BufReader::new(child.stdout.take().context("node has no output")?);
        Ok(Self { child, input, output, answers: 0 })
    }

    fn ask(&mut self, request: &Value) -> anyhow::Result<Value> {
        self.answers += 1;
        writeln!(self.input, "{request}")?;
        self.input.flush()?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).context("the compiler died; run `cargo x setup`")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn failed(answer: &Value) -> bool {
    let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().any(|error| error["severity"] == "error")
}
