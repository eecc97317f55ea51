//! What a criterion demands, as far as its wording gives it away.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::measure::{LANGUAGES, Language, Unit, stem, words};

/// One thing that a criterion asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Demand {
    /// So many of something.
    Count { unit: Unit, least: Option<usize>, most: Option<usize> },
    /// This text, word for word.
    Mention(String),
    /// Anything but this.
    Avoid(String),
    /// This language.
    Language(Language),
    /// These subjects, as stems of words.
    Topic(BTreeSet<String>),
}

/// Words that say how to write and not what about.
const EMPTY_WORDS: &str = "a about above accurate actual after all also an and any are as at be been \
    before being below both brief but by can clear clearly complete concise contain correct could \
    deliverable describe do document does each either english every exactly few fewer first follow \
    following for from give given has have how if in include into is it its least less let list \
    longer made make may mention more most must name need no none nor not of on one only or other \
    over own per plain present provide readable report say section shall short should show so some \
    state such text than that the their them then there these they this those through to total under \
    up use used using was well were what when where which while who whole why will with within \
    without word work would write written you your answer explain between and heading entry entries \
    item items line lines sentence paragraph character source link bullet titled called";

const NUMBERS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

const COUNT: &str = r"(?x)\b(at\ least|no\ fewer\ than|a\ minimum\ of|at\ most|no\ more\ than|
    no\ longer\ than|up\ to|a\ maximum\ of|exactly|between)\s+([a-z]+|\d[\d,]*)
    (?:\s+(?:and|to)\s+([a-z]+|\d[\d,]*))?((?:\s+[a-z][a-z-]*){1,3})";
const AVOID: &str = r"(?x)\b(?:(?:must|does|do|should|may)\ not|never)\s+
    (?:mention|contain|include|name|use|promise|recommend)s?\s+([^.;]+)|
    \b(?:without|avoids?|contains?\ no|mentions?\ no|names?\ no)\s+(?:mention(?:ing)?\s+|
    using\s+|naming\s+)?([^.;,]+)";
const QUOTED: &str = "[\"“”]([^\"“”]{1,80})[\"“”]";
const FIGURE: &str = r"\d+(?:[.,]\d+)*\s?%?";

struct Patterns {
    count: Regex,
    avoid: Regex,
    quoted: Regex,
    figure: Regex,
}

fn patterns() -> Option<&'static Patterns> {
    static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
        Some(Patterns {
            count: Regex::new(COUNT).ok()?,
            avoid: Regex::new(AVOID).ok()?,
            quoted: Regex::new(QUOTED).ok()?,
            figure: Regex::new(FIGURE).ok()?,
        })
    });
    PATTERNS.as_ref()
}

/// The demands of a criterion. What one demand consumed, the next does not see.
pub(crate) fn demands(criterion: &str) -> Vec<Demand> {
    let Some(patterns) = patterns() else { return Vec::new() };
    let mut found = Vec::new();
    let mut rest = criterion.to_lowercase();
    rest = avoided(patterns, &rest, &mut found);
    rest = quoted(patterns, &rest, &mut found, Demand::Mention);
    rest = counted(patterns, &rest, &mut found);
    for figure in patterns.figure.find_iter(&rest) {
        found.push(Demand::Mention(figure.as_str().trim().to_owned()));
    }
    let language = LANGUAGES.iter().find(|(_, name, _)| {
        rest.contains(&format!("in {name}")) || rest.contains(&format!("{name} translation"))
    });
    if let Some((language, _, _)) = language {
        // A translation shares few words with an English criterion.
        found.push(Demand::Language(*language));
        if *language != Language::English {
            return found;
        }
    }
    let topic = topic(&rest);
    if !topic.is_empty() {
        found.push(Demand::Topic(topic));
    }
    found
}

fn avoided(patterns: &Patterns, text: &str, found: &mut Vec<Demand>) -> String {
    let mut rest = String::new();
    let mut taken = 0;
    for hit in patterns.avoid.captures_iter(text) {
        let (Some(whole), Some(what)) = (hit.get(0), hit.get(1).or_else(|| hit.get(2))) else {
            continue;
        };
        // Quoted words prohibit nothing.
        let before = text.get(..whole.start()).unwrap_or_default();
        if before.matches('"').count() % 2 == 1 {
            continue;
        }
        rest.push_str(text.get(taken..whole.start()).unwrap_or_default());
        rest.push(' ');
        taken = whole.end();
        let left = quoted(patterns, what.as_str(), found, Demand::Avoid);
        if left.len() < what.as_str().len() {
            continue;
        }
        for term in what.as_str().split(" or ").flat_map(|part| part.split(", ")) {
            let term = term.trim().trim_start_matches("any ").trim_start_matches("the ");
            if !term.is_empty() {
                found.push(Demand::Avoid(term.to_owned()));
            }
        }
    }
    rest.push_str(text.get(taken..).unwrap_or_default());
    rest
}

