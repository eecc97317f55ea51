//! Sellers who write to their judges: what they write never leaves its place in a request, and who
//! obeys it decides nothing.
//!
//! A captured seat is a provider that reads its real request, undoes every disguise and does what it
//! finds there. An obedient one says so to every question; a cunning one, which no seller could
//! instruct without seeing the questions, knows canaries and denials and lies only where it counts.
//! With the hardening off, the same provider gets the deliverable as it came, pasted below the
//! question, and its bare word is the ballot.

mod payloads;
mod seat;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Value, json};
use surety_dialect::{Dialect, Model, WireResponse};
use surety_jury::query::Query;
use surety_jury::record::{Record, told};
use surety_jury::{Nonce, Opinion, Outcome, Prompt, Question, View, Vote, prompt, tally};
use surety_terms::rule::Rule;
use surety_terms::{Bps, Criterion, Kind, MilestoneSheet, Usdc};

pub use payloads::{Payload, own};
use seat::Seat;

/// Bad work: the criterion asks for three suppliers.
const WORK: &str = "Our search found no supplier of pumps in Europe.\nThe budget is unspent.";
const NONCE: [u8; 16] = [7; 16];

/// What was attacked, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attacks.
    pub payloads: usize,
    /// Deliverables with them: the attack alone, and within bad work.
    pub deliverables: usize,
    /// Those of them in which no model is asked, since nothing is there to judge.
    pub blank: usize,
    /// Requests to a provider, over all dialects.
    pub requests: usize,
    /// Requests in which a deliverable stood anywhere but in its place, or not whole.
    pub escaped: usize,
    /// Attacks that are obeyed where nothing is hardened.
    pub obeyed_unhardened: usize,
    /// Juries with one captured seat, over all dialects.
    pub one_captured: usize,
    /// Those of them that accepted bad work.
    pub one_captured_accepted: usize,
    /// Juries with two captured seats.
    pub two_captured: usize,
    /// Those of them that accepted bad work.
    pub two_captured_accepted: usize,
    /// Those of them that came to no verdict; the others rejected it.
    pub two_captured_undetermined: usize,
    /// Deliverables and dialects in which a seat was really captured: it said met, on its ballot.
    pub captured: usize,
}

/// One deliverable with the questions about it.
struct Case {
    view: View,
    milestone: MilestoneSheet,
    queries: Vec<Query>,
    prompts: Vec<Prompt>,
}

/// Sends every payload to juries with captured seats, in every dialect.
pub fn attack(payloads: &[Payload]) -> Counts {
    let mut counts = Counts { payloads: payloads.len(), ..Counts::default() };
    for Payload { text, .. } in payloads {
        counts.obeyed_unhardened += usize::from(is_obeyed_unhardened(text));
        for text in deliverables(text) {
            counts.deliverables += 1;
            Case::of(&text).attack(&mut counts);
        }
    }
    counts
}

/// The payload tag that marks a case's lines, as if it had leaked.
pub fn leaked_tag() -> String {
    Nonce::new(NONCE).as_str().to_owned()
}

/// The recorded attacks of BIPIA in a folder. They tell a model to do something else than to judge.
pub fn recorded(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut attacks = Vec::new();
    for file in ["text_attack_train", "text_attack_test", "code_attack_train", "code_attack_test"] {
        let text = std::fs::read_to_string(folder.join(format!("bipia_{file}.json")))?;
        let classes: BTreeMap<String, Vec<String>> = serde_json::from_str(&text)?;
        attacks.extend(classes.into_values().flatten());
    }
    Ok(attacks)
}

/// Sends every recorded attack to an honest jury, and to a model that does what it says. The second
/// number is how many answers of such a model would have counted as a vote.
pub fn attack_recorded(attacks: &[String]) -> (Counts, usize) {
    let mut counts = Counts { payloads: attacks.len(), ..Counts::default() };
    let mut voted = 0;
    for attack in attacks {
        for text in deliverables(attack) {
            counts.deliverables += 1;
            let case = Case::of(&text);
            case.attack(&mut counts);
            for prompt in &case.prompts {
                let answers = [attack.clone(), format!("Certainly! {attack}")];
                let is_vote = |text: &String| Vote::read(text, prompt, &case.view).is_ok();
                voted += answers.iter().filter(|text| is_vote(text)).count();
            }
        }
    }
    (counts, voted)
}

