//! Judging one case: checks first, then one question per criterion, all of it written down.
//!
//! Every line of the transcript is stored as it happens. So a restart resumes: what was answered is
//! never asked again, and nobody, the juror's own operator included, re-rolls an answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::{B128, B256};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use surety_dialect::ProviderFault;
use surety_fetch::Bounds;
use surety_jury::{
    CheckResult, Entry, Finding, Nonce, Opinion, Prompt, Source, View, Vote, VoteFault, check,
    prompt, transcript::Call,
};
use surety_terms::{Check, Criterion, HiddenCriterion, Kind, MilestoneSheet, Reveal, check::Probe};
use tokio::sync::Mutex;

use crate::{
    JudgeError,
    log::Log,
    provider::{Provider, Reply},
    records::Records,
};

/// The first wait between two attempts; it doubles.
const RETRY_WAIT: Duration = Duration::from_millis(500);
/// Further attempts, with identical bytes, after an answer that is no vote.
const MALFORMED_RETRIES: u8 = 1;

/// How this juror questions its provider.
#[derive(Debug)]
pub struct Judge {
    /// Who is asked.
    pub provider: Provider,
    /// The juror's claimed family.
    pub family: String,
    /// Where its opinions come from.
    pub source: Source,
    /// Criteria asked at the same time.
    pub questions: usize,
    /// What asking the service of a probe may cost.
    pub bounds: Bounds,
    /// How long one WebAssembly test may run.
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
    deliverable: Arc<[u8]>,
    view: Option<View>,
    log: Mutex<Log>,
}

/// What asking one criterion led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Found(Finding),
    Outage,
}

impl Judge {
    /// Takes up a case where its transcript ends.
    pub async fn session<'a>(
        &'a self,
        records: &'a Records,
        case: Case,
        milestone: &'a MilestoneSheet,
    ) -> Result<Session<'a>, JudgeError> {
        let mut log = Log::default();
        for line in records.lines(case.case_id).await? {
            let entry = serde_json::from_slice(&line)
                .map_err(|_| JudgeError::StoreDamaged { column: "line" })?;
            log.add(&entry);
        }
        Ok(Session {
            judge: self,
            records,
            case,
            milestone: milestone.clone(),
            nonce: Nonce::new(case.nonce.0),
            deliverable: Arc::new([]),
            view: None,
            log: Mutex::new(log),
        })
    }
}

