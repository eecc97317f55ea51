//! The ballots of a juror that the chain shows.

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    primitives::{Address, B256, U256},
    rpc::types::{Filter, Log},
    sol_types::SolEvent as _,
};
use surety_bindings::{
    escrow::DealEscrow::{DealOpened, MilestoneSettled},
    jury::Case,
};
use surety_chain::BlockTag;
use surety_terms::digest;

use crate::{Seat, SeatError, logs};

impl Seat {
    /// The cases for which a consumer counted this juror's ballot, from `from_block` on.
    ///
    /// Two answers to one of them would be an offence that anybody can prove. A ballot that came too
    /// late to be counted is not seen here.
    pub async fn counted(
        &self,
        consumers: &[Address],
        from_block: u64,
    ) -> Result<BTreeSet<B256>, SeatError> {
        let seats = self.seats(from_block).await?;
        let seats = seats.into_iter().map(|(jury, round, seat)| ((jury, round), seat)).collect();
        let head = self.rpc.head(BlockTag::Latest).await?.number;
        let filter = Filter::new()
            .address(consumers.to_vec())
            .event_signature(vec![DealOpened::SIGNATURE_HASH, MilestoneSettled::SIGNATURE_HASH]);
        let mut reader =
            Reader { seat: self, seats, deals: BTreeMap::new(), counted: BTreeSet::new() };
        logs::each(&self.rpc, &filter, (from_block, head), |log| reader.read(log)).await?;
        Ok(reader.counted)
    }
}

struct Reader<'a> {
    seat: &'a Seat,
    /// The juror's seat by jury and round.
    seats: BTreeMap<(B256, u8), u8>,
    /// The jury of each deal.
    deals: BTreeMap<(Address, B256), B256>,
    counted: BTreeSet<B256>,
}

impl Reader<'_> {
    fn read(&mut self, log: &Log) {
        let consumer = log.address();
        if let Ok(opened) = DealOpened::decode_log(&log.inner) {
            self.deals.insert((consumer, opened.dealId), opened.terms.jury);
        }
        let Ok(settled) = MilestoneSettled::decode_log(&log.inner) else { return };
        let Some(jury) = self.deals.get(&(consumer, settled.dealId)) else { return };
        let Some(seat) = self.seats.get(&(*jury, settled.round)) else { return };
        if settled.seats.checked_shr((*seat).into()).is_none_or(|rest| rest & 1 == 0) {
            return;
        }
        self.counted.insert(digest::case_id(&Case {
            chainId: U256::from(self.seat.chain_id),
            jury: self.seat.jury,
            consumer,
            dealId: settled.dealId,
            milestone: settled.milestone,
            round: settled.round,
            deliverable: settled.deliverable,
        }));
    }
}
