//! What a juror asked and got, as lines of canonical JSON under one Merkle root.
//!
//! The root is in the signed ballot. It proves what the juror *claims* its provider answered;
//! providers do not sign, so it proves no more. Leaf: keccak256(0x00 || line), node:
//! keccak256(0x01 || left || right), in the order of the lines, an odd node moving up unchanged.

use alloy::primitives::{B256, Keccak256};
use serde::{Deserialize, Serialize};
use surety_criteria::CheckResult;
use surety_terms::{HiddenCriterion, json};

use crate::ballot::Reason;
use crate::error::JuryError;
use crate::opinion::Opinion;
use crate::query::Subject;
use crate::source::Source;
use crate::view::Signals;
use crate::vote::Answer;

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[serde(deny_unknown_fields)]
pub enum Entry {
    /// The first line: which case, read how.
    Case {
        /// The case.
        case_id: B256,
        /// keccak256 of the deliverable's bytes.
        deliverable: B256,
        /// The juror's claimed family.
        family: String,
        /// Where its opinions come from.
        source: Source,
        /// The prompt template's version.
        template: String,
        /// The prompt template's digest.
        template_digest: B256,
        /// The case nonce that tags each line shown.
        nonce: String,
        /// keccak256 of the view that was shown, absent when nothing could be shown.
        view_digest: Option<B256>,
        /// What was stripped from it.
        signals: Option<Signals>,
    },
    /// A hidden criterion when its time to be revealed was over.
    Reveal {
        /// The criterion.
        criterion_id: String,
        /// What was revealed and committed to; absent when nothing was, and then it counts as met.
        document: Option<HiddenCriterion>,
    },
    /// A deterministic check.
    Check {
        /// The criterion.
        criterion_id: String,
        /// "met", "failed" or "unusable".
        outcome: String,
        /// What it found.
        detail: String,
        /// keccak256 of what a probe's service answered; absent for other checks, and when nothing
        /// was answered.
        answer_digest: Option<B256>,
    },
    /// One request to the provider and what came back.
    Call(Box<Call>),
    /// The last line but one, where a model was asked: what each question was about. Until then no
    /// line tells a canary from a criterion.
    Questions {
        /// Every question, asked or not, in the order of their ids.
        questions: Vec<Told>,
    },
    /// The last line: the ballot's content.
    Opinion {
        /// Bit i: criterion i is met.
        met: u16,
        /// Bit i: criterion i is failed.
        failed: u16,
        /// Why.
        reason: Reason,
    },
}

impl Entry {
    /// A check's line; `answer_digest` is of what the service of a probe answered.
    pub fn checked(criterion_id: &str, result: &CheckResult, answer_digest: Option<B256>) -> Self {
        Self::Check {
            criterion_id: criterion_id.to_owned(),
            outcome: result.outcome().to_owned(),
            detail: result.detail().to_owned(),
            answer_digest,
        }
    }
}

impl From<Opinion> for Entry {
    fn from(Opinion { met, failed, reason }: Opinion) -> Self {
        Self::Opinion { met, failed, reason }
    }
}

/// What a question was about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Told {
    /// The question, as calls name it.
    pub question_id: String,
    /// What it was about, and the truth where a program knows it.
    pub subject: Subject,
    /// Whether it was asked in denied words.
    pub is_negated: bool,
}

impl Told {
    /// The answer of whoever reads the deliverable, where a program knows it.
    pub const fn truth(&self) -> Option<Answer> {
        self.subject.truth(self.is_negated)
    }
}

/// One request to the provider and what came back. Bodies are stored beside it by their digests;
/// credentials are in neither.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Call {
    /// The question that was asked.
    pub question_id: String,
    /// From 1.
    pub attempt: u8,
    /// The provider's host.
    pub host: String,
    /// The wire format's name, and the limit that was sent: with model and question they give the
    /// request's bytes.
    pub dialect: String,
    /// The most tokens that the answer may have.
    pub max_output_tokens: u32,
    /// The model that was asked for.
    pub model_requested: String,
    /// The model that says it answered.
    pub model_reported: Option<String>,
    /// keccak256 of the request's body.
    pub request_digest: B256,
    /// keccak256 of the response's body, absent when none came.
    pub response_digest: Option<B256>,
    /// The HTTP status, absent when none came.
    pub status: Option<u16>,
    /// How long it took.
    pub elapsed_ms: u32,
    /// Tokens the provider counted in the request.
    pub input_tokens: Option<u32>,
    /// Tokens the provider counted in the answer.
    pub output_tokens: Option<u32>,
    /// "MET", "`NOT_MET`", "`CANNOT_VERIFY`", "INJECTION", "REFUSAL" or "ERR(name)".
    pub outcome: String,
}

