//! One round of the sender's work: look, take up, hand out.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use alloy::primitives::{B256, Bytes};
use surety_store::Conn;

use super::cost::{self, Most};
use super::fees::{self, Fees};
use super::rows::{self, Attempt, Kind, Queued, Signed};
use super::{Failure, Order, SenderTask, orders, sign};
use crate::{BlockTag, CallOutcome, ChainError, Header, Refusal};

/// What the task remembers between rounds. Losing it costs a few calls, never a transaction.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// When a request's bytes were last handed out.
    handed_out: HashMap<B256, Instant>,
    /// Requests whose bytes a node called too cheap.
    cheap: HashSet<B256>,
    /// Requests whose bytes no node will take.
    unacceptable: HashSet<B256>,
    /// Requests in a block above the tag.
    pub(super) included: HashMap<B256, u64>,
    /// How often a request's nonce was found used without a receipt of ours.
    pub(super) unexplained: HashMap<B256, u32>,
    /// The head whose blocks were last checked for orphans.
    pub(super) checked: B256,
    /// How often in a row the chain was found shorter than our receipts.
    pub(super) short: u32,
    /// Whether the chain charges for bytes on a parent chain, once that is known.
    has_l1_fee: Option<bool>,
}

impl Memory {
    pub(super) fn forget(&mut self, id: B256) {
        self.handed_out.remove(&id);
        self.cheap.remove(&id);
        self.unacceptable.remove(&id);
        self.included.remove(&id);
        self.unexplained.remove(&id);
    }
}

impl SenderTask {
    /// One round. Says whether something was handed out, so that its receipt may exist already.
    pub(super) async fn tick(&mut self) -> Result<bool, ChainError> {
        if !self.role.is_held().await? {
            self.memory = Memory::default();
            return Ok(false);
        }
        let latest = self.rpc.head(BlockTag::Latest).await?;
        self.recheck(latest).await?;
        let (queued, signed) = {
            let mut conn = self.handle.store.read().await?;
            let queued = rows::queued(&mut conn, self.handle.address, 1).await?;
            (queued, rows::signed(&mut conn, self.handle.address).await?)
        };
        if queued.is_empty() && signed.is_empty() {
            self.handle.note(|health| {
                (health.over_budget, health.above_fee_cap) = (false, false);
            });
            return Ok(false);
        }
        let top = match self.config.block_tag {
            BlockTag::Latest => latest,
            tag @ (BlockTag::Safe | BlockTag::Finalized) => self.rpc.head(tag).await?,
        };
        let count = self.rpc.nonce(self.handle.address, BlockTag::Latest).await?;
        self.reconcile(count, top).await?;
        self.take_up(count, latest).await?;
        self.fill_gaps(count, latest).await?;
        self.hand_out(count, latest).await
    }

    async fn quote(&self) -> Result<Option<Fees>, ChainError> {
        let history = self.rpc.fee_history(fees::BLOCKS, fees::PERCENTILE).await?;
        Ok(fees::quote(&history, &self.config.fees))
    }

    /// What new transactions pay. None while blocks cost more than the cap; that is told.
    async fn quote_for_new(&self) -> Result<Option<Fees>, ChainError> {
        let quote = self.quote().await?;
        self.handle.note(|health| health.above_fee_cap = quote.is_none());
        if quote.is_none() {
            tracing::warn!("blocks cost more than the fee cap; nothing new is sent");
        }
        Ok(quote)
    }

    /// Signs what is queued, by rank and then age, as far as there is room.
    async fn take_up(&mut self, count: u64, latest: Header) -> Result<(), ChainError> {
        let (queued, waiting) = {
            let mut conn = self.handle.store.read().await?;
            let most = self.config.max_in_flight;
            let queued = rows::queued(&mut conn, self.handle.address, most).await?;
            let signed = rows::signed(&mut conn, self.handle.address).await?;
            (queued, signed.iter().filter(|r| r.nonce >= count).count())
        };
        let most = usize::try_from(self.config.max_in_flight).unwrap_or(usize::MAX);
        let room = most.saturating_sub(waiting);
        if queued.is_empty() || room == 0 {
            return Ok(());
        }
        let Some(fees) = self.quote_for_new().await? else { return Ok(()) };
        for request in queued.into_iter().take(room) {
            let Some(gas) = self.needed_gas(&request).await? else { continue };
            let l1_fee = self.l1_fee(&request.calldata).await?;
            let making = Making { kind: Kind::Call, gas, fees, l1_fee };
            if !self.sign_first(&request, making, (count, latest)).await? {
                // The others come after it, tomorrow too.
                break;
            }
        }
        Ok(())
    }

