//! The rules of a term sheet that need neither chain nor clock, and the two that need a clock.
//!
//! They are those of `DealEscrow.open`, those of the parts that the contracts do not support yet,
//! and limits that keep a sheet readable and cheap to judge. The first fault ends the check.

use std::collections::HashMap;

use surety_bindings::escrow::Delivery;

use crate::amount::{Bps, Usdc};
use crate::error::{Fault, TermsError, excerpt};
use crate::json;
use crate::rule::MAX_CRITERIA;
use crate::sheet::{Criterion, Kind, MilestoneSheet, TermSheet};

/// The sizes and times that a sheet keeps.
pub mod limits {
    /// Bytes of a term sheet.
    pub const SHEET_BYTES: usize = 256 * 1024;
    /// Bytes of a body that holds a term sheet or calldata.
    pub const BODY_BYTES: usize = 512 * 1024;
    /// Bytes of a deliverable that everybody takes: a juror that took less would call honest work
    /// missing.
    pub const DELIVERABLE_BYTES: usize = 4 << 20;
    /// Bytes of a signature: a contract wallet's may be long.
    pub const SIGNATURE_BYTES: usize = 4 * 1024;
    /// Characters of a title.
    pub const TITLE_CHARS: usize = 120;
    /// Characters of a summary or a description.
    pub const PROSE_CHARS: usize = 4_000;
    /// Characters of a criterion.
    pub const CRITERION_CHARS: usize = 600;
    /// Characters of a criterion's id.
    pub const ID_CHARS: usize = 32;
    /// Characters of a check's regular expression.
    pub const PATTERN_CHARS: usize = 1_000;
    /// Bytes of a check's JSON Schema in canonical form.
    pub const SCHEMA_BYTES: usize = 16 * 1024;
    /// Bytes of a check's WebAssembly module.
    pub const MODULE_BYTES: usize = 64 * 1024;
    /// The fuel that a WebAssembly check may burn: about as many operators.
    pub const FUEL: u64 = 100_000_000;
    /// The pages of 64 KiB that the memory of a WebAssembly check may have.
    pub const MEMORY_PAGES: u64 = 256;
    /// The largest size that a check may name, in bytes.
    pub const CHECKED_BYTES: u64 = 1 << 40;
    /// Families that a seller declares.
    pub const FAMILIES: usize = 8;
    /// Characters of a delivery's URI, and of a probe's path.
    pub const URI_CHARS: usize = 1_024;
    /// Milestones of a deal.
    pub const MILESTONES: usize = 16;
    /// The largest `uint40`.
    pub const TIME: u64 = (1 << 40) - 1;
    /// The shortest window, in seconds.
    pub const WINDOW_LEAST: u64 = 3_600;
    /// How long a milestone may stay open after its opening, in seconds.
    pub const LIFE_MOST: u64 = 730 * 86_400;
    /// A marketplace's largest fee, in basis points.
    pub const FEE_BPS: u16 = 1_000;
}

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

/// Whether a text may have more than one line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    Many,
}

fn prose(field: &str, text: &str) -> Checked {
    optional_text(field, text, limits::PROSE_CHARS, Lines::Many)
}

fn text(field: &str, text: &str, most: usize, lines: Lines) -> Checked {
    if text.trim().is_empty() {
        return refuse(field, Fault::TextEmpty);
    }
    optional_text(field, text, most, lines)
}

fn optional_text(field: &str, text: &str, most: usize, lines: Lines) -> Checked {
    let got = text.chars().count();
    if got > most {
        return refuse(field, Fault::TextTooLong { got, most });
    }
    match text.chars().find(|char| deceptive(*char, lines)) {
        Some(char) => refuse(field, Fault::TextInvalid { got: char.into() }),
        None => Ok(()),
    }
}

