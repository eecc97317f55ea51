//! The question to a model: one criterion, one deliverable, template "j1".
//!
//! The template is a security parameter: its version and digest go into every transcript. The
//! deliverable is never in the system message. It stands in one JSON document that a serializer
//! built, each line marked with a tag that nobody knew when the deliverable was committed, and the
//! question is repeated after it. A juror shows no other juror's answer, no price, no wallet, no
//! party's name.

use alloy::primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};
use surety_terms::Criterion;

use crate::error::JuryError;
use crate::view::{View, strip};
use crate::vote::SCHEMA_TEXT;

/// The template's version.
pub const VERSION: &str = "j1";
/// What stands between a line's tag, its number and its text.
pub const MARK: char = '⟂';

/// The system message of template j1.
pub const SYSTEM: &str = include_str!("prompt/j1-system.txt");
/// The closing line of template j1; `{id}` and `{tag}` are filled in.
pub const CLOSING: &str = include_str!("prompt/j1-closing.txt");

/// keccak256 over version, system message, closing line and vote schema, each ended by a zero byte.
pub fn template_digest() -> B256 {
    let parts = [VERSION, SYSTEM, CLOSING, SCHEMA_TEXT];
    keccak256(parts.map(|part| format!("{part}\0")).concat())
}

/// 128 random bits that a juror draws for one case and keeps in its transcript. They tag the lines
/// and must come back in the vote, so a deliverable can neither forge a line nor a vote.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Nonce(String);

impl Nonce {
    /// From random bytes, or from a keyed hash of the case. Never from what a seller can compute.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(alloy::hex::encode(bytes))
    }

    /// 32 lower-case hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Nonce {
    type Error = JuryError;

    fn try_from(got: String) -> Result<Self, JuryError> {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if got.len() == 32 && got.bytes().all(hex) {
            Ok(Self(got))
        } else {
            let rule = "32 lower-case hex digits";
            Err(JuryError::TextInvalid { field: "nonce", got, rule })
        }
    }
}

impl From<Nonce> for String {
    fn from(nonce: Nonce) -> Self {
        nonce.0
    }
}

/// The user message: one JSON document, its fields in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Must come back in the vote.
    pub nonce: String,
    /// What is asked.
    pub criterion: AskedCriterion,
    /// The milestone's prose; context only.
    pub spec_excerpt: String,
    /// What is judged.
    pub deliverable: ShownDeliverable,
    /// The question again.
    pub closing: String,
}

/// A criterion as a model is shown it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedCriterion {
    /// Its id; must come back in the vote.
    pub id: String,
    /// The test.
    pub text: String,
    /// Whether MET needs a verbatim quote.
    pub evidence_required: bool,
}

/// A deliverable as a model is shown it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownDeliverable {
    /// The tag that begins every true line.
    pub tag: String,
    /// `<tag>⟂<number>⟂ <text>` for every line, numbered from 0001.
    pub lines: Vec<String>,
    /// How many hidden characters were removed.
    pub hidden_characters_removed: u32,
}

/// One criterion's question, ready for a dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The system message: always [`SYSTEM`].
    pub system: &'static str,
    /// The user message: a [`Question`] as JSON.
    pub user: String,
    /// What the vote's `nonce` must be.
    pub nonce: Nonce,
    /// What the vote's `criterion_id` must be.
    pub criterion_id: String,
    /// Whether MET needs a verified quote.
    pub evidence_required: bool,
}

impl Prompt {
    /// Asks `criterion` of the deliverable in `view`. `spec_excerpt` is the milestone's prose.
    pub fn new(criterion: &Criterion, spec_excerpt: &str, view: &View, nonce: &Nonce) -> Self {
        let tag = nonce.as_str();
        let closing = CLOSING.trim_end().replace("{id}", &criterion.id).replace("{tag}", tag);
        let numbered = view.lines().iter().zip(1_usize..);
        let question = Question {
            nonce: tag.to_owned(),
            criterion: AskedCriterion {
                id: criterion.id.clone(),
                text: strip(&criterion.text).0,
                evidence_required: criterion.evidence_required,
            },
            spec_excerpt: strip(spec_excerpt).0,
            deliverable: ShownDeliverable {
                tag: tag.to_owned(),
                lines: numbered
                    .map(|(line, at)| format!("{tag}{MARK}{at:04}{MARK} {line}"))
                    .collect(),
                hidden_characters_removed: view.signals().total(),
            },
            closing,
        };
        Self {
            system: SYSTEM,
            // Strings, a number and a bool: this cannot fail, and an empty question gets no vote.
            user: serde_json::to_string(&question).unwrap_or_default(),
            nonce: nonce.clone(),
            criterion_id: criterion.id.clone(),
            evidence_required: criterion.evidence_required,
        }
    }
}

impl Question {
    /// Reads a user message back: for a provider server, not for a juror.
    pub fn parse(user: &str) -> Option<Self> {
        serde_json::from_str(user).ok()
    }

    /// The deliverable's lines without tag and number, as `(number, text)`; lines that do not bear
    /// the tag are left out.
    pub fn lines(&self) -> Vec<(u32, &str)> {
        let lines = self.deliverable.lines.iter().filter_map(|line| {
            let rest = line.strip_prefix(self.deliverable.tag.as_str())?.strip_prefix(MARK)?;
            let (number, text) = rest.split_once(MARK)?;
            Some((number.parse().ok()?, text.strip_prefix(' ')?))
        });
        lines.collect()
    }
}