    /// What the request's bytes cost on a parent chain; most chains have none.
    async fn l1_fee(&mut self, calldata: &Bytes) -> Result<u64, ChainError> {
        if self.memory.has_l1_fee == Some(false) {
            return Ok(0);
        }
        let fee = cost::l1_fee(&self.rpc, calldata).await?;
        self.memory.has_l1_fee = Some(fee.is_some());
        Ok(fee.unwrap_or(0))
    }

    /// Whether a new transaction of this rank may cost that much today. Told when that changes.
    /// Where a share has no room the budget is not over: what goes first has gone.
    async fn affordable(
        &self,
        conn: &mut Conn,
        latest: Header,
        (rank, most): (u8, Most),
    ) -> Result<bool, ChainError> {
        let (spent, needed) = (cost::spent(conn, latest, 0).await?, most.wei());
        let total = spent.saturating_add(needed);
        let mut affordable = self.config.budget_wei_per_day.is_none_or(|budget| total <= budget);
        let share = self.config.share_of(rank);
        if let Some((from, part)) = share {
            let shared = cost::spent(conn, latest, from).await?;
            affordable &= shared.saturating_add(needed) <= part;
        }
        let before = self.handle.health();
        self.handle.note(|health| {
            health.spent_wei = if affordable { total } else { spent };
            health.over_budget = !affordable && share.is_none();
            if share.is_some() {
                health.share_opens = if affordable { 0 } else { cost::tomorrow(latest) };
            }
        });
        if !affordable && share.is_none() && !before.over_budget {
            over_budget(spent, most);
        }
        if !affordable && share.is_some() && before.share_opens <= latest.timestamp {
            over_share(rank, most);
        }
        Ok(affordable)
    }

    /// The gas for a queued request. None when the request is dealt with: it failed, or waits.
    async fn needed_gas(&mut self, request: &Queued) -> Result<Option<u64>, ChainError> {
        let from = self.handle.address;
        let failure = match self.rpc.estimate(from, request.to, &request.calldata).await {
            Ok(CallOutcome::Returned(gas)) => {
                let margin = gas.saturating_mul(self.config.gas_margin_percent) / 100;
                return Ok(Some(gas.saturating_add(margin)));
            }
            Ok(CallOutcome::Reverted(data)) => Some(Failure::Reverted(data)),
            Err(e) if e.refusal() == Some(Refusal::Unacceptable) => Some(Failure::Withdrawn),
            Err(e) if e.refusal().is_some_and(|r| r != Refusal::RateLimited) => {
                tracing::warn!(id = %request.id, error = %e, "a request moves to the back");
                None
            }
            Err(e) => return Err(e),
        };
        let mut tx = self.role.begin().await?;
        match &failure {
            Some(failure) => rows::done(&mut tx, request.id, None, Some(failure)).await?,
            None => rows::to_back(&mut tx, request.id).await?,
        }
        surety_failpoint::here("send.failed.written");
        tx.commit().await?;
        surety_failpoint::here("send.failed.stored");
        self.handle.changed();
        Ok(None)
    }

    /// Picks the nonce, signs and stores, in that order. A crash before the commit leaves the
    /// request queued and nobody has seen the bytes; a crash after it leaves bytes to hand out.
    /// False when the day's budget is used up. What fills a gap is not held back: all else waits
    /// for it.
    async fn sign_first(
        &mut self,
        request: &Queued,
        Making { kind, gas, fees, l1_fee }: Making,
        (count, latest): (u64, Header),
    ) -> Result<bool, ChainError> {
        let sender = self.handle.address;
        let mut tx = self.role.begin().await?;
        // An operator may have cancelled it since it was read.
        if kind == Kind::Call && !rows::is_queued(&mut tx, request.id).await? {
            return Ok(true);
        }
        let nonce = rows::free_nonce(&mut tx, sender, count).await?;
        let earlier = rows::attempts(&mut tx, sender, nonce, None).await?;
        // Another request once held this nonce and its bytes may still be about: pay more.
        let fees = match earlier.last() {
            Some(old) => fees::replacement(old.fees, Some(fees), &self.config.fees).unwrap_or(fees),
            None => fees,
        };
        let most = Most { gas: gas.max(sign::BLANK_GAS), max_fee: fees.max, l1_fee };
        if self.config.budget_wei_per_day.is_some() {
            cost::lock(&mut tx, latest).await?;
        }
        if kind == Kind::Call && !self.affordable(&mut tx, latest, (request.rank, most)).await? {
            return Ok(false);
        }
        let signed = Signed {
            id: request.id,
            to: request.to,
            calldata: request.calldata.clone(),
            rank: request.rank,
            nonce,
            gas,
            since: latest.timestamp,
            suspect: false,
        };
        let attempt = sign::attempt(&self.signer, self.chain_id, &signed, kind, fees).await?;
        rows::record(&mut tx, sender, &signed, &attempt).await?;
        cost::reserve(&mut tx, (sender, nonce), latest, (request.rank, most)).await?;
        surety_failpoint::here("send.signed.written");
        tx.commit().await?;
        surety_failpoint::here("send.signed.stored");
        self.memory.forget(request.id);
        self.handle.changed();
        Ok(true)
    }

