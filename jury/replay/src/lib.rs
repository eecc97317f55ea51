#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::float_arithmetic,
        clippy::indexing_slicing
    )
)]

mod error;
mod explain;

use alloy::primitives::{B256, keccak256};
use surety_criteria::check::{self, CheckResult, probe};
use surety_dialect::{Dialect, Model, WireResponse};
use surety_jury::query::Query;
use surety_jury::record::{self, Record};
use surety_jury::transcript::{Call, Entry, Transcript};
use surety_jury::{Nonce, Opinion, Prompt, Source, Template, View, Vote};
use surety_terms::check::Probe;
use surety_terms::{Check, Criterion, HiddenCriterion, Kind, MilestoneSheet, Reveal};

pub use error::ReplayError;
pub use explain::{Asked, Canary, Checked, Explained, Explanation};

/// What a replay starts from.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The stored transcript.
    pub transcript: &'a [u8],
    /// Its root, from the signed ballot.
    pub root: B256,
    /// The milestone, from the signed term sheet.
    pub milestone: &'a MilestoneSheet,
    /// The bytes that were judged; absent when the juror says that they could not be had.
    pub deliverable: Option<&'a [u8]>,
    /// The digest of the prompt template that the sheet pins, if it pins one.
    pub template: Option<B256>,
}

/// A transcript that holds, and what its lines say.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The case.
    pub case_id: B256,
    /// keccak256 of the deliverable, as the transcript's first line says it.
    pub deliverable: B256,
    /// The juror's claimed family.
    pub family: String,
    /// Where its opinions come from.
    pub source: Source,
    /// In which words its model was asked.
    pub template: Template,
    /// The ballot's content.
    pub opinion: Opinion,
    /// The milestone as it was judged: a revealed criterion stands where it was hidden.
    milestone: MilestoneSheet,
    queries: Vec<Query>,
    /// What each call came to, in order, with the vote where there is a valid one.
    calls: Vec<(Call, Option<Vote>)>,
    checks: Vec<Checked>,
}

/// Recomputes everything. `blob` brings the bytes of a request or an answer by their digest.
pub fn replay(
    evidence: &Evidence<'_>,
    blob: &dyn Fn(B256) -> Option<Vec<u8>>,
) -> Result<Replayed, ReplayError> {
    let transcript = Transcript::verify(evidence.transcript, evidence.root)?;
    let entries = transcript.entries()?;
    let opinion = record::replay(&transcript, evidence.milestone, evidence.deliverable);
    let (mut replayed, nonce) = Replayed::begin(evidence, &entries)?;
    let view = evidence.deliverable.and_then(|bytes| View::of(bytes).ok());
    for (entry, number) in entries.iter().zip(1_usize..) {
        let line = Line { number, blob };
        match entry {
            Entry::Call(call) => {
                let view = view.as_ref().ok_or_else(|| line.question(call))?;
                let vote = replayed.call(&line, call, view, &nonce)?;
                replayed.calls.push(((**call).clone(), vote));
            }
            Entry::Check { criterion_id, outcome, detail, answer_digest } => {
                let (criterion, outcome, detail) =
                    (criterion_id.clone(), outcome.clone(), detail.clone());
                let claimed = Checked { criterion, outcome, detail };
                let answer = answer_digest.map(|digest| line.bytes(digest)).transpose()?;
                let deliverable = evidence.deliverable.unwrap_or_default();
                replayed.check(&line, &claimed, deliverable, answer.as_deref())?;
                replayed.checks.push(claimed);
            }
            Entry::Reveal { criterion_id, document } => {
                let reveal = (criterion_id.as_str(), document.as_ref());
                expect_hidden(&line, evidence.milestone, reveal)?;
                expect_open(&line, replayed.template, reveal)?;
            }
            Entry::Case { .. } | Entry::Questions { .. } | Entry::Opinion { .. } => {}
        }
    }
    // Last: what it follows from is named first.
    replayed.opinion = opinion?;
    Ok(replayed)
}

/// A line of the transcript, and the bytes that lines name.
struct Line<'a> {
    number: usize,
    blob: &'a dyn Fn(B256) -> Option<Vec<u8>>,
}

