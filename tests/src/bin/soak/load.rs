//! The load: buyers and sellers that open deals at a steady rate, deliver, and wait for the verdicts.
//!
//! Every so often nothing is left in flight, and chain time jumps past every deadline: what nobody
//! delivered is reclaimed, what might have been appealed becomes final, and the next deals come meanwhile.
//! So what waits for time does not pile up either.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use alloy::primitives::{B256, Bytes, keccak256};
use alloy::sol_types::SolCall as _;
use anyhow::{Context as _, bail, ensure};
use futures::future::try_join_all;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use surety_bindings::escrow::{DealEscrow, Delivery};
use surety_terms::wire::{DeliveryRequest, TransactionRequest};
use surety_tests::{Contracts, actors, sign};
use tokio::task::{JoinError, JoinSet};
use tokio::time::MissedTickBehavior;

use super::chain::{Chain, Ledger};
use super::deals::{Deal, LIFE, Work};

/// How long a relayer may be busy, or the chain a moment behind.
const BUSY: Duration = Duration::from_mins(1);
/// The pause before it is asked again.
const AGAIN: Duration = Duration::from_millis(250);
/// How long anything may take that needs no passing of chain time.
const PATIENCE: Duration = Duration::from_mins(10);
/// How long the last milestones may keep still before they count as lost.
const STILL: Duration = Duration::from_mins(3);
/// How often it is looked whether they have ended.
const LOOK: Duration = Duration::from_secs(5);
/// The longest time between two jumps.
const TIDE: Duration = Duration::from_mins(10);
/// After so many deals that went wrong a run is not worth its time.
const MOST_PROBLEMS: usize = 20;

/// How far the load is, for whoever watches.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Deals that were begun.
    pub(super) begun: AtomicU64,
    /// Deals that are over, or wait for nothing but time.
    pub(super) done: AtomicU64,
    /// Verdicts that are on the chain.
    pub(super) verdicts: AtomicU64,
    /// Deals that were not begun in time, because too many were in flight.
    pub(super) held: AtomicU64,
}

/// What the load was, for the final count.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Every milestone that was opened, and what the seller did.
    pub(super) milestones: BTreeMap<(B256, u8), Work>,
    pub(super) deals: u64,
    pub(super) problems: Vec<String>,
    /// When the load ended.
    pub(super) loaded: Duration,
}

/// The load of a run.
pub(super) struct Load<'a> {
    chain: &'a Chain,
    agents: Agents,
    counts: Arc<Counts>,
    /// The time between two deals, and how many may be in flight.
    pace: (Duration, usize),
    playing: JoinSet<anyhow::Result<()>>,
    pub(super) book: Book,
}

/// Both parties of every deal.
#[derive(Clone)]
struct Agents {
    http: Client,
    relayer: String,
    contracts: Contracts,
    counts: Arc<Counts>,
}

impl<'a> Load<'a> {
    pub(super) fn new(
        chain: &'a Chain,
        relayer: &str,
        pace: (Duration, usize),
    ) -> anyhow::Result<Self> {
        let counts = Arc::<Counts>::default();
        let agents = Agents {
            // Shorter than any server keeps a connection that says nothing.
            http: Client::builder().pool_idle_timeout(Duration::from_secs(5)).build()?,
            relayer: relayer.to_owned(),
            contracts: chain.contracts.clone(),
            counts: Arc::clone(&counts),
        };
        let (playing, book) = (JoinSet::new(), Book::default());
        Ok(Self { chain, agents, counts, pace, playing, book })
    }

    pub(super) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Opens deals for so long, and returns when every milestone has ended.
    pub(super) async fn run(&mut self, time: Duration) -> anyhow::Result<Ledger> {
        let since = Instant::now();
        let every = TIDE.min(time / 3);
        while since.elapsed() < time {
            let until = (Instant::now() + every).min(since + time);
            self.drive(until).await?;
            self.book.loaded = since.elapsed();
            self.drain().await?;
            self.chain.jump(LIFE).await?;
        }
        self.until_ended().await
    }

