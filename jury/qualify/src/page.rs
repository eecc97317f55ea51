//! The table of `docs/jury.md`: written by `cargo x bench jury`, compared by a test.

use crate::llmbar::{Llmbar, PROMPTS};
use crate::panel::{self, SPLITS};
use crate::score::Score;

const BEGIN: &str = "<!-- written by cargo x bench jury -->\n";
const END: &str = "<!-- end -->\n";

/// Every prompt and split, counted in four ways.
pub fn table(data: &Llmbar) -> String {
    let mut text = String::from(
        "| Prompt | Items | Counted by | Accepted rightly | Accepted wrongly | Rejected wrongly | \
         Rejected rightly | Undetermined | False accepts |\n|---|---|---|--:|--:|--:|--:|--:|---|\n",
    );
    for prompt in PROMPTS {
        for split in SPLITS {
            let compared = panel::compare(data, prompt, split);
            let single = format!("best single: {}", compared.best_judge);
            let rules = [
                ("**4 of 5**", &compared.jury),
                ("majority", &compared.majority),
                ("trimmed mean", &compared.trimmed_mean),
                (single.as_str(), &compared.best_single),
            ];
            for (rule, score) in rules {
                text += &row(&format!("{prompt} | {split} | {rule}"), score);
            }
        }
    }
    text
}

fn row(name: &str, score: &Score) -> String {
    let Score { accepted_true, accepted_false, rejected_true, rejected_false, .. } = *score;
    let undetermined = score.undetermined();
    let interval = score.false_accepts();
    let [share, low, high] = [interval.share, interval.low, interval.high].map(percent);
    format!(
        "| {name} | {accepted_true} | {accepted_false} | {rejected_true} | {rejected_false} | \
         {undetermined} | {share} % ({low} to {high}) |\n"
    )
}

/// Basis points as a percentage with one digit, rounded down.
fn percent(bps: u16) -> String {
    let tenths = bps.checked_div(10).unwrap_or_default();
    let (whole, tenth) = (tenths.checked_div(10), tenths.checked_rem(10));
    format!("{}.{}", whole.unwrap_or_default(), tenth.unwrap_or_default())
}

/// The page with this table in its place; nothing when it has no place for one.
pub fn put(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_replaces_the_last_one() {
        let page = format!("Before.\n{BEGIN}old\n{END}After.\n");
        let new = put(&page, "new\n").unwrap();
        assert_eq!(new, format!("Before.\n{BEGIN}\nnew\n\n{END}After.\n"));
        assert_eq!(put(&new, "new\n").unwrap(), new);
        assert_eq!(put("No place.", "new\n"), None);
    }

    #[test]
    fn the_table_of_the_page_is_what_the_data_say() {
        let Some(data) = std::env::var_os("SURETY_DATA") else {
            println!("SURETY_DATA is not set: docs/jury.md is not compared");
            return;
        };
        let data = Llmbar::load(&std::path::Path::new(&data).join("llmbar")).unwrap();
        let page = include_str!("../../../docs/jury.md");
        assert_eq!(put(page, &table(&data)).unwrap(), page, "run `cargo x bench jury`");
    }
}
