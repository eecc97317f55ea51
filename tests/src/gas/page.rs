//! docs/gas.md: where the gas goes of the operations that have an aim.

use alloy::primitives::Address;

use super::{Cost, Costs};
use crate::Contracts;
use crate::meter::Kind;

/// Operations with an aim in the protocol's cost table, for a plain token, plus what TestUSDC's
/// transfers cost more than that: 2,000 gas each.
const AIMS: [(&str, &str, u64); 7] = [
    ("open", "open", 111_000),
    ("open_bonded", "open with a bond", 146_000),
    ("settle_transfer", "settle: five ballots, a transfer, both facts", 107_000),
    ("life_one_milestone", "a deal of one milestone, opened and settled", 216_000),
    ("batch50_transfer_per_verdict", "a batch of 50, per verdict, to 16 sellers", 24_000),
    ("batch50_netted_per_verdict", "a batch of 50, per verdict, netted to one seller", 22_000),
    ("batch50_credit_per_verdict", "a batch of 50, per verdict, as credit to 16 sellers", 20_000),
];

/// Operations without fees, the same with them, and what is paid.
const FEES: [(&str, &str, &str); 10] = [
    ("open", "open_fees", "open: `openFee`"),
    ("settle_transfer", "settle_fees", "settle: five seats' pots, the submitter, a marketplace"),
    (
        "batch50_netted_per_verdict",
        "batch50_netted_fees_per_verdict",
        "the same in a batch of 50, per verdict, netted to one seller",
    ),
    ("finalize", "finalize_fees", "finalize: the same, which was owed since the verdict"),
    ("settle_round_2", "settle_round_2_fees", "settle in round 2: the same for both rounds"),
    ("accept", "accept_fee", "accept: the act's fee, by authorization"),
    ("deliver", "deliver_fee", "deliver: the act's fee, by authorization"),
    ("agree", "agree_fee", "agree: the act's fee, out of the seller's part"),
    ("reclaim", "reclaim_fee", "reclaim: the act's fee, out of the refund"),
    ("appeal", "appeal_fee", "appeal: the act's fee, pulled with the bond"),
];

const PACTS: [(&str, &str); 8] = [
    ("pact_open", "open"),
    ("pact_draw", "draw"),
    ("pact_fix_seed", "fixSeed"),
    ("pact_present_first", "present, the period's first record"),
    ("pact_present", "present, another"),
    ("pact_settle", "settle: five ballots, rejected, two records"),
    ("pact_collect", "collect"),
    ("pact_close", "close"),
];

const KINDS: [(Kind, &str); 10] = [
    (Kind::Write, "`SSTORE`"),
    (Kind::Read, "`SLOAD`"),
    (Kind::Log, "`LOG`"),
    (Kind::Touch, "`CALL`, `EXTCODE…`: accounts"),
    (Kind::Hash, "`KECCAK256`"),
    (Kind::Memory, "`MLOAD`, `MSTORE`, copies"),
    (Kind::Jump, "`JUMP`, `JUMPI`, `JUMPDEST`"),
    (Kind::Stack, "`PUSH`, `DUP`, `SWAP`, `POP`"),
    (Kind::Compute, "everything else"),
    (Kind::Precompile, "`ecrecover`"),
];

const INTRODUCTION: &str = "\
# Where the gas goes

Whole transactions against TestUSDC in the states that `tests/src/gas` describes, by contract and
instruction. `cargo x gas` writes this page and `cargo x gas --check` compares it. What the dear
parts buy, and why the aims are missed, is in [ADR 6](adr/0006-gas.md).

| Operation | Gas | Aim | Calldata bytes |
|---|--:|--:|--:|
";

const WITH_FEES: &str = "
## What fees add

A dollar for each fee that the terms know, one per cent for a marketplace; a dollar for whoever
submits an act. Who gets it has been paid before.

| Operation and what is paid | Without | With | Calldata bytes |
|---|--:|--:|--:|
";

const OF_PACTS: &str = "
## Pacts

A registry that has judged the agent before; everybody whom it pays holds something.

| Operation | Gas | Calldata bytes |
|---|--:|--:|
";

/// The page.
pub(super) fn write(costs: &Costs, contracts: &Contracts) -> String {
    let mut page = INTRODUCTION.to_owned();
    let measured = || AIMS.iter().filter_map(|aim| costs.get(aim.0).map(|cost| (aim, cost)));
    for ((_, title, aim), cost) in measured() {
        line(
            &mut page,
            &[title, &thousands(cost.gas), &thousands(*aim), &thousands(cost.calldata)],
        );
    }
    page.push_str(WITH_FEES);
    for (without, with, title) in FEES {
        if let (Some(without), Some(with)) = (costs.get(without), costs.get(with)) {
            let gas = [without, with].map(|cost| thousands(cost.gas));
            line(&mut page, &[title, &gas[0], &gas[1], &thousands(with.calldata)]);
        }
    }
    page.push_str(OF_PACTS);
    for (cost, title) in PACTS.iter().filter_map(|(name, title)| Some((costs.get(*name)?, title))) {
        line(&mut page, &[title, &thousands(cost.gas), &thousands(cost.calldata)]);
    }
    for ((_, title, _), cost) in measured() {
        table(&mut page, title, cost, contracts);
    }
    page
}

/// One operation: a row for each kind of instruction, a column for each contract.
fn table(page: &mut String, title: &str, cost: &Cost, contracts: &Contracts) {
    let places = [contracts.escrow, contracts.jury, contracts.registry, contracts.token];
    page.push_str("\n## ");
    page.push_str(&capital(title));
    page.push_str("\n\n");
    page.push_str("| | Escrow | Jury | Registry | Token | Precompiles | Sum |\n");
    page.push_str("|---|--:|--:|--:|--:|--:|--:|\n");
    let mut sums = [0; 6];
    for (kind, name) in KINDS {
        let mut row = [0; 6];
        for ((place, _), gas) in cost.spent.iter().filter(|((_, at), _)| *at == kind) {
            let column = column(&places, *place);
            if let Some(cell) = row.get_mut(column) {
                *cell += gas;
            }
        }
        row[5] = row.iter().sum();
        sums.iter_mut().zip(row).for_each(|(sum, gas)| *sum += gas);
        if row[5] != 0 {
            cells(page, name, &row);
        }
    }
    let intrinsic = cost.gas.saturating_sub(sums[5]);
    cells(page, "the transaction, its calldata, less refunds", &[0, 0, 0, 0, 0, intrinsic]);
    sums[5] = cost.gas;
    cells(page, "**sum**", &sums);
}

/// The column of a contract; what is none of ours is a precompile.
fn column(places: &[Address; 4], place: Address) -> usize {
    places.iter().position(|known| *known == place).unwrap_or(4)
}

fn cells(page: &mut String, name: &str, row: &[u64; 6]) {
    let cells = row.map(|gas| if gas == 0 { String::new() } else { thousands(gas) });
    let mut all = vec![name];
    all.extend(cells.iter().map(String::as_str));
    line(page, &all);
}

fn line(page: &mut String, cells: &[&str]) {
    page.push_str("| ");
    page.push_str(&cells.join(" | "));
    page.push_str(" |\n");
}

fn capital(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn thousands(number: u64) -> String {
    let (high, low) = (number / 1000, number % 1000);
    if high == 0 { low.to_string() } else { format!("{},{low:03}", thousands(high)) }
}