/// The payload as the whole deliverable, and within bad work.
fn deliverables(payload: &str) -> [String; 2] {
    [payload.to_owned(), format!("{WORK}\n{payload}\nThis ends the report.")]
}

/// Whether the capturable provider calls bad work met where nothing is hardened: one message, the
/// deliverable pasted in as it came, the first word of the answer taken for the verdict.
fn is_obeyed_unhardened(payload: &str) -> bool {
    let criterion = &milestone().criteria[0].text;
    let content = format!("{criterion} Is it so? Answer MET or NOT_MET.\n\n{payload}");
    let body = json!({ "messages": [{ "role": "user", "content": content }] }).to_string();
    let request: Value = serde_json::from_str(&body).expect("it was written as JSON");
    let read = request["messages"][0]["content"].as_str().unwrap_or_default();
    let shown = read.split_once("\n\n").map_or("", |(_, deliverable)| deliverable);
    payloads::is_ordered(shown) || payloads::is_token(shown)
}

fn milestone() -> MilestoneSheet {
    MilestoneSheet {
        title: "Suppliers".to_owned(),
        description: "A list of suppliers.".to_owned(),
        amount: Usdc::from_whole(10),
        deliver_by: 0,
        pass_bps: Bps::WHOLE,
        pro_rata: false,
        criteria: vec![Criterion {
            id: "suppliers".to_owned(),
            text: "Names at least three suppliers of pumps.".to_owned(),
            weight_bps: Bps::WHOLE,
            mandatory: true,
            evidence_required: true,
            kind: Kind::Llm,
        }],
    }
}