fn quoted(
    patterns: &Patterns,
    text: &str,
    found: &mut Vec<Demand>,
    demand: fn(String) -> Demand,
) -> String {
    for hit in patterns.quoted.captures_iter(text) {
        if let Some(term) = hit.get(1) {
            found.push(demand(term.as_str().trim().to_owned()));
        }
    }
    patterns.quoted.replace_all(text, " ").into_owned()
}

fn counted(patterns: &Patterns, text: &str, found: &mut Vec<Demand>) -> String {
    let mut spans = Vec::new();
    for hit in patterns.count.captures_iter(text) {
        let group = |index: usize| hit.get(index).map_or("", |group| group.as_str());
        let nouns: Vec<&str> = group(4).split_whitespace().collect();
        let (Some(first), Some(unit)) = (number(group(2)), Unit::of_words(&nouns)) else {
            continue;
        };
        let (least, most) = match group(1) {
            "exactly" => (Some(first), Some(first)),
            "between" => (Some(first), number(group(3))),
            "at least" | "no fewer than" | "a minimum of" => (Some(first), None),
            _ => (None, Some(first)),
        };
        found.push(Demand::Count { unit, least, most });
        // The noun stays: it is part of the subject.
        spans.extend(hit.get(2).map(|group| group.range()));
        spans.extend(hit.get(3).map(|group| group.range()));
    }
    let mut rest = text.to_owned();
    for span in spans.into_iter().rev() {
        rest.replace_range(span, " ");
    }
    rest
}

fn number(word: &str) -> Option<usize> {
    let spelled = NUMBERS.iter().position(|number| *number == word);
    spelled.or_else(|| word.replace(',', "").parse().ok())
}

fn topic(text: &str) -> BTreeSet<String> {
    static EMPTY: LazyLock<BTreeSet<String>> =
        LazyLock::new(|| EMPTY_WORDS.split_whitespace().map(stem).collect());
    words(text)
        .iter()
        .filter(|word| word.len() > 2 && !word.contains(|c: char| c.is_ascii_digit()))
        .map(|word| stem(word))
        .filter(|stem| !EMPTY.contains(stem) && !NUMBERS.contains(&stem.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic_of(words: &[&str]) -> Demand {
        Demand::Topic(words.iter().map(|word| stem(word)).collect())
    }

    #[test]
    fn a_minimum_keeps_its_noun_as_a_subject() {
        assert_eq!(
            demands("Lists at least three suppliers."),
            vec![
                Demand::Count {
                    unit: Unit::Entries("suppliers".into()),
                    least: Some(3),
                    most: None
                },
                topic_of(&["suppliers"]),
            ]
        );
    }

    #[test]
    fn a_range_of_words_has_two_ends() {
        assert_eq!(
            demands("Has between 80 and 120 words."),
            vec![Demand::Count { unit: Unit::Words, least: Some(80), most: Some(120) }]
        );
    }

    #[test]
    fn a_prohibition_is_not_a_subject() {
        assert_eq!(
            demands("Does not mention competitors or pricing."),
            vec![Demand::Avoid("competitors".into()), Demand::Avoid("pricing".into())]
        );
        assert_eq!(
            demands("Must not contain \"guaranteed returns\"."),
            vec![Demand::Avoid("guaranteed returns".into())]
        );
    }

    #[test]
    fn quoted_words_prohibit_nothing_themselves() {
        assert_eq!(
            demands("Mentions \"pumps without tanks\"."),
            vec![Demand::Mention("pumps without tanks".into())]
        );
    }

    #[test]
    fn quoted_text_and_figures_are_asked_for_word_for_word() {
        assert_eq!(
            demands("States \"Total cost\" of 4,200 and 12.5 %."),
            vec![
                Demand::Mention("total cost".into()),
                Demand::Mention("4,200".into()),
                Demand::Mention("12.5 %".into()),
            ]
        );
    }

    #[test]
    fn a_translation_is_asked_for_its_language_and_not_for_english_words() {
        assert_eq!(
            demands("The summary is written in German."),
            vec![Demand::Language(Language::German)]
        );
    }
}