impl Line<'_> {
    fn bytes(&self, needed: B256) -> Result<Vec<u8>, ReplayError> {
        let line = self.number;
        let bytes = (self.blob)(needed);
        let bytes = bytes.ok_or(ReplayError::BlobMissing { line, digest: needed })?;
        let got = keccak256(&bytes);
        if got == needed { Ok(bytes) } else { Err(ReplayError::BlobChanged { line, got, needed }) }
    }

    fn question(&self, call: &Call) -> ReplayError {
        ReplayError::Question { line: self.number, got: call.question_id.clone() }
    }
}

impl Replayed {
    /// The case as its first line says it, and its nonce.
    fn begin(evidence: &Evidence<'_>, entries: &[Entry]) -> Result<(Self, Nonce), ReplayError> {
        let Some(Entry::Case {
            case_id,
            deliverable,
            family,
            source,
            template,
            template_digest,
            nonce,
            ..
        }) = entries.first()
        else {
            return Err(ReplayError::NoCase);
        };
        let template = template_of(template, *template_digest, evidence.template)?;
        if let Some(got) = evidence.deliverable.map(keccak256)
            && got != *deliverable
        {
            return Err(ReplayError::Deliverable { got, needed: *deliverable });
        }
        let mut record = Record::default();
        for entry in entries {
            record.add(entry);
        }
        let milestone = record.opened(evidence.milestone);
        let view = evidence.deliverable.and_then(|bytes| View::of(bytes).ok());
        let nonce = Nonce::try_from(nonce.clone())?;
        let queries = record.queries(&milestone, view.as_ref(), &nonce);
        let replayed = Self {
            case_id: *case_id,
            deliverable: *deliverable,
            family: family.clone(),
            source: *source,
            template,
            opinion: Opinion::void(),
            milestone,
            queries,
            calls: Vec::new(),
            checks: Vec::new(),
        };
        Ok((replayed, nonce))
    }

    /// Builds the request again and reads the answer again.
    fn call(
        &self,
        line: &Line<'_>,
        call: &Call,
        view: &View,
        nonce: &Nonce,
    ) -> Result<Option<Vote>, ReplayError> {
        let query = self.queries.iter().find(|query| query.asked.id == call.question_id);
        let query = query.ok_or_else(|| line.question(call))?;
        let is_it = |dialect: &Dialect| dialect.as_str() == call.dialect;
        let dialect = Dialect::ALL.into_iter().find(is_it);
        let dialect = dialect
            .ok_or_else(|| ReplayError::Dialect { line: line.number, got: call.dialect.clone() })?;
        let other = ReplayError::Request { line: line.number };
        let Ok(model) = Model::new(dialect, &call.model_requested, call.max_output_tokens) else {
            return Err(other);
        };
        let prose = format!("{}\n{}", self.milestone.title, self.milestone.description);
        let prompt = Prompt::new(self.template, &query.asked, &prose, view, nonce);
        if line.bytes(call.request_digest)? != dialect.build(&prompt, &model).body {
            return Err(other);
        }
        let Some(digest) = call.response_digest else {
            // Nobody but the juror heard the silence; it is never an answer.
            let (got, needed) = (call.outcome.clone(), "an error".to_owned());
            let is_fault = call.status.is_none() && got.starts_with("ERR(");
            let wrong = ReplayError::Outcome { line: line.number, got, needed };
            return if is_fault { Ok(None) } else { Err(wrong) };
        };
        let body = line.bytes(digest)?;
        let status = call.status.unwrap_or_default();
        let answer = dialect.parse(&WireResponse { status, retry_after: None, body: &body });
        let (needed, vote) = match answer {
            Err(fault) => (fault.outcome(), None),
            Ok(answer) => match Vote::read(&answer.text, &prompt, view) {
                Ok(vote) => (vote.outcome().to_owned(), Some(vote)),
                Err(fault) => (fault.outcome(), None),
            },
        };
        if needed == call.outcome {
            Ok(vote)
        } else {
            let got = call.outcome.clone();
            Err(ReplayError::Outcome { line: line.number, got, needed })
        }
    }

