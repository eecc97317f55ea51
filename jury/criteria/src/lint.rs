//! What is wrong with a sheet's criteria, before anybody signs, and what to write instead.
//!
//! A jury that reads the same words differently decides nothing, so a criterion has to be one claim
//! that the deliverable alone proves or refutes. The rules are about English words and can be
//! fooled; they spare honest parties from accidents, and the mandate of the other side from a trap.
//! What is refused here is not refused by the chain: an agent that lints does not sign it.
//!
//! Invariant: the same text gives the same findings everywhere. Jurors read revealed criteria by
//! these rules, so they have versions: a changed rule or word is another [`Version`], and with it
//! another prompt template, which both parties sign.

mod bounds;
mod conflict;
mod programs;
mod wording;
mod words;

use serde::Serialize;
use surety_terms::{Criterion, HiddenCriterion, Kind, MilestoneSheet, TermSheet};

/// A version of the rules about one criterion. The digest of a prompt template covers its name, so
/// jurors read what is revealed by the rules that both parties signed, whatever release they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Leaves a claim alone in which no word tells English, such as "Done.", and does not ask
    /// whether any juror has to take a size.
    L1,
    /// Asks a revealed criterion everything that is asked of one in a sheet.
    L2,
}

impl Version {
    /// Every version.
    pub const ALL: [Self; 2] = [Self::L1, Self::L2];
    /// By which whoever is about to sign reads a sheet, whatever template it pins.
    pub const NEWEST: Self = Self::L2;

    /// Its name in the digest of a template.
    pub const fn name(self) -> &'static str {
        match self {
            Self::L1 => "l1",
            Self::L2 => "l2",
        }
    }
}

/// Whether models see a milestone's title and description beside a criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prose {
    /// They do.
    Shown,
    /// They see the criterion only.
    Unseen,
}

/// The longest piece of a text that a finding repeats, in characters.
const MAX_FOUND_CHARS: usize = 80;

/// One finding about a sheet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lint {
    /// The path of the field, e.g. `milestones[0].criteria[1].text`.
    pub field: String,
    /// The rule's name.
    pub rule: Rule,
    /// Whether the sheet may be signed with it.
    pub severity: Severity,
    /// The words or the values that break the rule.
    pub found: String,
    /// What to do instead.
    pub advice: &'static str,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Worth a thought.
    Advise,
    /// Do not sign this.
    Refuse,
}

/// The rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A text holds characters that a reader does not see.
    Invisible,
    /// A word mixes alphabets whose letters look alike.
    MixedScript,
    /// A text is too short to be a claim.
    TooShort,
    /// A word has no measure.
    Vague,
    /// A criterion makes two claims.
    DoubleBarrelled,
    /// A claim negates a negation.
    DoubleNegative,
    /// A claim is about something that no juror sees.
    OutOfSight,
    /// A claim is about everything that could ever go wrong.
    Absolute,
    /// A text speaks to the jurors.
    InstructsJurors,
    /// Two criteria exclude each other.
    Contradiction,
    /// Two criteria are the same.
    Duplicate,
    /// A check cannot run.
    Unrunnable,
    /// A check is about deliverables that no juror has to take.
    TooLarge,
    /// An empty deliverable would be accepted.
    PaidForNothing,
    /// A seat would judge the work of its own family.
    OwnFamily,
    /// A vague word stands beside a measure.
    Loose,
    /// The wording is not English, so it was not looked at.
    WordingNotRead,
    /// A program would answer better than a model.
    Executable,
    /// A quote is required of what is to be absent.
    EvidenceOfAbsence,
    /// Whoever signs the probe's host decides the criterion.
    SignedHost,
    /// A hidden criterion can block the verdict.
    HiddenWeight,
    /// Models would see a price or a wallet.
    MoneyInSight,
    /// Whoever gets the sheet, a deliverable or a transcript can read it.
    Public,
    /// Jurors ask in old words, and read what is revealed by old rules.
    Unpinned,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 24] = [
        Self::Invisible,
        Self::MixedScript,
        Self::TooShort,
        Self::Vague,
        Self::DoubleBarrelled,
        Self::DoubleNegative,
        Self::OutOfSight,
        Self::Absolute,
        Self::InstructsJurors,
        Self::Contradiction,
        Self::Duplicate,
        Self::Unrunnable,
        Self::TooLarge,
        Self::PaidForNothing,
        Self::OwnFamily,
        Self::Loose,
        Self::WordingNotRead,
        Self::Executable,
        Self::EvidenceOfAbsence,
        Self::SignedHost,
        Self::HiddenWeight,
        Self::MoneyInSight,
        Self::Public,
        Self::Unpinned,
    ];

    /// Whether a sheet with a criterion that breaks it may be signed.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Invisible
            | Self::MixedScript
            | Self::TooShort
            | Self::Vague
            | Self::DoubleBarrelled
            | Self::DoubleNegative
            | Self::OutOfSight
            | Self::Absolute
            | Self::InstructsJurors
            | Self::Contradiction
            | Self::Duplicate
            | Self::Unrunnable
            | Self::TooLarge
            | Self::PaidForNothing
            | Self::OwnFamily => Severity::Refuse,
            Self::Loose
            | Self::WordingNotRead
            | Self::Executable
            | Self::EvidenceOfAbsence
            | Self::SignedHost
            | Self::HiddenWeight
            | Self::MoneyInSight
            | Self::Public
            | Self::Unpinned => Severity::Advise,
        }
    }

    /// What to do instead.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Invisible => "write it without invisible characters; jurors are not shown them",
            Self::MixedScript => "write each word in one alphabet",
            Self::TooShort => "write a whole sentence that the deliverable can meet or fail",
            Self::Vague => "name what can be counted, quoted or compared instead of this word",
            Self::DoubleBarrelled => "make it two criteria, each with its own weight",
            Self::DoubleNegative => "say it positively: what has to be there",
            Self::OutOfSight => {
                "ask only what the deliverable itself shows; jurors see nothing else, open no link \
                 and know nobody's wishes"
            }
            Self::Absolute => "name the cases that have to work; nobody can show that all do",
            Self::InstructsJurors => "describe the deliverable and leave the judging to the jury",
            Self::Contradiction => "drop one of the two; no deliverable can meet both",
            Self::Duplicate => "drop one of the two, or give its weight to the other",
            Self::Unrunnable => "repair the check; it would answer nothing, on any deliverable",
            Self::TooLarge => {
                "keep both sizes within 4194304: a larger deliverable counts as missing"
            }
            Self::PaidForNothing => {
                "add a criterion that an empty deliverable fails, or raise passBps"
            }
            Self::OwnFamily => "choose a jury without a seat of a family that the seller declares",
            Self::Loose => "the measure decides; leave the word out",
            Self::WordingNotRead => "read the wording yourself; these rules know English only",
            Self::Executable => "consider a check: a program counts and parses better than a model",
            Self::EvidenceOfAbsence => {
                "do not require evidence here; nobody can quote what is not there"
            }
            Self::SignedHost => "sign it only if the seller, and nobody else, runs that host",
            Self::HiddenWeight => {
                "keep it optional and its weight within 10,000 less passBps: a buyer that reveals it \
                 to some jurors only can leave it undecided"
            }
            Self::MoneyInSight => "leave money and wallets out of what the models are shown",
            Self::Public => {
                "put both parties' age recipients in, or sign it only if everybody may read the deal"
            }
            Self::Unpinned => {
                "pin the last template that `surety jury templates` lists; without one, jurors \
                 open a hidden criterion such as \"Done.\""
            }
        }
    }
}

