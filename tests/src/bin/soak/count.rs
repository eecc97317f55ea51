//! The final count: what was opened, what the chain says of it, and what the relayer says.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use reqwest::Client;
use serde_json::{Value, json};
use surety_orders::Client as Operator;
use tokio::process::Command;

use super::cast::{self, Cast};
use super::chain::{Chain, Ledger, Told};
use super::deals::Work;
use super::load::Book;
use super::sample::Numbers;

/// Blocks after the last event until it is final for every reader.
const DEEP: u64 = 4;
/// How long the relayer may take to read them, and to have nothing left to do.
const PATIENCE: Duration = Duration::from_mins(2);
const LOOK: Duration = Duration::from_secs(1);
/// What of a list of problems is said.
const SHOWN: usize = 5;

/// What the audit of the relayer's store said.
pub(super) type Audit = Value;

/// Compares the chain with what was opened.
pub(super) fn compare(book: &Book, ledger: &Ledger) -> Vec<String> {
    let mut wrong = Vec::new();
    for ((deal, milestone), work) in &book.milestones {
        let told = ledger.milestones.get(&(*deal, *milestone)).cloned().unwrap_or_default();
        if let Some(problem) = differs(*work, &told) {
            wrong.push(format!("deal {deal}, milestone {milestone}: {problem}"));
        }
    }
    let strange = ledger.milestones.keys().filter(|place| !book.milestones.contains_key(*place));
    wrong.extend(strange.map(|(deal, _)| format!("deal {deal} was not opened by the load")));
    if ledger.opened != book.deals {
        wrong.push(format!("{} deals are on the chain, {} were made", ledger.opened, book.deals));
    }
    shorten(wrong)
}

fn differs(work: Work, told: &Told) -> Option<String> {
    let verdicts = u64::from(work != Work::Nothing);
    if told.settled != verdicts {
        return Some(format!("{} verdicts were applied instead of {verdicts}", told.settled));
    }
    let due = work.ending();
    let ends_well = matches!(told.endings.as_slice(), [ending] if *ending == due);
    (!ends_well).then(|| format!("it ended as {:?} instead of once as {due}", told.endings))
}

fn shorten(mut problems: Vec<String>) -> Vec<String> {
    let count = problems.len();
    if count > SHOWN {
        problems.truncate(SHOWN);
        problems.push(format!("and {} more of the kind", count - SHOWN));
    }
    problems
}

/// Stops the chain once everything on it is final, and waits until the relayer has read it and has nothing
/// left to do; then says what of its numbers is wrong.
pub(super) async fn relayer(
    chain: &Chain,
    cast: &Cast,
    (book, ledger): (&Book, &Ledger),
) -> anyhow::Result<(Numbers, Vec<String>)> {
    let http = Client::builder().pool_max_idle_per_host(0).build()?;
    while chain.head().await? < ledger.last + DEEP {
        tokio::time::sleep(LOOK).await;
    }
    // An audit sees a range of blocks only when the relayer had followed all of it.
    chain.stop().await?;
    let (since, goal) = (Instant::now(), as_number(chain.head().await?));
    let operator = Operator::of_store(&cast.relayer_store())?;
    let (numbers, key) = loop {
        let numbers = Numbers::ask(&http, &cast.relayer_url).await?;
        let keys = operator.keys().await?;
        let key = keys.get(0).context("a relayer without a key")?.clone();
        let has_work = numbers.open() > 0.5 || numbers.acts_due > 0.5 || !is_idle(&key);
        if (numbers.head_block >= goal && !has_work) || since.elapsed() > PATIENCE {
            break (numbers, key);
        }
        tokio::time::sleep(LOOK).await;
    };
    let mut problems = wrong(&numbers, goal, judged(book));
    if !is_idle(&key) {
        problems.push(format!("the key has work left or gaps: {key}"));
    }
    let relayed = chain.relayed().await?;
    if key["nonce"] != json!(relayed) {
        problems.push(format!("the key's next nonce is {}, on the chain {relayed}", key["nonce"]));
    }
    Ok((numbers, problems))
}

/// Milestones that came to a verdict.
pub(super) fn judged(book: &Book) -> u64 {
    book.milestones.values().map(|work| u64::from(*work != Work::Nothing)).sum()
}

