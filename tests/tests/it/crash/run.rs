//! One deal whose relayer dies where it is told to, and lives again until the deal is over.

use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use alloy::primitives::{B256, Bytes, U256, keccak256};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use surety_bindings::jury::Case;
use surety_orders::{Client, Order, OrdersError};
use surety_relayer::wire::{ActRequest, CaseState};
use surety_terms::{MilestoneSheet, TermSheet, Usdc, digest};
use surety_tests::{actors, sign, usd};

use super::place::{Life, Money, Place, salt, work};
use super::scene::{End, Scene, Step};
use crate::relayer::jurors::Habit;

/// The longest that one life may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a step is tried.
const LOOK: Duration = Duration::from_millis(10);
/// More than a deal has for its delivery and its verdict.
const DAYS_SECS: u64 = 2 * 86_400 + 600;
/// The seat of the juror that may withhold its ballot.
const WITHHOLDS: usize = 3;

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// At its point.
    Killed,
    /// It went through all steps.
    Alive,
}

/// What must hold at a point: that it is reached, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Surely,
    Perhaps,
}

/// What a run showed of what must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Harm {
    /// A verdict or a transaction is missing.
    pub(super) lost: bool,
    /// There is one too many, or somebody was paid otherwise than once.
    pub(super) double: bool,
    /// What was counted.
    pub(super) found: String,
}

pub(super) struct Run<'a> {
    pub(super) place: &'a Place,
    scene: &'static Scene,
    pub(super) sheet: TermSheet,
    pub(super) work: Bytes,
    /// What somebody pays for, once it is signed.
    pub(super) asked: Option<ActRequest>,
    before: Money,
    sent_before: u64,
    snapshot: Value,
    /// The step that is next.
    at: usize,
}

impl<'a> Run<'a> {
    /// A deal of its own, with the deadlines of now; it is open unless the scene opens it.
    pub(super) async fn new(place: &'a Place, scene: &'static Scene, number: u64) -> Result<Self> {
        let sheet = sheet(place, scene, number, place.now().await?);
        let (work, asked, snapshot) = (work(number), None, Value::Null);
        let (before, sent_before) = (place.money().await?, place.relayed().await?);
        let run = Self { place, scene, sheet, work, asked, before, sent_before, snapshot, at: 0 };
        place.set_automine(true).await?;
        place.everyone(Habit::Votes(0b11, 0));
        if !scene.opens() {
            let (deployer, escrow) = (actors::deployer().address(), place.contracts.escrow);
            place.send(deployer, escrow, run.opening()).await?;
        }
        Ok(run)
    }

    /// One life of the relayer, armed with a point.
    pub(super) async fn die(&mut self, point: &str, reached: Reached) -> Result<Ended> {
        let mut life = Life::start(self.place, self.scene.set, Some(point))?;
        let since = Instant::now();
        let ended = self.live(&mut life, since).await?;
        if ended == Ended::Alive && reached == Reached::Surely {
            while !Self::is_dead(&mut life)? {
                ensure!(
                    since.elapsed() < PATIENCE,
                    "the point is not reached; was only a part of the workspace built?"
                );
                tokio::time::sleep(LOOK).await;
            }
            return Ok(Ended::Killed);
        }
        if ended == Ended::Alive {
            life.kill().await?;
        }
        Ok(ended)
    }

    /// The scene's own death, and what happens before anybody starts the relayer again.
    pub(super) async fn die_first(&mut self) -> Result<Ended> {
        let Some(point) = self.scene.first else { return Ok(Ended::Alive) };
        let ended = self.die(point, Reached::Surely).await?;
        let dies = self.scene.steps.iter().position(|step| *step == Step::Dies);
        self.at = dies.context("a scene with a death of its own")? + 1;
        while self.step() == Some(Step::Accept) {
            ensure!(self.attempt(Step::Accept).await?);
            self.at += 1;
        }
        Ok(ended)
    }

    /// The last life, unarmed, until the deal is over; then everything is counted.
    pub(super) async fn survive(&mut self) -> Result<Harm> {
        let mut life = Life::start(self.place, self.scene.set, None)?;
        let since = Instant::now();
        self.live(&mut life, since).await?;
        while !self.is_over().await.unwrap_or(false) {
            ensure!(since.elapsed() < PATIENCE, "the deal does not end as {:?}", self.scene.end);
            tokio::time::sleep(LOOK).await;
        }
        let harm = self.harm().await?;
        life.kill().await?;
        if self.scene.end == End::GivenUp {
            // Else the next relayer that does what time allows would do it, in another run.
            self.take_back().await?;
        }
        Ok(harm)
    }

    fn step(&self) -> Option<Step> {
        self.scene.steps.get(self.at).copied()
    }