impl Lint {
    fn new(field: impl Into<String>, rule: Rule, found: &str) -> Self {
        let found = found.chars().take(MAX_FOUND_CHARS).collect();
        let (severity, advice) = (rule.severity(), rule.advice());
        Self { field: field.into(), rule, severity, found, advice }
    }
}

impl std::fmt::Display for Lint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rule = serde_json::to_value(self.rule).unwrap_or_default();
        let rule = rule.as_str().unwrap_or_default();
        write!(f, "{}: {rule} ({:?}): {}", self.field, self.found, self.advice)
    }
}

/// Everything there is to say about a sheet that is valid, before anybody signs it. `prose` is what
/// the template that it pins shows.
pub fn sheet(sheet: &TermSheet, prose: Prose) -> Vec<Lint> {
    let open = sheet.recipients.is_none();
    let public = open.then(|| Lint::new("recipients", Rule::Public, "null"));
    let unpinned = sheet.template.is_none();
    let unpinned = unpinned.then(|| Lint::new("template", Rule::Unpinned, "null"));
    let parts = (0_usize..).zip(&sheet.milestones);
    let parts = parts.map(|(index, part)| milestone(part, prose, &format!("milestones[{index}]")));
    public.into_iter().chain(unpinned).chain(parts.flatten()).collect()
}

/// Everything there is to say about a milestone at `path`.
fn milestone(part: &MilestoneSheet, prose: Prose, path: &str) -> Vec<Lint> {
    let list = format!("{path}.criteria");
    let mut lints = Vec::new();
    for (field, text) in [("title", &part.title), ("description", &part.description)] {
        let field = format!("{path}.{field}");
        wording::shown(text, &field, &mut lints);
        if prose == Prose::Shown {
            wording::money(text, &field, &mut lints);
        }
    }
    // The models read prose, and it decides nothing.
    for lint in &mut lints {
        lint.severity = Severity::Advise;
    }
    for (index, item) in (0_usize..).zip(&part.criteria) {
        lints.extend(criterion(Version::NEWEST, item, &format!("{list}[{index}]")));
    }
    conflict::among(&part.criteria, &list, &mut lints);
    programs::whole(part, path, &mut lints);
    lints
}

/// What there is to say about one criterion at `path`.
pub fn criterion(version: Version, item: &Criterion, path: &str) -> Vec<Lint> {
    asked(version, &item.text, (&item.kind, item.evidence_required), path)
}

/// What there is to say about a document that was hidden until now. One that is refused opens
/// nothing. What only a whole milestone shows is not asked: whoever commits to a document may not
/// have one yet.
pub fn hidden(version: Version, document: &HiddenCriterion) -> Vec<Lint> {
    asked(version, &document.text, (&document.kind, false), "document")
}

fn asked(
    version: Version,
    text: &str,
    (kind, evidence_required): (&Kind, bool),
    path: &str,
) -> Vec<Lint> {
    let mut lints = Vec::new();
    let field = format!("{path}.text");
    wording::shown(text, &field, &mut lints);
    match kind {
        Kind::Llm => wording::claim(version, text, evidence_required, &field, &mut lints),
        // The text is for people; the program decides.
        Kind::Check(check) => programs::one(version, check, &format!("{path}.kind"), &mut lints),
        Kind::Hidden { .. } => {}
    }
    lints
}

/// The seats whose family the seller declares as its own model's.
pub fn panel(sheet: &TermSheet, families: &[String]) -> Vec<Lint> {
    let own = families.iter().filter(|family| sheet.seller_families.contains(family));
    own.map(|family| Lint::new("jury", Rule::OwnFamily, family)).collect()
}

/// The first finding with which nobody should sign.
pub fn refusal(lints: &[Lint]) -> Option<&Lint> {
    lints.iter().find(|lint| lint.severity == Severity::Refuse)
}

#[cfg(test)]
mod tests;
