//! How a deal is shown: its milestones, verdicts and money, all read from the chain.

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use surety_bindings::escrow::Terms;
use surety_jury::{
    Source,
    tally::{Outcome, quorum},
};
use surety_terms::{Problem, Usdc};

use crate::{
    Chain, Error, History, Role, Stage,
    chain::{Seat, Word, bit},
    history::{JUDGED, ROUND2, Settled},
    store::Entry,
};

/// How a milestone ended: `Ending` of the contracts, in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    /// The jury or the buyer said yes.
    Accepted,
    /// The jury said no.
    Rejected,
    /// The seller gave in.
    Conceded,
    /// Nothing was delivered and judged in time.
    Reclaimed,
    /// The jury did not agree.
    Undetermined,
    /// The jury did not answer.
    Silent,
    /// The parties split.
    Agreed,
    /// An earlier milestone of a sequence failed.
    Cancelled,
}

impl Ending {
    /// Reads the contracts' number.
    pub const fn from_u8(ending: u8) -> Option<Self> {
        Some(match ending {
            1 => Self::Accepted,
            2 => Self::Rejected,
            3 => Self::Conceded,
            4 => Self::Reclaimed,
            5 => Self::Undetermined,
            6 => Self::Silent,
            7 => Self::Agreed,
            8 => Self::Cancelled,
            _ => return None,
        })
    }
}

/// Where a milestone stands on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MilestoneStatus {
    /// Nothing is on the chain yet.
    Pending,
    /// The deliverable's digest is on the chain.
    Delivered,
    /// The panel's verdict stands, and can be appealed.
    Judged,
    /// The appeal panel is asked.
    Round2,
    /// It has ended.
    Ended,
}

/// A deal as it is shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DealView {
    /// The deal's id.
    pub deal_id: B256,
    /// The agent's side; absent when no agent's book was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Where it stands in the agent's book; absent when no book was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The last problem of the agent with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// The sheet's title; the chain does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who funds the deal.
    pub buyer: Address,
    /// Who delivers.
    pub seller: Address,
    /// What the buyer puts in.
    pub total: Usdc,
    /// What the seller puts in.
    pub bond: Usdc,
    /// Whether the money is or was in the escrow.
    pub opened: bool,
    /// The opening's transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_tx: Option<B256>,
    /// Who judges.
    pub jury: JuryView,
    /// The milestones, in order.
    pub milestones: Vec<MilestoneView>,
    /// The chain's clock when this was read.
    pub timestamp: u64,
}

/// The jury of a deal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JuryView {
    /// Its digest.
    pub jury: B256,
    /// How many equal answers decide.
    pub quorum: usize,
    /// Whether the panel is of live models, rehearsed or replayed: the least real of its seats.
    pub source: Source,
    /// The panel, in seat order.
    pub panel: Vec<SeatView>,
    /// The appeal panel, in seat order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub appeal_panel: Vec<SeatView>,
}

/// One seat of a panel, by its own claims.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatView {
    /// The juror's key.
    pub juror: Address,
    /// Who trained its model.
    pub family: String,
    /// Who runs it.
    pub operator: String,
    /// Where it answers.
    pub url: String,
    /// Whether its opinions are a live model's.
    pub source: Source,
}

/// One milestone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MilestoneView {
    /// Its index, from 0.
    pub milestone: u8,
    /// Its title; the chain does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it pays.
    pub amount: Usdc,
    /// When deliveries stop to count.
    pub deliver_by: u64,
    /// Where it stands.
    pub status: MilestoneStatus,
    /// The digest that is on the chain or was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliverable: Option<B256>,
    /// From when on the timed ending is open to anybody.
    pub timed_ending_at: u64,
    /// The jury's verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictView>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// What the seller got of amount and bond share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_seller: Option<Usdc>,
    /// What the buyer got of both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_buyer: Option<Usdc>,
    /// The transaction that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_tx: Option<B256>,
}

/// A verdict, as the contract counted it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerdictView {
    /// What it says.
    pub outcome: Outcome,
    /// Whether the counted seats are of live models: the least real of them.
    pub source: Source,
    /// 1 for the panel, 2 for the appeal panel.
    pub round: u8,
    /// What was judged.
    pub deliverable: B256,
    /// The counted seats, as a mask.
    pub seats: u16,
    /// Criteria that a quorum calls met, as a mask.
    pub met: u16,
    /// Criteria that a quorum calls failed, as a mask.
    pub failed: u16,
    /// Who handed the ballots in.
    pub submitter: Address,
    /// The transaction.
    pub tx_hash: B256,
}

impl DealView {
    /// Shows a deal of the agent's own book.
    pub(crate) async fn of_entry(chain: &Chain, entry: &Entry) -> Result<Self, Error> {
        let deal = &entry.deal;
        let mut view = Self::read(chain, deal.id, &deal.terms, deal.from_block).await?;
        view.role = Some(entry.role);
        view.stage = Some(entry.stage);
        view.problem.clone_from(&entry.problem);
        view.title = Some(deal.sheet.title.clone());
        for (shown, sheet) in view.milestones.iter_mut().zip(&deal.sheet.milestones) {
            shown.title = Some(sheet.title.clone());
        }
        Ok(view)
    }

