//! What a model is asked about one case: every criterion that no program answers, the mandatory ones
//! in denied words too, and the canaries between them.
//!
//! The ids and the order follow from the case nonce. So a deliverable cannot name the question whose
//! answer it wants, and neither id, place nor form of a question says whether it is a canary.

use alloy::primitives::keccak256;
use serde::{Deserialize, Serialize};
use surety_terms::{Criterion, Kind, MilestoneSheet};

use crate::canary::canaries;
use crate::prompt::{AskedCriterion, NEGATION, Nonce};
use crate::view::View;
use crate::vote::Answer;

/// One question to the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The question as it is shown.
    pub asked: AskedCriterion,
    /// What it is about.
    pub subject: Subject,
    /// Whether it is asked in denied words, so that MET speaks against the subject.
    pub is_negated: bool,
}

/// What a question is about. The end of a transcript says it of every question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Subject {
    /// The criterion of this id.
    Criterion(String),
    /// A statement that is true or not.
    Canary {
        /// The statement.
        text: String,
        /// Whether it is true.
        is_met: bool,
    },
}

impl Subject {
    /// The answer of whoever reads the deliverable, where a program knows it.
    pub(crate) const fn truth(&self, is_negated: bool) -> Option<Answer> {
        match self {
            Self::Criterion(_) => None,
            Self::Canary { is_met, .. } => {
                Some(if *is_met == is_negated { Answer::NotMet } else { Answer::Met })
            }
        }
    }
}

impl Query {
    /// The answer of whoever reads the deliverable, where a program knows it.
    pub const fn truth(&self) -> Option<Answer> {
        self.subject.truth(self.is_negated)
    }
}

/// The questions of a case, in the order in which they are asked; none when no model is needed. In
/// `milestone` what was revealed stands where it was hidden.
///
/// Where a criterion is mandatory, and so asked twice, the canaries are too.
pub fn queries(milestone: &MilestoneSheet, view: &View, nonce: &Nonce) -> Vec<Query> {
    let criteria: Vec<&Criterion> =
        milestone.criteria.iter().filter(|criterion| criterion.kind == Kind::Llm).collect();
    if criteria.is_empty() {
        return Vec::new();
    }
    let has_pairs = criteria.iter().any(|criterion| criterion.mandatory);
    let asks_evidence: Vec<bool> =
        criteria.iter().map(|criterion| criterion.evidence_required).collect();
    let mut queries = Vec::new();
    for criterion in criteria {
        let subject = Subject::Criterion(criterion.id.clone());
        let (text, evidence) = (&criterion.text, criterion.evidence_required);
        queries.extend(worded(&subject, text, (evidence, criterion.mandatory), nonce));
    }
    for canary in canaries(view, nonce, &asks_evidence) {
        let subject = Subject::Canary { text: canary.text.clone(), is_met: canary.is_met };
        let how = (canary.evidence_required, has_pairs);
        queries.extend(worded(&subject, &canary.text, how, nonce));
    }
    queries.sort_by(|one, other| one.asked.id.cmp(&other.asked.id));
    queries
}

/// A subject in plain words, and in denied ones where it is asked as a pair. What is denied cannot
/// be quoted, so that question requires no evidence.
fn worded(
    subject: &Subject,
    text: &str,
    (evidence_required, is_pair): (bool, bool),
    nonce: &Nonce,
) -> Vec<Query> {
    let query = |is_negated: bool| Query {
        asked: AskedCriterion {
            id: id(subject, is_negated, nonce),
            text: if is_negated { negated(text) } else { text.to_owned() },
            evidence_required: evidence_required && !is_negated,
        },
        subject: subject.clone(),
        is_negated,
    };
    let mut queries = vec![query(false)];
    queries.extend(is_pair.then(|| query(true)));
    queries
}

/// A criterion in denied words.
pub fn negated(text: &str) -> String {
    NEGATION.trim_end().replace("{text}", text)
}

