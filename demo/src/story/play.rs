//! The acts: what the principal orders, which jurors die, when the clock moves.
//!
//! An act waits for deals to end and never for how they end: that is the jury's, the parties' and the
//! clock's business.

use alloy::primitives::{B256, U256};

use super::plot::{self, Order};
use super::stage::{Stage, WITHIN};
use super::summary::{Confusion, credit, ending_name};
use super::table::usdc;
use crate::error::DemoError;
use surety_qualify::llmbar::Item;

/// A deal and what happens around it.
#[derive(Debug, Clone)]
pub(super) enum Scene {
    /// Nothing but the order.
    Plain(Order),
    /// The seller will have nothing to deliver.
    Undelivered(Order),
    /// One juror is dead.
    OneJurorDead(Order),
    /// Two jurors are dead.
    TwoJurorsDead(Order),
    /// The token refuses the seller for a while.
    Blacklisted(Order),
}

impl Scene {
    fn order(&self) -> &Order {
        match self {
            Self::Plain(order)
            | Self::Undelivered(order)
            | Self::OneJurorDead(order)
            | Self::TwoJurorsDead(order)
            | Self::Blacklisted(order) => order,
        }
    }
}

/// How many different stories there are.
pub(super) const STORIES: usize = 8;

/// The first `count` stories, and after all of them plain orders that go well.
pub(super) fn program(count: usize) -> Vec<Scene> {
    let stories = [
        Scene::Plain(plot::market_brief()),
        Scene::Plain(plot::welcome_email()),
        Scene::Plain(plot::login_review()),
        Scene::Plain(plot::bicycle_survey()),
        Scene::OneJurorDead(plot::release_notes()),
        Scene::TwoJurorsDead(plot::interview_questions()),
        Scene::Undelivered(plot::logo_brief()),
        Scene::Blacklisted(plot::photo_texts()),
    ];
    let more = [plot::release_notes(), plot::interview_questions()];
    stories.into_iter().chain(more.into_iter().cycle().map(Scene::Plain)).take(count).collect()
}

