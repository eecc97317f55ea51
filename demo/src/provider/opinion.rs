//! From demands and a text to an opinion: how well the weakest demand is served.
//!
//! These are honest small heuristics. They read the criterion and the deliverable, nothing else, and
//! they are wrong in the ways in which counting words is wrong.

use std::collections::BTreeSet;

use surety_jury::vote::MIN_QUOTE_CHARS;

use super::demand::{Demand, demands};
use super::measure::{Unit, count, language, stems, words};

/// How well a deliverable serves a criterion.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Opinion {
    /// 0 to 100: the share of its weakest demand that is served.
    pub(crate) percent: usize,
    /// The line that speaks most for it, or against it where something forbidden was found.
    pub(crate) line: Option<usize>,
    /// Why, in one sentence about the weakest demand.
    pub(crate) why: String,
}

/// Coverage of subjects that counts as complete: a text says things in its own words.
const FULL_COVERAGE_PERCENT: usize = 60;

/// The opinion, or `None` when the criterion makes no demand that these heuristics know.
pub(crate) fn form(criterion: &str, lines: &[String]) -> Option<Opinion> {
    let demands = demands(criterion);
    let best = best_line(&demands, lines);
    // A placeholder says its words like any other text.
    let placeholder = placeholder(lines).filter(|_| !are_literal(&demands));
    if let Some(placeholder) = placeholder {
        return Some(Opinion { percent: 0, line: best, why: placeholder });
    }
    let opinions = demands.iter().map(|demand| weigh(demand, lines, best));
    opinions.reduce(|worst, next| if next.percent < worst.percent { next } else { worst })
}

/// Whether a criterion asks for nothing but words that can be looked up and counted.
pub(crate) fn is_literal(criterion: &str) -> bool {
    are_literal(&demands(criterion))
}

fn are_literal(demands: &[Demand]) -> bool {
    let is_literal = |demand: &Demand| {
        matches!(
            demand,
            Demand::Count { unit: Unit::Words, .. } | Demand::Mention(_) | Demand::Avoid(_)
        )
    };
    !demands.is_empty() && demands.iter().all(is_literal)
}

fn placeholder(lines: &[String]) -> Option<String> {
    let text = lines.join(" ").to_lowercase();
    if words(&text).is_empty() {
        return Some("The deliverable has no words.".to_owned());
    }
    let signs = ["lorem ipsum", "todo", "coming soon", "to be written", "tbd", "placeholder"];
    let short = words(&text).len() < 40;
    let sign = signs.iter().find(|sign| text.contains(**sign)).filter(|_| short)?;
    Some(format!("The deliverable is a placeholder: it says \"{sign}\"."))
}

fn weigh(demand: &Demand, lines: &[String], best: Option<usize>) -> Opinion {
    match demand {
        Demand::Count { unit, least, most } => {
            let got = count(unit, lines);
            let low = least.map_or(100, |least| percent(got, least));
            let high = most.map_or(100, |most| if got <= most { 100 } else { percent(most, got) });
            let wanted = match (least, most) {
                (Some(least), Some(most)) if least == most => format!("exactly {least}"),
                (Some(least), Some(most)) => format!("{least} to {most}"),
                (Some(least), None) => format!("at least {least}"),
                (None, most) => format!("at most {}", most.unwrap_or_default()),
            };
            let why = format!("Counted {got} {}; asked for is {wanted}.", name(unit));
            Opinion { percent: low.min(high), line: best, why }
        }
        Demand::Mention(term) => {
            let at = lines.iter().position(|line| holds(line, term));
            let why = match at {
                Some(at) => format!("Line {} says \"{term}\".", at.saturating_add(1)),
                None => format!("Nothing says \"{term}\"."),
            };
            Opinion { percent: if at.is_some() { 100 } else { 0 }, line: at.or(best), why }
        }
        Demand::Avoid(term) => {
            let at = lines.iter().position(|line| speaks_of(line, term));
            let why = match at {
                Some(at) => format!("Line {} speaks of {term}.", at.saturating_add(1)),
                None => format!("Nothing speaks of {term}."),
            };
            Opinion { percent: if at.is_some() { 0 } else { 100 }, line: at.or(best), why }
        }
        Demand::Language(wanted) => {
            let got = language(lines);
            let why = match got {
                Some(got) => format!("The text reads as {got:?}; asked for is {wanted:?}."),
                None => format!("The text reads as no language; asked for is {wanted:?}."),
            };
            Opinion { percent: if got == Some(*wanted) { 100 } else { 0 }, line: best, why }
        }
        Demand::Topic(topic) => {
            let text: BTreeSet<String> = stems(&lines.join(" ")).into_iter().collect();
            let missing: Vec<&str> =
                topic.iter().filter(|stem| !covers(&text, stem)).map(String::as_str).collect();
            let covered = percent(topic.len().saturating_sub(missing.len()), topic.len());
            let why = if missing.is_empty() {
                "Every subject of the criterion occurs.".to_owned()
            } else {
                format!("Of the criterion's subjects these do not occur: {}.", missing.join(", "))
            };
            Opinion { percent: percent(covered, FULL_COVERAGE_PERCENT), line: best, why }
        }
    }
}