fn wrong(numbers: &Numbers, goal: f64, judged: u64) -> Vec<String> {
    let cases = &numbers.cases;
    let state = |name: &str| cases.get(name).copied().unwrap_or_default();
    let rules = [
        ((state("final") - as_number(judged)).abs() < 0.5, "not every case is final"),
        (numbers.open() < 0.5, "cases are open"),
        (state("given-up") < 0.5 && numbers.give_ups < 0.5, "cases were given up"),
        (numbers.equivocations < 0.5, "jurors equivocated"),
        (numbers.acts_due < 0.5, "timed acts are due"),
        (numbers.nonce_gap < 0.5, "nonces have a gap"),
        (numbers.audit_findings < 0.5, "an audit of the running relayer found something"),
        (numbers.head_block >= goal, "the relayer is behind the chain"),
    ];
    let broken = rules.into_iter().filter(|(holds, _)| !holds);
    broken.map(|(_, what)| format!("{what}; {judged} cases: {numbers:?}")).collect()
}

fn is_idle(key: &Value) -> bool {
    let none = json!([]);
    key["queued"] == json!(0) && key["waiting"] == none && key["gaps"] == none
}

/// `surety relayer audit` on the store of the relayer, which must not run. It has to find nothing, and
/// to have seen everything.
pub(super) async fn audit(
    cast: &Cast,
    book: &Book,
    ledger: &Ledger,
) -> anyhow::Result<(Audit, Vec<String>)> {
    let mut command = Command::new(cast::binary()?);
    command.args(["--json", "relayer", "audit", "--config"]).arg(cast.relayer_config());
    let output = command.kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    // No document is found to be no clean one.
    let audit: Audit =
        serde_json::from_str(said.lines().next().unwrap_or_default()).unwrap_or_default();
    let mut problems = unclean(&audit, book.deals, ledger.last);
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors.lines().last().unwrap_or_default();
        problems.push(format!("the audit failed ({}): {last}", output.status));
    }
    Ok((audit, problems))
}

fn unclean(audit: &Audit, deals: u64, last: u64) -> Vec<String> {
    let count = |name: &str| audit[name].as_u64();
    let mut problems = Vec::new();
    for name in ["missing", "extra", "remade"] {
        if count(name) != Some(0) {
            problems.push(format!("the audit found {name}: {}", audit[name]));
        }
    }
    if audit["contradictions"] != json!([]) {
        problems.push(format!("the audit found contradictions: {}", audit["contradictions"]));
    }
    if count("deals") != Some(deals) {
        problems.push(format!("the audit compared {} of {deals} deals", audit["deals"]));
    }
    if count("until").is_none_or(|until| until < last) {
        problems.push(format!("the audit ended at block {} of {last}", audit["until"]));
    }
    problems
}

/// For what is compared with metrics, and for rates.
pub(super) fn as_number(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use alloy::primitives::B256;

    use super::*;

    fn told(settled: u64, endings: &[u8]) -> Told {
        Told { settled, endings: endings.to_vec() }
    }

    #[test]
    fn a_milestone_ends_once_and_as_it_has_to() {
        assert_eq!(differs(Work::Survey, &told(1, &[1])), None);
        assert_eq!(differs(Work::Nothing, &told(0, &[4])), None);
        for (work, told) in [
            (Work::Survey, told(1, &[2])),
            (Work::Survey, told(1, &[])),
            (Work::Survey, told(2, &[1])),
            (Work::Excuse, told(1, &[2, 2])),
            (Work::Nothing, told(1, &[4])),
        ] {
            assert!(differs(work, &told).is_some(), "{work:?} {told:?}");
        }
    }

    #[test]
    fn what_is_missing_on_the_chain_is_found() {
        let milestones = BTreeMap::from([((B256::ZERO, 0), Work::Notes)]);
        let book = Book { milestones, deals: 1, ..Book::default() };
        let found = compare(&book, &Ledger::default());
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn only_an_audit_that_saw_everything_and_found_nothing_is_clean() {
        let clean = json!({
            "until": 90, "blocks": 90, "deals": 7, "missing": 0, "extra": 0, "remade": 0,
            "contradictions": [],
        });
        assert_eq!(unclean(&clean, 7, 88), Vec::<String>::new());
        assert_eq!(unclean(&clean, 8, 91).len(), 2);
        for name in ["missing", "extra", "remade"] {
            let mut found = clean.clone();
            found[name] = json!(1);
            assert_eq!(unclean(&found, 7, 88).len(), 1, "{name}");
        }
        assert_eq!(unclean(&Value::Null, 7, 88).len(), 6);
    }
}
