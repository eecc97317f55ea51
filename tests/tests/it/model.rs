//! Random histories on the model and on the contracts.

mod pacts;
mod stakes;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use surety_tests::model::history::{self, Counts};

/// Histories of an ordinary run.
const HISTORIES: u64 = 200;
const SEED: u64 = 20_261_123;

const OPERATIONS: [&str; 22] = [
    "accept",
    "advance",
    "agree",
    "appeal",
    "approve",
    "blacklist",
    "claimFees",
    "concede",
    "deliver",
    "donate",
    "escalate",
    "expire",
    "finalize",
    "multicall",
    "open",
    "pause",
    "reclaim",
    "revoke",
    "settle",
    "settleBatch",
    "unBlacklist",
    "withdraw",
];
const ROWS: [&str; 34] = [
    "1 open",
    "2 revoke",
    "3 deliver",
    "4 accepted",
    "5 rejected",
    "6 judged",
    "7 undetermined, on to round 2",
    "8 undetermined",
    "9 reclaim",
    "10 escalate",
    "11 expire",
    "12 appeal",
    "13 finalize",
    "14 decided, nothing stands",
    "14 overturned",
    "14 upheld",
    "15 undetermined, a verdict stands",
    "15 undetermined, nothing stands",
    "16 expire, a verdict stands",
    "16 expire, nothing stands",
    "17 accept",
    "17 accept, appealed",
    "18 concede",
    "18 concede, appealed",
    "19 agree",
    "19 agree, appealed",
    "20 cascade",
    "21 ended, skipped",
    "skipped",
    "fee from the payout",
    "fee from credit",
    "fee by authorization",
    "refused, hence credited",
    "seats credited",
];
const ERRORS: [&str; 27] = [
    "AuthorizationMalformed",
    "ConsentExpired",
    "CreditEmpty",
    "DeadlinePassed",
    "DealExists",
    "DealIsRevoked",
    "DeliverableMismatch",
    "Error",
    "FeeUncovered",
    "FeesEmpty",
    "MilestoneAlreadyEnded",
    "MilestoneUnknown",
    "NoVerdict",
    "NotAParty",
    "NotPending",
    "OutOfOrder",
    "PanelMissing",
    "PartyIsJuror",
    "RequestCount",
    "RouteUnknown",
    "SignatureInvalid",
    "SplitTooLarge",
    "StateMismatch",
    "StatusMismatch",
    "TooEarly",
    "TotalMismatch",
    "TransferRefused",
];
const ENDINGS: [&str; 8] = [
    "Accepted",
    "Rejected",
    "Conceded",
    "Reclaimed",
    "Undetermined",
    "Silent",
    "Agreed",
    "Cancelled",
];

#[test]
fn random_histories_end_alike_in_the_model_and_in_the_contracts() {
    let setting =
        |name: &str| std::env::var_os(name).map(|value| value.to_str().unwrap().parse().unwrap());
    let seed: u64 = setting("SURETY_MODEL_SEED").unwrap_or(SEED);
    let most = setting("SURETY_MODEL_HISTORIES");
    let within = setting("SURETY_MODEL_SECONDS").map(Duration::from_secs);
    let most = most.unwrap_or(if within.is_some() { u64::MAX } else { HISTORIES });
    let begin = Instant::now();
    let mut all = Counts::default();
    for seed in (seed..).take(usize::try_from(most).unwrap()) {
        if within.is_some_and(|within| begin.elapsed() > within) {
            break;
        }
        match history::random(seed) {
            Ok(counts) => add(&mut all, counts),
            Err(failure) => panic!("{}", history::show(&failure)),
        }
    }
    let secs = begin.elapsed().as_secs_f64();
    let rate = f64::from(u32::try_from(all.histories).unwrap()) / secs;
    let (done, refused) = (sum_of(&all.done), sum_of(&all.refused));
    // `cargo x` looks for this line.
    println!(
        "model: escrow: {} histories from seed {seed}, {done} successful and {refused} refused \
         calls in {secs:.1} s, {rate:.1} histories a second",
        all.histories
    );
    println!("successful calls: {:?}", all.done);
    println!("refused calls: {:?}", all.refused);
    println!("rows: {:?}", all.rows);
    println!("milestones by ending: {:?}", all.endings);
    if all.histories >= HISTORIES {
        require_coverage(&all);
    }
}

/// Every operation a few times for every ten histories, and every row, error and ending.
fn require_coverage(all: &Counts) {
    for (what, needed, got) in [
        ("operation", &OPERATIONS[..], &all.done),
        ("row", &ROWS, &all.rows),
        ("error", &ERRORS, &all.refused),
        ("ending", &ENDINGS, &all.endings),
    ] {
        let least = if what == "operation" { all.histories / 10 } else { 1 };
        for name in needed {
            let count = got.get(name).copied().unwrap_or(0);
            assert!(count >= least, "{what} {name:?} occurred {count} times, not {least}");
        }
    }
    let (done, refused) = (sum_of(&all.done), sum_of(&all.refused));
    assert!(done > refused, "{done} calls succeeded and {refused} were refused");
}

fn sum_of(counts: &BTreeMap<&'static str, u64>) -> u64 {
    counts.values().sum()
}

fn add(all: &mut Counts, more: Counts) {
    all.histories += more.histories;
    sum(&mut all.done, more.done);
    sum(&mut all.refused, more.refused);
    sum(&mut all.rows, more.rows);
    sum(&mut all.endings, more.endings);
}

fn sum<K: Ord>(all: &mut BTreeMap<K, u64>, more: BTreeMap<K, u64>) {
    for (key, count) in more {
        *all.entry(key).or_default() += count;
    }
}