    /// Runs a check again, on the deliverable or on what a probe's service answered.
    fn check(
        &self,
        line: &Line<'_>,
        claimed: &Checked,
        deliverable: &[u8],
        answer: Option<&[u8]>,
    ) -> Result<(), ReplayError> {
        let Checked { criterion: id, outcome, detail } = claimed;
        let is_it = |criterion: &&Criterion| criterion.id == *id;
        let criterion = self.milestone.criteria.iter().find(is_it);
        let Some(Kind::Check(program)) = criterion.map(|criterion| &criterion.kind) else {
            return Err(ReplayError::Check { line: line.number, got: id.clone() });
        };
        let result = if let Check::HttpProbe(asked) = program {
            let Some(result) = probed(asked, claimed, deliverable, answer) else { return Ok(()) };
            result
        } else {
            check::run(program, deliverable)
        };
        if (result.outcome(), result.detail()) == (outcome.as_str(), detail.as_str()) {
            return Ok(());
        }
        let got = format!("{outcome}: {detail}");
        let needed = format!("{}: {}", result.outcome(), result.detail());
        Err(ReplayError::Outcome { line: line.number, got, needed })
    }
}

/// The template that a transcript's first line names, which has to be the one that the sheet pins.
fn template_of(name: &str, digest: B256, pinned: Option<B256>) -> Result<Template, ReplayError> {
    let Some(template) = Template::of_digest(digest) else {
        let (name, known) = (name.to_owned(), Template::known());
        return Err(ReplayError::Template { name, needed: digest, known });
    };
    if name != template.name() {
        let (got, needed) = (name.to_owned(), template.name());
        return Err(ReplayError::TemplateName { got, needed, digest });
    }
    match pinned {
        Some(needed) if needed != digest => {
            Err(ReplayError::TemplatePinned { name: template.name(), got: digest, needed })
        }
        Some(_) | None => Ok(template),
    }
}

/// What a probe comes to by what its service answered, whose status only the detail holds. `None` when
/// there was no answer: that there was none is the juror's word, and fails the criterion.
fn probed(
    asked: &Probe,
    claimed: &Checked,
    deliverable: &[u8],
    answer: Option<&[u8]>,
) -> Option<CheckResult> {
    let Some(body) = answer else {
        let nowhere = probe::target(asked, deliverable).err();
        let unheard = || CheckResult::failed(claimed.detail.clone());
        return nowhere.or_else(|| (claimed.outcome != "failed").then(unheard));
    };
    let digits = |detail: &str| {
        let rest = detail.strip_prefix("status ")?;
        rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
    };
    Some(probe::judge(asked, digits(&claimed.detail).unwrap_or(asked.status), body))
}

/// Fails unless a criterion was hidden, and what was revealed of it is what was committed to.
fn expect_hidden(
    line: &Line<'_>,
    milestone: &MilestoneSheet,
    (id, document): (&str, Option<&HiddenCriterion>),
) -> Result<(), ReplayError> {
    let wrong = |why: String| ReplayError::Reveal { line: line.number, got: id.to_owned(), why };
    let Some(document) = document else {
        let is_it = |criterion: &&Criterion| criterion.id == id && criterion.is_hidden();
        let found = milestone.criteria.iter().find(is_it);
        return found.map(drop).ok_or_else(|| wrong("it was never hidden".to_owned()));
    };
    let reveal = Reveal { criterion_id: id.to_owned(), document: document.clone() };
    reveal.open(milestone).map(drop).map_err(|why| wrong(why.to_string()))
}

/// Fails where a document that the template's rules refuse was judged, as if it opened anything.
fn expect_open(
    line: &Line<'_>,
    template: Template,
    (id, document): (&str, Option<&HiddenCriterion>),
) -> Result<(), ReplayError> {
    let Some(refusal) = document.and_then(|document| template.refusal(document)) else {
        return Ok(());
    };
    let (got, why) = (id.to_owned(), refusal.to_string());
    Err(ReplayError::Refused { line: line.number, got, template: template.name(), why })
}