/// A line as it is written: the entry under its number.
#[derive(Serialize)]
struct Numbered<'a> {
    seq: usize,
    entry: &'a Entry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NumberedOwned {
    seq: usize,
    entry: Entry,
}

/// The lines so far, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    lines: Vec<Vec<u8>>,
}

/// No line may be longer.
const MAX_LINE_BYTES: usize = 64 * 1024;

impl Transcript {
    /// A transcript without lines.
    pub const fn new() -> Self {
        Self { lines: Vec::new() }
    }

    /// Appends one line.
    pub fn push(&mut self, entry: &Entry) {
        self.lines.push(written(&Numbered { seq: self.lines.len(), entry }));
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no line yet.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The Merkle root that the ballot carries; zero when there is no line.
    pub fn root(&self) -> B256 {
        let mut level: Vec<B256> = self.lines.iter().map(|line| leaf(line)).collect();
        while level.len() > 1 {
            level = level
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => node(left, right),
                    alone => alone.first().copied().unwrap_or_default(),
                })
                .collect();
        }
        level.first().copied().unwrap_or_default()
    }

    /// The stored form: every line, each ended by a line feed.
    pub fn to_jsonl(&self) -> Vec<u8> {
        let mut bytes = self.lines.join(&b'\n');
        if !bytes.is_empty() {
            bytes.push(b'\n');
        }
        bytes
    }

    /// Reads the stored form and refuses whatever [`Transcript::to_jsonl`] would not have written.
    pub fn from_jsonl(bytes: &[u8]) -> Result<Self, JuryError> {
        let malformed = |line, rule| JuryError::TranscriptMalformed { line, rule };
        let mut transcript = Self::new();
        let Some(body) = bytes.strip_suffix(b"\n") else {
            return if bytes.is_empty() {
                Ok(transcript)
            } else {
                Err(malformed(0, "the last line ends with a line feed"))
            };
        };
        for (line, text) in body.split(|byte| *byte == b'\n').enumerate() {
            let read: NumberedOwned = json::parse_strict(text, MAX_LINE_BYTES)
                .map_err(|_| malformed(line, "it is a transcript entry in JSON"))?;
            if read.seq != line {
                return Err(malformed(line, "lines are numbered from 0"));
            }
            transcript.push(&read.entry);
            if transcript.lines.last().is_none_or(|written| written != text) {
                return Err(malformed(line, "it is canonical JSON (RFC 8785)"));
            }
        }
        Ok(transcript)
    }

    /// The entries, in order.
    pub fn entries(&self) -> Result<Vec<Entry>, JuryError> {
        let read = self.lines.iter().enumerate().map(|(line, text)| {
            json::parse_strict::<NumberedOwned>(text, MAX_LINE_BYTES)
                .map(|read| read.entry)
                .map_err(|_| JuryError::TranscriptMalformed {
                    line,
                    rule: "it is a transcript entry in JSON",
                })
        });
        read.collect()
    }

    /// Reads the stored form and checks that it is the one under `root`.
    pub fn verify(bytes: &[u8], root: B256) -> Result<Self, JuryError> {
        let transcript = Self::from_jsonl(bytes)?;
        let got = transcript.root();
        if got == root {
            Ok(transcript)
        } else {
            Err(JuryError::TranscriptMismatch { got, needed: root })
        }
    }
}

#[expect(clippy::expect_used, reason = "an entry holds text, digests and numbers, by type")]
fn written(line: &Numbered<'_>) -> Vec<u8> {
    json::canonical(line).expect("an entry is JSON")
}

fn leaf(line: &[u8]) -> B256 {
    hash(&[&[0], line])
}

fn node(left: &B256, right: &B256) -> B256 {
    hash(&[&[1], left.as_slice(), right.as_slice()])
}

