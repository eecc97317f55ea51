//! The rules of a term sheet that need neither chain nor clock, and the two that need a clock.
//!
//! They are those of `DealEscrow.open`, those of the parts that the contracts do not support yet,
//! and limits that keep a sheet readable and cheap to judge. The first fault ends the check.

pub mod limits;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::HashMap;

use surety_bindings::escrow::Delivery;

use crate::amount::{Bps, Usdc};
use crate::error::{Fault, TermsError, excerpt};
use crate::json;
use crate::rule::MAX_CRITERIA;
use crate::sheet::{Criterion, Kind, MilestoneSheet, TermSheet};
use texts::{Lines, optional_text, prose, text};

type Checked = Result<(), TermsError>;

fn refuse(field: impl Into<String>, fault: Fault) -> Checked {
    Err(TermsError::at(field, fault))
}

pub(crate) fn sheet(sheet: &TermSheet) -> Checked {
    addresses(sheet)?;
    families(&sheet.seller_families)?;
    text("title", &sheet.title, limits::TITLE_CHARS, Lines::One)?;
    prose("summary", &sheet.summary)?;
    in_range("openBy", sheet.open_by, (1, limits::TIME))?;
    windows(sheet)?;
    shares(sheet)?;
    let count = sheet.milestones.len();
    if count == 0 || count > limits::MILESTONES {
        return refuse(
            "milestones",
            Fault::MilestoneCount { got: count, most: limits::MILESTONES },
        );
    }
    for (index, part) in sheet.milestones.iter().enumerate() {
        milestone(part, &format!("milestones[{index}]"))?;
    }
    deadlines(sheet)?;
    money(sheet)?;
    // The sum of many parts that are each within their limits can still be too large to read.
    let (got, most) = (sheet.canonical().len(), limits::SHEET_BYTES);
    if got > most {
        return refuse(TermsError::DOCUMENT, Fault::TooLarge { got, most });
    }
    Ok(())
}

/// The rules that need to know the time at which the deal would be opened.
pub(crate) fn openable_at(sheet: &TermSheet, now: u64) -> Checked {
    if now >= sheet.open_by {
        return refuse("openBy", Fault::DeadlinePassed { now, deadline: sheet.open_by });
    }
    end_within(sheet, now.saturating_add(limits::LIFE_MOST))
}

pub(crate) fn unsupported(sheet: &TermSheet) -> Option<&'static str> {
    [("appealWithin", sheet.appeal_within != 0), ("sequential", sheet.sequential)]
        .into_iter()
        .find_map(|(field, used)| used.then_some(field))
}

/// A delivery is for this deal, for one of its milestones, and its URI is one.
pub(crate) fn delivery(sheet: &TermSheet, delivery: &Delivery) -> Checked {
    let needed = sheet.deal_id();
    if delivery.dealId != needed {
        return refuse("dealId", Fault::DealMismatch { got: delivery.dealId, needed });
    }
    let count = sheet.milestones.len();
    if usize::from(delivery.milestone) >= count {
        let got = delivery.milestone;
        return refuse("milestone", Fault::MilestoneUnknown { got, count });
    }
    if delivery.deliverable.is_zero() {
        return refuse("deliverable", Fault::Zero);
    }
    optional_text("uri", &delivery.uri, limits::URI_CHARS, Lines::One)
}

/// A signature has a length that a wallet may give it; an empty one is none.
pub(crate) fn signature(field: &str, signature: &[u8]) -> Checked {
    let (got, most) = (signature.len(), limits::SIGNATURE_BYTES);
    if got == 0 {
        return refuse(field, Fault::TextEmpty);
    }
    if got > most {
        return refuse(field, Fault::TooLarge { got, most });
    }
    Ok(())
}

fn addresses(sheet: &TermSheet) -> Checked {
    in_range("chainId", sheet.chain_id, (1, json::MAX_SAFE_INTEGER))?;
    let (buyer, seller) = (sheet.buyer, sheet.seller);
    if buyer.is_zero() || seller.is_zero() || buyer == seller {
        let field = if buyer.is_zero() { "buyer" } else { "seller" };
        return refuse(field, Fault::PartiesInvalid { buyer, seller });
    }
    for (field, zero) in [
        ("escrow", sheet.escrow.is_zero()),
        ("token", sheet.token.is_zero()),
        ("jury", sheet.jury.is_zero()),
    ] {
        if zero {
            return refuse(field, Fault::Zero);
        }
    }
    // The escrow and the token cannot sign, and money sent to them as a party would be stuck.
    for (field, got) in [("buyer", buyer), ("seller", seller), ("feeReceiver", sheet.fee_receiver)]
    {
        for (role, contract) in [("escrow", sheet.escrow), ("token", sheet.token)] {
            if got == contract {
                return refuse(field, Fault::AddressReused { got, role });
            }
        }
    }
    if sheet.token == sheet.escrow {
        return refuse("token", Fault::AddressReused { got: sheet.token, role: "escrow" });
    }
    Ok(())
}