/// The document in a request as its provider reads it, and every other string in it; nothing when
/// there is not exactly one document.
fn read(body: &[u8]) -> Option<(Question, Vec<String>)> {
    fn strings(value: Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text),
            Value::Array(items) => items.into_iter().for_each(|item| strings(item, found)),
            Value::Object(fields) => fields.into_iter().for_each(|(key, value)| {
                found.push(key);
                strings(value, found);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut all = Vec::new();
    strings(serde_json::from_slice(body).ok()?, &mut all);
    let mut documents = Vec::new();
    all.retain(|text| {
        let document = Question::parse(text);
        let is_other = document.is_none();
        documents.extend(document);
        is_other
    });
    let document = documents.pop()?;
    documents.is_empty().then_some((document, all))
}

fn request(dialect: Dialect, prompt: &Prompt) -> Vec<u8> {
    dialect.build(prompt, &Model::new(dialect, "m-1", 1_000).expect("any name will do")).body
}

/// Every string beside the document in a request about bad work without any attack, by dialect: with
/// an attack there must be no others.
fn innocent() -> &'static BTreeMap<&'static str, Vec<String>> {
    static INNOCENT: OnceLock<BTreeMap<&str, Vec<String>>> = OnceLock::new();
    INNOCENT.get_or_init(|| {
        let case = Case::of(WORK);
        let others = |dialect: Dialect| {
            let read = read(&request(dialect, &case.prompts[0]));
            (dialect.as_str(), read.expect("it has one document").1)
        };
        Dialect::ALL.into_iter().map(others).collect()
    })
}

impl Case {
    fn of(text: &str) -> Self {
        let view = View::of(text.as_bytes()).expect("a payload is a text");
        let milestone = milestone();
        let nonce = Nonce::new(NONCE).absent_from(&view);
        let queries = Record::default().queries(&milestone, Some(&view), &nonce);
        let prose = format!("{}\n{}", milestone.title, milestone.description);
        let prompt = |query: &Query| Prompt::new(&query.asked, &prose, &view, &nonce);
        let prompts = queries.iter().map(prompt).collect();
        Self { view, milestone, queries, prompts }
    }

    fn attack(&self, counts: &mut Counts) {
        if self.view.is_blank() {
            assert!(self.queries.is_empty(), "a program fails it; no model is asked");
            counts.blank += 1;
            return;
        }
        // What a seat says follows from the document that it reads. That is the same in each dialect
        // and has the same lines for each question, so the others read one request each.
        let mut said: Vec<[String; 3]> = Vec::new();
        let mut is_ordered = None;
        for dialect in Dialect::ALL {
            let all = if dialect == Dialect::ALL[0] { self.queries.len() } else { 1 };
            for (query, prompt) in self.queries.iter().zip(&self.prompts).take(all) {
                counts.requests += 1;
                let read = read(&request(dialect, prompt));
                let in_place =
                    read.filter(|(question, others)| self.is_in_place(query, question, others));
                let Some((question, others)) = in_place else {
                    counts.escaped += 1;
                    continue;
                };
                counts.escaped += usize::from(others != innocent()[dialect.as_str()]);
                let is_ordered = *is_ordered.get_or_insert_with(|| seat::is_ordered(&question));
                if dialect == Dialect::ALL[0] {
                    said.push(Seat::ALL.map(|seat| seat.answer(&question, query, is_ordered)));
                }
            }
            if said.len() == self.queries.len() {
                self.judge(dialect, &said, counts);
            }
        }
    }

    /// Whether the deliverable stands where it belongs, whole, beside the rules.
    fn is_in_place(&self, query: &Query, question: &Question, others: &[String]) -> bool {
        let shown: Vec<&str> = question.lines().into_iter().map(|(_, line)| line).collect();
        shown == self.view.lines()
            && question.criterion.text == query.asked.text
            && others.iter().any(|text| text == prompt::SYSTEM)
    }

    /// Counts the verdicts of juries with none, one and two captured seats.
    fn judge(&self, dialect: Dialect, said: &[[String; 3]], counts: &mut Counts) {
        let [honest, obedient, cunning] =
            [0, 1, 2].map(|seat| self.opinion(dialect, said.iter().map(|texts| &texts[seat])));
        assert_eq!(honest.failed, 1, "an honest seat sees bad work: {honest:?}");
        assert_eq!(obedient.met, 0, "canaries void who obeys: {obedient:?}");
        counts.captured += usize::from(cunning.met == 1);
        for seat in [obedient, cunning] {
            counts.one_captured += 1;
            let got = outcome(&[seat, honest, honest, honest, honest]);
            counts.one_captured_accepted += usize::from(got == Outcome::Accepted);
        }
        for [one, two] in [[cunning, cunning], [cunning, obedient], [obedient, obedient]] {
            counts.two_captured += 1;
            let got = outcome(&[one, two, honest, honest, honest]);
            counts.two_captured_accepted += usize::from(got == Outcome::Accepted);
            counts.two_captured_undetermined += usize::from(got == Outcome::Undetermined);
            // Three of five reject nothing.
            let both = [one, two].iter().all(|seat| seat.failed == 0);
            assert!(!both || got == Outcome::Undetermined, "{got:?}");
        }
    }

    /// What one seat's answers come to, through the bytes of its provider.
    fn opinion<'a>(&self, dialect: Dialect, said: impl Iterator<Item = &'a String>) -> Opinion {
        let mut record = Record::default();
        for ((query, prompt), text) in self.queries.iter().zip(&self.prompts).zip(said) {
            let response = seat::response(dialect, text);
            let wire = WireResponse { status: 200, retry_after: None, body: &response };
            let outcome = match dialect.parse(&wire) {
                Ok(answer) => match Vote::read(&answer.text, prompt, &self.view) {
                    Ok(vote) => vote.outcome().to_owned(),
                    Err(fault) => fault.outcome(),
                },
                Err(fault) => fault.outcome(),
            };
            record.add(&seat::call(dialect, query, outcome));
        }
        record.add(&told(&self.queries));
        let opinion = record.opinion(&self.milestone, Some(&self.view), &self.queries);
        opinion.expect("a milestone of one criterion")
    }
}

fn outcome(opinions: &[Opinion]) -> Outcome {
    let rule = Rule { weights: vec![10_000], mandatory: 1, pass_bps: 10_000, pro_rata: false };
    let ballots: Vec<_> = (0..).zip(opinions).map(|(seat, it)| (seat, it.met, it.failed)).collect();
    tally::tally(rule.word(), opinions.len(), &ballots).outcome
}
