//! Judging one case: checks first, then one question after another, all of it written down.
//!
//! Every line of the transcript is stored as it happens. So a restart resumes: what was answered and
//! written down is never asked again. An answer that came while the juror died is asked for anew; an
//! operator that kills its own juror for that pays for each try, and cannot choose more than its vote.

mod ask;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::{B128, B256};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use surety_fetch::Bounds;
use surety_jury::{
    CheckResult, Entry, Nonce, Opinion, Query, Record, Source, Template, View, check, record,
};
use surety_terms::{Check, Criterion, Kind, MilestoneSheet, Reveal, check::Probe};
use tokio::sync::Mutex;

use crate::{JudgeError, budget::Budget, provider::Provider, records::Records};

/// How this juror questions its provider.
#[derive(Debug)]
pub struct Judge {
    /// Who is asked.
    pub provider: Provider,
    /// What that may cost; nothing is counted without it.
    pub budget: Option<Budget>,
    /// The juror's claimed family.
    pub family: String,
    /// Where its opinions come from.
    pub source: Source,
    /// Criteria asked at the same time.
    pub questions: usize,
    /// What asking the service of a probe may cost.
    pub bounds: Bounds,
    /// How long one WebAssembly test may run before it is broken off, without an answer.
    pub check_within: Duration,
}

/// What is judged: a case of the juror's store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// The case.
    pub case_id: B256,
    /// keccak256 of the bytes that are judged.
    pub deliverable: B256,
    /// Marks the deliverable's lines in prompts; drawn after the seller committed to the bytes.
    pub nonce: B128,
    /// The digest of the prompt template that the sheet pins.
    pub template: Option<B256>,
}

/// How long a round of questions may take, and on whose money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until {
    /// When an answer that is not there counts as an outage.
    pub deadline: Instant,
    /// The chain's time in days: each has a budget of its own.
    pub day: u64,
}

/// What one round of questions led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// There is nothing more to ask.
    Opinion(Opinion),
    /// The provider is out: ask again later.
    Outage,
}

/// One case on the desk, with its transcript so far.
#[derive(Debug)]
pub struct Session<'a> {
    judge: &'a Judge,
    records: &'a Records,
    case: Case,
    /// What is judged; a revealed criterion stands where it was hidden.
    milestone: MilestoneSheet,
    nonce: Nonce,
    template: Template,
    deliverable: Arc<[u8]>,
    view: Option<View>,
    /// What the provider is asked, canaries included.
    queries: Vec<Query>,
    record: Mutex<Record>,
}

impl Judge {
    /// The requests of a day for which the provider counted more than they can cost, those of
    /// purses beside this one's included.
    pub async fn overcounts(&self, day: u64) -> Result<u64, JudgeError> {
        match &self.budget {
            Some(budget) => budget.overcounts(day).await,
            None => Ok(0),
        }
    }

    /// Takes up a case where its transcript ends. A case that was begun goes on in the template in
    /// which it was begun, whatever this release asks by default.
    pub async fn session<'a>(
        &'a self,
        records: &'a Records,
        case: Case,
        milestone: &MilestoneSheet,
    ) -> Result<Session<'a>, JudgeError> {
        let (mut record, mut template) = (Record::default(), case.template);
        for line in records.lines(case.case_id).await? {
            let entry: Entry = serde_json::from_slice(&line)
                .map_err(|_| JudgeError::StoreDamaged { column: "line" })?;
            if let Entry::Case { template_digest, .. } = &entry {
                template = Some(*template_digest);
            }
            record.add(&entry);
        }
        Ok(Session {
            judge: self,
            records,
            case,
            milestone: milestone.clone(),
            nonce: Nonce::new(case.nonce.0),
            template: Template::pinned(template).map_err(JudgeError::Template)?,
            deliverable: Arc::new([]),
            view: None,
            queries: Vec::new(),
            record: Mutex::new(record),
        })
    }
}

