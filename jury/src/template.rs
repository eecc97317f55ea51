//! The versions of the prompt, each known by its digest.
//!
//! A term sheet may pin a digest, and a transcript says in which version its questions were asked.
//! So a version never changes and never leaves this list while deals that pin it live: another
//! system message, closing line, denial, vote form, canary, mark, linter, limit of the view or rule
//! by which answers are read is another version. What all versions of today share stands where it
//! is used; a version that differs in it has to make it a choice of the template, or every digest
//! changes and the tests say so.

use alloy::primitives::{B256, keccak256};
use surety_criteria::lint::{self, Lint};
use surety_terms::HiddenCriterion;

use crate::canary;
use crate::error::JuryError;
use crate::prompt::{CLOSING, MARK, NEGATION};
use crate::view;
use crate::vote::SCHEMA_TEXT;

/// A version of the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Template {
    /// Shows the milestone's title and description beside the criterion.
    J3,
    /// Shows nothing of the sheet but the criterion: whatever a party writes into title or
    /// description, a price, a name or an instruction, is out of sight.
    J4,
    /// Asks in the words of `J3`, and opens no revealed criterion that a sheet could not hold in
    /// the open. Criteria are about an order, and most name what only the order says: so it shows
    /// the order, as `J3` does, and not `J4`'s criterion alone.
    J5,
}

impl Template {
    /// Every version that this build has.
    pub const ALL: [Self; 3] = [Self::J3, Self::J4, Self::J5];
    /// What is asked where a sheet pins none: always this one, or jurors of two releases would ask
    /// differently about one deal.
    pub const DEFAULT: Self = Self::J3;
    /// What a new sheet should pin.
    pub const NEWEST: Self = Self::J5;

    /// Its name in transcripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::J3 => "j3",
            Self::J4 => "j4",
            Self::J5 => "j5",
        }
    }

    /// The system message.
    pub const fn system(self) -> &'static str {
        match self {
            Self::J3 | Self::J5 => include_str!("prompt/j3-system.txt"),
            Self::J4 => include_str!("prompt/j4-system.txt"),
        }
    }

    /// Whether a model is shown the milestone's title and description.
    pub const fn shows_prose(self) -> bool {
        matches!(self, Self::J3 | Self::J5)
    }

    /// The rules by which a revealed criterion is read.
    pub const fn lint(self) -> lint::Version {
        match self {
            Self::J3 | Self::J4 => lint::Version::L1,
            Self::J5 => lint::Version::L2,
        }
    }

    /// The name of the rules by which answers become a ballot: what is a vote, which outcome
    /// settles a question, what all of it adds up to. A rule changes for another name in another
    /// version only, or what was recorded before is replayed to another ballot.
    pub const fn reading(self) -> &'static str {
        match self {
            Self::J3 | Self::J4 | Self::J5 => "r1",
        }
    }

    /// Why a revealed document opens nothing, so that its criterion counts as met. Every juror says
    /// the same, since both parties signed the template.
    pub fn refusal(self, document: &HiddenCriterion) -> Option<Lint> {
        lint::refusal(&lint::hidden(self.lint(), document)).cloned()
    }

    /// keccak256 over name, system message, closing line, denial, the canaries' wordings and words,
    /// vote schema, the linter's version, mark, the limits of the view (bytes, lines, characters of
    /// a line), where no prose is shown the words that say so, and from `J5` on the name of the
    /// reading, each ended by a zero byte.
    pub fn digest(self) -> B256 {
        let limits = [view::MAX_VIEW_BYTES, view::MAX_VIEW_LINES, view::MAX_LINE_CHARS];
        let texts = [
            self.name(),
            self.system(),
            CLOSING,
            NEGATION,
            canary::WORDINGS,
            canary::STRANGE,
            SCHEMA_TEXT,
            self.lint().name(),
        ]
        .map(|part| format!("{part}\0"));
        let limits = limits.map(|limit| format!("{limit}\0"));
        // The first digests were pinned before there was a choice of these.
        let prose = if self.shows_prose() { "" } else { "without prose\0" };
        let reading = match self {
            Self::J3 | Self::J4 => String::new(),
            Self::J5 => format!("{}\0", self.reading()),
        };
        let mark = format!("{MARK}\0");
        let parts = [texts.concat(), mark, limits.concat(), prose.to_owned(), reading];
        keccak256(parts.concat())
    }

    /// The version with this digest, if this build has it.
    pub fn of_digest(digest: B256) -> Option<Self> {
        Self::ALL.into_iter().find(|template| template.digest() == digest)
    }

    /// The version that a sheet pins, or the default where it pins none. Fails with what this build
    /// has instead.
    pub fn pinned(digest: Option<B256>) -> Result<Self, JuryError> {
        digest.map_or(Ok(Self::DEFAULT), |got| {
            Self::of_digest(got)
                .ok_or_else(|| JuryError::TemplateUnknown { got, known: Self::known() })
        })
    }

    /// Every version that this build has, by name and digest, in one line.
    pub fn known() -> String {
        Self::ALL.map(|template| format!("{} {}", template.name(), template.digest())).join(", ")
    }
}

