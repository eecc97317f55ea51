//! Cases that humans labelled, as milestones whose criteria models answer.
//!
//! A folder holds LLMBar, or a `cases.jsonl` of one's own; `docs/data.md` has its form.

use std::collections::HashSet;
use std::path::Path;

use alloy::primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};
use surety_jury::Opinion;
use surety_terms::rule::MAX_CRITERIA;
use surety_terms::{Bps, Criterion, Kind, MilestoneSheet, Usdc, json};

use crate::error::DataError;
use crate::llmbar::{Item, Llmbar, read};
use crate::score::Score;

const OWN: &str = "cases.jsonl";

/// A deliverable, and what humans say of each of its criteria.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelledCase {
    /// Its name in the data.
    pub id: String,
    /// The milestone's prose.
    pub description: String,
    /// 1 to 16 criteria with their labels.
    pub criteria: Vec<Labelled>,
    /// What was delivered.
    pub deliverable: String,
}

/// A criterion, and what humans say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Labelled {
    /// The criterion's text.
    pub text: String,
    /// Whether a juror must quote the deliverable to call it met.
    #[serde(default)]
    pub evidence_required: bool,
    /// Whether humans agree that it is met.
    pub met: bool,
}

impl LabelledCase {
    /// The milestone that a juror is asked about. Every criterion is mandatory, so it is asked in
    /// denied words too.
    pub fn milestone(&self) -> MilestoneSheet {
        let criterion = |(labelled, number): (&Labelled, usize)| Criterion {
            id: format!("c{number}"),
            text: labelled.text.clone(),
            weight_bps: Bps::ZERO,
            mandatory: true,
            evidence_required: labelled.evidence_required,
            kind: Kind::Llm,
        };
        MilestoneSheet {
            title: "The work".to_owned(),
            description: self.description.clone(),
            amount: Usdc::ZERO,
            deliver_by: 0,
            pass_bps: Bps::WHOLE,
            pro_rata: false,
            criteria: self.criteria.iter().zip(1..).map(criterion).collect(),
        }
    }

    /// Counts how an opinion's answers stand to the labels.
    pub fn count(&self, opinion: Opinion, score: &mut Score) {
        for (labelled, bit) in self.criteria.iter().zip(0_u32..) {
            let is_in = |mask: u16| mask.checked_shr(bit).is_some_and(|rest| rest & 1 == 1);
            let answer = match (is_in(opinion.met), is_in(opinion.failed)) {
                (true, false) => Some(true),
                (false, true) => Some(false),
                _ => None,
            };
            score.count(labelled.met, answer);
        }
    }

    fn check(&self) -> Result<(), String> {
        let count = self.criteria.len();
        if (1..=MAX_CRITERIA).contains(&count) {
            return Ok(());
        }
        Err(format!("there are {count} criteria: a case has 1 to {MAX_CRITERIA}"))
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
        case.check().map_err(|reason| DataError::invalid(&own, index, reason))?;
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

/// A digest of the cases in their order, so that certificates can be compared: keccak256 of their
/// canonical JSON.
pub fn digest(cases: &[LabelledCase]) -> Result<B256, DataError> {
    Ok(keccak256(json::canonical(&cases)?))
}

fn both(item: &Item) -> [LabelledCase; 2] {
    let case = |delivered: &str, other: &str, number: u8| LabelledCase {
        id: format!("{}-{number}", item.id),
        description: format!(
            "Answer this instruction:\n\n{}\n\nThe alternative that the buyer has already:\n\n{other}",
            item.input
        ),
        criteria: vec![Labelled {
            text: "The deliverable follows the instruction better than the alternative in the \
                   milestone's description does."
                .to_owned(),
            evidence_required: false,
            met: item.label == number,
        }],
        deliverable: delivered.to_owned(),
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
            .map(|case| (case.id.as_str(), case.deliverable.as_str(), case.criteria[0].met))
            .collect();
        assert_eq!(told, [("natural-000-1", "1 2", false), ("natural-000-2", "2 1", true)]);
        assert!(cases[0].description.contains("2 1") && !cases[0].description.contains("1 2"));
        assert_ne!(digest(&cases).unwrap(), digest(&cases[..1]).unwrap());
    }

    #[test]
    fn cases_of_ones_own_are_read_first_and_a_wrong_line_is_named() {
        let case = r#"{"id":"a","description":"d","criteria":[{"text":"One.","met":true},{"text":"Two.","evidenceRequired":true,"met":false}],"deliverable":"x"}"#;
        let cases = load(folder("cases.jsonl", case).path()).unwrap();
        let milestone = cases[0].milestone();
        let asked: Vec<_> =
            milestone.criteria.iter().map(|it| (it.text.as_str(), it.evidence_required)).collect();
        assert_eq!(asked, [("One.", false), ("Two.", true)]);
        assert!(milestone.criteria.iter().all(|criterion| criterion.mandatory));
        let none = r#"{"id":"a","description":"d","criteria":[],"deliverable":"x"}"#;
        for (text, wanted) in [
            (format!("{case}\n{case}\n"), "line 2: there is another case \"a\""),
            (format!("{case}\n{{\"id\":\"b\"}}\n"), "line 2: missing field"),
            (case.replace("\"met\"", "\"label\""), "line 1: unknown field `label`"),
            (none.to_owned(), "line 1: there are 0 criteria: a case has 1 to 16"),
            (String::new(), "line 1: there is no case"),
        ] {
            let error = load(folder("cases.jsonl", &text).path()).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