impl Session<'_> {
    /// The opinion that the transcript ends with, if an earlier run got that far.
    pub async fn concluded(&self) -> Option<Opinion> {
        self.log.lock().await.opinion
    }

    /// Reads the deliverable and what was revealed, and runs the checks.
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
        if self.log.lock().await.transcript.is_empty() {
            self.record(&[self.heading()]).await?;
        }
        self.open_hidden(reveals).await?;
        for criterion in self.unanswered().await {
            if let Kind::Check(program) = criterion.kind
                && program.is_offline()
            {
                let result = self.run(program).await?;
                self.record(&[Entry::checked(&criterion.id, &result, None)]).await?;
            }
        }
        self.spare_models().await;
        Ok(())
    }

    /// Writes down what was revealed, once, and puts it where it was hidden.
    async fn open_hidden(&mut self, reveals: &[Reveal]) -> Result<(), JudgeError> {
        for index in 0..self.milestone.criteria.len() {
            let Some(criterion) = self.milestone.criteria.get(index).cloned() else { continue };
            if !criterion.is_hidden() {
                continue;
            }
            let id = &criterion.id;
            let written = self.log.lock().await.reveals.get(id).cloned();
            let document = if let Some(document) = written {
                document
            } else {
                let reveal = reveals.iter().find(|reveal| reveal.criterion_id == *id);
                let document = reveal.map(|reveal| reveal.document.clone());
                let entry = Entry::Reveal { criterion_id: id.clone(), document: document.clone() };
                self.record(&[entry]).await?;
                document
            };
            if let Some(HiddenCriterion { text, kind, .. }) = document
                && let Some(place) = self.milestone.criteria.get_mut(index)
            {
                *place = Criterion { text, kind, ..criterion };
            }
        }
        Ok(())
    }

    /// Runs a program on a thread of its own, for as long as one may take.
    async fn run(&self, program: Check) -> Result<CheckResult, JudgeError> {
        let (bytes, within) = (Arc::clone(&self.deliverable), self.judge.check_within);
        let task = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            check::run_while(&program, &bytes, &|| begun.elapsed() < within)
        });
        task.await.map_err(|_| JudgeError::Check)
    }

    /// Finds for each question to a model that need not be asked: the deliverable is blank, which the
    /// heading's view digest shows, or a mandatory check failed, which decides the milestone.
    async fn spare_models(&self) {
        let blank = self.view.as_ref().is_some_and(View::is_blank);
        let mut log = self.log.lock().await;
        let Some(spared) = Finding::sparing_models(&self.milestone, blank, &log.findings) else {
            return;
        };
        for criterion in &self.milestone.criteria {
            if criterion.kind == Kind::Llm {
                log.findings.entry(criterion.id.clone()).or_insert(spared);
            }
        }
    }

    /// Asks every question that has no answer yet.
    ///
    /// After an outage only one question is asked first, the one that was asked least, so that a
    /// provider that is down all night does not fill the transcript, and a question that it never
    /// answers does not hold up the others. At `deadline` an answer that is not there is an outage.
    pub async fn round(&self, deadline: Instant) -> Result<Judged, JudgeError> {
        let (mut open, probes): (Vec<Criterion>, Vec<Criterion>) =
            self.unanswered().await.into_iter().partition(|open| open.kind == Kind::Llm);
        // A service that is down holds up no question to the provider.
        let mut is_out = self.is_out(&probes, deadline, Turn::More).await?;
        if self.had_outage().await && !open.is_empty() {
            let rest = open.split_off(1);
            if self.is_out(&open, deadline, Turn::More).await? {
                return Ok(Judged::Outage);
            }
            open = rest;
        }
        is_out |= self.is_out(&open, deadline, Turn::More).await?;
        if is_out { Ok(Judged::Outage) } else { self.opinion().await.map(Judged::Opinion) }
    }

    /// Asks every question that has no answer yet for the last time. What stays unanswered is
    /// weighed by [`Opinion::of`], as whoever replays the transcript weighs it.
    pub async fn last_round(&self, deadline: Instant) -> Result<Opinion, JudgeError> {
        let open = self.unanswered().await;
        self.is_out(&open, deadline, Turn::Last).await?;
        self.opinion().await
    }

    /// Asks some questions, and tells whether the provider was out for one whose answer matters.
    async fn is_out(
        &self,
        open: &[Criterion],
        deadline: Instant,
        turn: Turn,
    ) -> Result<bool, JudgeError> {
        let ask = |criterion| self.ask_one(criterion, deadline, turn).boxed();
        let asks: Vec<BoxFuture<'_, _>> = open.iter().map(ask).collect();
        let mut asks = stream::iter(asks).buffer_unordered(self.judge.questions);
        let mut outage = false;
        while let Some(asked) = asks.next().await {
            outage |= asked? == Asked::Outage;
        }
        // An injection decides the whole ballot, whatever the other questions would say.
        let log = self.log.lock().await;
        Ok(outage && !log.findings.values().any(|finding| *finding == Finding::Injection))
    }

    /// Writes that the bytes could not be had, and says what follows.
    pub fn missing(&self) -> Result<Opinion, JudgeError> {
        opined(Opinion::missing(self.milestone.criteria.len()))
    }

    /// Ends the transcript with the opinion, writes it to disk, and returns its root.
    pub async fn conclude(&self, opinion: Opinion) -> Result<B256, JudgeError> {
        let (begun, concluded) = {
            let log = self.log.lock().await;
            (!log.transcript.is_empty(), log.opinion.is_some())
        };
        if !begun {
            self.record(&[self.heading(), opinion.into()]).await?;
        } else if !concluded {
            self.record(&[opinion.into()]).await?;
        }
        let (root, text) = {
            let log = self.log.lock().await;
            (log.transcript.root(), log.transcript.to_jsonl())
        };
        self.records.keep_transcript(root, &text).await?;
        Ok(root)
    }

    async fn ask_one(
        &self,
        criterion: &Criterion,
        deadline: Instant,
        turn: Turn,
    ) -> Result<Asked, JudgeError> {
        match (&criterion.kind, &self.view) {
            (Kind::Check(Check::HttpProbe(probe)), _) => self.probe(criterion, probe, turn).await,
            (Kind::Llm, Some(view)) => self.ask(criterion, view, deadline).await,
            // A model cannot be shown what is no text; nothing else is open when questions are asked.
            (Kind::Llm | Kind::Check(_) | Kind::Hidden { .. }, _) => {
                Ok(Asked::Found(Finding::Unanswered))
            }
        }
    }

    /// Asks the service of a probe once. An answer that may pass is failed on the last turn only, so
    /// that nobody gains by flooding the service.
    async fn probe(
        &self,
        criterion: &Criterion,
        probe: &Probe,
        turn: Turn,
    ) -> Result<Asked, JudgeError> {
        let bounds = &self.judge.bounds;
        let probed = surety_fetch::probe(probe, &self.deliverable, bounds).await;
        if probed.is_passing && turn == Turn::More {
            tracing::debug!(case = %self.case.case_id, criterion = criterion.id, "no answer yet");
            return Ok(Asked::Outage);
        }
        let answer_digest = match &probed.body {
            Some(body) => Some(self.records.keep_blob(body).await?),
            None => None,
        };
        self.record(&[Entry::checked(&criterion.id, &probed.result, answer_digest)]).await?;
        Ok(Asked::Found(Finding::from(&probed.result)))
    }

    /// Asks one criterion until there is an answer, or none is to be had now.
    async fn ask(
        &self,
        criterion: &Criterion,
        view: &View,
        deadline: Instant,
    ) -> Result<Asked, JudgeError> {
        let prose = format!("{}\n{}", self.milestone.title, self.milestone.description);
        let prompt = Prompt::new(criterion, &prose, view, &self.nonce);
        let request = self.judge.provider.request(&prompt);
        let request_digest = self.records.keep_blob(&request.body).await?;
        let (mut tries, mut malformed, mut wait) = (0_u8, 0_u8, RETRY_WAIT);
        loop {
            tries = tries.saturating_add(1);
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Asked::Outage);
            }
            let reply = self.judge.provider.send(&request, left).await;
            let vote = read_vote(&reply, &prompt, view);
            self.record_call(criterion, request_digest, &reply, &vote).await?;
            let found = match &vote {
                Ok(vote) => Finding::from(vote),
                Err(Fault::Vote(fault)) if fault.retryable() && malformed < MALFORMED_RETRIES => {
                    malformed = malformed.saturating_add(1);
                    continue;
                }
                Err(Fault::Vote(fault)) => Finding::from(fault),
                Err(Fault::Provider(fault)) if tries <= fault.retries() => {
                    tokio::time::sleep(fault.retry_after().unwrap_or(wait).min(left)).await;
                    wait = wait.saturating_mul(2);
                    continue;
                }
                Err(Fault::Provider(fault)) => {
                    let found = Finding::from(fault);
                    if found == Finding::Unanswered {
                        return Ok(Asked::Outage);
                    }
                    found
                }
            };
            self.log.lock().await.findings.entry(criterion.id.clone()).or_insert(found);
            return Ok(Asked::Found(found));
        }
    }

    async fn record_call(
        &self,
        criterion: &Criterion,
        request_digest: B256,
        reply: &Reply,
        vote: &Result<Vote, Fault>,
    ) -> Result<(), JudgeError> {
        let response_digest = match &reply.body {
            Some(body) => Some(self.records.keep_blob(body).await?),
            None => None,
        };
        let last = self.log.lock().await.attempts.get(&criterion.id).copied().unwrap_or(0);
        let answer = reply.answer.as_ref().ok();
        let call = Call {
            criterion_id: criterion.id.clone(),
            attempt: last.saturating_add(1),
            host: self.judge.provider.host.clone(),
            model_requested: self.judge.provider.model.name().to_owned(),
            model_reported: answer.and_then(|answer| answer.model_reported.clone()),
            request_digest,
            response_digest,
            status: reply.status,
            elapsed_ms: u32::try_from(reply.elapsed.as_millis()).unwrap_or(u32::MAX),
            input_tokens: answer.and_then(|answer| answer.input_tokens),
            output_tokens: answer.and_then(|answer| answer.output_tokens),
            outcome: outcome(vote),
        };
        tracing::debug!(
            case = %self.case.case_id,
            criterion = call.criterion_id,
            outcome = call.outcome,
            "asked"
        );
        self.record(&[Entry::Call(Box::new(call))]).await
    }

    /// Stores lines, then counts them as written.
    async fn record(&self, entries: &[Entry]) -> Result<(), JudgeError> {
        let mut log = self.log.lock().await;
        let lines = entries
            .iter()
            .map(|entry| serde_json::to_vec(entry).map_err(|_| JudgeError::Transcript))
            .collect::<Result<Vec<_>, _>>()?;
        self.records.add_lines(self.case.case_id, log.transcript.len(), &lines).await?;
        for entry in entries {
            log.add(entry);
        }
        Ok(())
    }

    fn heading(&self) -> Entry {
        Entry::Case {
            case_id: self.case.case_id,
            deliverable: self.case.deliverable,
            family: self.judge.family.clone(),
            source: self.judge.source,
            template: prompt::VERSION.to_owned(),
            template_digest: prompt::template_digest(),
            nonce: self.nonce.as_str().to_owned(),
            view_digest: self.view.as_ref().map(View::digest),
            signals: self.view.as_ref().map(View::signals),
        }
    }

    /// The criteria without a finding, those that were asked least first.
    async fn unanswered(&self) -> Vec<Criterion> {
        let log = self.log.lock().await;
        let open = |criterion: &&Criterion| !log.findings.contains_key(&criterion.id);
        let mut open: Vec<Criterion> =
            self.milestone.criteria.iter().filter(open).cloned().collect();
        open.sort_by_key(|criterion| log.attempts.get(&criterion.id).copied().unwrap_or(0));
        open
    }

    /// Whether a question was asked that still has no answer.
    async fn had_outage(&self) -> bool {
        let log = self.log.lock().await;
        log.attempts.keys().any(|criterion| !log.findings.contains_key(criterion))
    }

    /// What the findings add up to; a question that could not be asked has none.
    async fn opinion(&self) -> Result<Opinion, JudgeError> {
        let log = self.log.lock().await;
        let finding = |criterion: &Criterion| {
            log.findings.get(&criterion.id).copied().unwrap_or(Finding::Unanswered)
        };
        let findings: Vec<Finding> = self.milestone.criteria.iter().map(finding).collect();
        // The bytes match their digest and are no text: programs may have read them, a model cannot.
        if self.view.is_none() && findings.contains(&Finding::Unanswered) {
            return opined(Opinion::unreadable(findings.len()));
        }
        opined(Opinion::of(&findings))
    }
}

/// Whether questions may be asked again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    More,
    Last,
}

/// Why a reply is no vote.
#[derive(Debug)]
enum Fault {
    Provider(ProviderFault),
    Vote(VoteFault),
}

fn read_vote(reply: &Reply, prompt: &Prompt, view: &View) -> Result<Vote, Fault> {
    let answer = reply.answer.as_ref().map_err(|fault| Fault::Provider(fault.clone()))?;
    Vote::read(&answer.text, prompt, view).map_err(Fault::Vote)
}

/// The word for the transcript.
fn outcome(vote: &Result<Vote, Fault>) -> String {
    match vote {
        Ok(vote) => vote.outcome().to_owned(),
        Err(Fault::Provider(fault)) => fault.outcome(),
        Err(Fault::Vote(fault)) => fault.outcome(),
    }
}

/// A term sheet holds 1 to 16 criteria, so this fails for no case that was taken.
fn opined(opinion: Result<Opinion, surety_jury::JuryError>) -> Result<Opinion, JudgeError> {
    opinion.map_err(|_| JudgeError::StoreDamaged { column: "request" })
}
