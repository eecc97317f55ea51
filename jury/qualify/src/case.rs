//! Cases that humans labelled, as milestones with one criterion.
//!
//! A folder holds LLMBar, or a `cases.jsonl` of one's own: one JSON object a line with `id`,
//! `description`, `criterion`, `deliverable` and `met`, which says what humans agree on.

use std::collections::HashSet;
use std::path::Path;

use alloy::primitives::{B256, Keccak256};
use serde::{Deserialize, Serialize};
use surety_terms::{Bps, Criterion, Kind};

use crate::error::DataError;
use crate::llmbar::{Item, Llmbar, read};

const OWN: &str = "cases.jsonl";

/// One criterion about one deliverable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelledCase {
    /// Its name in the data.
    pub id: String,
    /// The milestone's prose.
    pub description: String,
    /// The criterion's text.
    pub criterion: String,
    /// What was delivered.
    pub deliverable: String,
    /// Whether humans agree that the criterion is met.
    pub met: bool,
}

impl LabelledCase {
    /// The milestone's only criterion: mandatory, so it is asked in denied words too.
    pub fn criterion(&self) -> Criterion {
        Criterion {
            id: "c".to_owned(),
            text: self.criterion.clone(),
            weight_bps: Bps::WHOLE,
            mandatory: true,
            evidence_required: false,
            kind: Kind::Llm,
        }
    }
}

/// The cases of a folder: its own, or both outputs of each of LLMBar's tasks, each delivered once.
pub fn load(folder: &Path) -> Result<Vec<LabelledCase>, DataError> {
    let own = folder.join(OWN);
    if !own.exists() {
        return Ok(Llmbar::items_of(folder)?.iter().flat_map(both).collect());
    }
    let mut cases: Vec<LabelledCase> = Vec::new();
    let mut ids = HashSet::new();
    let text = read(&own)?;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let case: LabelledCase = serde_json::from_str(line)
            .map_err(|error| DataError::invalid(&own, index, error.to_string()))?;
        if !ids.insert(case.id.clone()) {
            let reason = format!("there is another case {:?} before it", case.id);
            return Err(DataError::invalid(&own, index, reason));
        }
        cases.push(case);
    }
    if cases.is_empty() {
        return Err(DataError::invalid(&own, 0, "there is no case".to_owned()));
    }
    Ok(cases)
}

/// A digest of the cases in their order, so that certificates can be compared.
pub fn digest(cases: &[LabelledCase]) -> B256 {
    let mut hasher = Keccak256::new();
    for case in cases {
        for text in [&case.id, &case.description, &case.criterion, &case.deliverable] {
            // The length before the text: two cases never read like one.
            hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(text);
        }
        hasher.update([u8::from(case.met)]);
    }
    hasher.finalize()
}

fn both(item: &Item) -> [LabelledCase; 2] {
    let case = |delivered: &str, other: &str, number: u8| LabelledCase {
        id: format!("{}-{number}", item.id),
        description: format!(
            "Answer this instruction:\n\n{}\n\nThe alternative that the buyer has already:\n\n{other}",
            item.input
        ),
        criterion: "The deliverable follows the instruction better than the alternative in the \
                    milestone's description does."
            .to_owned(),
        deliverable: delivered.to_owned(),
        met: item.label == number,
    };
    [case(&item.output_1, &item.output_2, 1), case(&item.output_2, &item.output_1, 2)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        folder
    }

    #[test]
    fn each_output_of_a_task_is_a_case_and_one_of_them_is_met() {
        let item = r#"{"id":"natural-000","split":"natural","input":"Count.","output_1":"1 2","output_2":"2 1","label":2}"#;
        let cases = load(folder("items.jsonl", item).path()).unwrap();
        let told: Vec<_> = cases
            .iter()
            .map(|case| (case.id.as_str(), case.deliverable.as_str(), case.met))
            .collect();
        assert_eq!(told, [("natural-000-1", "1 2", false), ("natural-000-2", "2 1", true)]);
        assert!(cases[0].description.contains("2 1") && !cases[0].description.contains("1 2"));
        assert_ne!(digest(&cases), digest(&cases[..1]));
    }

    #[test]
    fn cases_of_ones_own_are_read_first_and_a_wrong_line_is_named() {
        let case = r#"{"id":"a","description":"d","criterion":"c","deliverable":"x","met":true}"#;
        let cases = load(folder("cases.jsonl", case).path()).unwrap();
        assert!(cases[0].met && cases[0].criterion().mandatory);
        for (text, wanted) in [
            (format!("{case}\n{case}\n"), "line 2: there is another case \"a\""),
            (format!("{case}\n{{\"id\":\"b\"}}\n"), "line 2: missing field"),
            (case.replace("met", "label"), "line 1: unknown field `label`"),
            (String::new(), "line 1: there is no case"),
        ] {
            let error = load(folder("cases.jsonl", &text).path()).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
