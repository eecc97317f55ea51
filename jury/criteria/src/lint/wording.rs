//! Rules about one text: is it one claim that a deliverable can meet or fail?

use super::words;
use super::{Lint, Rule, Severity, Version};
use crate::visible::strip;

/// Fewer words are no claim.
const MIN_WORDS: usize = 3;
/// How far behind a negation a negative word still belongs to it.
const NEGATION_REACH: usize = 4;
/// How far behind the last comma of a list its "and" may stand, the comma counted.
const ITEM_REACH: usize = 4;

/// A text in words: lower case, quotations set apart, with marks where sentences end.
pub(super) struct Words(Vec<String>);

/// Stands for a quotation, whose words are not the criterion's own.
const QUOTED: &str = "\"\"";
/// Stands for the end of a sentence or of a main clause.
const END: &str = ".";
/// Stands for a comma.
const COMMA: &str = ",";

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let mut words = Vec::new();
        for (index, piece) in without_quotations(text).into_iter().enumerate() {
            if index > 0 {
                words.push(QUOTED.to_owned());
            }
            for token in piece.split_whitespace() {
                push_token(token, &mut words);
            }
        }
        Self(words)
    }

    /// The words, marks included.
    pub(super) fn all(&self) -> &[String] {
        &self.0
    }

    /// The words alone.
    pub(super) fn plain(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str).filter(|word| !matches!(*word, QUOTED | END | COMMA))
    }

    /// The first phrase of a list that stands in the text.
    fn first_of(&self, phrases: &[&'static str]) -> Option<&'static str> {
        let line = format!(" {} ", self.0.join(" "));
        phrases.iter().copied().find(|phrase| line.contains(&format!(" {phrase} ")))
    }

    fn has(&self, word: &str) -> bool {
        self.0.iter().any(|other| other == word)
    }

    /// Whether they hold a word that hardly any English sentence can do without.
    fn are_english(&self) -> bool {
        self.plain().any(|word| words::ENGLISH.contains(&word))
    }

    /// Whether a letter or a word shows that they are of another language.
    fn are_foreign(&self) -> bool {
        let foreign = |char: char| char.is_alphabetic() && !char.is_ascii();
        self.plain().any(|word| word.contains(foreign) || words::FOREIGN.contains(&word))
    }

    /// Whether something in it can be counted or compared.
    fn is_measured(&self) -> bool {
        self.has(QUOTED)
            || self.has("than")
            || self.plain().any(|word| word.starts_with(|char: char| char.is_ascii_digit()))
            || self.plain().any(|word| super::bounds::number(word).is_some())
    }
}

/// The pieces of a text between its quotations. A quote that is not closed is none.
fn without_quotations(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut rest = text;
    while let Some(at) = rest.find(['"', '“', '`']) {
        let (before, after) = rest.split_at(at);
        let mut chars = after.chars();
        let close = match chars.next() {
            Some('“') => '”',
            Some(char) => char,
            None => break,
        };
        let Some((_, outside)) = chars.as_str().split_once(close) else { break };
        if let Some(last) = pieces.last_mut() {
            last.push_str(before);
        }
        pieces.push(String::new());
        rest = outside;
    }
    if let Some(last) = pieces.last_mut() {
        last.push_str(rest);
    }
    pieces
}

/// Appends one token without its punctuation, and a mark for what the punctuation says.
fn push_token(token: &str, words: &mut Vec<String>) {
    let inner = |char: char| char.is_alphanumeric() || matches!(char, '%' | '$' | '€' | '+' | '_');
    let word = token.trim_matches(|char| !inner(char)).to_lowercase().replace('’', "'");
    let is_word = !word.is_empty();
    if is_word {
        words.push(word);
    }
    let ends = token.chars().rev().take_while(|char| !inner(*char));
    for char in ends {
        match char {
            '.' | ';' | '!' | '?' => return words.push(END.to_owned()),
            ',' | ':' => return words.push(COMMA.to_owned()),
            _ => {}
        }
    }
}

/// Rules about any text that a model is shown: it says to a machine what it says to a person.
pub(super) fn shown(text: &str, field: &str, lints: &mut Vec<Lint>) {
    let (_, signals) = strip(text);
    if signals.total() > 0 {
        let found = format!("{} characters", signals.total());
        lints.push(Lint::new(field, Rule::Invisible, &found));
    }
    if let Some(word) = text.split(|char: char| !char.is_alphanumeric()).find(|word| mixes(word)) {
        lints.push(Lint::new(field, Rule::MixedScript, word));
    }
    let words = Words::of(text);
    if let Some(found) = words.first_of(words::TO_JURORS) {
        lints.push(Lint::new(field, Rule::InstructsJurors, found));
    }
}

/// Whether a word mixes Latin letters with others that look like them.
fn mixes(word: &str) -> bool {
    let latin = word.chars().any(|char| char.is_ascii_alphabetic());
    let twin = |char: char| {
        matches!(char,
            '\u{400}'..='\u{52f}' | '\u{13a0}'..='\u{13f5}' | '\u{ff21}'..='\u{ff5a}'
            | '\u{1d400}'..='\u{1d7ff}')
            || "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονρυικ".contains(char)
    };
    latin && word.chars().any(twin)
}

/// Whether a model would be shown money or a wallet.
pub(super) fn money(text: &str, field: &str, lints: &mut Vec<Lint>) {
    let wallet = |word: &str| {
        let digits = word.strip_prefix("0x").unwrap_or_default();
        digits.len() >= 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let words = Words::of(text);
    let found = words.plain().find(|word| wallet(word) || matches!(*word, "usdc" | "usdt"));
    if let Some(found) = found {
        lints.push(Lint::new(field, Rule::MoneyInSight, found));
    }
}

/// Rules about a claim that a model has to judge. Jurors read revealed criteria by these, so
/// whatever a version does not know is asked from the next one on.
pub(super) fn claim(
    version: Version,
    text: &str,
    evidence_required: bool,
    field: &str,
    lints: &mut Vec<Lint>,
) {
    let words = Words::of(text);
    let mut say = |rule: Rule, found: &str| lints.push(Lint::new(field, rule, found));
    if words.are_english() {
        english(&words, text, evidence_required, &mut say);
    } else {
        say(Rule::WordingNotRead, text);
        if version >= Version::L2 && !words.are_foreign() {
            untold(&words, text, &mut say);
        }
    }
    if version < Version::L2 {
        return;
    }
    if words.are_english() && names_several(&words) {
        let severity = Severity::Advise;
        lints.push(Lint { severity, ..Lint::new(field, Rule::DoubleBarrelled, text) });
    }
    money(text, field, lints);
}

/// Rules about a claim in English.
fn english(words: &Words, text: &str, evidence_required: bool, say: &mut impl FnMut(Rule, &str)) {
    if words.plain().count() < MIN_WORDS {
        say(Rule::TooShort, text);
    }
    untestable(words, say);
    if let Some(link) = words.plain().find(|word| word.contains("://") || word.starts_with("www."))
    {
        say(Rule::OutOfSight, link);
    }
    if let Some(found) = second_claim(words) {
        say(Rule::DoubleBarrelled, &found);
    }
    if let Some(found) = double_negative(words) {
        say(Rule::DoubleNegative, &found);
    }
    if let Some(found) = words.first_of(words::EXECUTABLE) {
        say(Rule::Executable, found);
    } else if let Some(bound) = super::bounds::of(words).into_iter().find(is_counted) {
        say(Rule::Executable, &bound.unit);
    }
    if evidence_required && denies(words) {
        say(Rule::EvidenceOfAbsence, text);
    }
}

/// Rules about a claim in which no word tells English, and none tells another language.
fn untold(words: &Words, text: &str, say: &mut impl FnMut(Rule, &str)) {
    // A verb and what it quotes may be a claim: `Mentions "alpha"`.
    let least = if words.has(QUOTED) { 1 } else { MIN_WORDS };
    if words.plain().count() < least {
        say(Rule::TooShort, text);
    }
    untestable(words, say);
}

/// Whether one verb has a list of things with a comma in it, of which each could be a claim.
fn names_several(words: &Words) -> bool {
    let is_list = |sentence: &[String]| {
        let Some(and) = sentence.iter().rposition(|word| word == "and") else { return false };
        let (before, _) = sentence.split_at(and);
        let Some(comma) = before.iter().rposition(|word| word == COMMA) else { return false };
        let (first, last) = before.split_at(comma);
        let is_verb_at = |index: usize| is_verb(sentence, index);
        let is_subordinate = first.iter().any(|word| words::SUBORDINATORS.contains(&word.as_str()));
        let is_item = last.len() <= ITEM_REACH && !(comma..and).any(is_verb_at);
        (0..comma).any(is_verb_at) && is_item && !is_subordinate
    };
    second_claim(words).is_none() && words.all().split(|word| word == END).any(is_list)
}

fn is_counted(bound: &super::bounds::Bound) -> bool {
    words::COUNTED.contains(&bound.unit.as_str())
}

/// What no deliverable can prove: without a measure, out of sight, or about everything.
fn untestable(words: &Words, say: &mut impl FnMut(Rule, &str)) {
    vague(words, say);
    for (list, rule) in [(words::OUT_OF_SIGHT, Rule::OutOfSight), (words::ABSOLUTE, Rule::Absolute)]
    {
        if let Some(found) = words.first_of(list) {
            say(rule, found);
        }
    }
}

fn vague(words: &Words, say: &mut impl FnMut(Rule, &str)) {
    let comparative = || words.first_of(words::COMPARATIVES).filter(|_| !words.has("than"));
    if let Some(found) = words.first_of(words::VAGUE).or_else(comparative) {
        say(if words.is_measured() { Rule::Loose } else { Rule::Vague }, found);
    }
}

/// The verb with which a second claim begins, outside of subordinate clauses.
fn second_claim(words: &Words) -> Option<String> {
    let all = words.all();
    let is = |list: &[&str], word: &str| list.contains(&word);
    let imperative = all.first().is_some_and(|word| is(words::IMPERATIVES, word));
    let (mut claims, mut claimed, mut within) = (0_usize, false, false);
    for (index, word) in all.iter().enumerate() {
        let after = index.checked_sub(1).and_then(|before| all.get(before));
        let begins = after.is_none_or(|word| word == END || is(words::COORDINATORS, word));
        if word == END || is(words::COORDINATORS, word) || is_as_well_as(all, index) {
            (claimed, within) = (false, false);
        } else if is(words::SUBORDINATORS, word) {
            within = true;
        }
        let verb = is_verb(all, index) || (imperative && begins && is(words::IMPERATIVES, word));
        if verb && !within && !claimed {
            claimed = true;
            claims = claims.saturating_add(1);
            if claims > 1 {
                return Some(word.clone());
            }
        }
    }
    None
}

fn is_as_well_as(all: &[String], index: usize) -> bool {
    let at = |offset: usize| index.checked_sub(offset).and_then(|at| all.get(at));
    [(0, "as"), (1, "well"), (2, "as")]
        .into_iter()
        .all(|(offset, word)| at(offset).is_some_and(|other| other == word))
}

fn is_verb(all: &[String], index: usize) -> bool {
    let Some(word) = all.get(index).map(String::as_str) else { return false };
    let next = index.checked_add(1).and_then(|after| all.get(after)).map(String::as_str);
    let numbered = |word: &str| word.starts_with(|char: char| char.is_ascii_digit());
    let followed = next.is_some_and(|next| {
        words::AFTER_A_VERB.contains(&next) || next == QUOTED || numbered(next)
    });
    words::VERBS.contains(&word) || (words::VERBS_OR_NOUNS.contains(&word) && followed)
}

/// Two negations of one clause.
fn double_negative(words: &Words) -> Option<String> {
    let ends = |word: &String| {
        matches!(word.as_str(), END | COMMA | "or" | "nor")
            || words::COORDINATORS.contains(&word.as_str())
    };
    for clause in words.all().split(ends) {
        let is = |list: &[&str], word: &String| list.contains(&word.as_str());
        let Some(first) = clause.iter().position(|word| is(words::NEGATORS, word)) else {
            continue;
        };
        let rest = clause.get(first.saturating_add(1)..).unwrap_or_default();
        let second = rest.iter().find(|word| is(words::NEGATORS, word));
        let near = rest.iter().take(NEGATION_REACH);
        let second = second.or_else(|| near.clone().find(|word| is(words::NEGATIVES, word)));
        if let (Some(one), Some(other)) = (clause.get(first), second) {
            return Some(format!("{one} … {other}"));
        }
    }
    None
}

/// Whether the claim is that something is absent.
fn denies(words: &Words) -> bool {
    words.plain().any(|word| words::NEGATORS.contains(&word))
        && !words.plain().any(|word| matches!(word, "least" | "more" | "later"))
}