fn families(families: &[String]) -> Checked {
    let (got, most) = (families.len(), limits::FAMILIES);
    if got > most {
        return refuse("sellerFamilies", Fault::FamilyCount { got, most });
    }
    for (index, family) in families.iter().enumerate() {
        let earlier = families.get(..index).unwrap_or_default();
        if !is_name(family) || earlier.contains(family) {
            let got = excerpt(family);
            return refuse(format!("sellerFamilies[{index}]"), Fault::FamilyInvalid { got });
        }
    }
    Ok(())
}

/// Whether a text is `[a-z0-9-]{1,32}`, as ids and families are.
fn is_name(text: &str) -> bool {
    let spelled = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= limits::ID_CHARS && text.bytes().all(spelled)
}

fn windows(sheet: &TermSheet) -> Checked {
    window("judgeWithin", sheet.judge_within)?;
    if sheet.appeal_within == 0 {
        if sheet.appeal_bond != Usdc::ZERO {
            let fault = Fault::Inconsistent { other: "appealWithin", needed: "above zero" };
            return refuse("appealBond", fault);
        }
        return Ok(());
    }
    window("appealWithin", sheet.appeal_within)?;
    if sheet.appeal_bond == Usdc::ZERO {
        let fault = Fault::Inconsistent { other: "appealWithin", needed: "zero" };
        return refuse("appealBond", fault);
    }
    Ok(())
}

fn window(field: &str, got: u64) -> Checked {
    if got < limits::WINDOW_LEAST {
        return refuse(field, Fault::WindowTooShort { got, needed: limits::WINDOW_LEAST });
    }
    in_range(field, got, (limits::WINDOW_LEAST, limits::TIME))
}

fn shares(sheet: &TermSheet) -> Checked {
    share("feeBps", sheet.fee_bps, limits::FEE_BPS)?;
    share("silentSellerBps", sheet.silent_seller_bps, Bps::WHOLE.get())?;
    share("splitSellerBps", sheet.split_seller_bps, Bps::WHOLE.get())?;
    let (fee, receiver) = (sheet.fee_bps != Bps::ZERO, !sheet.fee_receiver.is_zero());
    match (fee, receiver) {
        (true, false) => {
            let fault = Fault::Inconsistent { other: "feeBps", needed: "zero" };
            refuse("feeReceiver", fault)
        }
        (false, true) => {
            let fault = Fault::Inconsistent { other: "feeBps", needed: "above zero" };
            refuse("feeReceiver", fault)
        }
        (true, true) | (false, false) => Ok(()),
    }
}

fn share(field: &str, share: Bps, most: u16) -> Checked {
    let got = share.get();
    if got > most { refuse(field, Fault::BpsTooHigh { got, most }) } else { Ok(()) }
}

fn milestone(part: &MilestoneSheet, path: &str) -> Checked {
    text(&format!("{path}.title"), &part.title, limits::TITLE_CHARS, Lines::One)?;
    prose(&format!("{path}.description"), &part.description)?;
    if part.amount == Usdc::ZERO {
        return refuse(format!("{path}.amount"), Fault::AmountZero);
    }
    in_range(&format!("{path}.deliverBy"), part.deliver_by, (0, limits::TIME))?;
    let (got, most) = (part.pass_bps.get(), Bps::WHOLE.get());
    if got == 0 || got > most {
        return refuse(format!("{path}.passBps"), Fault::PassBpsInvalid { got, most });
    }
    let list = format!("{path}.criteria");
    let count = part.criteria.len();
    if count == 0 || count > MAX_CRITERIA {
        return refuse(list, Fault::CriterionCount { got: count, most: MAX_CRITERIA });
    }
    let mut first_with = HashMap::new();
    for (index, item) in part.criteria.iter().enumerate() {
        let path = format!("{list}[{index}]");
        criterion(item, &path)?;
        if let Some(first) = first_with.insert(item.id.as_str(), index) {
            let got = item.id.clone();
            return refuse(format!("{path}.id"), Fault::CriterionIdTaken { got, first });
        }
    }
    for (index, item) in part.criteria.iter().enumerate() {
        let Kind::Hidden { of, .. } = &item.kind else { continue };
        let public = |other: &Criterion| other.id == *of && !other.is_hidden();
        if !part.criteria.iter().any(public) {
            let got = excerpt(of);
            return refuse(format!("{list}[{index}].kind.of"), Fault::CriterionUnknown { got });
        }
    }
    part.rule().validate(&list)
}