    /// Uses up nonces below our highest waiting one that no request holds; without that everything
    /// above them would wait for ever.
    async fn fill_gaps(&mut self, count: u64, latest: Header) -> Result<(), ChainError> {
        let sender = self.handle.address;
        loop {
            let (free, highest) = {
                let mut conn = self.handle.store.read().await?;
                let free = rows::free_nonce(&mut conn, sender, count).await?;
                (free, rows::signed(&mut conn, sender).await?.last().map(|r| r.nonce))
            };
            if highest.is_none_or(|h| h < free) {
                return Ok(());
            }
            let Some(fees) = self.quote().await? else { return Ok(()) };
            tracing::warn!(nonce = free, "filling a gap in the nonces");
            self.rpc.meter().gaps.inc();
            let mut tx = self.role.begin().await?;
            let id = rows::gap(&mut tx, sender, free).await?;
            surety_failpoint::here("send.gap.written");
            tx.commit().await?;
            surety_failpoint::here("send.gap.stored");
            let blank = Queued { id, to: sender, calldata: Bytes::new(), rank: 0 };
            let making = Making { kind: Kind::Blank, gas: 0, fees, l1_fee: 0 };
            self.sign_first(&blank, making, (count, latest)).await?;
        }
    }

    /// Hands out the bytes of everything that waits for a block, lowest nonce first.
    async fn hand_out(&mut self, count: u64, latest: Header) -> Result<bool, ChainError> {
        let signed = {
            let mut conn = self.handle.store.read().await?;
            rows::signed(&mut conn, self.handle.address).await?
        };
        let mut handed_out = false;
        for request in signed.into_iter().filter(|r| r.nonce >= count) {
            let attempts = {
                let mut conn = self.handle.store.read().await?;
                let id = Some(request.id);
                rows::attempts(&mut conn, self.handle.address, request.nonce, id).await?
            };
            let Some(newest) = attempts.into_iter().next_back() else {
                return Err(ChainError::Row { what: "a signed request without an attempt" });
            };
            let attempt = match self.next_move(&request, &newest, (count, latest)).await? {
                Move::Wait => continue,
                Move::Again => newest,
                Move::Replace(kind) => self.replace(&request, newest, kind, latest).await?,
            };
            self.broadcast(&request, &attempt).await?;
            handed_out = true;
        }
        Ok(handed_out)
    }

    async fn next_move(
        &mut self,
        request: &Signed,
        newest: &Attempt,
        (count, latest): (u64, Header),
    ) -> Result<Move, ChainError> {
        let id = request.id;
        let ordered = {
            let mut conn = self.handle.store.read().await?;
            orders::get(&mut conn, id).await?
        };
        match ordered {
            Some(Order::Cancel) => return Ok(Move::Replace(Kind::Blank)),
            Some(Order::Bump) => return Ok(Move::Replace(newest.kind)),
            None => {}
        }
        let age = latest.timestamp.saturating_sub(request.since);
        let is_old = age >= self.config.replace_after_secs;
        if newest.kind == Kind::Call && (request.suspect || is_old) {
            let estimate =
                self.rpc.estimate(self.handle.address, request.to, &request.calldata).await;
            match estimate? {
                // What it needs may wait in a lower nonce; only at the head of the line is it sure.
                CallOutcome::Reverted(_) if request.nonce > count => return Ok(Move::Wait),
                CallOutcome::Reverted(_) => return Ok(Move::Replace(Kind::Blank)),
                CallOutcome::Returned(_) => {}
            }
            if request.suspect {
                let mut tx = self.role.begin().await?;
                rows::trust(&mut tx, id).await?;
                surety_failpoint::here("send.trusted.written");
                tx.commit().await?;
                surety_failpoint::here("send.trusted.stored");
                self.memory.handed_out.remove(&id);
            }
        }
        if self.memory.unacceptable.remove(&id) && newest.kind == Kind::Call {
            return Ok(Move::Replace(Kind::Blank));
        }
        if self.memory.cheap.remove(&id) || is_old {
            return Ok(Move::Replace(newest.kind));
        }
        let pause = Duration::from_millis(self.config.rebroadcast_ms);
        let recent = self.memory.handed_out.get(&id).is_some_and(|at| at.elapsed() < pause);
        Ok(if recent { Move::Wait } else { Move::Again })
    }