impl Stage<'_> {
    /// Plays the scenes, in acts.
    pub(super) async fn play(&mut self, scenes: &[Scene]) -> Result<(), DemoError> {
        let orders: Vec<Order> = scenes.iter().map(|scene| scene.order().clone()).collect();
        self.fund(&orders).await?;
        let undelivered = self.with_all_jurors(scenes).await?;
        let mut waiting = undelivered;
        for scene in scenes {
            if let Scene::OneJurorDead(order) = scene {
                self.with_one_dead(order).await?;
            }
        }
        for scene in scenes {
            if let Scene::TwoJurorsDead(order) = scene {
                waiting.push(self.with_two_dead(order).await?);
            }
        }
        self.let_time_end(&waiting).await?;
        self.revive_jurors().await?;
        for scene in scenes {
            if let Scene::Blacklisted(order) = scene {
                self.with_blacklisted_seller(order).await?;
            }
        }
        Ok(())
    }

    /// Everything that needs no accident; returns the deals that only time will end.
    async fn with_all_jurors(&mut self, scenes: &[Scene]) -> Result<Vec<B256>, DemoError> {
        let plain: Vec<Order> = scenes
            .iter()
            .filter_map(|scene| if let Scene::Plain(order) = scene { Some(order) } else { None })
            .cloned()
            .collect();
        let absent: Vec<Order> = scenes
            .iter()
            .filter_map(|s| if let Scene::Undelivered(order) = s { Some(order) } else { None })
            .cloned()
            .collect();
        self.voice.say(format!(
            "Both sign, the escrow pulls the money, the sellers work, five jurors judge: {} deals.",
            plain.len()
        ));
        let ids = self.order_all(&plain).await?;
        let undelivered = self.order_all(&absent).await?;
        self.until_ended(&ids, "deals").await?;
        self.tell(&ids).await;
        Ok(undelivered)
    }

    async fn with_one_dead(&mut self, order: &Order) -> Result<(), DemoError> {
        self.kill_juror().await;
        let id = self.order(order).await?;
        self.until_ended(&[id], "the deal with a dead juror").await?;
        self.tell(&[id]).await;
        Ok(())
    }

    /// Three sealed ballots of five open nothing and decide nothing; the deal is left to the clock.
    async fn with_two_dead(&mut self, order: &Order) -> Result<B256, DemoError> {
        while self.dead() < 2 {
            self.kill_juror().await;
        }
        let id = self.order(order).await?;
        let alive = self.cast.jurors.len().saturating_sub(self.dead());
        self.until_committed(id, alive).await?;
        let title = &order.title;
        self.voice.say(format!("  {alive} sealed ballots for \"{title}\" open nothing yet."));
        Ok(id)
    }

    /// Moves the clock: first close to the deadlines, where sellers pin their deliveries on the
    /// chain by themselves, then past the panels' time, where anybody may end what is left.
    async fn let_time_end(&mut self, waiting: &[B256]) -> Result<(), DemoError> {
        if waiting.is_empty() {
            return Ok(());
        }
        self.voice.say("The clock moves to the deadlines.");
        let ledger = self.follower.ledger();
        let deals = waiting.iter().filter_map(|id| ledger.deals.get(id));
        let parts = deals.clone().flat_map(|deal| &deal.terms.milestones);
        let latest = parts.map(|part| part.deliverBy.to::<u64>()).max().unwrap_or_default();
        self.chain.advance_to(latest.saturating_sub(BEFORE_DEADLINE_SECS)).await?;
        if let Some(id) = self.balloted(waiting) {
            let pinned = |ledger: &super::ledger::Ledger| {
                ledger.deals.get(&id).filter(|deal| !deal.delivered.is_empty()).map(|_| ())
            };
            self.follower.until("the seller to deliver on the chain", WITHIN, pinned).await?;
            self.voice.say("  The seller has put its delivery on the chain by itself.");
        }
        let judge = deals.map(|deal| deal.terms.judgeWithin.to::<u64>()).max().unwrap_or_default();
        self.chain.advance_to(latest.saturating_add(judge).saturating_add(1)).await?;
        self.until_ended(waiting, "what time ends").await?;
        self.tell(waiting).await;
        Ok(())
    }

    /// The deal among these whose seller had something to deliver: the one with dead jurors.
    fn balloted(&self, waiting: &[B256]) -> Option<B256> {
        (self.dead() >= 2).then(|| waiting.last().copied()).flatten()
    }

    async fn with_blacklisted_seller(&mut self, order: &Order) -> Result<(), DemoError> {
        let token = self.cast.addresses.token;
        let seller = self.frame.address(order.seller);
        self.chain.blacklist(token, seller).await?;
        self.voice
            .say("The token's issuer blacklists a seller; its money must not hold up anybody.");
        let id = self.order(order).await?;
        self.until_ended(&[id], "the blacklisted seller's deal").await?;
        self.tell(&[id]).await;
        let owed = credit(&self.follower.ledger(), seller);
        if owed.is_zero() {
            return self.chain.delist(token, seller).await;
        }
        self.voice.say(format!("  {} wait in the escrow as the seller's credit.", usdc(owed)));
        self.chain.delist(token, seller).await?;
        let paid =
            |ledger: &super::ledger::Ledger| (credit(ledger, seller) == U256::ZERO).then_some(());
        self.follower.until("the credit to be paid", WITHIN, paid).await?;
        self.voice.say("  Delisted, the seller is paid.");
        Ok(())
    }

    /// Plays recorded cases: every task is a deal, all at once.
    pub(super) async fn replay(&mut self, items: &[Item]) -> Result<Confusion, DemoError> {
        let orders: Vec<Order> = items.iter().map(plot::task).collect();
        self.fund(&orders).await?;
        self.voice.say(format!("{} recorded cases are traded and judged.", orders.len()));
        let ids = self.order_all(&orders).await?;
        self.until_ended(&ids, "cases").await?;
        let ledger = self.follower.ledger();
        let mut confusion = Confusion::default();
        for (item, id) in items.iter().zip(&ids) {
            let row =
                if item.label == 1 { &mut confusion.label_good } else { &mut confusion.label_bad };
            let ended = ledger.deals.get(id).and_then(|deal| deal.ended.get(&0));
            row.count(ended.map_or("open", |ended| ending_name(ended.ending)));
        }
        Ok(confusion)
    }

    /// Says how deals ended, and who voted how.
    async fn tell(&self, ids: &[B256]) {
        let ledger = self.follower.ledger();
        for (id, title, milestones) in self.agreed.iter().filter(|(id, ..)| ids.contains(id)) {
            let Some(deal) = ledger.deals.get(id) else { continue };
            for (index, milestone) in (0_u8..).zip(milestones) {
                let ending = deal.ended.get(&index).map_or("open", |e| ending_name(e.ending));
                let name = if title == milestone {
                    title.clone()
                } else {
                    format!("{title}: {milestone}")
                };
                self.voice.say(format!("  {name}: {ending}"));
                if let Some(settled) = deal.settled.get(&index)
                    && let Some(votes) = self.votes(*id, index, settled).await
                {
                    self.voice.say(format!("    {votes}"));
                }
            }
        }
    }

    fn dead(&self) -> usize {
        self.cast.jurors.iter().filter(|juror| !juror.service.is_wanted()).count()
    }

    /// Kills the last juror that is alive.
    async fn kill_juror(&mut self) {
        let alive = self.cast.jurors.iter_mut().rfind(|juror| juror.service.is_wanted());
        if let Some(juror) = alive {
            juror.service.kill().await;
            self.voice.say(format!("The juror {} dies.", juror.family));
        }
    }

    async fn revive_jurors(&self) -> Result<(), DemoError> {
        for juror in self.cast.jurors.iter().filter(|juror| !juror.service.is_wanted()) {
            juror.service.revive().await?;
            self.voice.say(format!("The juror {} is back.", juror.family));
        }
        Ok(())
    }
}

/// How long before the deadline the clock stops: within the time in which sellers pin.
const BEFORE_DEADLINE_SECS: u64 = 300;