/// Sixteen hex digits that nobody can know before the nonce is drawn.
fn id(subject: &Subject, is_negated: bool, nonce: &Nonce) -> String {
    let (kind, name) = match subject {
        Subject::Criterion(id) => ("criterion", id.as_str()),
        Subject::Canary { is_met, .. } => ("canary", if *is_met { "true" } else { "false" }),
    };
    let digest = keccak256(format!("{}\0{kind}\0{name}\0{is_negated}", nonce.as_str()));
    alloy::hex::encode(digest.get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use surety_terms::Bps;

    use super::*;

    const TEXT: &[u8] =
        b"The quarterly report covers three markets.\nRevenue grew by nine percent.\n";

    pub(crate) fn milestone(criteria: &[(&str, bool)]) -> MilestoneSheet {
        let criterion = |(id, mandatory): &(&str, bool)| Criterion {
            id: (*id).to_owned(),
            text: format!("The deliverable is {id}."),
            weight_bps: Bps::new(1),
            mandatory: *mandatory,
            evidence_required: true,
            kind: Kind::Llm,
        };
        MilestoneSheet {
            title: "Report".to_owned(),
            description: String::new(),
            amount: surety_terms::Usdc::ZERO,
            deliver_by: 0,
            pass_bps: Bps::WHOLE,
            pro_rata: false,
            criteria: criteria.iter().map(criterion).collect(),
        }
    }

    fn asked(criteria: &[(&str, bool)], nonce: u8) -> Vec<Query> {
        let view = View::of(TEXT).unwrap();
        queries(&milestone(criteria), &view, &Nonce::new([nonce; 16]))
    }

    #[test]
    fn each_criterion_is_asked_once_a_mandatory_one_twice_and_two_canaries_with_them() {
        for (criteria, plain, negated) in [
            (vec![("a", false)], 3, 0),
            (vec![("a", true)], 3, 3),
            (vec![("a", true), ("b", false)], 4, 3),
        ] {
            let queries = asked(&criteria, 1);
            let count =
                |is_negated| queries.iter().filter(|query| query.is_negated == is_negated).count();
            assert_eq!((count(false), count(true)), (plain, negated), "{criteria:?}");
            let truths: Vec<Answer> = queries.iter().filter_map(Query::truth).collect();
            assert!(truths.contains(&Answer::Met) && truths.contains(&Answer::NotMet));
        }
        assert!(asked(&[], 1).is_empty(), "no model is asked, so no canary either");
    }

    #[test]
    fn neither_id_nor_place_nor_form_tells_a_canary() {
        let mut places = BTreeSet::new();
        for nonce in 0..60 {
            let queries = asked(&[("a", true), ("b", true)], nonce);
            let is_canary = |query: &Query| query.truth().is_some();
            places.extend(queries.iter().position(is_canary));
            for query in &queries {
                let id = &query.asked.id;
                assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
                assert_eq!(
                    query.asked.text.starts_with("The deliverable does not pass this test: "),
                    query.is_negated
                );
                assert_eq!(query.asked.evidence_required, !query.is_negated);
            }
            let ids: BTreeSet<&str> = queries.iter().map(|query| query.asked.id.as_str()).collect();
            assert_eq!(ids.len(), queries.len());
        }
        assert!(places.len() > 3, "canaries come first, second, third: {places:?}");
    }

    #[test]
    fn another_nonce_is_another_order_and_other_ids() {
        let ids = |nonce| -> BTreeSet<String> {
            asked(&[("a", true), ("b", false)], nonce)
                .into_iter()
                .map(|query| query.asked.id)
                .collect()
        };
        assert_eq!(ids(1), ids(1));
        assert!(ids(1).is_disjoint(&ids(2)));
    }

    #[test]
    fn a_denied_truth_is_the_other_answer() {
        for query in asked(&[("a", true)], 3) {
            if let Subject::Canary { is_met, .. } = query.subject {
                let wanted = if is_met == query.is_negated { Answer::NotMet } else { Answer::Met };
                assert_eq!(query.truth(), Some(wanted));
            }
        }
    }
}
