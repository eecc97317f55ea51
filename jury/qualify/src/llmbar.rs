//! LLMBar, read from the two files of its repository: tasks with a human label, and what five real
//! judges of 2023 answered to them.
//!
//! A deal is made of an item like this: the milestone is "answer this instruction", the deliverable is
//! the first output, the criterion asks whether it follows the instruction better than the second.
//! The label says what humans thought; only the closing table reads it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::DataError;

/// The prompts that the judges were asked with.
pub const PROMPTS: [&str; 6] =
    ["CoT", "Metrics_Reference", "Swap", "Swap_CoT", "Vanilla", "Vanilla_NoRules"];
/// The recorded judges, in the order of their seats.
pub const JUDGES: [&str; 5] = ["GPT-4", "ChatGPT", "PaLM2", "LLaMA2", "Falcon"];

/// One task with two candidate answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Item {
    /// For example `natural-000`.
    pub id: String,
    /// `natural` or `adversarial`, in the data set's own spelling.
    pub split: String,
    /// The instruction.
    pub input: String,
    /// The answer that is delivered.
    pub output_1: String,
    /// The alternative in the term sheet.
    pub output_2: String,
    /// Which answer humans agree is better: 1 or 2.
    pub label: u8,
}

/// The data set in memory.
#[derive(Debug, Default)]
pub struct Llmbar {
    items: Vec<Item>,
    /// By item, judge and prompt.
    winners: Winners,
}

type Winners = HashMap<(String, String, String), u8>;

impl Llmbar {
    /// Reads `items.jsonl` and `judges.csv` from `folder`.
    pub fn load(folder: &Path) -> Result<Self, DataError> {
        let items = Self::items_of(folder)?;
        let path = folder.join("judges.csv");
        let winners = parse_judges(&read(&path)?, &path)?;
        Ok(Self { items, winners })
    }

    /// Reads only the tasks: a seller needs no judges.
    pub fn items_of(folder: &Path) -> Result<Vec<Item>, DataError> {
        let path = folder.join("items.jsonl");
        parse_items(&read(&path)?, &path)
    }

    /// A data set of these tasks, and of winners by item, judge and prompt.
    pub fn of(items: Vec<Item>, winners: &[(&str, &str, &str, u8)]) -> Self {
        let winners = winners.iter().map(|(id, judge, prompt, winner)| {
            (((*id).to_owned(), judge_slug(judge), (*prompt).to_owned()), *winner)
        });
        Self { items, winners: winners.collect() }
    }

    /// Every task, in file order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The tasks that are no attack, in file order.
    pub fn natural(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.split == "natural")
    }

    /// Which output `judge` preferred in both orders under `prompt`; `None` where it gave no answer
    /// or two.
    pub fn winner(&self, item: &str, judge: &str, prompt: &str) -> Option<u8> {
        self.winners.get(&(item.to_owned(), judge_slug(judge), prompt.to_owned())).copied()
    }
}

/// A judge's name as it stands in a family: `GPT-4` is `gpt-4`.
pub fn judge_slug(judge: &str) -> String {
    judge.to_ascii_lowercase()
}

pub(crate) fn read(path: &PathBuf) -> Result<String, DataError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').to_owned()),
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
            Err(DataError::Missing { path: path.clone() })
        }
        Err(source) => Err(DataError::File { path: path.clone(), source }),
    }
}

fn parse_items(text: &str, path: &Path) -> Result<Vec<Item>, DataError> {
    let mut items = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let item: Item = serde_json::from_str(line)
            .map_err(|error| DataError::invalid(path, index, error.to_string()))?;
        if !matches!(item.label, 1 | 2) {
            return Err(DataError::invalid(
                path,
                index,
                format!("the label is {}, not 1 or 2", item.label),
            ));
        }
        items.push(item);
    }
    Ok(items)
}

/// Columns are found by their names, so that another order or a further column does no harm.
fn parse_judges(text: &str, path: &Path) -> Result<Winners, DataError> {
    let mut lines = text.lines().enumerate();
    let header: Vec<&str> =
        lines.next().map(|(_, line)| line.split(',').map(str::trim).collect()).unwrap_or_default();
    let column = |name: &str| {
        header
            .iter()
            .position(|title| *title == name)
            .ok_or_else(|| DataError::invalid(path, 0, format!("there is no column {name}")))
    };
    let (id, judge, prompt) = (column("id")?, column("judge")?, column("prompt")?);
    let (orig, swapped) = (column("winner_orig")?, column("winner_swapped")?);
    let mut winners = HashMap::new();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let cell = |at: usize| cells.get(at).copied();
        let (Some(id), Some(judge), Some(asked)) = (cell(id), cell(judge), cell(prompt)) else {
            return Err(DataError::invalid(path, index, "too few columns".to_owned()));
        };
        let winner = |at: usize| match cell(at) {
            Some("1") => Some(1_u8),
            Some("2") => Some(2),
            _ => None,
        };
        if let (Some(first), Some(second)) = (winner(orig), winner(swapped))
            && first == second
        {
            winners.insert((id.to_owned(), judge_slug(judge), asked.to_owned()), first);
        }
    }
    Ok(winners)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "id,judge,prompt,winner_orig,winner_swapped\r\n\
        a,GPT-4,Metrics_Reference,1,1\r\n\
        a,ChatGPT,Metrics_Reference,1,2\r\n\
        a,Falcon,Metrics_Reference,,\r\n\
        a,PaLM2,CoT,2,2\r\n";

    #[test]
    fn a_judge_that_changes_its_mind_with_the_order_abstains() {
        let winners = parse_judges(CSV, Path::new("judges.csv")).unwrap();
        let data = Llmbar { items: Vec::new(), winners };
        let winner = |item, judge| data.winner(item, judge, "Metrics_Reference");
        assert_eq!(winner("a", "GPT-4"), Some(1));
        assert_eq!(winner("a", "ChatGPT"), None);
        assert_eq!(winner("a", "Falcon"), None);
        assert_eq!(winner("a", "PaLM2"), None);
        assert_eq!(winner("b", "GPT-4"), None);
        assert_eq!(data.winner("a", "palm2", "CoT"), Some(2));
    }

    #[test]
    fn a_missing_column_is_named() {
        let error = parse_judges("id,judge\n", Path::new("judges.csv")).unwrap_err();
        assert_eq!(error.to_string(), "judges.csv, line 1: there is no column prompt");
    }

    #[test]
    fn an_absent_file_gets_a_sentence_that_says_what_is_needed() {
        let error = Llmbar::load(Path::new("/nonexistent")).unwrap_err().to_string();
        assert!(error.starts_with("/nonexistent/items.jsonl is missing: the data is LLMBar's"));
    }

    #[test]
    fn a_broken_item_is_named_with_its_line() {
        let error = parse_items("\n{\"id\":1}\n", Path::new("items.jsonl")).unwrap_err();
        assert!(error.to_string().starts_with("items.jsonl, line 2: "));
    }
}