fn hash(parts: &[&[u8]]) -> B256 {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use alloy::primitives::keccak256;
    use proptest::prelude::*;

    use super::*;

    fn a_case() -> Entry {
        Entry::Case {
            case_id: B256::repeat_byte(1),
            deliverable: B256::repeat_byte(2),
            family: "rehearsal-openai".to_owned(),
            source: Source::Rehearsal,
            template: "j1".to_owned(),
            template_digest: B256::repeat_byte(3),
            nonce: "00".repeat(16),
            view_digest: Some(B256::repeat_byte(4)),
            signals: Some(Signals { tags: 2, ..Signals::default() }),
        }
    }

    fn a_check(index: usize) -> Entry {
        let detail = format!("\"{index}\" ⟂ \u{1} ä");
        Entry::Check {
            criterion_id: format!("c{index}"),
            outcome: "met".to_owned(),
            detail,
            answer_digest: None,
        }
    }

    fn a_call() -> Entry {
        Entry::Call(Box::new(Call {
            question_id: "tone".to_owned(),
            attempt: 1,
            host: "api.example.com".to_owned(),
            dialect: "openai-chat".to_owned(),
            max_output_tokens: 2_048,
            model_requested: "m-1".to_owned(),
            model_reported: None,
            request_digest: B256::repeat_byte(5),
            response_digest: None,
            status: None,
            elapsed_ms: 1_200,
            input_tokens: None,
            output_tokens: None,
            outcome: "ERR(timeout)".to_owned(),
        }))
    }

    /// A transcript with `checks` checks between its first and last lines.
    fn transcript(checks: usize) -> Transcript {
        let mut transcript = Transcript::new();
        transcript.push(&a_case());
        (0..checks).for_each(|index| transcript.push(&a_check(index)));
        transcript.push(&a_call());
        transcript.push(&Opinion { met: 1, failed: 2, reason: Reason::Judged }.into());
        transcript
    }

    #[test]
    fn lines_are_canonical_and_numbered() {
        let text = String::from_utf8(transcript(0).to_jsonl()).unwrap();
        let last = text.lines().last().unwrap();
        assert_eq!(
            last,
            r#"{"entry":{"failed":2,"kind":"opinion","met":1,"reason":"judged"},"seq":2}"#
        );
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn the_root_is_the_tree_of_the_documentation() {
        let lines: Vec<Vec<u8>> = transcript(0).lines;
        let leaf = |line: &[u8]| keccak256([&[0], line].concat());
        let node = |l: B256, r: B256| keccak256([&[1], l.as_slice(), r.as_slice()].concat());
        let [a, b, c] = [0, 1, 2].map(|i| leaf(&lines[i]));
        assert_eq!(transcript(0).root(), node(node(a, b), c));
        assert_eq!(Transcript::new().root(), B256::ZERO);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for checks in 0..9 {
            let written = transcript(checks);
            let read = Transcript::verify(&written.to_jsonl(), written.root()).unwrap();
            assert_eq!(read, written);
            assert_eq!(read.entries().unwrap().len(), written.len());
            assert_eq!(read.entries().unwrap()[0], a_case());
            assert_eq!(read.entries().unwrap()[checks + 1], a_call());
        }
        assert!(Transcript::verify(b"", B256::ZERO).unwrap().is_empty());
    }

    #[test]
    fn what_would_not_have_been_written_is_refused() {
        let good = String::from_utf8(transcript(1).to_jsonl()).unwrap();
        let root = transcript(1).root();
        let lines: Vec<&str> = good.lines().collect();
        let bad = [
            ("no final line feed", good.trim_end().to_owned()),
            ("an empty line", format!("{good}\n")),
            ("a space", good.replacen(':', ": ", 1)),
            ("another order", good.replacen("\"seq\":0", "\"seq\":1", 1)),
            ("a line less", format!("{}\n{}\n", lines[0], lines[1])),
            ("a line twice", format!("{good}{}\n", lines[3])),
            ("swapped lines", format!("{}\n{}\n", lines[1], lines[0])),
            ("an unknown field", good.replacen("{\"entry\"", "{\"a\":1,\"entry\"", 1)),
            ("no JSON", "hello\n".to_owned()),
        ];
        for (name, text) in bad {
            assert!(Transcript::verify(text.as_bytes(), root).is_err(), "{name}");
        }
        let got = Transcript::verify(good.as_bytes(), B256::ZERO);
        assert_eq!(got, Err(JuryError::TranscriptMismatch { got: root, needed: B256::ZERO }));
    }

    #[test]
    fn flipping_any_byte_is_detected() {
        let (bytes, root) = (transcript(1).to_jsonl(), transcript(1).root());
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80] {
                let mut forged = bytes.clone();
                forged[at] ^= flip;
                assert!(Transcript::verify(&forged, root).is_err(), "byte {at} by {flip:#x}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_change_of_any_transcript_is_detected(
            checks in 0_usize..8,
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let (bytes, root) = (transcript(checks).to_jsonl(), transcript(checks).root());
            let mut forged = bytes.clone();
            let at = at.index(bytes.len());
            forged[at] = byte;
            prop_assert_eq!(Transcript::verify(&forged, root).is_ok(), bytes[at] == byte);
            forged.remove(at);
            prop_assert!(Transcript::verify(&forged, root).is_err());
        }

        #[test]
        fn transcripts_of_different_lengths_have_different_roots(a in 0_usize..12, b in 0_usize..12) {
            prop_assert_eq!(transcript(a).root() == transcript(b).root(), a == b);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Transcript::verify(&bytes, B256::ZERO).is_err() || bytes.is_empty());
        }
    }
}
