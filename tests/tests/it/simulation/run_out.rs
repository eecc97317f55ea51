//! What follows once everything is handed in and nothing is cut any more: panels decide what they owe,
//! losers appeal, and time ends the rest.

use std::time::Duration;

use alloy::primitives::Address;
use surety_relayer::wire::CaseView;
use surety_tests::actors;
use tokio::time::{sleep, timeout};

use super::chain::{self, standings};
use super::plan::{AWAKE_HOURS, Appeals};
use super::{DAY, Life, PATIENCE};
use crate::relayer::court::eventually;

/// How long a panel that owes nothing may still say something.
const UNOWED: Duration = Duration::from_millis(300);
/// The chain's time between two looks of a relayer at what time allows, and ours.
const LOOK: (Duration, Duration) = (Duration::from_mins(1), Duration::from_millis(100));

/// A round whose panel has time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    milestone: u8,
    round: u8,
    until: u64,
}

impl Life {
    /// To the end of every milestone and every case.
    pub(super) async fn run_out(&self) {
        self.pass(self.opened + AWAKE_HOURS * 3_600);
        // A panel that is silent, what is escalated, and silence again: no life has more turns.
        for _ in 0..6 {
            self.deliberate().await;
            if self.appeal().await {
                self.deliberate().await;
            }
            self.end_by_time().await;
            if self.is_over().await {
                break;
            }
            // What was escalated meanwhile is owed before time goes on.
            if self.owed(&self.open().await).is_empty() {
                self.court.node.advance(DAY * 4);
                self.end_by_time().await;
            }
        }
        let what = self.what("every milestone and every case is over");
        eventually(&what, || async { self.is_over().await && self.are_cases_over().await }).await;
    }

    fn what(&self, what: &str) -> String {
        format!("seed {}: {what}: {:?}", self.plan.seed, self.plan)
    }

    /// Moves the clock to a moment, unless that has passed.
    fn pass(&self, moment: u64) {
        let left = moment.saturating_sub(self.court.node.now());
        if left > 0 {
            self.court.node.advance(Duration::from_secs(left));
        }
    }

    async fn open(&self) -> Vec<Open> {
        let now = self.court.node.now();
        let standings = standings(&self.court).await;
        let open = (0_u8..).zip(&standings).filter_map(|(milestone, standing)| {
            let (round, until) = (standing.round()?, standing.until(&self.court));
            Some(Open { milestone, round, until })
        });
        open.filter(|open| now < open.until).collect()
    }

    fn owed(&self, open: &[Open]) -> Vec<Open> {
        open.iter().copied().filter(|open| self.plan.decides(open.round)).collect()
    }

    /// Waits for every verdict that a panel owes. Ballots are shown when half of a panel's time is over,
    /// and a seat counts that has committed by then.
    async fn deliberate(&self) {
        loop {
            let open = self.open().await;
            let owed = self.owed(&open);
            if owed.is_empty() && !open.is_empty() {
                sleep(UNOWED).await;
            }
            eventually(&self.what("the commitments"), || self.have_committed(&owed)).await;
            let first = owed.iter().map(|open| open.until).min().unwrap_or(u64::MAX);
            let halves = open.iter().map(|open| open.until - self.court.sheet.judge_within / 2);
            if let Some(half) = halves.filter(|half| half + 1 < first).max() {
                self.pass(half + 1);
            }
            eventually(&self.what("the panels decide"), || async {
                self.open().await.iter().all(|open| !owed.contains(open))
            })
            .await;
            if owed.is_empty() {
                if !open.is_empty() {
                    sleep(UNOWED).await;
                }
                // What was left undetermined meanwhile is owed by the appeal panel.
                if self.owed(&self.open().await).is_empty() {
                    return;
                }
            }
        }
    }

    /// Whether every relayer that works on these cases knows the commitments of all seats that vote,
    /// and one of them works on each.
    async fn have_committed(&self, owed: &[Open]) -> bool {
        let open = self.open().await;
        for case in owed.iter().filter(|case| open.contains(case)) {
            if !self.has_committed(case).await {
                return false;
            }
        }
        true
    }

    async fn has_committed(&self, case: &Open) -> bool {
        let jurors = self.plan.proper(case.round).map(|i| actors::juror(i).address());
        let jurors: Vec<Address> = jurors.collect();
        let mut working = 0;
        for who in 0..self.relayers.len() {
            let Some(view) = self.case(who, (case.milestone, case.round)).await else { continue };
            let has = |juror: &Address| view.commitments.iter().any(|it| it.juror == *juror);
            if !view.state.is_over() && !jurors.iter().all(has) {
                return false;
            }
            working += 1;
        }
        working > 0
    }

    /// What a relayer knows of a case, if anything.
    async fn case(&self, who: usize, (milestone, round): (u8, u8)) -> Option<CaseView> {
        let id = chain::case_id(&self.court, milestone, round);
        let path = format!("cases/{id}");
        let (status, body) = self.court.get(self.relayers[who].handle(), &path).await;
        status.is_success().then(|| serde_json::from_value(body).unwrap())
    }

    /// Losers appeal, where they do. Says whether there was one.
    async fn appeal(&self) -> bool {
        let mut is_appealed = false;
        if self.plan.appeals == Appeals::Made {
            for (milestone, standing) in (0_u8..).zip(&standings(&self.court).await) {
                let in_time = self.court.node.now() < standing.until(&self.court);
                if let Some(state) = standing.judged().filter(|_| in_time) {
                    self.court.send(chain::appeal(&self.court, milestone, state)).await;
                    is_appealed = true;
                }
            }
        }
        is_appealed
    }

    /// What time allows is done: by relayers, or by a stranger.
    async fn end_by_time(&self) {
        let (court, terms) = (&self.court, self.court.sheet.terms());
        let has_appeal_panel = !self.plan.panels[1].is_empty();
        let done = timeout(PATIENCE, async {
            loop {
                let standings = standings(court).await;
                let now = court.node.now();
                let due = (0_u8..)
                    .zip(&standings)
                    .find(|(_, standing)| !standing.is_over() && standing.until(court) <= now);
                let Some((milestone, standing)) = due else { return };
                if self.plan.performs {
                    court.node.advance(LOOK.0);
                    sleep(LOOK.1).await;
                } else {
                    let act = standing.act(has_appeal_panel);
                    let state = standing.state.clone();
                    let call = act.calldata(terms.clone(), milestone, state, Vec::new());
                    chain::try_send(court, call).await;
                }
            }
        });
        assert!(done.await.is_ok(), "{}", self.what("time ends it"));
    }

    async fn is_over(&self) -> bool {
        standings(&self.court).await.iter().all(chain::Standing::is_over)
    }

    /// Whether every relayer is done with what it took, and with what it made of that.
    async fn are_cases_over(&self) -> bool {
        for who in 0..self.relayers.len() {
            for (milestone, part) in (0_u8..).zip(&self.plan.parts) {
                for round in [1, 2] {
                    let is_done = match self.case(who, (milestone, round)).await {
                        Some(view) => view.state.is_over(),
                        None => round == 2 || !self.has_taken(who, milestone, part.pin),
                    };
                    if !is_done {
                        return false;
                    }
                }
            }
        }
        true
    }
}
