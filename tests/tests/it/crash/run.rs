//! One deal whose relayer dies where it is told to, and lives again until the deal is over.

use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use alloy::primitives::aliases::{U40, U96};
use alloy::primitives::{B256, Bytes, U256, keccak256};
use alloy::sol_types::SolCall as _;
use anyhow::{Context as _, Result, bail, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use surety_bindings::escrow::{Accept, Consent, DealEscrow, Delivery};
use surety_orders::{Client, OrdersError};
use surety_relayer::wire::CaseState;
use surety_terms::wire::DeliveryRequest;
use surety_terms::{MilestoneSheet, TermSheet, digest};
use surety_tests::{actors, sign, usd};

use super::place::{Life, Money, Place, salt, work};
use super::scene::{Scene, Step};
use crate::relayer::jurors::Habit;

/// The longest that one life may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a step is tried.
const LOOK: Duration = Duration::from_millis(10);
/// More than a deal has for its delivery and its verdict.
const DAYS_SECS: u64 = 2 * 86_400 + 600;
/// A price that none of ours outbids.
const DEAR_WEI: &str = "0x174876e800";
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
    place: &'a Place,
    scene: &'static Scene,
    sheet: TermSheet,
    work: Bytes,
    case: B256,
    before: Money,
    sent_before: u64,
    snapshot: Value,
    /// The step that is next.
    at: usize,
}