    /// Signs and stores a better paid attempt at the same nonce; the old one again if our cap
    /// forbids to pay more.
    async fn replace(
        &mut self,
        request: &Signed,
        newest: Attempt,
        kind: Kind,
        latest: Header,
    ) -> Result<Attempt, ChainError> {
        let now = self.quote().await?;
        let Some(fees) = fees::replacement(newest.fees, now, &self.config.fees) else {
            capped(request);
            // An order that cannot be carried out now must not surprise anybody later.
            let mut tx = self.role.begin().await?;
            orders::forget(&mut tx, request.id).await?;
            tx.commit().await?;
            return Ok(newest);
        };
        let l1_fee = self.l1_fee(&request.calldata).await?;
        let next = Signed { since: latest.timestamp, ..request.clone() };
        let attempt = sign::attempt(&self.signer, self.chain_id, &next, kind, fees).await?;
        let mut tx = self.role.begin().await?;
        rows::record(&mut tx, self.handle.address, &next, &attempt).await?;
        orders::forget(&mut tx, request.id).await?;
        let most = Most { gas: request.gas.max(sign::BLANK_GAS), max_fee: fees.max, l1_fee };
        let holder = (self.handle.address, request.nonce);
        cost::reserve(&mut tx, holder, latest, (request.rank, most)).await?;
        surety_failpoint::here("send.replaced.written");
        tx.commit().await?;
        surety_failpoint::here("send.replaced.stored");
        self.rpc.meter().replaced(match kind {
            Kind::Call => "call",
            Kind::Blank => "blank",
        });
        replaced(request, &attempt);
        Ok(attempt)
    }

    /// Hands bytes to every node. Whatever they answer, they count as sent: an error may be about the
    /// answer and not about the transaction.
    async fn broadcast(&mut self, request: &Signed, attempt: &Attempt) -> Result<(), ChainError> {
        self.memory.handed_out.insert(request.id, Instant::now());
        surety_failpoint::here("send.handing-out");
        let answer = self.rpc.broadcast(&attempt.raw).await;
        surety_failpoint::here("send.handed-out");
        let Err(error) = answer else {
            self.rpc.meter().attempted("accepted");
            self.handle.changed();
            return Ok(());
        };
        self.rpc.meter().attempted(match error.refusal() {
            Some(Refusal::AlreadyKnown | Refusal::NonceTooLow) => "known",
            Some(Refusal::Underpriced | Refusal::FeeTooLow) => {
                self.memory.cheap.insert(request.id);
                "too-cheap"
            }
            Some(Refusal::Unacceptable) => {
                self.memory.unacceptable.insert(request.id);
                "unacceptable"
            }
            Some(_) | None => {
                tracing::warn!(id = %request.id, %error, "handed out, with an unclear answer");
                "unclear"
            }
        });
        Ok(())
    }
}

/// What a first attempt is made of.
#[derive(Debug, Clone, Copy)]
struct Making {
    kind: Kind,
    gas: u64,
    fees: Fees,
    l1_fee: u64,
}

/// What to do about a request that waits for a block.
enum Move {
    /// Nothing now.
    Wait,
    /// The newest bytes once more.
    Again,
    /// Better paid bytes.
    Replace(Kind),
}

fn over_budget(spent_wei: u64, most: Most) {
    let needed_wei = most.wei();
    tracing::error!(
        spent_wei,
        needed_wei,
        "the day's budget is used up: new transactions wait for the next UTC day, or raise \
         sending.budget_wei_per_day"
    );
}

fn over_share(rank: u8, most: Most) {
    let needed_wei = most.wei();
    tracing::warn!(
        rank,
        needed_wei,
        "the share of the day's budget for this rank is used up: it waits for the next UTC day"
    );
}

fn capped(request: &Signed) {
    tracing::warn!(id = %request.id, "the fee cap forbids a better paid replacement");
}

fn replaced(request: &Signed, attempt: &Attempt) {
    let (kind, max_fee) = (attempt.kind, attempt.fees.max);
    tracing::info!(id = %request.id, nonce = request.nonce, ?kind, max_fee, "replaced");
}
