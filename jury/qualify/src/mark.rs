//! What a seat has to reach. Marks bind nobody: a market may show them, a jury's creator may ask for
//! them.

use serde::Serialize;

use crate::certificate::Certificate;

/// Agreement with humans beyond chance, in basis points.
pub const KAPPA_LEAST: i64 = 7_000;
/// Bad work that is accepted.
pub const FALSE_ACCEPTS_MOST: i64 = 1_000;
/// Good work that is rejected.
pub const FALSE_REJECTS_MOST: i64 = 1_500;
/// Canaries that are answered rightly, and questions that get a valid vote.
pub const RIGHT_LEAST: i64 = 9_900;
/// With fewer labels the intervals are too wide to tell a good seat from a bad one.
pub const LABELS_LEAST: i64 = 300;

/// One figure, and what it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// The figure.
    pub figure: &'static str,
    /// What was measured: basis points, or a number of labels; nothing where it cannot be told.
    pub got: Option<i64>,
    /// The least that it has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least: Option<i64>,
    /// The most that it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<i64>,
    /// Whether it is.
    pub is_reached: bool,
}

impl Mark {
    fn new(figure: &'static str, got: Option<i64>, least: Option<i64>, most: Option<i64>) -> Self {
        let is_within =
            |got: i64| least.is_none_or(|it| got >= it) && most.is_none_or(|it| got <= it);
        Self { figure, got, least, most, is_reached: got.is_some_and(is_within) }
    }
}

impl Certificate {
    /// What its figures have to be, as they were measured: each has an interval around it.
    pub fn marks(&self) -> [Mark; 6] {
        let (derived, score) = (&self.derived, &self.measured.counts.score);
        let at_least = |figure, got, least| Mark::new(figure, got, Some(least), None);
        let at_most =
            |figure, got: u16, most| Mark::new(figure, Some(got.into()), None, Some(most));
        let share = |got: u16| Some(i64::from(got));
        [
            at_least("labels", Some(score.cases().into()), LABELS_LEAST),
            at_least("kappa", derived.kappa.map(i64::from), KAPPA_LEAST),
            at_most("falseAccepts", derived.false_accepts.share, FALSE_ACCEPTS_MOST),
            at_most("falseRejects", derived.false_rejects.share, FALSE_REJECTS_MOST),
            at_least("canariesRight", share(derived.canaries_right.share), RIGHT_LEAST),
            at_least("validVotes", share(derived.valid_votes.share), RIGHT_LEAST),
        ]
    }

    /// Whether every mark is reached.
    pub fn is_qualified(&self) -> bool {
        self.marks().iter().all(|mark| mark.is_reached)
    }
}
