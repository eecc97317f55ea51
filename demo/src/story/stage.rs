//! What the principal can do: order through its buyer's agent, and watch the chain.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use alloy::primitives::{B256, U256};
use alloy::providers::Provider as _;
use futures::stream::{StreamExt as _, TryStreamExt as _, iter};
use serde::Deserialize;
use serde_json::{Value, json};
use surety_bindings::jury::Case;
use surety_jury::{Reason, Source};
use surety_terms::TermSheet;
use surety_terms::digest::case_id;

use super::cast::Cast;
use super::chain::{LocalChain, failed};
use super::ledger::{Follower, Ledger, Settled};
use super::plot::{Frame, Order};
use super::secrecy;
use super::summary::Facts;
use super::token::TestUSDC;
use super::voice::Voice;
use crate::error::DemoError;

/// How many orders are negotiated at once.
const ORDERS_AT_ONCE: usize = 8;
/// How long anything may take that needs no passing of chain time.
pub(super) const WITHIN: Duration = Duration::from_mins(1);

/// The running market, as the principal and the audience see it.
pub(super) struct Stage<'a> {
    pub(super) chain: &'a LocalChain,
    pub(super) cast: &'a mut Cast,
    pub(super) follower: Follower,
    pub(super) frame: Frame,
    pub(super) voice: &'a Voice,
    /// What was agreed: the deal, its title, its milestones' titles.
    pub(super) agreed: Vec<(B256, String, Vec<String>)>,
    /// What of it only parties and jurors may read.
    pub(super) texts: BTreeSet<String>,
    client: reqwest::Client,
}

/// What the buyer's agent answers to an order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    deal_id: B256,
}

impl<'a> Stage<'a> {
    /// Sets the stage for a cast.
    pub(super) fn new(
        chain: &'a LocalChain,
        cast: &'a mut Cast,
        follower: Follower,
        voice: &'a Voice,
    ) -> Self {
        let frame = Frame {
            chain_id: chain.chain_id,
            escrow: cast.addresses.escrow,
            token: cast.addresses.token,
            jury: cast.jury,
            buyer: cast.buyer.wallet,
            alder: cast.alder.wallet,
            birch: cast.birch.wallet,
        };
        let client = reqwest::Client::new();
        Self {
            chain,
            cast,
            follower,
            frame,
            voice,
            agreed: Vec::new(),
            texts: BTreeSet::new(),
            client,
        }
    }

    /// Orders one deal and waits until it is open.
    pub(super) async fn order(&mut self, order: &Order) -> Result<B256, DemoError> {
        let ids = self.order_all(std::slice::from_ref(order)).await?;
        ids.first().copied().ok_or_else(|| DemoError::Story("no deal was agreed".to_owned()))
    }

    /// Gives the parties the money that these orders need.
    pub(super) async fn fund(&self, orders: &[Order]) -> Result<(), DemoError> {
        let now = self.chain.now().await?;
        let mut needs = BTreeMap::new();
        for order in orders {
            let sheet = self.frame.sheet(order, now, 0);
            for (wallet, amount) in [(sheet.buyer, sheet.total), (sheet.seller, sheet.bond)] {
                let need = needs.entry(wallet).or_insert(surety_terms::Usdc::ZERO);
                *need = need.checked_add(amount).unwrap_or(surety_terms::Usdc::MAX);
            }
        }
        for (wallet, amount) in needs {
            self.chain.mint(self.cast.addresses.token, wallet, amount).await?;
        }
        Ok(())
    }

    /// Orders many deals, several at a time, and waits until they are open.
    pub(super) async fn order_all(&mut self, orders: &[Order]) -> Result<Vec<B256>, DemoError> {
        let now = self.chain.now().await?;
        let first = u64::try_from(self.agreed.len()).unwrap_or(u64::MAX);
        let sheets: Vec<_> = orders
            .iter()
            .zip(first..)
            .map(|(order, number)| (order, self.frame.sheet(order, now, number)))
            .collect();
        let posts = sheets.iter().map(|(order, sheet)| self.post(order, sheet));
        let ids: Vec<B256> = iter(posts).buffered(ORDERS_AT_ONCE).try_collect().await?;
        for ((_, sheet), id) in sheets.iter().zip(&ids) {
            let titles = sheet.milestones.iter().map(|part| part.title.clone()).collect();
            self.agreed.push((*id, sheet.title.clone(), titles));
            self.texts.extend(secrecy::texts(sheet).map(str::to_owned));
        }
        let opened =
            |ledger: &Ledger| ids.iter().all(|id| ledger.deals.contains_key(id)).then_some(());
        self.follower.until("the deals to be open", WITHIN, opened).await?;
        Ok(ids)
    }