impl Session<'_> {
    /// The opinion that the transcript ends with, if an earlier run got that far.
    pub async fn concluded(&self) -> Option<Opinion> {
        self.record.lock().await.opinion
    }

    /// Reads the deliverable and what was revealed, and runs the checks. After
    /// [`JudgeError::CheckLate`] it may be called again, and runs those without an answer.
    pub async fn read(
        &mut self,
        deliverable: Vec<u8>,
        reveals: &[Reveal],
    ) -> Result<(), JudgeError> {
        self.view = View::of(&deliverable).ok();
        self.deliverable = deliverable.into();
        if let Some(view) = &self.view {
            self.nonce = self.nonce.clone().absent_from(view);
        }
        if self.record.lock().await.transcript.is_empty() {
            self.write(&[self.heading()]).await?;
        }
        self.open_hidden(reveals).await?;
        for criterion in self.unchecked().await {
            if let Kind::Check(program) = criterion.kind
                && program.is_offline()
            {
                let result = self.run(program).await?;
                self.write(&[Entry::checked(&criterion.id, &result, None)]).await?;
            }
        }
        let record = self.record.lock().await;
        self.queries = record.queries(&self.milestone, self.view.as_ref(), &self.nonce);
        Ok(())
    }

    /// Writes down what was revealed, once, and puts it where it was hidden. What the template's
    /// rules refuse opens nothing, whoever took it.
    async fn open_hidden(&mut self, reveals: &[Reveal]) -> Result<(), JudgeError> {
        for criterion in self.milestone.criteria.iter().filter(|criterion| criterion.is_hidden()) {
            let id = &criterion.id;
            if !self.record.lock().await.reveals.contains_key(id) {
                let reveal = reveals.iter().find(|reveal| reveal.criterion_id == *id);
                let document = reveal.map(|reveal| reveal.document.clone());
                let document = document.filter(|it| self.template.refusal(it).is_none());
                self.write(&[Entry::Reveal { criterion_id: id.clone(), document }]).await?;
            }
        }
        self.milestone = self.record.lock().await.opened(&self.milestone);
        Ok(())
    }

    /// Runs a program on a thread of its own, for as long as one may take.
    async fn run(&self, program: Check) -> Result<CheckResult, JudgeError> {
        let (bytes, within) = (Arc::clone(&self.deliverable), self.judge.check_within);
        let task = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            check::run_while(&program, &bytes, &|| begun.elapsed() < within)
        });
        task.await.map_err(|_| JudgeError::Check)?.ok_or(JudgeError::CheckLate)
    }

    /// Probes and asks once, whatever has no answer yet.
    pub async fn round(&self, until: Until) -> Result<Judged, JudgeError> {
        // A service that is down holds up no question to the provider.
        let is_down = self.probe().await?;
        self.ask_round(until, is_down).await
    }

    /// Probes and asks for the last time. What stays unanswered is weighed by [`Opinion::of`], as
    /// whoever replays the transcript weighs it.
    pub async fn last_round(&self, until: Until) -> Result<Opinion, JudgeError> {
        tokio::try_join!(self.probe_last(), self.ask_last(until))?;
        self.opinion().await
    }

    /// Asks the services of all probes without an answer, and tells whether one is down that
    /// matters.
    pub async fn probe(&self) -> Result<bool, JudgeError> {
        self.probe_all(Turn::More).await
    }

    /// The same for the last time: whoever gives no answer now has failed.
    pub async fn probe_last(&self) -> Result<(), JudgeError> {
        self.probe_all(Turn::Last).await.map(drop)
    }

    /// Whether the provider has yet to answer something.
    pub async fn has_questions(&self) -> bool {
        !self.unanswered().await.is_empty()
    }

    /// Asks every question that has no answer yet; there is no opinion while a probe `is_down`.
    ///
    /// After an outage only one question is asked first, the one that was asked least, so that a
    /// provider that is down all night does not fill the transcript, and a question that it never
    /// answers does not hold up the others. At the deadline an answer that is not there is an outage.
    pub async fn ask_round(&self, until: Until, is_down: bool) -> Result<Judged, JudgeError> {
        let mut open = self.unanswered().await;
        if self.had_outage().await && !open.is_empty() {
            let rest = open.split_off(1);
            if self.is_out(&open, until, Turn::More).await? {
                return Ok(Judged::Outage);
            }
            open = rest;
        }
        let is_out = self.is_out(&open, until, Turn::More).await? || is_down;
        if is_out { Ok(Judged::Outage) } else { self.opinion().await.map(Judged::Opinion) }
    }

    /// Asks every question that has no answer yet for the last time.
    pub async fn ask_last(&self, until: Until) -> Result<(), JudgeError> {
        let open = self.unanswered().await;
        self.is_out(&open, until, Turn::Last).await.map(drop)
    }

    /// Asks some questions, and tells whether the provider was out for one whose answer matters.
    async fn is_out(&self, open: &[&Query], until: Until, turn: Turn) -> Result<bool, JudgeError> {
        let ask = |query: &&'_ Query| self.ask((*query).clone(), until, turn).boxed();
        self.is_missing(open.iter().map(ask).collect()).await
    }

    /// Asks the services of all probes without an answer, and tells whether one has none yet.
    async fn probe_all(&self, turn: Turn) -> Result<bool, JudgeError> {
        let open = self.unchecked().await;
        let probe = |criterion: &'_ Criterion| match &criterion.kind {
            Kind::Check(Check::HttpProbe(probe)) => {
                Some(self.ask_service(criterion.id.clone(), probe.clone(), turn).boxed())
            }
            Kind::Check(_) | Kind::Llm | Kind::Hidden { .. } => None,
        };
        self.is_missing(open.iter().filter_map(probe).collect()).await
    }

    /// Whether one of these gets no answer, and it matters.
    async fn is_missing(
        &self,
        asks: Vec<BoxFuture<'_, Result<bool, JudgeError>>>,
    ) -> Result<bool, JudgeError> {
        let mut asks = stream::iter(asks).buffer_unordered(self.judge.questions);
        let mut is_missing = false;
        while let Some(is_answered) = asks.next().await {
            is_missing |= !is_answered?;
        }
        Ok(is_missing && !self.record.lock().await.is_decided(&self.queries))
    }

    /// Writes that the bytes could not be had, and says what follows.
    pub fn missing(&self) -> Result<Opinion, JudgeError> {
        opined(Opinion::missing(self.milestone.criteria.len()))
    }

    /// Ends the transcript with what the questions were about and the opinion, writes it to disk, and
    /// returns its root.
    pub async fn conclude(&self, opinion: Opinion) -> Result<B256, JudgeError> {
        let (begun, concluded) = {
            let record = self.record.lock().await;
            (!record.transcript.is_empty(), record.opinion.is_some())
        };
        if !concluded {
            let mut end = Vec::new();
            end.extend((!begun).then(|| self.heading()));
            end.extend((!self.queries.is_empty()).then(|| record::told(&self.queries)));
            end.push(opinion.into());
            self.write(&end).await?;
        }
        let (root, text) = {
            let record = self.record.lock().await;
            (record.transcript.root(), record.transcript.to_jsonl())
        };
        self.records.keep_transcript(root, &text).await?;
        Ok(root)
    }

    /// Asks the service of a probe once, and tells whether there is an answer. One that may pass is
    /// failed on the last turn only, so that nobody gains by flooding the service.
    async fn ask_service(&self, id: String, probe: Probe, turn: Turn) -> Result<bool, JudgeError> {
        let bounds = &self.judge.bounds;
        let probed = surety_fetch::probe(&probe, &self.deliverable, bounds).await;
        if probed.is_passing && turn == Turn::More {
            tracing::debug!(case = %self.case.case_id, criterion = id, "no answer yet");
            return Ok(false);
        }
        let answer_digest = match &probed.body {
            Some(body) => Some(self.records.keep_blob(body).await?),
            None => None,
        };
        self.write(&[Entry::checked(&id, &probed.result, answer_digest)]).await?;
        Ok(true)
    }

    /// Stores lines, then counts them as written.
    async fn write(&self, entries: &[Entry]) -> Result<(), JudgeError> {
        let mut record = self.record.lock().await;
        let lines = entries
            .iter()
            .map(|entry| serde_json::to_vec(entry).map_err(|_| JudgeError::Transcript))
            .collect::<Result<Vec<_>, _>>()?;
        self.records.add_lines(self.case.case_id, record.transcript.len(), &lines).await?;
        for entry in entries {
            record.add(entry);
        }
        Ok(())
    }

    fn heading(&self) -> Entry {
        Entry::Case {
            case_id: self.case.case_id,
            deliverable: self.case.deliverable,
            family: self.judge.family.clone(),
            source: self.judge.source,
            template: self.template.name().to_owned(),
            template_digest: self.template.digest(),
            nonce: self.nonce.as_str().to_owned(),
            view_digest: self.view.as_ref().map(View::digest),
            signals: self.view.as_ref().map(View::signals),
        }
    }

    /// The criteria that a program answers and has not yet.
    async fn unchecked(&self) -> Vec<Criterion> {
        let record = self.record.lock().await;
        let open = |criterion: &&Criterion| {
            matches!(criterion.kind, Kind::Check(_)) && record.checked(criterion).is_none()
        };
        self.milestone.criteria.iter().filter(open).cloned().collect()
    }

    /// The questions without an answer, those that were asked least first.
    async fn unanswered(&self) -> Vec<&Query> {
        let record = self.record.lock().await;
        let mut open: Vec<&Query> =
            self.queries.iter().filter(|query| record.answer(query).is_none()).collect();
        open.sort_by_key(|query| record.attempts.get(&query.asked.id).copied().unwrap_or(0));
        open
    }

    /// Whether a question was asked that still has no answer.
    async fn had_outage(&self) -> bool {
        let record = self.record.lock().await;
        let is_open = |query: &Query| {
            record.attempts.contains_key(&query.asked.id) && record.answer(query).is_none()
        };
        self.queries.iter().any(is_open)
    }

    /// What everything adds up to; a question that could not be asked has no answer.
    pub async fn opinion(&self) -> Result<Opinion, JudgeError> {
        let record = self.record.lock().await;
        opined(record.opinion(&self.milestone, self.view.as_ref(), &self.queries))
    }
}

/// Whether questions may be asked again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    More,
    Last,
}

/// A term sheet holds 1 to 16 criteria, so this fails for no case that was taken.
fn opined(opinion: Result<Opinion, surety_jury::JuryError>) -> Result<Opinion, JudgeError> {
    opinion.map_err(|_| JudgeError::StoreDamaged { column: "request" })
}
