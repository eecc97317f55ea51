//! The recorded judges as one panel: counted by our tally, and by what others count with.
//!
//! A case is an item of LLMBar as a deal: the criterion says that the first output follows the
//! instruction better than the second, and humans say whether it does. A seat's ballot is the judge's
//! winner when it gave the same one in both orders, else an abstention.

use alloy::primitives::U256;
use surety_jury::{Outcome, tally};
use surety_terms::rule::Rule;

use crate::llmbar::{Item, JUDGES, Llmbar};
use crate::score::Score;

/// The two kinds of items.
pub const SPLITS: [&str; 2] = ["natural", "adversarial"];

/// How each way of counting did on the same answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Our tally: four of five seats for an answer, else undetermined.
    pub jury: Score,
    /// More answers for than against, abstentions left out.
    pub majority: Score,
    /// The mean of yes, no and half, without the highest and the lowest fifth.
    pub trimmed_mean: Score,
    /// The judge that was right most often, which is known only afterwards.
    pub best_judge: &'static str,
    /// What it would have decided alone.
    pub best_single: Score,
}

/// Counts the recorded answers to every item of a split under one prompt.
pub fn compare(data: &Llmbar, prompt: &str, split: &str) -> Comparison {
    let rule = Rule { weights: vec![10_000], mandatory: 1, pass_bps: 10_000, pro_rata: false };
    let rule = rule.word();
    let (mut jury, mut majority, mut trimmed_mean) =
        (Score::default(), Score::default(), Score::default());
    let mut single = [Score::default(); JUDGES.len()];
    for item in data.items().iter().filter(|item| is_in(item, split)) {
        let label = item.label == 1;
        let answers = JUDGES.map(|judge| data.winner(&item.id, judge, prompt).map(|won| won == 1));
        jury.count(label, by_tally(rule, &answers));
        majority.count(label, by_majority(&answers));
        trimmed_mean.count(label, by_trimmed_mean(answers));
        for (score, answer) in single.iter_mut().zip(answers) {
            score.count(label, answer);
        }
    }
    // Of equals the first, so that the answer is one.
    let by_right = |best: (&'static str, Score), next: (&'static str, Score)| {
        if next.1.right() > best.1.right() { next } else { best }
    };
    let (best_judge, best_single) =
        JUDGES.into_iter().zip(single).reduce(by_right).unwrap_or_default();
    Comparison { jury, majority, trimmed_mean, best_judge, best_single }
}

/// The data set calls the attacks by four names.
fn is_in(item: &Item, split: &str) -> bool {
    (item.split == "natural") == (split == "natural")
}

fn by_tally(rule: U256, answers: &[Option<bool>]) -> Option<bool> {
    let ballots: Vec<_> = (0..)
        .zip(answers)
        .map(|(seat, answer)| {
            (seat, u16::from(*answer == Some(true)), u16::from(*answer == Some(false)))
        })
        .collect();
    match tally::tally(rule, answers.len(), &ballots).outcome {
        Outcome::Accepted => Some(true),
        Outcome::Rejected => Some(false),
        Outcome::NoVerdict | Outcome::Undetermined => None,
    }
}

fn by_majority(answers: &[Option<bool>]) -> Option<bool> {
    let votes = |side: bool| answers.iter().filter(|answer| **answer == Some(side)).count();
    let (met, failed) = (votes(true), votes(false));
    (met != failed).then_some(met > failed)
}

/// An abstention counts as half: the mean needs a number of everybody.
fn by_trimmed_mean(answers: [Option<bool>; JUDGES.len()]) -> Option<bool> {
    let mut halves = answers.map(|answer| answer.map_or(1_usize, |met| if met { 2 } else { 0 }));
    halves.sort_unstable();
    let cut = halves.len() / 5;
    let kept = halves.len().saturating_sub(cut.saturating_mul(2));
    let sum: usize = halves.iter().skip(cut).take(kept).sum();
    (sum != kept).then_some(sum > kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    const YES: Option<bool> = Some(true);
    const NO: Option<bool> = Some(false);

    #[test]
    fn the_tally_wants_four_of_five_where_others_are_content_with_less() {
        let rule = Rule { weights: vec![10_000], mandatory: 1, pass_bps: 10_000, pro_rata: false };
        let rule = rule.word();
        for (answers, jury, majority, trimmed) in [
            ([YES, YES, YES, YES, NO], YES, YES, YES),
            ([YES, YES, YES, NO, NO], None, YES, YES),
            ([YES, NO, None, None, None], None, None, None),
            ([YES, None, None, None, None], None, YES, None),
            ([YES, YES, None, None, None], None, YES, YES),
            ([NO, NO, NO, NO, NO], NO, NO, NO),
        ] {
            assert_eq!(by_tally(rule, &answers), jury, "{answers:?}");
            assert_eq!(by_majority(&answers), majority, "{answers:?}");
            assert_eq!(by_trimmed_mean(answers), trimmed, "{answers:?}");
        }
    }

    #[test]
    fn every_case_is_counted_once_by_every_rule() {
        let item = |id: &str, split: &str, label| Item {
            id: id.to_owned(),
            split: split.to_owned(),
            input: String::new(),
            output_1: String::new(),
            output_2: String::new(),
            label,
        };
        let items = vec![item("a", "natural", 1), item("b", "natural", 2), item("c", "manual", 2)];
        let winners =
            [("a", "GPT-4", "CoT", 1), ("b", "GPT-4", "CoT", 1), ("a", "PaLM2", "CoT", 1)];
        let data = Llmbar::of(items, &winners);
        let natural = compare(&data, "CoT", "natural");
        assert_eq!(natural.best_judge, "GPT-4");
        assert_eq!(natural.best_single.accepted_false, 1);
        for score in [natural.jury, natural.majority, natural.trimmed_mean, natural.best_single] {
            assert_eq!(score.cases(), 2);
        }
        assert_eq!(compare(&data, "CoT", "adversarial").jury.undetermined_false, 1);
        assert_eq!(compare(&data, "Swap", "natural").majority.undetermined(), 2);
    }
}