/// `got` of `wanted` in percent, at most 100.
fn percent(got: usize, wanted: usize) -> usize {
    got.saturating_mul(100).checked_div(wanted).map_or(100, |percent| percent.min(100))
}

fn name(unit: &Unit) -> &str {
    match unit {
        Unit::Words => "words",
        Unit::Characters => "characters",
        Unit::Sentences => "sentences",
        Unit::Paragraphs => "paragraphs",
        Unit::Sections => "headings",
        Unit::Links => "links",
        Unit::Entries(noun) => noun,
    }
}

fn holds(line: &str, term: &str) -> bool {
    let squeeze =
        |text: &str| text.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect::<String>();
    squeeze(line).contains(&squeeze(term))
}

/// Every word of the term, in this order and next to each other.
fn speaks_of(line: &str, term: &str) -> bool {
    let (line, term) = (stems(line), stems(term));
    !term.is_empty() && line.windows(term.len()).any(|window| window == term)
}

/// A stem occurs, or a longer or shorter relative of it.
fn covers(text: &BTreeSet<String>, stem: &str) -> bool {
    text.contains(stem)
        || (stem.len() >= 5
            && text.iter().any(|other| {
                other.len() >= 5 && (other.starts_with(stem) || stem.starts_with(other.as_str()))
            }))
}

/// The line that shares most subjects with the criterion; among equals the first that is long enough
/// to be quoted.
fn best_line(demands: &[Demand], lines: &[String]) -> Option<usize> {
    let topic: BTreeSet<String> = demands
        .iter()
        .filter_map(|demand| match demand {
            Demand::Topic(topic) => Some(topic),
            Demand::Count { .. } | Demand::Mention(_) | Demand::Avoid(_) | Demand::Language(_) => {
                None
            }
        })
        .flatten()
        .cloned()
        .collect();
    let shared = |line: &String| {
        let line: BTreeSet<String> = stems(line).into_iter().collect();
        topic.iter().filter(|stem| covers(&line, stem)).count()
    };
    let spoken = lines.iter().enumerate().filter(|(_, line)| !words(line).is_empty());
    // The earliest of the best: `max_by_key` alone would take the last.
    spoken
        .max_by_key(|(index, line)| {
            let quotable = line.trim().chars().count() >= MIN_QUOTE_CHARS;
            (quotable, shared(line), std::cmp::Reverse(*index))
        })
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    fn percent_of(criterion: &str, text: &str) -> usize {
        form(criterion, &lines(text)).unwrap().percent
    }

    #[test]
    fn three_of_four_asked_entries_are_three_quarters() {
        let text = "## Suppliers\n- Alfa pumps\n- Beta pumps\n- Gama pumps";
        assert_eq!(percent_of("Lists at least four suppliers of pumps.", text), 75);
        assert_eq!(percent_of("Lists at least three suppliers of pumps.", text), 100);
    }

    #[test]
    fn a_forbidden_word_spoils_everything_and_is_pointed_at() {
        let text = lines("A fine fund.\nIt has guaranteed returns every year.");
        let opinion = form("Describes the fund. Must not promise guaranteed returns.", &text);
        let opinion = opinion.unwrap();
        assert_eq!((opinion.percent, opinion.line), (0, Some(1)));
    }

    #[test]
    fn a_text_about_something_else_serves_no_subject() {
        let criterion = "Explains the subsidies for heat pumps in Portugal.";
        let bread = "Bread is baked from flour and water in an oven.";
        assert!(percent_of(criterion, bread) < 20);
        let pumps = "Portugal pays subsidies for heat pumps through its environment fund.";
        assert_eq!(percent_of(criterion, pumps), 100);
    }

    #[test]
    fn a_placeholder_is_no_work() {
        assert_eq!(percent_of("Explains the subsidies.", "Subsidies explained: coming soon."), 0);
    }

    #[test]
    fn a_text_that_is_too_long_loses_in_proportion() {
        assert_eq!(percent_of("Has at most 5 words.", "one two three four five six seven"), 71);
    }

    #[test]
    fn a_criterion_without_any_demand_gets_no_opinion() {
        assert_eq!(form("It is so.", &lines("Anything at all.")), None);
    }
}
