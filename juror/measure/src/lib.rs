#![doc = include_str!("../README.md")]

mod error;
mod store;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use alloy::primitives::Address;
use futures::{StreamExt as _, stream::FuturesUnordered};
use surety_fetch::Bounds;
use surety_judge::{Budget, BudgetConfig, Judge, Judged, Provider, ProviderConfig, Session, Until};
use surety_jury::{Entry, Opinion, Source, Template};
use surety_qualify::{Count, LabelledCase, Measured, Plan, Score, case};

pub use error::MeasureError;
use store::Store;

/// How long one round of questions may take. It ends earlier by the provider's own timeout.
const ROUND_WITHIN: Duration = Duration::from_hours(1);
/// Rounds of questions about one case in one run.
const ROUNDS: usize = 3;
/// Cases in a row without an end after which the provider counts as out.
const OUT_AFTER: usize = 3;

/// Whose seat is measured.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The chain.
    pub chain_id: u64,
    /// The `Jury` contract.
    pub jury: Address,
    /// The juror's key.
    pub juror: Address,
    /// Its family.
    pub family: String,
}

/// What a measurement is made with.
#[derive(Debug)]
pub struct Means {
    /// Who is asked.
    pub provider: Provider,
    /// What that may cost: one case, and in place of a day's all cases together.
    pub budget: Option<BudgetConfig>,
    /// Cases that are judged at the same time.
    pub judging: usize,
    /// Questions about one case that are asked at the same time.
    pub questions: usize,
    /// How long a provider that is out is left alone.
    pub rest: Duration,
}

/// What becomes of questions that stay unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// Their case stays open for the next run.
    Wait,
    /// In cases that were asked about in an earlier run they count as they do at the end of a jury's
    /// window.
    Count,
}

/// A case that a run is done with.
#[derive(Clone, Debug)]
pub struct Progress<'a> {
    /// The case.
    pub case: &'a LabelledCase,
    /// How its criteria ended; nothing where the case stays open.
    pub score: Option<Score>,
    /// Cases that have ended.
    pub done: usize,
    /// All cases.
    pub of: usize,
    /// What all cases cost so far, in millionths of a US dollar.
    pub spent_micro_usd: u64,
}

/// One measurement in its folder.
#[derive(Debug)]
pub struct Measurement {
    store: Store,
    plan: Plan,
    judge: Judge,
    budget: Option<BudgetConfig>,
    judging: usize,
    rest: Duration,
}

/// What one run made of a case.
struct Judgement<'a> {
    case: &'a LabelledCase,
    /// Nothing where it stays open.
    opinion: Option<Opinion>,
    /// What all cases had cost by then.
    spent: u64,
}

/// What would be asked of whom, and in which words.
pub fn plan(
    seat: Seat,
    provider: &ProviderConfig,
    template: Template,
    cases: &[LabelledCase],
    now: u64,
) -> Result<Plan, MeasureError> {
    let Seat { chain_id, jury, juror, family } = seat;
    Ok(Plan {
        chain_id,
        jury,
        juror,
        family,
        dialect: provider.dialect.as_str().to_owned(),
        model_requested: provider.model.clone(),
        max_output_tokens: provider.max_output_tokens,
        template: template.name().to_owned(),
        template_digest: template.digest(),
        cases_digest: case::digest(cases)?,
        begun_at: now,
    })
}

impl Measurement {
    /// Opens the folder of a measurement, or begins one there.
    pub async fn open(folder: &Path, plan: Plan, means: Means) -> Result<Self, MeasureError> {
        let store = Store::open(folder).await?;
        let plan = store.plan(plan).await?;
        let Means { provider, budget, judging, questions, rest } = means;
        let judge = Judge {
            provider,
            budget: budget.map(|caps| Budget::new(caps, store.pool().clone())),
            source: Source::of_family(&plan.family),
            family: plan.family.clone(),
            questions,
            // No labelled case has a probe or a program.
            bounds: Bounds { allow_private_hosts: false, most_bytes: 0, within: Duration::ZERO },
            check_within: Duration::ZERO,
        };
        Ok(Self { store, plan, judge, budget, judging: judging.max(1), rest })
    }

