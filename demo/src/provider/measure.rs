//! What can be counted and found in a text without understanding it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

/// What a criterion asks to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unit {
    Words,
    Characters,
    Sentences,
    Paragraphs,
    Sections,
    Links,
    /// Entries of a list or rows of a table, about this noun.
    Entries(String),
}

impl Unit {
    /// The unit that one of the words after a number names; the noun itself when it is none of ours.
    pub(crate) fn of_words(words: &[&str]) -> Option<Self> {
        let known = words.iter().find_map(|word| match stem(word).as_str() {
            "word" => Some(Self::Words),
            "character" => Some(Self::Characters),
            "sentence" | "sentenc" => Some(Self::Sentences),
            "paragraph" => Some(Self::Paragraphs),
            "section" | "heading" | "head" => Some(Self::Sections),
            "link" | "url" | "source" | "sourc" => Some(Self::Links),
            _ => None,
        });
        let plural = words.iter().find(|word| word.len() > 3 && word.ends_with('s'));
        known.or_else(|| plural.or(words.first()).map(|noun| Self::Entries((*noun).to_owned())))
    }
}

/// How many `unit`s there are in `lines`.
pub(crate) fn count(unit: &Unit, lines: &[String]) -> usize {
    match unit {
        Unit::Words => lines.iter().map(|line| words(line).len()).sum(),
        Unit::Characters => lines.iter().map(|line| line.chars().count()).sum(),
        Unit::Sentences => lines.iter().map(|line| sentences(line)).sum(),
        Unit::Paragraphs => paragraphs(lines),
        Unit::Sections => lines.iter().filter(|line| is_heading(line)).count(),
        Unit::Links => lines.iter().map(|line| line.matches("https://").count()).sum(),
        Unit::Entries(noun) => entries(noun, lines),
    }
}

/// Entries of the list whose heading or lead-in names the noun; without one, the longest list.
fn entries(noun: &str, lines: &[String]) -> usize {
    let noun = stem(noun);
    let mut lists: Vec<(bool, usize)> = Vec::new();
    let mut named = false;
    let mut length = 0_usize;
    for line in lines.iter().filter(|line| !line.trim().is_empty()) {
        if is_entry(line) {
            length = length.saturating_add(1);
            continue;
        }
        lists.push((named, length));
        length = 0;
        named = stems(line).contains(&noun);
    }
    lists.push((named, length));
    let about = lists.iter().filter(|(named, length)| *named && *length > 0);
    let best = about.map(|(_, length)| *length).max();
    best.or_else(|| lists.iter().map(|(_, length)| *length).max()).unwrap_or(0)
}

fn sentences(line: &str) -> usize {
    static END: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[^.!?\s][.!?](\s|$)").ok());
    if is_heading(line) {
        return 0;
    }
    END.as_ref().map_or(0, |end| end.find_iter(line).count())
}

fn paragraphs(lines: &[String]) -> usize {
    let mut count = 0_usize;
    let mut inside = false;
    for line in lines {
        let prose = !line.trim().is_empty() && !is_heading(line) && !is_entry(line);
        if prose && !inside {
            count = count.saturating_add(1);
        }
        inside = prose;
    }
    count
}

pub(crate) fn is_heading(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

fn is_entry(line: &str) -> bool {
    static ENTRY: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^\s*([-*•]\s|\d+[.)]\s|\|\s*[^\s|-])").ok());
    ENTRY.as_ref().is_some_and(|entry| entry.is_match(line))
}

/// The words of a text in lower case, without punctuation around them.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '\'' | '.' | ',' | '%')))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric() && c != '%').to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

/// The stems of a text's words.
pub(crate) fn stems(text: &str) -> Vec<String> {
    words(text).iter().map(|word| stem(word)).collect()
}

/// A word without its commonest English endings: enough to match a noun with its plural.
pub(crate) fn stem(word: &str) -> String {
    let word = word.to_lowercase();
    for ending in ["ations", "ation", "ings", "ing", "ies", "ed", "es", "s", "y", "e"] {
        if let Some(rest) = word.strip_suffix(ending)
            && rest.chars().count() >= 4
        {
            return rest.to_owned();
        }
    }
    word.strip_suffix('s').filter(|rest| rest.len() >= 3).unwrap_or(&word).to_owned()
}

/// A language that the function words of a text give away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Language {
    English,
    German,
    French,
    Spanish,
    Portuguese,
    Italian,
}

/// Every language with its name and its commonest function words.
pub(crate) const LANGUAGES: [(Language, &str, &str); 6] = [
    (Language::English, "english", "the of and to in is that for with are was this"),
    (Language::German, "german", "der die das und ist nicht mit von für ein eine den im auf zu"),
    (Language::French, "french", "le la les et est des une dans pour que avec sur pas du au"),
    (Language::Spanish, "spanish", "el la los y es una las para con por que del en se más"),
    (Language::Portuguese, "portuguese", "o a os e é uma não para com do da em que dos as"),
    (Language::Italian, "italian", "il la e è una di che per con non del della gli sono in"),
];

/// The language with the most function words, when there are any.
pub(crate) fn language(lines: &[String]) -> Option<Language> {
    let mut hits: BTreeMap<Language, usize> = BTreeMap::new();
    for word in lines.iter().flat_map(|line| words(line)) {
        for (language, _, list) in &LANGUAGES {
            if list.split(' ').any(|listed| listed == word) {
                let count = hits.entry(*language).or_default();
                *count = count.saturating_add(1);
            }
        }
    }
    hits.into_iter().max_by_key(|(_, count)| *count).map(|(language, _)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn entries_are_counted_in_the_list_that_names_them() {
        let text = lines("## Suppliers\n- a\n- b\n- c\n- d\n\n## Risks\n1. x\n2. y\n");
        assert_eq!(count(&Unit::Entries("suppliers".into()), &text), 4);
        assert_eq!(count(&Unit::Entries("risks".into()), &text), 2);
        assert_eq!(count(&Unit::Entries("ideas".into()), &text), 4);
    }

    #[test]
    fn sentences_and_paragraphs_and_sections_are_counted() {
        let text = lines("# Title\nOne is here. Two is 2.5 m long!\n\n## Next\nThree?\n- no");
        assert_eq!(count(&Unit::Sentences, &text), 3);
        assert_eq!(count(&Unit::Paragraphs, &text), 2);
        assert_eq!(count(&Unit::Sections, &text), 2);
    }

    #[test]
    fn a_noun_has_the_stem_of_its_plural() {
        for (one, many) in [("supplier", "suppliers"), ("risk", "risks"), ("policy", "policies")] {
            assert_eq!(stem(one), stem(many));
        }
    }

    #[test]
    fn function_words_give_a_language_away() {
        assert_eq!(
            language(&lines("Das ist nicht der Ort für die Frage.")),
            Some(Language::German)
        );
        assert_eq!(language(&lines("This is the place for it.")), Some(Language::English));
        assert_eq!(language(&lines("1234")), None);
    }
}