    async fn drive(&mut self, until: Instant) -> anyhow::Result<()> {
        let (pace, most) = self.pace;
        let mut beat = tokio::time::interval(pace);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while Instant::now() < until {
            beat.tick().await;
            while let Some(done) = self.playing.try_join_next() {
                self.note(done)?;
            }
            if self.playing.len() >= most {
                self.counts.held.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let (contracts, juries) = (&self.chain.contracts, self.chain.juries);
            let now = self.chain.now().await?;
            let deal = Deal::new(self.book.deals, contracts, juries, now);
            self.book.deals += 1;
            let milestones = (0_u8..).zip(deal.works);
            let id = deal.sheet.deal_id();
            self.book.milestones.extend(milestones.map(|(at, work)| ((id, at), *work)));
            self.counts.begun.fetch_add(1, Ordering::Relaxed);
            self.playing.spawn(self.agents.clone().play(deal));
        }
        Ok(())
    }

    async fn drain(&mut self) -> anyhow::Result<()> {
        while let Some(done) = self.playing.join_next().await {
            self.note(done)?;
        }
        Ok(())
    }

    fn note(&mut self, done: Result<anyhow::Result<()>, JoinError>) -> anyhow::Result<()> {
        if let Err(error) = done? {
            self.book.problems.push(format!("{error:#}"));
        }
        let problems = &self.book.problems;
        ensure!(problems.len() < MOST_PROBLEMS, "too much goes wrong:\n{}", problems.join("\n"));
        Ok(())
    }

    /// Waits until the chain says of every milestone that it has ended; or until it says no more. What
    /// has not ended then is found by who counts.
    async fn until_ended(&self) -> anyhow::Result<Ledger> {
        let (mut moved, mut last) = (Instant::now(), 0);
        loop {
            let ledger = self.chain.ledger().await?;
            let ended = ledger.milestones.values().filter(|told| !told.endings.is_empty()).count();
            if ended > last {
                (moved, last) = (Instant::now(), ended);
            }
            if ended >= self.book.milestones.len() || moved.elapsed() > STILL {
                return Ok(ledger);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Agents {
    async fn play(self, deal: Deal) -> anyhow::Result<()> {
        let number = deal.number;
        self.open(&deal).await.with_context(|| format!("deal {number} does not open"))?;
        let works = (0_u8..).zip(deal.works);
        let works = works.filter_map(|(at, work)| Some((at, work.deliverable(number)?)));
        let judged = works.map(|(at, text)| {
            let judging = self.judge(&deal, at, text);
            async move { judging.await.with_context(|| format!("deal {number}, milestone {at}")) }
        });
        try_join_all(judged).await?;
        self.counts.done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Both sign, and the relayer submits it.
    async fn open(&self, deal: &Deal) -> anyhow::Result<()> {
        let terms = deal.sheet.terms();
        let (buyer, seller) = (actors::buyer(), actors::seller());
        let (buyer, seller) = sign::opening(&self.contracts, &terms, &buyer, &seller);
        let call =
            DealEscrow::openCall { terms, buyerAuthorization: buyer, sellerAuthorization: seller };
        let request = TransactionRequest { calldata: call.abi_encode().into() };
        let url = format!("{}/v1/transactions", self.relayer);
        self.ask(self.http.post(&url).json(&request)).await?;
        let url = format!("{url}/{}?waitSecs=20", request.id());
        self.until(&url, |state| match state {
            "mined" => Some(Ok(())),
            "failed" => Some(Err("its transaction failed")),
            _ => None,
        })
        .await
    }

    /// The seller delivers a milestone, and the panel's verdict comes to the chain.
    async fn judge(&self, deal: &Deal, milestone: u8, text: String) -> anyhow::Result<()> {
        let deliverable = keccak256(&text);
        let url = format!("{}/v1/deliverables/{deliverable}", self.relayer);
        self.ask(self.http.put(url).body(text)).await?;
        let (term_sheet, uri) = (deal.sheet.clone(), String::new());
        let delivery = Delivery { dealId: term_sheet.deal_id(), milestone, deliverable, uri };
        let signature: Bytes = sign::delivery(&actors::seller(), &self.contracts, &delivery);
        let request = DeliveryRequest { term_sheet, delivery, signature };
        let url = format!("{}/v1/deliveries", self.relayer);
        let answer = self.ask(self.http.post(url).json(&request)).await?;
        let case = answer["caseId"].as_str().context("a delivery without a case")?;
        let url = format!("{}/v1/cases/{case}?waitSecs=20", self.relayer);
        self.until(&url, |state| match state {
            "final" => Some(Ok(())),
            "given-up" => Some(Err("its case was given up")),
            _ => None,
        })
        .await?;
        self.counts.verdicts.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Looks at something until its state is one of an end.
    async fn until(
        &self,
        url: &str,
        end: impl Fn(&str) -> Option<Result<(), &'static str>>,
    ) -> anyhow::Result<()> {
        let since = Instant::now();
        loop {
            let answer = self.ask(self.http.get(url)).await?;
            match end(answer["state"].as_str().unwrap_or_default()) {
                Some(Ok(())) => return Ok(()),
                Some(Err(what)) => bail!("{what}: {answer}"),
                None => ensure!(since.elapsed() < PATIENCE, "it takes too long: {answer}"),
            }
        }
    }

    /// Sends a request until it is taken, as agents do: all of them may be repeated.
    async fn ask(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let since = Instant::now();
        loop {
            let this = request.try_clone().context("a body that cannot be sent twice")?;
            let refused = match send(this).await {
                Ok((status, body)) if (200..300).contains(&status) => return Ok(body),
                Ok((status @ (409 | 429 | 503), body)) => json!({ "status": status, "body": body }),
                Ok((status, body)) => bail!("HTTP {status}: {body}"),
                Err(error) => json!(error.to_string()),
            };
            ensure!(since.elapsed() < BUSY, "refused for too long: {refused}");
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// The status and the document of an answer; null when it has none.
async fn send(request: RequestBuilder) -> reqwest::Result<(u16, Value)> {
    let answer = request.send().await?;
    let (status, body) = (answer.status().as_u16(), answer.bytes().await?);
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}
