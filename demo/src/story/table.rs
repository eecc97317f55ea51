//! The closing table.

use std::collections::BTreeMap;

use alloy::primitives::{B256, U256};
use surety_jury::Source;
use surety_terms::Usdc;

use super::ledger::Ledger;
use super::secrecy::Searched;
use super::summary::{Confusion, Row, Summary, ending_name};

const TITLES: [&str; 6] = ["deal", "milestone", "judged by", "ending", "to seller", "to buyer"];

/// One line per milestone. `names` gives deals their titles, in the order in which they were agreed.
pub(super) fn render(
    ledger: &Ledger,
    names: &[(B256, String, Vec<String>)],
    families: &[String],
) -> String {
    let mut rows: Vec<[String; 6]> = Vec::new();
    for (id, title, milestones) in names {
        let Some(deal) = ledger.deals.get(id) else { continue };
        for (index, milestone) in (0_u8..).zip(milestones) {
            let seats = deal.settled.get(&index).map(|settled| settled.seats);
            let judged = seats.map_or_else(|| "nobody".to_owned(), |seats| judges(seats, families));
            let ended = deal.ended.get(&index);
            rows.push([
                title.clone(),
                if milestone == title { "(single)".to_owned() } else { milestone.clone() },
                judged,
                ended.map_or("open", |ended| ending_name(ended.ending)).to_owned(),
                ended.map_or_else(String::new, |ended| usdc(ended.to_seller)),
                ended.map_or_else(String::new, |ended| usdc(ended.to_buyer)),
            ]);
        }
    }
    layout(&rows)
}

/// Five rehearsed seats of five are "5 of 5 (rehearsal)".
fn judges(seats: u16, families: &[String]) -> String {
    let is_counted = |seat: usize| {
        u32::try_from(seat).is_ok_and(|seat| seats.checked_shr(seat).unwrap_or(0) & 1 == 1)
    };
    let mut sources: BTreeMap<Source, usize> = BTreeMap::new();
    for (_, family) in families.iter().enumerate().filter(|(seat, _)| is_counted(*seat)) {
        let count = sources.entry(Source::of_family(family)).or_default();
        *count = count.saturating_add(1);
    }
    let label = match sources.len() {
        1 => sources.keys().map(ToString::to_string).collect(),
        _ => {
            sources.iter().map(|(s, count)| format!("{count} {s}")).collect::<Vec<_>>().join(" + ")
        }
    };
    format!("{} of {} ({label})", seats.count_ones(), families.len())
}

/// An amount as people read it.
pub(super) fn usdc(amount: U256) -> String {
    let base = u128::try_from(amount).ok().and_then(Usdc::new);
    base.map_or_else(|| amount.to_string(), |amount| amount.to_string())
}

fn layout(rows: &[[String; 6]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        let title = TITLES.get(column).map_or(0, |title| title.len());
        cells.max().unwrap_or(0).max(title)
    };
    let widths: Vec<usize> = (0..TITLES.len()).map(width).collect();
    let mut text = String::new();
    let mut put = |cells: &[String]| {
        for ((column, cell), width) in cells.iter().enumerate().zip(&widths) {
            // Amounts stand to the right.
            let padded =
                if column < 4 { format!("{cell:<width$}  ") } else { format!("{cell:>width$}  ") };
            text.push_str(&padded);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    };
    put(&TITLES.map(str::to_owned));
    put(&widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>());
    for row in rows {
        put(row);
    }
    text
}

/// Verdicts against labels.
pub(super) fn confusion(confusion: &Confusion) -> String {
    let row = |name: &str, row: &Row| {
        format!(
            "{name:<22}{:>9}{:>10}{:>14}{:>7}\n",
            row.accepted, row.rejected, row.undetermined, row.other
        )
    };
    let head = format!(
        "{:<22}{:>9}{:>10}{:>14}{:>7}\n",
        "", "accepted", "rejected", "undetermined", "other"
    );
    [
        head,
        row("humans say good", &confusion.label_good),
        row("humans say bad", &confusion.label_bad),
    ]
    .concat()
}

/// The summary in a sentence or two.
pub(super) fn closing(summary: &Summary) -> String {
    let amount = |text: &str| text.parse::<U256>().map_or_else(|_| text.to_owned(), usdc);
    format!(
        "{} deals with {} milestones ({}): {} accepted, {} rejected, {} undetermined, {} silent, {} \
         reclaimed.\n{} in, {} out, {} left in the escrow; the agents own {} wei.",
        summary.deals,
        summary.milestones,
        summary.source,
        summary.accepted,
        summary.rejected,
        summary.undetermined,
        summary.silent,
        summary.reclaimed,
        amount(&summary.usdc_in),
        amount(&summary.usdc_out),
        amount(&summary.usdc_left_in_escrow),
        summary.agents_eth_total,
    )
}

/// What nobody but the parties and the jurors could read.
pub(super) fn private(searched: Searched) -> String {
    format!(
        "Every deal was private: none of {} texts of the sheets lies in the clear in the {} files that \
         the relayer and the jurors keep.",
        searched.texts, searched.files
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_are_counted_and_labelled() {
        let families = ["rehearsal-a", "rehearsal-b", "openai"].map(str::to_owned);
        assert_eq!(judges(0b011, &families), "2 of 3 (rehearsal)");
        assert_eq!(judges(0b111, &families), "3 of 3 (1 live + 2 rehearsal)");
        assert_eq!(judges(0b100, &families), "1 of 3 (live)");
    }

    #[test]
    fn amounts_stand_to_the_right_and_lines_end_without_spaces() {
        let row = ["a deal", "m", "5 of 5 (replay)", "accepted", "1.00 USDC", "10.00 USDC"];
        let text = layout(&[row.map(str::to_owned)]);
        let last = text.lines().last().unwrap();
        assert!(last.ends_with("1.00 USDC  10.00 USDC"), "{last}");
        assert!(text.lines().all(|line| line == line.trim_end()));
    }
}