    async fn post(&self, order: &Order, sheet: &TermSheet) -> Result<B256, DemoError> {
        let seller = self.cast.seller(order.seller).service.url();
        let url = format!("{}v1/deals", self.cast.buyer.service.url());
        let body = json!({ "termSheet": sheet, "sellerUrl": seller });
        let answer = self.client.post(url).json(&body).send().await;
        let refused = |reason: String| DemoError::Service { service: "buyer".to_owned(), reason };
        let answer = answer.map_err(|error| refused(error.to_string()))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| refused(error.to_string()))?;
        if !status.is_success() {
            return Err(refused(format!("\"{}\" was refused: {text}", order.title)));
        }
        let taken: Taken =
            serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
        Ok(taken.deal_id)
    }

    /// Waits until these deals are over.
    pub(super) async fn until_ended(&self, ids: &[B256], what: &str) -> Result<(), DemoError> {
        let ended = |ledger: &Ledger| {
            let count = ids.iter().filter(|id| ledger.has_ended(**id)).count();
            self.voice.progress(count, ids.len(), what);
            (count == ids.len()).then_some(())
        };
        self.follower.until(&format!("{what} to end"), patience(ids.len()), ended).await
    }

    /// Waits until the relayer holds this many commitments for a deal's delivery.
    pub(super) async fn until_committed(&self, deal: B256, count: usize) -> Result<(), DemoError> {
        let started = std::time::Instant::now();
        while self.committed(deal).await.unwrap_or_default() < count {
            if started.elapsed() > WITHIN {
                let what = format!("{count} commitments");
                return Err(DemoError::Timeout { what, seconds: WITHIN.as_secs() });
            }
            tokio::time::sleep(super::process::LOOK_EVERY).await;
        }
        Ok(())
    }

    /// How many commitments the relayer holds for the first case of a deal.
    async fn committed(&self, deal: B256) -> Option<usize> {
        let relayer = self.cast.relayer.url();
        let shown = self.get(&format!("{relayer}v1/deals/{deal}")).await?;
        let case = shown.pointer("/milestones/0/cases/0/caseId")?.as_str()?;
        let shown = self.get(&format!("{relayer}v1/cases/{case}")).await?;
        shown.get("commitments")?.as_array().map(Vec::len)
    }

    async fn get(&self, url: &str) -> Option<Value> {
        self.client.get(url).send().await.ok()?.json().await.ok()
    }

    /// The case of a settled milestone, as the relayer shows it.
    async fn case(&self, deal: B256, milestone: u8, settled: &Settled) -> Option<Value> {
        let at = self.cast.addresses;
        let case = Case {
            chainId: U256::from(self.chain.chain_id),
            jury: at.jury,
            consumer: at.escrow,
            dealId: deal,
            milestone,
            round: 1,
            deliverable: settled.deliverable,
        };
        self.get(&format!("{}v1/cases/{}", self.cast.relayer.url(), case_id(&case))).await
    }

    /// Who voted how on a settled milestone, in a line; families say by themselves when they only
    /// rehearse.
    pub(super) async fn votes(
        &self,
        deal: B256,
        milestone: u8,
        settled: &Settled,
    ) -> Option<String> {
        let shown = self.case(deal, milestone, settled).await?;
        let mut sides: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ballot in shown.get("ballots")?.as_array()? {
            let mask = |name: &str| ballot.get(name).and_then(Value::as_u64).unwrap_or_default();
            let side = match (mask("met"), mask("failed")) {
                (0, 0) => "abstaining",
                (_, 0) => "for",
                (_, _) => "against",
            };
            let family = ballot.get("family")?.as_str()?;
            let is_injection = mask("reason") == u64::from(Reason::Injection.byte());
            let note = if is_injection { " (saw an injection)" } else { "" };
            sides.entry(side).or_default().push(format!("{family}{note}"));
        }
        let sides = sides.iter().rev().map(|(side, who)| format!("{side}: {}", who.join(", ")));
        Some(sides.collect::<Vec<_>>().join("; "))
    }

    /// Everything about the run that the ledger does not hold.
    pub(super) async fn facts(&self, ledger: &Ledger) -> Result<Facts, DemoError> {
        let at = self.cast.addresses;
        let token = TestUSDC::new(at.token, &self.chain.provider);
        let left = token.balanceOf(at.escrow).call().await.map_err(failed("the escrow's money"))?;
        let mut agents_eth = U256::ZERO;
        for party in [&self.cast.buyer, &self.cast.alder, &self.cast.birch] {
            let wei = self.chain.provider.get_balance(party.wallet).await;
            agents_eth = agents_eth.saturating_add(wei.map_err(failed("an agent's ETH"))?);
        }
        let mut verdict_to_paid_ms = Vec::new();
        for (deal_id, deal) in &ledger.deals {
            for (milestone, settled) in &deal.settled {
                let shown = self.case(*deal_id, *milestone, settled).await;
                let paid = shown.as_ref().and_then(|shown| shown.get("verdictToPaidMs")?.as_u64());
                verdict_to_paid_ms.extend(paid);
            }
        }
        let sources = self.cast.jurors.iter().map(|juror| Source::of_family(&juror.family));
        Ok(Facts {
            source: least_real(sources),
            left,
            agents_eth,
            verdict_to_paid_ms,
            restarts: self.cast.services().map(super::process::Service::restarts).sum(),
        })
    }
}

/// A hundred deals may take longer than one, and each has its share of patience.
fn patience(deals: usize) -> Duration {
    let each = Duration::from_secs(2);
    WITHIN.saturating_add(each.saturating_mul(u32::try_from(deals).unwrap_or(u32::MAX)))
}

/// One rehearsed seat makes the panel a rehearsal, one replayed seat a replay.
fn least_real(sources: impl Iterator<Item = Source>) -> Source {
    sources.fold(Source::Live, |least, source| match (least, source) {
        (Source::Rehearsal, _) | (_, Source::Rehearsal) => Source::Rehearsal,
        (Source::Replay, _) | (_, Source::Replay) => Source::Replay,
        (Source::Live, Source::Live) => Source::Live,
    })
}