fn criterion(item: &Criterion, path: &str) -> Checked {
    if !is_name(&item.id) {
        let got = excerpt(&item.id);
        return refuse(format!("{path}.id"), Fault::CriterionIdInvalid { got });
    }
    asked(&format!("{path}."), &item.text, &item.kind)
}

/// A criterion's text and kind, wherever they stand: `path` ends with a dot or is empty.
pub(crate) fn asked(path: &str, question: &str, kind: &Kind) -> Checked {
    text(&format!("{path}text"), question, limits::CRITERION_CHARS, Lines::Many)?;
    match kind {
        Kind::Check(check) => check.validate(&format!("{path}kind")),
        Kind::Hidden { commitment, .. } if commitment.is_zero() => {
            refuse(format!("{path}kind.commitment"), Fault::Zero)
        }
        Kind::Llm | Kind::Hidden { .. } => Ok(()),
    }
}

fn deadlines(sheet: &TermSheet) -> Checked {
    let earliest = sheet.open_by.saturating_add(limits::WINDOW_LEAST);
    // Whoever is judged before the next delivery is due needs both rounds' time and an hour.
    let between = judging(sheet).saturating_add(limits::WINDOW_LEAST);
    let mut after_previous = 0;
    for (index, part) in sheet.milestones.iter().enumerate() {
        let needed = if sheet.sequential { earliest.max(after_previous) } else { earliest };
        let got = part.deliver_by;
        if got < needed {
            let field = format!("milestones[{index}].deliverBy");
            return refuse(field, Fault::DeliverByTooEarly { got, needed });
        }
        after_previous = got.saturating_add(between);
    }
    // The last moment at which the deal can be opened is the second before `openBy`.
    let last = sheet.open_by.saturating_sub(1);
    end_within(sheet, last.saturating_add(limits::LIFE_MOST))
}

fn end_within(sheet: &TermSheet, most: u64) -> Checked {
    for (index, part) in sheet.milestones.iter().enumerate() {
        let got = part.deliver_by.saturating_add(judging(sheet));
        if got > most {
            let field = format!("milestones[{index}].deliverBy");
            return refuse(field, Fault::EndsTooLate { got, most });
        }
    }
    Ok(())
}

/// How long a delivery can take to be judged: one panel, and with appeals the window and another.
fn judging(sheet: &TermSheet) -> u64 {
    let appeal = match sheet.appeal_within {
        0 => 0,
        within => within.saturating_add(sheet.judge_within),
    };
    sheet.judge_within.saturating_add(appeal)
}

fn money(sheet: &TermSheet) -> Checked {
    let amounts = sheet.milestones.iter().map(|milestone| milestone.amount);
    let sum = Usdc::checked_sum(amounts.chain([sheet.open_fee]));
    let needed = sum.ok_or_else(|| TermsError::at("total", Fault::TotalTooLarge))?;
    if sheet.total != needed {
        return refuse("total", Fault::TotalMismatch { got: sheet.total, needed });
    }
    // Two amounts are each below 2^96, so that their sum as a Usdc can only fail at the top.
    let fees = sheet.jury_fee.checked_add(sheet.relay_fee).unwrap_or(Usdc::MAX);
    for (index, part) in sheet.milestones.iter().enumerate() {
        if fees > part.amount {
            let field = format!("milestones[{index}].amount");
            return refuse(field, Fault::FeesTooHigh { got: fees, most: part.amount });
        }
    }
    if sheet.appeal_within > 0 && fees > sheet.appeal_bond {
        return refuse("appealBond", Fault::FeesTooHigh { got: fees, most: sheet.appeal_bond });
    }
    Ok(())
}

fn in_range(field: &str, got: u64, (least, most): (u64, u64)) -> Checked {
    if got < least || got > most {
        return refuse(field, Fault::OutOfRange { got, least, most });
    }
    Ok(())
}