    /// Shows a deal that the chain knows, from its id alone.
    pub async fn of_chain(chain: &Chain, deal_id: B256, from_block: u64) -> Result<Self, Error> {
        if !chain.word(deal_id).await?.opened {
            return Err(Error::DealUnknown(deal_id));
        }
        let history = History::read(chain, deal_id, from_block).await?;
        let opened = history.opened.ok_or(Error::EventMissing("the deal's opening"))?;
        Self::read(chain, deal_id, &opened.terms, opened.block).await
    }

    async fn read(
        chain: &Chain,
        deal_id: B256,
        terms: &Terms,
        from_block: u64,
    ) -> Result<Self, Error> {
        let head = chain.head().await?;
        let word = chain.word(deal_id).await?;
        let history = if word.opened {
            History::read(chain, deal_id, from_block).await?
        } else {
            History::default()
        };
        let panels = [chain.panel(terms.jury, 1).await?, chain.panel(terms.jury, 2).await?];
        let milestones = terms
            .milestones
            .iter()
            .zip(0_u8..)
            .map(|(milestone, index)| {
                let timed = milestone.deliverBy.to::<u64>().saturating_add(terms.judgeWithin.to());
                MilestoneView::of(index, milestone.amount.into(), timed, (word, &history, &panels))
                    .due(milestone.deliverBy.to())
            })
            .collect();
        Ok(Self {
            deal_id,
            role: None,
            stage: None,
            problem: None,
            title: None,
            buyer: terms.buyer,
            seller: terms.seller,
            total: terms.total.into(),
            bond: terms.bond.into(),
            opened: word.opened,
            opened_tx: history.opened.as_ref().map(|event| event.tx_hash),
            jury: JuryView::of(terms.jury, panels),
            milestones,
            timestamp: head.timestamp,
        })
    }
}

impl JuryView {
    /// Shows a jury's panel and its appeal panel.
    pub fn of(jury: B256, panels: [Vec<Seat>; 2]) -> Self {
        let shown = |seats: Vec<Seat>| seats.into_iter().map(SeatView::of).collect::<Vec<_>>();
        let [panel, appeal_panel] = panels.map(shown);
        let source = least_real(panel.iter().map(|seat| seat.source));
        Self { jury, quorum: quorum(panel.len()), source, panel, appeal_panel }
    }
}

impl SeatView {
    fn of(seat: Seat) -> Self {
        let Seat { juror, family, operator, url } = seat;
        Self { juror, source: Source::of_family(&family), family, operator, url }
    }
}

impl MilestoneView {
    fn of(
        milestone: u8,
        amount: Usdc,
        timed_ending_at: u64,
        (word, history, panels): (Word, &History, &[Vec<Seat>; 2]),
    ) -> Self {
        let ended = history.ended(milestone);
        let settled = history.settled(milestone);
        let state = history.state(milestone).into_iter().next();
        let status = match () {
            () if word.has_ended(milestone) => MilestoneStatus::Ended,
            () if word.is_delivered(milestone) => match state.as_ref().map(|state| state.status) {
                Some(JUDGED) => MilestoneStatus::Judged,
                Some(ROUND2) => MilestoneStatus::Round2,
                _ => MilestoneStatus::Delivered,
            },
            () => MilestoneStatus::Pending,
        };
        let judged = settled.map(|event| event.deliverable);
        Self {
            milestone,
            title: None,
            amount,
            deliver_by: 0,
            status,
            deliverable: judged.or_else(|| state.as_ref().map(|state| state.deliverable)),
            timed_ending_at: state.map_or(timed_ending_at, |state| state.until.to()),
            verdict: settled.and_then(|event| VerdictView::of(event, panels)),
            ending: ended.and_then(|event| Ending::from_u8(event.ending)),
            to_seller: ended.and_then(|event| Usdc::new(event.to_seller)),
            to_buyer: ended.and_then(|event| Usdc::new(event.to_buyer)),
            ended_tx: ended.map(|event| event.tx_hash),
        }
    }

    const fn due(mut self, deliver_by: u64) -> Self {
        self.deliver_by = deliver_by;
        self
    }
}

impl VerdictView {
    fn of(event: &Settled, [panel, appeal_panel]: &[Vec<Seat>; 2]) -> Option<Self> {
        let panel = if event.round == 1 { panel } else { appeal_panel };
        let counted = panel.iter().zip(0_u8..).filter(|(_, seat)| bit(event.seats, *seat));
        Some(Self {
            outcome: Outcome::from_u8(event.outcome)?,
            source: least_real(counted.map(|(seat, _)| Source::of_family(&seat.family))),
            round: event.round,
            deliverable: event.deliverable,
            seats: event.seats,
            met: event.met,
            failed: event.failed,
            submitter: event.submitter,
            tx_hash: event.tx_hash,
        })
    }
}

/// One rehearsed seat makes a verdict a rehearsal, one replayed seat a replay.
fn least_real(sources: impl Iterator<Item = Source>) -> Source {
    let mut least = Source::Live;
    for source in sources {
        match (least, source) {
            (_, Source::Rehearsal) => return Source::Rehearsal,
            (Source::Live, Source::Replay) => least = Source::Replay,
            _ => {}
        }
    }
    least
}