    /// Goes through the steps until the relayer is dead or there are no more.
    async fn live(&mut self, life: &mut Life, since: Instant) -> Result<Ended> {
        let mut trouble = String::new();
        while let Some(step) = self.step() {
            if Self::is_dead(life)? {
                return Ok(Ended::Killed);
            }
            ensure!(since.elapsed() < PATIENCE, "{step:?} does not come to its end {trouble}");
            match self.attempt(step).await {
                Ok(true) => self.at += 1,
                Ok(false) => tokio::time::sleep(LOOK).await,
                Err(error) => {
                    trouble = format!("({error:#})");
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
        Ok(Ended::Alive)
    }

    /// Whether the relayer is dead; an end of its own making is an error.
    fn is_dead(life: &mut Life) -> Result<bool> {
        let Some(status) = life.ended()? else { return Ok(false) };
        ensure!(status.signal() == Some(9), "the relayer ended by itself ({status})");
        Ok(true)
    }

    /// Does a step, or looks whether what it waits for is there. True when the next one is due.
    async fn attempt(&mut self, step: Step) -> Result<bool> {
        let place = self.place;
        match step {
            Step::Open => return self.open().await,
            Step::Deliver => return self.deliver().await,
            Step::Pin => self.pin().await?,
            Step::Reaches(state) => return self.are(1, |one| one == state.as_str()).await,
            Step::Again(state) => return self.are(2, |one| one == state.as_str()).await,
            Step::Idle => return self.is_idle().await,
            Step::Mute => place.everyone(Habit::Silent),
            Step::Split => place.jurors[..2].iter().for_each(|it| it.set(Habit::Votes(0, 0b11))),
            Step::Withhold => place.jurors[WITHHOLDS].set(Habit::Withholds),
            Step::Silence => return self.is_silence_on_record().await,
            Step::Days => place.pass(DAYS_SECS).await?,
            Step::Ask => return self.ask().await,
            Step::Noted => return self.is_noted().await,
            Step::Costs(wei) => place.set_base_fee(wei).await?,
            Step::Hold => place.set_automine(false).await?,
            Step::Waits => return place.is_pending().await,
            Step::Gives(order) => self.give(order).await?,
            Step::IsReplaced => {
                let dossier = self.dossier().await?;
                let attempts = dossier["sending"]["attempts"].as_array();
                return Ok(attempts.is_some_and(|attempts| attempts.len() > 1));
            }
            Step::Release => place.release().await?,
            Step::Snapshot => self.snapshot = place.rpc("evm_snapshot", json!([])).await?,
            Step::Revert => place.revert(&self.snapshot).await?,
            Step::Ended => return Ok(place.ends(self.sheet.deal_id()).await? > 0),
            Step::Stranger => self.stranger().await?,
            Step::Retry => return self.retry().await,
            Step::Dies => return Ok(false),
            Step::Accept => self.accept().await?,
        }
        Ok(true)
    }

    // ---- the operator

    fn operator(&self) -> Result<Client> {
        Ok(Client::of_store(&self.place.store())?)
    }

    async fn dossier(&self) -> Result<Value> {
        Ok(self.operator()?.case(self.case(0, 1)).await?)
    }

    async fn give(&self, order: Order) -> Result<()> {
        let (dossier, operator) = (self.dossier().await?, self.operator()?);
        let id = serde_json::from_value(dossier["sending"]["id"].clone())?;
        operator.order(id, order).await?;
        Ok(())
    }

    /// A refusal says that the case is not given up yet, or again.
    async fn retry(&self) -> Result<bool> {
        match self.operator()?.retry(self.case(0, 1)).await {
            Ok(_) => Ok(true),
            Err(OrdersError::Refused(_)) => Ok(false),
            Err(error @ (OrdersError::Nobody { .. } | OrdersError::Stranger { .. })) => {
                Err(error.into())
            }
        }
    }

    /// Nothing is queued, nothing waits for a block, and no nonce is left out.
    async fn is_idle(&self) -> Result<bool> {
        let keys = self.operator()?.keys().await?;
        let key = keys.get(0).context("a relayer without a key")?;
        let none = json!([]);
        Ok(key["queued"] == json!(0) && key["waiting"] == none && key["gaps"] == none)
    }

    /// Whether all cases of a round are in such a state.
    async fn are(&self, round: u8, such: impl Fn(&str) -> bool) -> Result<bool> {
        for milestone in 0..self.sheet.milestones.len() {
            let case = self.case(u8::try_from(milestone)?, round);
            let url = format!("{}/v1/cases/{case}", self.place.url);
            let view: Value = self.place.http.get(url).send().await?.json().await?;
            if !such(view["state"].as_str().unwrap_or_default()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The case about a milestone in a round.
    fn case(&self, milestone: u8, round: u8) -> B256 {
        let (deal, deliverable) = (self.sheet.deal_id(), keccak256(&self.work));
        let case = sign::case(&self.place.contracts, deal, milestone, deliverable);
        digest::case_id(&Case { round, ..case })
    }

    /// Whether a request does what time allows, and is looked at again later.
    async fn is_noted(&self) -> Result<bool> {
        let query = "SELECT COUNT(*) FROM timed_act
                     WHERE deal = $1 AND sending IS NOT NULL AND look > $2";
        let count: i64 = sqlx::query_scalar(query)
            .bind(self.sheet.deal_id().to_vec())
            .bind(i64::try_from(self.place.now().await?)?)
            .fetch_one(&mut self.place.rows().await?)
            .await?;
        Ok(count > 0)
    }

    /// Whether time allows something that is not done.
    async fn is_planned(&self) -> Result<bool> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM timed_act WHERE deal = $1")
            .bind(self.sheet.deal_id().to_vec())
            .fetch_one(&mut self.place.rows().await?)
            .await?;
        Ok(count > 0)
    }

    async fn is_silence_on_record(&self) -> Result<bool> {
        let juror = actors::juror(WITHHOLDS).address();
        let state: Option<String> =
            sqlx::query_scalar("SELECT state FROM seat_file WHERE case_id = $1 AND juror = $2")
                .bind(self.case(0, 1).to_vec())
                .bind(juror.as_slice())
                .fetch_optional(&mut self.place.rows().await?)
                .await?;
        Ok(state.is_some_and(|state| state == "silent"))
    }

    // ---- the count

    async fn is_over(&self) -> Result<bool> {
        let is_such = |state: &str| match self.scene.end {
            End::Paid => state == CaseState::Final.as_str(),
            End::GivenUp => state == CaseState::GivenUp.as_str(),
            End::Reclaimed(_) | End::Silent => {
                [CaseState::Final, CaseState::GivenUp].iter().any(|over| state == over.as_str())
            }
        };
        for round in self.scene.rounds() {
            if !self.are(*round, is_such).await? {
                return Ok(false);
            }
        }
        let goes_on = self.scene.end != End::GivenUp && self.is_planned().await?;
        Ok(!goes_on && self.is_idle().await?)
    }

    /// What went to whom, how often, and in how many transactions.
    async fn harm(&self) -> Result<Harm> {
        let (place, scene) = (self.place, self.scene);
        let (ends, sent) = (place.ends(self.sheet.deal_id()).await?, place.relayed().await?);
        let (money, due) = (place.money().await?, self.due());
        let needed = if scene.end == End::GivenUp { 0 } else { self.sheet.milestones.len() };
        let sent = sent - self.sent_before;
        let lost = ends < needed || sent < scene.sent;
        let most = scene.sent + scene.spare;
        let double = ends > needed || sent > most || (!lost && money != due);
        let found = format!("{ends} ends, {sent} transactions, {money:?}, and {due:?} is due");
        Ok(Harm { lost, double, found })
    }

    /// What the parties, the escrow and the relayer own when all is well.
    fn due(&self) -> Money {
        let (total, bond) = (U256::from(usd(100)), U256::from(usd(10)));
        let Money { seller, buyer, escrow, relayer } = self.before;
        match self.scene.end {
            // All criteria are met.
            End::Paid => Money { seller: seller + total, buyer: buyer - total, escrow, relayer },
            End::GivenUp => Money {
                seller: seller - bond,
                buyer: buyer - total,
                escrow: escrow + total + bond,
                relayer,
            },
            End::Reclaimed(fee) => {
                let fee = U256::from(usd(fee));
                let (seller, buyer) = (seller - bond, buyer + bond - fee);
                Money { seller, buyer, escrow, relayer: relayer + fee }
            }
            End::Silent => self.before,
        }
    }
}

/// The deal of a run, with the deadlines of now.
fn sheet(place: &Place, scene: &Scene, number: u64, now: u64) -> TermSheet {
    let amount = Usdc::from_whole(100 / u32::from(scene.milestones));
    let milestones = place.sheet.milestones.iter().take(scene.milestones.into()).cloned();
    let milestones = milestones.map(|milestone| MilestoneSheet {
        amount,
        deliver_by: now + 86_400,
        ..milestone
    });
    let sheet = TermSheet {
        salt: salt(number),
        open_by: now + 3_600,
        milestones: milestones.collect(),
        ..place.sheet.clone()
    };
    if !scene.appeals {
        return sheet;
    }
    let (jury, appeal_bond) = (place.appeals, Usdc::from_whole(10));
    TermSheet { jury, appeal_within: 3_600, appeal_bond, ..sheet }
}
