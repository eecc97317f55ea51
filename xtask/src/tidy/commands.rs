//! Every `cargo x` command that documents or CI name exists, with its flags; so does every file and
//! every Foundry profile that `.ci/run` names.

use clap::Command;

use super::{Problem, Tree};

const CI: &str = ".ci/run";

pub(super) fn check(tree: &Tree, commands: &Command) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (file, text) in tree.ending(".md") {
        for (line, words) in (1..).zip(text.lines()) {
            for code in words.split('`').skip(1).step_by(2) {
                let unknown = unknown(code, commands);
                problems.extend(unknown.map(|text| Problem::at(file, line, text)));
            }
        }
    }
    let Some(script) = tree.text(CI) else {
        problems.push(Problem::of(CI, "the script that CI runs is missing"));
        return problems;
    };
    for (line, words) in (1..).zip(script.lines()) {
        let words = words.trim();
        if !words.starts_with('#') {
            let unknown = unknown(words, commands)
                .into_iter()
                .chain(missing_files(tree, words))
                .chain(missing_profile(tree, words));
            problems.extend(unknown.map(|text| Problem::at(CI, line, text)));
        }
    }
    problems
}

/// What `code` calls that does not exist, if it calls `cargo x`. Words in brackets or capitals stand
/// for something else, and `demo` hands its flags on.
fn unknown(code: &str, commands: &Command) -> Option<String> {
    let mut words = code.strip_prefix("cargo x ")?.split_whitespace();
    let name = words.next()?;
    if name.starts_with(['<', '[', '.']) {
        return None;
    }
    let Some(command) = commands.find_subcommand(name) else {
        return Some(format!("`cargo x {name}` does not exist"));
    };
    if name == "demo" {
        return None;
    }
    let flags = words
        .filter_map(|word| word.trim_start_matches('[').trim_end_matches(']').strip_prefix("--"));
    let known = |flag: &str| command.get_arguments().any(|known| known.get_long() == Some(flag));
    let unknown = flags.into_iter().find(|flag| !known(flag))?;
    Some(format!("`cargo x {name}` has no flag --{unknown}"))
}

/// Files that a command names: words with a slash whose first part is in the repository's root.
fn missing_files(tree: &Tree, words: &str) -> Vec<String> {
    let paths = words.split_whitespace().map(|word| word.trim_matches(['"', '\'', '(', ')']));
    paths
        .filter(|path| !path.contains(['$', '*', ':']))
        .filter(|path| path.split_once('/').is_some_and(|(top, _)| tree.holds(top)))
        .filter(|path| !path.is_empty() && !tree.holds(path))
        .map(|path| format!("{path} does not exist"))
        .collect()
}

/// A Foundry profile that does not exist only makes forge warn.
fn missing_profile(tree: &Tree, words: &str) -> Option<String> {
    let (_, rest) = words.split_once("FOUNDRY_PROFILE=")?;
    let profile = rest.split_whitespace().next()?;
    let section = format!("[profile.{profile}");
    let known = tree.text("foundry.toml").is_some_and(|toml| toml.contains(&section));
    (!known).then(|| format!("foundry.toml has no profile {profile}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        let found = check(&Tree::of(files), &crate::Cli::command());
        found.into_iter().map(|problem| problem.text).collect()
    }

    #[test]
    fn existing_commands_and_flags_pass() {
        let readme = "`cargo x test`, `cargo x gas --check`, `cargo x demo --deals 3`, `cargo x ...`, \
                      `cargo x artifacts [--check]`";
        assert_eq!(problems(&[("README.md", readme), (CI, "cargo x tidy\n")]), [""; 0]);
    }

    #[test]
    fn an_unknown_command_is_named() {
        let found = problems(&[("README.md", "run `cargo x tets`"), (CI, "")]);
        assert_eq!(found, ["`cargo x tets` does not exist"]);
    }

    #[test]
    fn an_unknown_flag_is_named() {
        let found = problems(&[(CI, "cargo x gas --chekc")]);
        assert_eq!(found, ["`cargo x gas` has no flag --chekc"]);
    }

    #[test]
    fn a_file_that_ci_names_must_exist() {
        let found = problems(&[(CI, "node tools/gone.js"), ("tools/solc", "")]);
        assert_eq!(found, ["tools/gone.js does not exist"]);
    }

    #[test]
    fn a_profile_that_ci_names_must_exist() {
        let files = [(CI, "FOUNDRY_PROFILE=cii forge test"), ("foundry.toml", "[profile.ci.fuzz]")];
        assert_eq!(problems(&files).len(), 1);
        let files = [(CI, "FOUNDRY_PROFILE=ci forge test"), ("foundry.toml", "[profile.ci.fuzz]")];
        assert_eq!(problems(&files), [""; 0]);
    }

    #[test]
    fn ci_must_have_a_script() {
        assert_eq!(problems(&[]).len(), 1);
    }
}
