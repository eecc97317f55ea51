//! `cargo x tidy`: compares what can drift and needs no compiler.
//!
//! Each rule is a function from the tree to the problems it finds, so that its tests are small trees.

mod commands;
mod decisions;
mod deployments;
mod errors;
mod failpoints;
mod links;
mod operations;
mod proofs;
mod sizes;
mod solidity;
mod text;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use clap::Command;

use crate::output::{say, step};
use crate::repository::Repository;

/// The files of a checkout, by their path from the root with forward slashes; None is not text.
#[derive(Clone, Debug, Default)]
struct Tree {
    files: BTreeMap<String, Option<String>>,
}

/// Something to put right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    file: String,
    line: usize,
    text: String,
}

impl Problem {
    /// A problem on a line, counted from 1.
    fn at(file: &str, line: usize, text: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, text: text.into() }
    }

    /// A problem of a whole file.
    fn of(file: &str, text: impl Into<String>) -> Self {
        Self::at(file, 1, text)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.text)
    }
}

/// Applies every rule and fails when there is a problem.
pub(crate) fn run(repository: &Repository, commands: &Command) -> anyhow::Result<()> {
    step("tidy");
    let tree = Tree::read(repository.root())?;
    let mut problems = check(&tree, commands);
    problems.sort();
    for problem in &problems {
        say(&problem.to_string());
    }
    match problems.len() {
        0 => Ok(()),
        1 => bail!("tidy found a problem"),
        count => bail!("tidy found {count} problems"),
    }
}

fn check(tree: &Tree, commands: &Command) -> Vec<Problem> {
    [
        links::check(tree),
        commands::check(tree, commands),
        decisions::check(tree),
        sizes::check(tree),
        text::check(tree),
        errors::check(tree),
        failpoints::check(tree),
        operations::check(tree),
        words::check(tree),
        deployments::check(tree),
        proofs::check(tree),
    ]
    .concat()
}

impl Tree {
    /// Reads a checkout without what is built, installed or generated at run time.
    fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> anyhow::Result<()> {
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let (kind, path) = (entry.file_type()?, format!("{prefix}{name}"));
            if kind.is_dir() {
                let skipped = [".git", "node_modules", ".surety"].contains(&name.as_str())
                    || (prefix.is_empty() && name.starts_with("target"));
                if !skipped {
                    self.read_folder(&entry.path(), &format!("{path}/"))?;
                }
            } else if kind.is_file() {
                let text =
                    fs::read(entry.path()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                self.files.insert(path, text);
            }
        }
        Ok(())
    }

    /// The text files whose names end like this.
    fn ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        let files = self.files.iter().filter(move |(path, _)| path.ends_with(end));
        files.filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// A text file.
    fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Whether a file is Markdown.
    fn is_prose(&self, path: &str) -> bool {
        self.files.contains_key(path) && Path::new(path).extension().is_some_and(|end| end == "md")
    }

    /// Whether a file or a folder is there.
    fn holds(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        self.files.contains_key(path)
            || path.is_empty()
            || self
                .files
                .range(folder.clone()..)
                .next()
                .is_some_and(|(p, _)| p.starts_with(&folder))
    }

    #[cfg(test)]
    fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned())));
        Self { files: files.collect() }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn a_folder_is_there_when_a_file_is_in_it() {
        let tree = Tree::of(&[("docs/adr/0001-a.md", "# 1. A")]);
        assert!(tree.holds("docs/adr") && tree.holds("docs") && !tree.holds("doc"));
    }

    #[test]
    fn this_checkout_can_be_read() {
        let repository = Repository::find().unwrap();
        let tree = Tree::read(repository.root()).unwrap();
        assert!(tree.text("foundry.toml").is_some());
        assert!(!tree.files.keys().any(|path| path.contains("node_modules/")));
        check(&tree, &crate::Cli::command());
    }
}
