//! A valid sheet for tests.

use alloy::primitives::{Address, B256};
use surety_terms::{Bps, Criterion, Kind, MilestoneSheet, TermSheet, Usdc, Version};

use crate::Deal;

/// When deliveries of the first milestone stop to count.
pub(crate) const DELIVER_BY: u64 = 1_000_000;
/// How long the panel has.
pub(crate) const JUDGE_WITHIN: u64 = 7_200;
/// When the signatures become worthless.
pub(crate) const OPEN_BY: u64 = 900_000;

/// A deal of 100 dollars, a bond of 10, and milestones that are due an hour apart.
pub(crate) fn deal(milestones: u8) -> Deal {
    let amount = |dollars: u32| Usdc::from_whole(dollars);
    let parts = (0..milestones).map(|index| MilestoneSheet {
        title: format!("Part {index}"),
        description: String::new(),
        amount: amount(100),
        deliver_by: DELIVER_BY + u64::from(index) * 3_600,
        pass_bps: Bps::WHOLE,
        pro_rata: false,
        criteria: vec![Criterion {
            id: "whole".to_owned(),
            text: "The deliverable is whole.".to_owned(),
            weight_bps: Bps::WHOLE,
            mandatory: true,
            evidence_required: false,
            kind: Kind::Llm,
        }],
    });
    let sheet = TermSheet {
        version: Version::V1,
        chain_id: 31_337,
        escrow: Address::repeat_byte(0xe5),
        title: "A summary".to_owned(),
        summary: String::new(),
        buyer: Address::repeat_byte(0xb0),
        seller: Address::repeat_byte(0x5e),
        buyer_agent: None,
        seller_agent: None,
        seller_families: vec![],
        recipients: None,
        token: Address::repeat_byte(0x70),
        total: amount(100 * u32::from(milestones)),
        bond: amount(10),
        jury: B256::repeat_byte(0x11),
        template: None,
        jury_fee: Usdc::ZERO,
        relay_fee: Usdc::ZERO,
        open_fee: Usdc::ZERO,
        fee_bps: Bps::ZERO,
        fee_receiver: Address::ZERO,
        pay_as_credit: false,
        open_by: OPEN_BY,
        judge_within: JUDGE_WITHIN,
        appeal_within: 0,
        appeal_bond: Usdc::ZERO,
        silent_seller_bps: Bps::ZERO,
        split_seller_bps: Bps::ZERO,
        sequential: false,
        salt: B256::repeat_byte(0x5a),
        milestones: parts.collect(),
    };
    sheet.validate().unwrap();
    Deal::new(sheet, 0)
}
