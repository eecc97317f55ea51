//! A milestone as a careful buyer would write it: sixteen criteria, four of them programs, four
//! mandatory, and some that need a quote; and a report that meets them all.

use surety_terms::{Bps, Check, Criterion, Expect, Format, Kind};

/// What is judged.
pub(super) const WORK: &[u8] = b"\
# Quarterly report: heat pumps in three markets

## Summary

The report covers three markets in the third quarter: Portugal, Spain and France.
Revenue grew by nine percent over the quarter before, and costs grew by four percent.
Most of the growth is in Portugal; Spain fell back in the second month and recovered in the third.

## Portugal

In Portugal 4,120 heat pumps were sold, which is a larger number than in any quarter before.
Revenue grew because the subsidy for old gas boilers was raised in July.

## Spain

Sales in Spain fell in the second month: the heat wave closed building sites for twelve days.
In the third month they were back at the level of the spring.

## France

Two competitors lowered their prices in France: Alder to 5,900 and Birch to 6,200 dollars a unit.
Next year a regulation changes there: new houses may no longer be heated with gas.

## Outlook

The forecast for the next quarter is a mean of the last eight quarters, weighted by their age.
We recommend to hire further installers in Porto and Lyon, where orders wait longest.

## Method

All figures come from the national registry of installations and from our own survey of dealers.
Amounts in dollars were converted at an exchange rate of 1.09 dollars for a euro.
The person who answers questions about this report is Mara Lind, of the market desk.
";

/// What models answer: id, text, weight, whether it is mandatory, whether it needs a quote.
const ASKED: [(&str, &str, u16, bool, bool); 12] = [
    ("summary", "Summarises revenue and costs of the quarter.", 1_200, true, true),
    ("markets", "Covers the markets of Portugal, Spain and France.", 1_200, true, false),
    ("sources", "Says from which registry and which survey its figures come.", 1_000, true, true),
    ("sold", "States the number of heat pumps that were sold in Portugal.", 800, false, true),
    ("spain", "Explains why sales in Spain fell in the second month.", 700, false, true),
    ("prices", "Compares the prices of competitors in France.", 600, false, true),
    ("rate", "Gives the exchange rate at which dollars were converted.", 600, false, true),
    ("forecast", "Describes how the forecast for the next quarter was made.", 500, false, false),
    ("regulation", "Says which regulation changes in France next year.", 500, false, true),
    ("hiring", "Recommends in which cities to hire further installers.", 500, false, false),
    ("contact", "Names the person who answers questions about it.", 400, false, false),
    ("scope", "Mentions \"three markets\" in its summary.", 400, false, true),
];

/// The sixteen.
pub(super) fn criteria() -> Vec<Criterion> {
    let found = |pattern: &str, expect| Check::Regex { pattern: pattern.to_owned(), expect };
    let title = found("^# Quarterly report", Expect::Match);
    let script = found("(?i)<script|javascript:", Expect::NoMatch);
    let size = Check::Size { least_bytes: 500, most_bytes: 20_000 };
    let checks = [
        ("titled", "Its title says that it is a quarterly report.", true, title),
        ("size", "Has between 500 and 20,000 bytes.", false, size),
        ("text", "Is text.", false, Check::Format { format: Format::Text }),
        ("plain", "Holds no script.", false, script),
    ];
    let checked = checks.into_iter().map(|(id, text, mandatory, check)| Criterion {
        id: id.to_owned(),
        text: text.to_owned(),
        weight_bps: Bps::new(400),
        mandatory,
        evidence_required: false,
        kind: Kind::Check(check),
    });
    let asked = ASKED.into_iter().map(|(id, text, weight_bps, mandatory, quoted)| Criterion {
        id: id.to_owned(),
        text: text.to_owned(),
        weight_bps: Bps::new(weight_bps),
        mandatory,
        evidence_required: quoted,
        kind: Kind::Llm,
    });
    checked.chain(asked).collect()
}