impl<'a> Run<'a> {
    /// A deal of its own, with the deadlines of now; it is open unless the scene opens it.
    pub(super) async fn new(place: &'a Place, scene: &'static Scene, number: u64) -> Result<Self> {
        let now = place.now().await?;
        let milestones = place.sheet.milestones.iter().cloned();
        let milestones =
            milestones.map(|milestone| MilestoneSheet { deliver_by: now + 86_400, ..milestone });
        let sheet = TermSheet {
            salt: salt(number),
            open_by: now + 3_600,
            milestones: milestones.collect(),
            ..place.sheet.clone()
        };
        let work = work(number);
        let case = sign::case(&place.contracts, sheet.deal_id(), 0, keccak256(&work));
        let (before, sent_before) = (place.money().await?, place.relayed().await?);
        let (case, snapshot) = (digest::case_id(&case), Value::Null);
        let run = Self { place, scene, sheet, work, case, before, sent_before, snapshot, at: 0 };
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
        let mut life = Life::start(self.place, Some(point))?;
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
        let mut life = Life::start(self.place, None)?;
        let since = Instant::now();
        self.live(&mut life, since).await?;
        while !self.is_over().await.unwrap_or(false) {
            ensure!(since.elapsed() < PATIENCE, "the case does not end as {:?}", self.scene.state);
            tokio::time::sleep(LOOK).await;
        }
        let harm = self.harm().await?;
        life.kill().await?;
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
            Step::Reaches(state) => return Ok(self.state().await? == state.as_str()),
            Step::Idle => return self.is_idle().await,
            Step::Mute => place.everyone(Habit::Silent),
            Step::Withhold => place.jurors[WITHHOLDS].set(Habit::Withholds),
            Step::Silence => return self.is_silence_on_record().await,
            Step::Days => {
                place.rpc("evm_increaseTime", json!([DAYS_SECS])).await?;
                place.mine().await?;
            }
            Step::Hold => place.set_automine(false).await?,
            Step::Waits => return place.is_pending().await,
            Step::Gives(order) => {
                let (dossier, operator) = (self.dossier().await?, self.operator()?);
                let id = serde_json::from_value(dossier["sending"]["id"].clone())?;
                operator.order(id, order).await?;
            }
            Step::IsReplaced => {
                let dossier = self.dossier().await?;
                let attempts = dossier["sending"]["attempts"].as_array();
                return Ok(attempts.is_some_and(|attempts| attempts.len() > 1));
            }
            Step::Release => {
                place.set_automine(true).await?;
                place.mine().await?;
            }
            Step::Snapshot => self.snapshot = place.rpc("evm_snapshot", json!([])).await?,
            Step::Revert => {
                let back = place.rpc("evm_revert", json!([self.snapshot])).await?;
                ensure!(back == json!(true), "the chain does not come back");
                // So that the next block is another than the one that is gone.
                place.mine().await?;
            }
            Step::Ended => return Ok(place.ends(self.sheet.deal_id()).await? > 0),
            Step::Stranger => self.stranger().await?,
            Step::Retry => return self.retry().await,
            Step::Dies => return Ok(false),
            Step::Accept => self.accept().await?,
        }
        Ok(true)
    }

    // ---- the parties

    fn opening(&self) -> Bytes {
        let (buyer, seller) = (actors::buyer(), actors::seller());
        let terms = self.sheet.terms();
        let (buyer, seller) = sign::opening(&self.place.contracts, &terms, &buyer, &seller);
        let open =
            DealEscrow::openCall { terms, buyerAuthorization: buyer, sellerAuthorization: seller };
        open.abi_encode().into()
    }

    async fn open(&self) -> Result<bool> {
        let url = format!("{}/v1/transactions", self.place.url);
        let body = json!({ "calldata": self.opening() });
        let answer: Value = self.place.http.post(url).json(&body).send().await?.json().await?;
        Ok(answer["state"] == "mined")
    }

    async fn deliver(&self) -> Result<bool> {
        let (http, url) = (&self.place.http, &self.place.url);
        let delivery = Delivery {
            dealId: self.sheet.deal_id(),
            milestone: 0,
            deliverable: keccak256(&self.work),
            uri: String::new(),
        };
        let signature = sign::delivery(&actors::seller(), &self.place.contracts, &delivery);
        let put = format!("{url}/v1/deliverables/{}", delivery.deliverable);
        let put = http.put(put).body(self.work.to_vec()).send().await?;
        ensure!(put.status() == StatusCode::NO_CONTENT, "{}", put.text().await?);
        let request = DeliveryRequest { term_sheet: self.sheet.clone(), delivery, signature };
        let answer = http.post(format!("{url}/v1/deliveries")).json(&request).send().await?;
        ensure!(answer.status() == StatusCode::ACCEPTED, "{}", answer.text().await?);
        Ok(true)
    }

    async fn accept(&self) -> Result<()> {
        let place = self.place;
        let act = Accept {
            dealId: self.sheet.deal_id(),
            milestone: 0,
            round: 1,
            standing: 0,
            fee: U96::ZERO,
            validUntil: U40::from(place.now().await? + 1_000),
        };
        let signature = sign::accept(&actors::buyer(), &place.contracts, &act);
        let (authorization, valid_until) = (Bytes::new(), act.validUntil);
        let buyer = Consent { fee: act.fee, authorization, validUntil: valid_until, signature };
        let terms = self.sheet.terms();
        let accept = DealEscrow::acceptCall { terms, milestone: 0, state: Vec::new(), buyer };
        let (deployer, escrow) = (actors::deployer().address(), place.contracts.escrow);
        place.send(deployer, escrow, accept.abi_encode().into()).await
    }

    /// The nonce that the relayer uses or is about to use is gone.
    async fn stranger(&self) -> Result<()> {
        let place = self.place;
        let (relayer, nonce) = (actors::relayer().address(), place.relayed().await?);
        place.rpc("anvil_dropAllTransactions", json!([])).await?;
        let request = json!([{
            "from": relayer, "to": relayer, "gas": "0x5208", "nonce": format!("{nonce:#x}"),
            "maxFeePerGas": DEAR_WEI, "maxPriorityFeePerGas": DEAR_WEI,
        }]);
        let hash = place.rpc("eth_sendTransaction", request).await?;
        place.mine().await?;
        place.receipt(serde_json::from_value(hash)?).await
    }

    // ---- the operator

    fn operator(&self) -> Result<Client> {
        Ok(Client::of_store(&self.place.store())?)
    }

    async fn dossier(&self) -> Result<Value> {
        Ok(self.operator()?.case(self.case).await?)
    }

    /// A refusal says that the case is not given up yet, or again.
    async fn retry(&self) -> Result<bool> {
        match self.operator()?.retry(self.case).await {
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

    async fn state(&self) -> Result<String> {
        let url = format!("{}/v1/cases/{}", self.place.url, self.case);
        let view: Value = self.place.http.get(url).send().await?.json().await?;
        Ok(view["state"].as_str().unwrap_or_default().to_owned())
    }

    async fn is_silence_on_record(&self) -> Result<bool> {
        let juror = actors::juror(WITHHOLDS).address();
        let state: Option<String> =
            sqlx::query_scalar("SELECT state FROM seat_file WHERE case_id = $1 AND juror = $2")
                .bind(self.case.as_slice())
                .bind(juror.as_slice())
                .fetch_optional(&mut self.place.rows().await?)
                .await?;
        Ok(state.is_some_and(|state| state == "silent"))
    }

    // ---- the count

    async fn is_over(&self) -> Result<bool> {
        Ok(self.state().await? == self.scene.state.as_str() && self.is_idle().await?)
    }

    /// What went to whom, how often, and in how many transactions.
    async fn harm(&self) -> Result<Harm> {
        let place = self.place;
        let (ends, sent) = (place.ends(self.sheet.deal_id()).await?, place.relayed().await?);
        let (money, due) = (place.money().await?, self.due());
        let needed: usize = match self.scene.state {
            CaseState::Final => 1,
            CaseState::GivenUp => 0,
            CaseState::Seen | CaseState::Asked | CaseState::Decided | CaseState::Sent => {
                bail!("a scene ends in {:?}", self.scene.state)
            }
        };
        let sent = sent - self.sent_before;
        let lost = ends < needed || sent < self.scene.sent;
        let double = ends > needed || sent > self.scene.sent || (!lost && money != due);
        let found = format!("{ends} ends, {sent} transactions, {money:?}, and {due:?} is due");
        Ok(Harm { lost, double, found })
    }

    /// What the parties and the escrow own when all is well: all criteria are met, or nobody said
    /// anything and the money waits in the escrow for the buyer.
    fn due(&self) -> Money {
        let (total, bond) = (U256::from(usd(100)), U256::from(usd(10)));
        let Money { seller, buyer, escrow } = self.before;
        let buyer = buyer - total;
        if self.scene.state == CaseState::Final {
            return Money { seller: seller + total, buyer, escrow };
        }
        Money { seller: seller - bond, buyer, escrow: escrow + total + bond }
    }
}