    /// Asks about every case that has no end yet, and fails when one has none afterwards.
    pub async fn run(
        &self,
        cases: &[LabelledCase],
        unanswered: Unanswered,
        tell: &impl Fn(&Progress<'_>),
    ) -> Result<(), MeasureError> {
        let mut waiting = Vec::new();
        for case in cases {
            if self.opinion(case).await?.is_none() {
                waiting.push(case);
            }
        }
        let (of, mut done) = (cases.len(), cases.len().saturating_sub(waiting.len()));
        let (mut waiting, mut out_in_a_row) = (waiting.into_iter(), 0_usize);
        let mut spent = 0_u64;
        // Nothing is awaited beside these: a case that nobody polls may hold the store's connection.
        let mut judging = FuturesUnordered::new();
        loop {
            if judging.is_empty() {
                spent = self.store.spent().await?;
            }
            while judging.len() < self.judging && self.affords(spent, judging.len()) {
                let Some(case) = waiting.next() else { break };
                judging.push(self.judge(case, unanswered));
            }
            let Some(ended) = judging.next().await else { break };
            let Judgement { case, opinion, spent: told } = ended?;
            // Two cases may tell in the wrong order, and each tells what others have set aside.
            spent = spent.max(told);
            done = done.saturating_add(usize::from(opinion.is_some()));
            out_in_a_row = if opinion.is_some() { 0 } else { out_in_a_row.saturating_add(1) };
            let score = opinion.map(|opinion| score(case, opinion));
            tell(&Progress { case, score, done, of, spent_micro_usd: told });
            if out_in_a_row >= OUT_AFTER {
                return Err(MeasureError::Out { cases: out_in_a_row });
            }
        }
        match (waiting.next(), of.saturating_sub(done)) {
            (Some(_), _) => Err(self.too_dear().await?),
            (None, 0) => Ok(()),
            (None, open) => Err(MeasureError::Open { open, of }),
        }
    }

    /// Counts the cases, all of which have ended, once and for all.
    pub async fn finish(&self, cases: &[LabelledCase], now: u64) -> Result<Measured, MeasureError> {
        if let Some(measured) = self.store.measured().await? {
            return Ok(measured);
        }
        let mut count = Count::default();
        for case in cases {
            count.add(case, &self.store.transcript(case).await?)?;
        }
        let cost_micro_usd =
            if self.budget.is_some() { Some(self.store.spent().await?) } else { None };
        let plan = self.plan.clone();
        let ended_at = now.max(plan.begun_at);
        let measured = Measured { plan, counts: count.counts(), cost_micro_usd, ended_at };
        self.store.keep_measured(&measured).await?;
        Ok(measured)
    }

    /// Judges one case; nothing comes of it where the provider is out.
    async fn judge<'a>(
        &self,
        labelled: &'a LabelledCase,
        unanswered: Unanswered,
    ) -> Result<Judgement<'a>, MeasureError> {
        let is_asked = self.is_asked(labelled).await?;
        let case = self.store.take(labelled, &self.plan).await?;
        let milestone = labelled.milestone();
        let mut session = self.judge.session(self.store.records(), case, &milestone).await?;
        session.read(labelled.deliverable.clone().into_bytes(), &[]).await?;
        let mut opinion = self.ask(&session).await?;
        if opinion.is_none() && is_asked && unanswered == Unanswered::Count {
            opinion = Some(session.last_round(until()).await?);
        }
        if let Some(opinion) = opinion {
            session.conclude(opinion).await?;
        }
        Ok(Judgement { case: labelled, opinion, spent: self.store.spent().await? })
    }

    /// Asks until there is nothing more to ask, a few rounds long.
    async fn ask(&self, session: &Session<'_>) -> Result<Option<Opinion>, MeasureError> {
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(self.rest).await;
            }
            if let Judged::Opinion(opinion) = session.round(until()).await? {
                return Ok(Some(opinion));
            }
        }
        Ok(None)
    }

    /// Whether the money pays for another case beside so many, at their dearest. So the cap of all
    /// cases never leaves a question unasked.
    fn affords(&self, spent: u64, judging: usize) -> bool {
        let Some(caps) = self.budget else { return true };
        let cases = u64::try_from(judging).unwrap_or(u64::MAX).saturating_add(1);
        spent.saturating_add(caps.case_micro_usd.saturating_mul(cases)) <= caps.day_micro_usd
    }

    async fn too_dear(&self) -> Result<MeasureError, MeasureError> {
        let (most, case) = self.budget.map_or((0, 0), |it| (it.day_micro_usd, it.case_micro_usd));
        Ok(MeasureError::Money { most, spent: self.store.spent().await?, case })
    }

    /// The opinion that ends a case, if it has one.
    async fn opinion(&self, case: &LabelledCase) -> Result<Option<Opinion>, MeasureError> {
        let entries = self.store.transcript(case).await?.entries()?;
        Ok(entries.into_iter().find_map(|entry| {
            let Entry::Opinion { met, failed, reason } = entry else { return None };
            Some(Opinion { met, failed, reason })
        }))
    }

    /// Whether an earlier run has asked about a case.
    async fn is_asked(&self, case: &LabelledCase) -> Result<bool, MeasureError> {
        let entries = self.store.transcript(case).await?.entries()?;
        Ok(entries.iter().any(|entry| matches!(entry, Entry::Call(_))))
    }
}

fn score(case: &LabelledCase, opinion: Opinion) -> Score {
    let mut score = Score::default();
    case.count(opinion, &mut score);
    score
}

/// All cases are of one day: its cap is that of the measurement.
fn until() -> Until {
    let now = Instant::now();
    Until { deadline: now.checked_add(ROUND_WITHIN).unwrap_or(now), day: 0 }
}
