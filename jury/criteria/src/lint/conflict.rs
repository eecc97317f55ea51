//! Rules about two criteria of a milestone that is about to be signed.

use surety_terms::{Check, Criterion, Expect, Format, Kind};

use super::wording::Words;
use super::{Lint, Rule, bounds, words};

/// Compares every two criteria; a finding stands at the later one.
pub(super) fn among(criteria: &[Criterion], list: &str, lints: &mut Vec<Lint>) {
    for (index, later) in criteria.iter().enumerate() {
        for earlier in criteria.iter().take(index) {
            if let Some(rule) = between(earlier, later) {
                let field = format!("{list}[{index}]");
                lints.push(Lint::new(field, rule, &format!("{} and {}", earlier.id, later.id)));
            }
        }
    }
}

fn between(one: &Criterion, other: &Criterion) -> Option<Rule> {
    match (&one.kind, &other.kind) {
        (Kind::Llm, Kind::Llm) => claims(&one.text, &other.text),
        (Kind::Check(one), Kind::Check(other)) => programs(one, other),
        (Kind::Llm, Kind::Check(check)) => claim_and_program(&one.text, check),
        (Kind::Check(check), Kind::Llm) => claim_and_program(&other.text, check),
        // Two hidden criteria with one commitment are one.
        (Kind::Hidden { commitment, .. }, Kind::Hidden { commitment: other, .. }) => {
            (commitment == other).then_some(Rule::Duplicate)
        }
        (Kind::Llm | Kind::Check(_), Kind::Hidden { .. })
        | (Kind::Hidden { .. }, Kind::Llm | Kind::Check(_)) => None,
    }
}

fn claims(one: &str, other: &str) -> Option<Rule> {
    let (one, other) = (Words::of(one), Words::of(other));
    let (first, second) = (Claim::of(&one), Claim::of(&other));
    if first.about == second.about && !first.about.is_empty() {
        let same = first.denied == second.denied;
        return Some(if same { Rule::Duplicate } else { Rule::Contradiction });
    }
    let apart = |a: &bounds::Bound, b: &bounds::Bound| {
        a.unit == b.unit && a.about == b.about && (a.least > b.most || b.least > a.most)
    };
    let others = bounds::of(&other);
    let apart = bounds::of(&one).iter().any(|a| others.iter().any(|b| apart(a, b)));
    apart.then_some(Rule::Contradiction)
}

/// What a claim is about, and whether it is denied.
struct Claim {
    about: Vec<String>,
    denied: bool,
}

impl Claim {
    fn of(words: &Words) -> Self {
        let negators = words.plain().filter(|word| words::NEGATORS.contains(word)).count();
        let about = words
            .all()
            .iter()
            .filter(|word| !words::NEGATORS.contains(&word.as_str()))
            .filter(|word| !matches!(word.as_str(), "." | ","))
            .map(|word| bounds::singular(word))
            .filter(|word| !bounds::is_stop(word));
        let mut about: Vec<String> = about.collect();
        // Texts with quotations are told apart by them, and those are not kept.
        if about.iter().any(|word| word == "\"\"") {
            about.clear();
        }
        about.sort_unstable();
        Self { about, denied: negators % 2 == 1 }
    }
}

fn programs(one: &Check, other: &Check) -> Option<Rule> {
    if one == other {
        return Some(Rule::Duplicate);
    }
    let apart = match (one, other) {
        (Check::Digest { .. }, Check::Digest { .. }) => true,
        (
            Check::Size { least_bytes, most_bytes },
            Check::Size { least_bytes: least, most_bytes: most },
        ) => least_bytes > most || least > most_bytes,
        (Check::Regex { pattern, .. }, Check::Regex { pattern: other, .. }) => pattern == other,
        (Check::Format { format }, Check::Format { format: other }) => {
            !(format.is_text() && other.is_text())
        }
        (Check::Format { format }, Check::JsonSchema { .. } | Check::Regex { .. })
        | (Check::JsonSchema { .. } | Check::Regex { .. }, Check::Format { format }) => {
            is_binary(*format)
        }
        _ => false,
    };
    apart.then_some(Rule::Contradiction)
}

/// Only what holds whatever else the deliverable is: most claims cannot be compared with a program.
fn claim_and_program(claim: &str, check: &Check) -> Option<Rule> {
    let apart = match check {
        // A model is shown UTF-8 text only; anything else fails each of its criteria.
        Check::Format { format } => is_binary(*format),
        Check::Size { least_bytes, most_bytes } => sizes(claim, *least_bytes, *most_bytes),
        Check::Regex { pattern, expect } => literals(claim, pattern, *expect),
        Check::JsonSchema { .. }
        | Check::Digest { .. }
        | Check::HttpProbe(_)
        | Check::Wasm { .. } => false,
    };
    apart.then_some(Rule::Contradiction)
}

/// Whether a claim about the length of the whole deliverable leaves no size that the check allows.
/// What is counted has one byte at least.
fn sizes(claim: &str, least_bytes: u64, most_bytes: u64) -> bool {
    let words = Words::of(claim);
    if words.all().iter().any(|word| word == "\"\"") {
        return false;
    }
    let mut whole = bounds::of(&words).into_iter().filter(|bound| bound.about.is_empty());
    whole.any(|bound| match bound.unit.as_str() {
        "byte" => bound.least > most_bytes || bound.most < least_bytes,
        "character" | "sentence" | "word" => bound.least > most_bytes,
        _ => false,
    })
}

/// Whether a claim that is nothing but "contains" or "does not contain" a quotation and a pattern
/// that is nothing but one word exclude each other.
fn literals(claim: &str, pattern: &str, expect: Expect) -> bool {
    let is_word = pattern.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
    let Some((is_denied, quoted)) = quotation(claim).filter(|_| is_word) else { return false };
    match expect {
        Expect::NoMatch => !is_denied && quoted.contains(pattern),
        Expect::Match => is_denied && quoted == pattern,
    }
}

/// What a claim says of one quotation and of nothing else: whether it is denied, and its text.
fn quotation(claim: &str) -> Option<(bool, &str)> {
    let (verb, quoted) = claim.trim().trim_end_matches('.').strip_suffix('"')?.split_once('"')?;
    if quoted.contains('"') {
        return None;
    }
    let verb = verb.to_lowercase();
    let before: Vec<&str> = verb.split_whitespace().collect();
    let predicate = match before.as_slice() {
        ["it", rest @ ..] | ["the", "deliverable", rest @ ..] => rest,
        whole => whole,
    };
    let verb = match predicate {
        [rest @ .., "the", "phrase" | "text" | "word" | "words"] => rest,
        whole => whole,
    };
    match verb {
        ["contains" | "includes"] | ["must", "contain" | "include"] => Some((false, quoted)),
        ["does" | "must", "not", "contain" | "include"] => Some((true, quoted)),
        _ => None,
    }
}

/// Whether no file of the format is UTF-8 text. A PDF may be.
const fn is_binary(format: Format) -> bool {
    matches!(format, Format::Png | Format::Jpeg | Format::Gzip)
}