#[cfg(test)]
mod tests {
    mod reading;

    use surety_criteria::lint::Rule;
    use surety_terms::Kind;

    use super::*;

    #[test]
    fn the_digest_of_each_version_is_pinned() {
        // Sheets pin these. A changed text is another version, added beside those that are here.
        let pinned = [
            ("j3", "0x58744edcc717aa17e63ed831a9899ea8f06e41dce12f52873807fd94c9e545e6"),
            ("j4", "0xd17dd5d563da82d529aaccf831eee46c2474c879eac839a0ac3e48423571a351"),
            ("j5", "0xa0d204160d5bc1055c595b354e09b1f1991b36adc7edf88691d4957e07b4e649"),
        ];
        let got = Template::ALL.map(|template| (template.name(), template.digest().to_string()));
        assert_eq!(got, pinned.map(|(name, digest)| (name, digest.to_owned())));
    }

    #[test]
    fn the_page_about_criteria_lists_every_version() {
        let page = include_str!("../../docs/criteria.md");
        for template in Template::ALL {
            let status = if template == Template::DEFAULT { "default" } else { "when pinned" };
            let shows =
                if template.shows_prose() { "criterion, title, description" } else { "criterion" };
            let (name, digest, lint) = (template.name(), template.digest(), template.lint().name());
            let row = format!("| `{name}` | `{digest}` | {status} | {shows} | `{lint}` |\n");
            assert!(page.contains(&row), "{row}");
        }
    }

    #[test]
    fn a_pinned_digest_finds_its_version_and_no_pin_the_default() {
        for template in Template::ALL {
            assert_eq!(Template::pinned(Some(template.digest())), Ok(template));
            assert_eq!(Template::of_digest(template.digest()), Some(template));
        }
        assert_eq!(Template::pinned(None), Ok(Template::DEFAULT));
        assert_eq!(Template::of_digest(B256::ZERO), None);
        assert_eq!(Template::ALL.last(), Some(&Template::NEWEST));
    }

    #[test]
    fn a_revealed_criterion_is_read_by_the_rules_of_the_template() {
        let refused = |text: &str| {
            let (salt, kind) = (B256::repeat_byte(1), Kind::Llm);
            let document = HiddenCriterion { salt, text: text.to_owned(), kind };
            Template::ALL.map(|template| template.refusal(&document).map(|lint| lint.rule))
        };
        assert_eq!(refused("Done."), [None, None, Some(Rule::TooShort)]);
        assert_eq!(refused("The text is good."), [Some(Rule::Vague); 3]);
        assert_eq!(refused("Names the authors of the paper."), [None; 3]);
    }

    #[test]
    fn an_unknown_digest_is_refused_with_what_there_is() {
        let refused = Template::pinned(Some(B256::ZERO)).unwrap_err().to_string();
        for template in Template::ALL {
            let known = format!("{} {}", template.name(), template.digest());
            assert!(refused.contains(&known), "{refused}");
        }
        assert!(refused.contains(&B256::ZERO.to_string()), "{refused}");
    }
}