/// Characters by which a text shows a reader something else than it says: controls, those that
/// change the direction of writing, and tags, which models read and people do not see.
fn deceptive(char: char, lines: Lines) -> bool {
    match char {
        '\n' | '\t' => lines == Lines::One,
        '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{e0000}'..='\u{e007f}' => true,
        _ => char.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256, Bytes};
    use serde_json::json;

    use super::*;
    use crate::check::{Check, Expect, Module, Schema};
    use crate::sample::{self, OPEN_BY};

    const DAY: u64 = 86_400;

    /// What validation says of the example after `change`, as `field: rule`.
    fn verdict(change: impl FnOnce(&mut TermSheet)) -> (String, &'static str) {
        let mut sheet = sample::example();
        sheet.validate().expect("the example is valid");
        change(&mut sheet);
        let error = sheet.validate().expect_err("a rule is broken");
        (error.field, error.fault.slug())
    }

    macro_rules! refuses {
        ($($name:ident: $field:literal, $slug:literal, $change:expr;)*) => {$(
            #[test]
            fn $name() {
                assert_eq!(verdict($change), ($field.to_owned(), $slug));
            }
        )*};
    }

    refuses! {
        a_chain_has_an_id: "chainId", "out-of-range", |s| s.chain_id = 0;
        a_chain_id_fits_a_double: "chainId", "out-of-range", |s| s.chain_id = 1 << 53;
        there_is_an_escrow: "escrow", "zero", |s| s.escrow = Address::ZERO;
        there_is_a_token: "token", "zero", |s| s.token = Address::ZERO;
        there_is_a_jury: "jury", "zero", |s| s.jury = B256::ZERO;
        there_is_a_buyer: "buyer", "parties-invalid", |s| s.buyer = Address::ZERO;
        there_is_a_seller: "seller", "parties-invalid", |s| s.seller = Address::ZERO;
        parties_are_two: "seller", "parties-invalid", |s| s.seller = s.buyer;
        the_escrow_is_no_party: "seller", "address-reused", |s| s.seller = s.escrow;
        the_token_is_no_party: "buyer", "address-reused", |s| s.buyer = s.token;
        the_token_is_not_the_escrow: "token", "address-reused", |s| s.token = s.escrow;
        a_title_says_something: "title", "text-empty", |s| s.title = " ".into();
        a_title_is_short: "title", "text-too-long", |s| s.title = "é".repeat(121);
        a_title_is_one_line: "title", "text-invalid", |s| s.title = "a\nb".into();
        prose_has_a_limit: "summary", "text-too-long", |s| s.summary = "a".repeat(4_001);
        prose_reads_as_it_is_written: "summary", "text-invalid", |s| s.summary = "\u{202e}".into();
        prose_hides_no_tags: "summary", "text-invalid", |s| s.summary = "a\u{e0041}".into();
        opening_has_a_deadline: "openBy", "out-of-range", |s| s.open_by = 0;
        opening_fits_forty_bits: "openBy", "out-of-range", |s| s.open_by = 1 << 40;
        judging_takes_an_hour: "judgeWithin", "window-too-short", |s| s.judge_within = 3_599;
        judging_fits_forty_bits: "judgeWithin", "out-of-range", |s| s.judge_within = 1 << 40;
        appeals_take_an_hour: "appealWithin", "window-too-short", |s| s.appeal_within = 3_599;
        appeals_need_a_bond: "appealBond", "inconsistent", |s| s.appeal_within = 3_600;
        a_bond_needs_appeals: "appealBond", "inconsistent", |s| s.appeal_bond = Usdc::from_whole(1);
        shares_of_silence_have_a_limit: "silentSellerBps", "bps-too-high",
            |s| s.silent_seller_bps = Bps::new(10_001);
        shares_of_a_split_have_a_limit: "splitSellerBps", "bps-too-high",
            |s| s.split_seller_bps = Bps::new(10_001);
        marketplaces_take_a_tenth: "feeBps", "bps-too-high", |s| s.fee_bps = Bps::new(1_001);
        a_fee_needs_a_receiver: "feeReceiver", "inconsistent", |s| s.fee_bps = Bps::new(1);
        a_receiver_needs_a_fee: "feeReceiver", "inconsistent",
            |s| s.fee_receiver = Address::repeat_byte(9);
        a_deal_has_a_milestone: "milestones", "milestone-count", |s| s.milestones.clear();
        a_deal_has_sixteen_milestones: "milestones", "milestone-count",
            |s| s.milestones = vec![s.milestones[0].clone(); 17];
        a_milestone_has_a_title: "milestones[0].title", "text-empty",
            |s| s.milestones[0].title.clear();
        a_milestone_pays: "milestones[0].amount", "amount-zero",
            |s| s.milestones[0].amount = Usdc::ZERO;
        a_deadline_fits_forty_bits: "milestones[0].deliverBy", "out-of-range",
            |s| s.milestones[0].deliver_by = 1 << 40;
        delivery_takes_an_hour: "milestones[0].deliverBy", "deliver-by-too-early",
            |s| s.milestones[0].deliver_by = OPEN_BY + 3_599;
        milestones_end_in_two_years: "milestones[0].deliverBy", "ends-too-late",
            |s| s.milestones[0].deliver_by = OPEN_BY + 730 * DAY - DAY;
        appeals_count_as_life: "milestones[0].deliverBy", "ends-too-late", |s| {
            s.appeal_within = DAY;
            s.appeal_bond = Usdc::from_whole(1);
            s.milestones[0].deliver_by = OPEN_BY + 728 * DAY;
        };
        a_sequence_leaves_time_to_judge: "milestones[1].deliverBy", "deliver-by-too-early", |s| {
            s.sequential = true;
            s.milestones.push(s.milestones[0].clone());
            s.milestones[1].deliver_by += DAY + 3_599;
        };
        a_total_is_the_sum: "total", "total-mismatch", |s| s.total = Usdc::from_whole(99);
        a_total_holds_the_opening_fee: "total", "total-mismatch",
            |s| s.open_fee = Usdc::from_whole(1);
        a_sum_fits_an_amount: "total", "total-too-large", |s| {
            s.milestones[0].amount = Usdc::MAX;
            s.open_fee = Usdc::from_whole(1);
        };
        fees_come_from_a_milestone: "milestones[0].amount", "fees-too-high", |s| {
            s.jury_fee = Usdc::from_whole(60);
            s.relay_fee = Usdc::from_whole(41);
        };
        fees_come_from_an_appeal: "appealBond", "fees-too-high", |s| {
            s.jury_fee = Usdc::from_whole(2);
            s.appeal_within = 3_600;
            s.appeal_bond = Usdc::from_whole(1);
        };
        a_pass_mark_is_above_zero: "milestones[0].passBps", "pass-bps-invalid",
            |s| s.milestones[0].pass_bps = Bps::ZERO;
        a_pass_mark_can_be_reached: "milestones[0].passBps", "pass-bps-invalid",
            |s| s.milestones[0].pass_bps = Bps::new(10_001);
        a_milestone_has_criteria: "milestones[0].criteria", "criterion-count",
            |s| s.milestones[0].criteria.clear();
        weights_sum_to_the_whole: "milestones[0].criteria", "weights-invalid",
            |s| s.milestones[0].criteria[0].weight_bps = Bps::new(4_999);
        weights_are_positive: "milestones[0].criteria", "weights-invalid", |s| {
            s.milestones[0].criteria[0].weight_bps = Bps::ZERO;
            s.milestones[0].criteria[1].weight_bps = Bps::WHOLE;
        };
        ids_are_spelled_plainly: "milestones[0].criteria[1].id", "criterion-id-invalid",
            |s| s.milestones[0].criteria[1].id = "Titled".into();
        ids_are_short: "milestones[0].criteria[1].id", "criterion-id-invalid",
            |s| s.milestones[0].criteria[1].id = "a".repeat(33);
        ids_are_unique: "milestones[0].criteria[1].id", "criterion-id-taken",
            |s| s.milestones[0].criteria[1].id = "faithful".into();
        a_criterion_asks_something: "milestones[0].criteria[0].text", "text-empty",
            |s| s.milestones[0].criteria[0].text.clear();
        a_criterion_is_short: "milestones[0].criteria[0].text", "text-too-long",
            |s| s.milestones[0].criteria[0].text = "a".repeat(601);
        a_pattern_compiles: "milestones[0].criteria[0].kind.pattern", "pattern-invalid",
            |s| s.milestones[0].criteria[0].kind = pattern("(");
        a_pattern_is_small_when_compiled: "milestones[0].criteria[0].kind.pattern",
            "pattern-invalid", |s| s.milestones[0].criteria[0].kind = pattern("(\\w{9}){99}");
        a_pattern_looks_neither_ahead_nor_back: "milestones[0].criteria[0].kind.pattern",
            "pattern-invalid", |s| s.milestones[0].criteria[0].kind = pattern("(?=a)b");
        families_are_few: "sellerFamilies", "family-count",
            |s| s.seller_families = (0..9).map(|i| format!("f{i}")).collect();
        families_are_spelled_plainly: "sellerFamilies[1]", "family-invalid",
            |s| s.seller_families = vec!["openai".into(), "Open AI".into()];
        families_are_named_once: "sellerFamilies[1]", "family-invalid",
            |s| s.seller_families = vec!["openai".into(), "openai".into()];
        a_hidden_criterion_tests_a_public_one: "milestones[0].criteria[1].kind.of",
            "criterion-unknown", |s| s.milestones[0].criteria[1].kind = hidden(7, "nothing");
        a_hidden_criterion_does_not_test_a_hidden_one: "milestones[0].criteria[1].kind.of",
            "criterion-unknown", |s| s.milestones[0].criteria[1].kind = hidden(7, "titled");
        a_hidden_criterion_is_committed_to: "milestones[0].criteria[1].kind.commitment", "zero",
            |s| s.milestones[0].criteria[1].kind = hidden(0, "faithful");
        a_size_has_its_bounds_in_order: "milestones[0].criteria[0].kind.leastBytes",
            "out-of-range", |s| s.milestones[0].criteria[0].kind =
                Kind::Check(Check::Size { least_bytes: 2, most_bytes: 1 });
        a_size_fits_a_double: "milestones[0].criteria[0].kind.mostBytes", "out-of-range",
            |s| s.milestones[0].criteria[0].kind =
                Kind::Check(Check::Size { least_bytes: 0, most_bytes: u64::MAX });
        a_module_begins_as_one: "milestones[0].criteria[0].kind.module", "module-invalid",
            |s| s.milestones[0].criteria[0].kind = wasm(b"(module)", 1, 1);
        a_module_burns_so_much: "milestones[0].criteria[0].kind.fuel", "out-of-range",
            |s| s.milestones[0].criteria[0].kind = wasm(MODULE, limits::FUEL + 1, 1);
        a_module_needs_fuel: "milestones[0].criteria[0].kind.fuel", "out-of-range",
            |s| s.milestones[0].criteria[0].kind = wasm(MODULE, 0, 1);
        a_module_has_so_much_memory: "milestones[0].criteria[0].kind.memoryPages",
            "out-of-range", |s| s.milestones[0].criteria[0].kind = wasm(MODULE, 1, 257);
        a_schema_is_one: "milestones[0].criteria[0].kind.schema", "schema-invalid", |s| {
            let schema = Schema::new(json!({ "type": "money" })).unwrap();
            s.milestones[0].criteria[0].kind = Kind::Check(Check::JsonSchema { schema });
        };
    }

    const MODULE: &[u8] = b"\0asm\x01\0\0\0";

    fn wasm(module: &[u8], fuel: u64, memory_pages: u32) -> Kind {
        Kind::Check(Check::Wasm { module: Module::new(module.to_vec()), fuel, memory_pages })
    }

    fn hidden(byte: u8, of: &str) -> Kind {
        Kind::Hidden { commitment: B256::repeat_byte(byte), of: of.into() }
    }

    fn pattern(pattern: &str) -> Kind {
        Kind::Check(Check::Regex { pattern: pattern.into(), expect: Expect::Match })
    }

    #[test]
    fn windows_are_exact_at_their_ends() {
        let mut sheet = sample::example();
        sheet.milestones[0].deliver_by = OPEN_BY + 3_600;
        assert_eq!(sheet.validate(), Ok(()));
        sheet.milestones[0].deliver_by = OPEN_BY - 1 + 730 * DAY - DAY;
        assert_eq!(sheet.validate(), Ok(()));
        assert_eq!(sheet.openable_at(OPEN_BY - 1), Ok(()));
        assert_eq!(sheet.openable_at(OPEN_BY - 2).unwrap_err().fault.slug(), "ends-too-late");
        assert_eq!(sheet.openable_at(OPEN_BY).unwrap_err().fault.slug(), "deadline-passed");
    }

    #[test]
    fn a_sheet_of_small_parts_can_be_too_large() {
        let (field, slug) = verdict(|sheet| {
            let mut part = sheet.milestones[0].clone();
            let criterion = part.criteria[0].clone();
            part.amount = Usdc::from_whole(1);
            part.description = "💰".repeat(4_000);
            part.criteria = (0..16_u8)
                .map(|i| Criterion {
                    id: format!("c{i}"),
                    text: "💰".repeat(600),
                    weight_bps: Bps::new(625),
                    ..criterion.clone()
                })
                .collect();
            sheet.milestones = vec![part; 16];
            sheet.total = Usdc::from_whole(16);
        });
        assert_eq!((field.as_str(), slug), (TermsError::DOCUMENT, "too-large"));
    }

    #[test]
    fn unsupported_fields_are_named_in_the_order_of_the_sheet() {
        let mut sheet = sample::example();
        assert_eq!(sheet.unsupported(), None);
        sheet.sequential = true;
        assert_eq!(sheet.unsupported(), Some("sequential"));
        sheet.appeal_within = 3_600;
        assert_eq!(sheet.unsupported(), Some("appealWithin"));
    }

    #[test]
    fn a_delivery_is_for_the_deal_and_one_of_its_milestones() {
        let sheet = sample::example();
        let good = Delivery {
            dealId: sheet.deal_id(),
            milestone: 0,
            deliverable: B256::repeat_byte(7),
            uri: "https://seller.example/summary.md".into(),
        };
        let refused = |change: fn(&mut Delivery)| {
            let mut bad = good.clone();
            change(&mut bad);
            let error = delivery(&sheet, &bad).unwrap_err();
            (error.field, error.fault.slug())
        };
        assert_eq!(delivery(&sheet, &good), Ok(()));
        assert_eq!(refused(|d| d.dealId = B256::ZERO), ("dealId".into(), "deal-mismatch"));
        assert_eq!(refused(|d| d.milestone = 1), ("milestone".into(), "milestone-unknown"));
        assert_eq!(refused(|d| d.deliverable = B256::ZERO), ("deliverable".into(), "zero"));
        assert_eq!(refused(|d| d.uri = "a\0".into()), ("uri".into(), "text-invalid"));
        assert_eq!(refused(|d| d.uri = "a".repeat(1_025)), ("uri".into(), "text-too-long"));
    }

    #[test]
    fn a_signature_is_neither_empty_nor_huge() {
        assert!(signature("signature", &Bytes::from(vec![1; 65])).is_ok());
        assert!(signature("signature", &[]).is_err());
        assert!(signature("signature", &[1; 4_097]).is_err());
    }
}
