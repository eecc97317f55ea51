//! Asking the provider one question: through the gate, within the budget, as often as it takes.

use std::time::Duration;

use alloy::primitives::B256;
use surety_dialect::{ProviderFault, WireRequest};
use surety_jury::{Entry, Prompt, Query, View, Vote, VoteFault, transcript::Call};

use super::{Session, Turn, Until};
use crate::{
    JudgeError,
    budget::{Budget, Reserved},
    provider::{Provider, Reply},
    session::Judge,
};

/// The first wait between two attempts; it doubles.
const RETRY_WAIT: Duration = Duration::from_millis(500);
/// The longest wait within a round that is not the last.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

impl Session<'_> {
    /// Asks one question until there is an answer, and tells whether there is one or none is to be
    /// had now.
    pub(super) async fn ask(
        &self,
        query: Query,
        until: Until,
        turn: Turn,
    ) -> Result<bool, JudgeError> {
        let Some(view) = &self.view else { return Ok(true) };
        let prose = format!("{}\n{}", self.milestone.title, self.milestone.description);
        let prompt = Prompt::new(self.template, &query.asked, &prose, view, &self.nonce);
        let request = self.judge.provider.request(&prompt);
        let request_digest = self.records.keep_blob(&request.body).await?;
        let (mut tries, mut wait) = (0_u8, RETRY_WAIT);
        loop {
            tries = tries.saturating_add(1);
            if !self.is_let_through(turn) {
                return Ok(false);
            }
            let Some(reply) = self.send(&request, until).await? else { return Ok(false) };
            let vote = read_vote(&reply, &prompt, view);
            self.write_call(&query, request_digest, &reply, &vote).await?;
            if self.record.lock().await.answer(&query).is_some() {
                return Ok(true);
            }
            match &vote {
                // It has no answer yet, so the record allows another attempt.
                Ok(_) | Err(Fault::Vote(_)) => {}
                Err(Fault::Provider(fault)) if tries <= fault.retries() => {
                    let pause = fault.retry_after().unwrap_or(wait);
                    if !self.has_time_for(pause, until, turn) {
                        return Ok(false);
                    }
                    self.judge.provider.clock.sleep(pause).await;
                    wait = wait.saturating_mul(2);
                }
                Err(Fault::Provider(_)) => return Ok(false),
            }
        }
    }

    /// Whether the provider may be asked. There is no sparing it on the last turn.
    fn is_let_through(&self, turn: Turn) -> bool {
        let Provider { breaker, clock, .. } = &self.judge.provider;
        turn == Turn::Last || breaker.lets_through(clock.now())
    }

    /// The time until the round's deadline.
    fn left(&self, until: Until) -> Duration {
        until.deadline.saturating_duration_since(self.judge.provider.clock.now())
    }

    /// Whether there is time to ask again after a wait. What there is none for is given up at once,
    /// not at the deadline. A round holds a place that others want, and comes again: only the last
    /// one waits as long as the provider says.
    fn has_time_for(&self, pause: Duration, until: Until, turn: Turn) -> bool {
        pause < self.left(until) && (turn == Turn::Last || pause <= LONGEST_WAIT)
    }

    /// Sends a request once, with money set aside for it; `None` when there is no time or money.
    async fn send(&self, request: &WireRequest, until: Until) -> Result<Option<Reply>, JudgeError> {
        let left = self.left(until);
        if left.is_zero() || !self.judge.provider.has_turn(left).await {
            return Ok(None);
        }
        let money = self.reserve(request, until.day).await?;
        if matches!(money, Money::Short) {
            return Ok(None);
        }
        let provider = &self.judge.provider;
        let reply = provider.send(request, self.left(until)).await;
        let is_outage = matches!(&reply.answer, Err(fault) if !fault.is_about_content());
        let now = provider.clock.now();
        provider.breaker.tell(!is_outage, now);
        provider.health.tell(&reply.answer, now);
        if let Money::Reserved(budget, reserved) = money {
            budget.pay(reserved, &reply).await?;
        }
        Ok(Some(reply))
    }

    /// Sets aside the most that a request can cost.
    async fn reserve(&self, request: &WireRequest, day: u64) -> Result<Money<'_>, JudgeError> {
        let Judge { provider, budget, .. } = self.judge;
        let Some(budget) = budget else { return Ok(Money::Uncounted) };
        let worst = budget.worst(request, provider.model.max_output_tokens);
        let reserved = budget.reserve(self.case.case_id, day, worst).await?;
        Ok(reserved.map_or_else(
            || {
                tracing::warn!(case = %self.case.case_id, worst, "no money for a question");
                Money::Short
            },
            |reserved| Money::Reserved(budget, reserved),
        ))
    }

    async fn write_call(
        &self,
        query: &Query,
        request_digest: B256,
        reply: &Reply,
        vote: &Result<Vote, Fault>,
    ) -> Result<(), JudgeError> {
        let response_digest = match &reply.body {
            Some(body) => Some(self.records.keep_blob(body).await?),
            None => None,
        };
        let id = &query.asked.id;
        let last = self.record.lock().await.attempts.get(id).copied().unwrap_or(0);
        let answer = reply.answer.as_ref().ok();
        let call = Call {
            question_id: id.clone(),
            attempt: last.saturating_add(1),
            host: self.judge.provider.host.clone(),
            dialect: self.judge.provider.dialect.as_str().to_owned(),
            max_output_tokens: self.judge.provider.model.max_output_tokens,
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
            question = call.question_id,
            outcome = call.outcome,
            "asked"
        );
        self.write(&[Entry::Call(Box::new(call))]).await
    }
}

/// What there is for one request.
enum Money<'a> {
    /// Nobody counts.
    Uncounted,
    /// Enough, and it is set aside.
    Reserved(&'a Budget, Reserved),
    /// Too little.
    Short,
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
