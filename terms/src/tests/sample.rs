//! Term sheets for tests: one fixed, and proptest strategies for random ones that are valid.
//!
//! Only with the feature `arbitrary`, or in this crate's own tests.

use alloy::primitives::{Address, B256, U256, keccak256};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::amount::{AgentId, Bps, Usdc};
use crate::check::{Check, Expect, Format, Method, Module, Origin, Probe, Schema};
use crate::recipient::{Recipient, Recipients};
use crate::sheet::{Criterion, Kind, MilestoneSheet, TermSheet, Version};
use crate::validate::limits;

/// When sample deals have to be open, in Unix seconds.
pub const OPEN_BY: u64 = 1_800_003_600;
const DAY: u64 = 86_400;

fn recipients(seed: u8) -> Option<Recipients> {
    let of = Recipient::of_seed;
    (seed > 0).then(|| Recipients { buyer: of(seed), seller: of(seed.wrapping_add(1)) })
}

/// A sheet of 100 dollars and one milestone with two criteria, that today's contracts support.
pub fn example() -> TermSheet {
    let criterion = |id: &str, text: &str, kind| Criterion {
        id: id.into(),
        text: text.into(),
        weight_bps: Bps::new(5_000),
        mandatory: true,
        evidence_required: kind == Kind::Llm,
        kind,
    };
    let title = Check::Regex { pattern: "^# ".into(), expect: Expect::Match };
    TermSheet {
        version: Version::V1,
        chain_id: 31_337,
        escrow: Address::repeat_byte(0xe5),
        title: "A summary of one paper".into(),
        summary: "Sources are given as links.".into(),
        buyer: Address::repeat_byte(0xb1),
        seller: Address::repeat_byte(0x5e),
        buyer_agent: None,
        seller_agent: AgentId::new(U256::ZERO),
        seller_families: vec![],
        recipients: recipients(1),
        token: Address::repeat_byte(0x70),
        total: Usdc::from_whole(100),
        bond: Usdc::from_whole(10),
        jury: keccak256("jury"),
        template: None,
        jury_fee: Usdc::ZERO,
        relay_fee: Usdc::ZERO,
        open_fee: Usdc::ZERO,
        fee_bps: Bps::ZERO,
        fee_receiver: Address::ZERO,
        pay_as_credit: false,
        open_by: OPEN_BY,
        judge_within: DAY,
        appeal_within: 0,
        appeal_bond: Usdc::ZERO,
        silent_seller_bps: Bps::ZERO,
        split_seller_bps: Bps::new(5_000),
        sequential: false,
        salt: B256::repeat_byte(1),
        milestones: vec![MilestoneSheet {
            title: "The summary".into(),
            description: "Markdown, at most a page.".into(),
            amount: Usdc::from_whole(100),
            deliver_by: OPEN_BY.saturating_add(DAY),
            pass_bps: Bps::WHOLE,
            pro_rata: false,
            criteria: vec![
                criterion("faithful", "Every claim is in the paper.", Kind::Llm),
                criterion("titled", "It begins with a title.", Kind::Check(title)),
            ],
        }],
    }
}

/// Any valid sheet: fees, appeals, sequences, shares by weight, every kind of check.
pub fn sheet() -> impl Strategy<Value = TermSheet> {
    (frame(), windows(), fees(), few(milestone(), limits::MILESTONES)).prop_map(
        |(frame, windows, fees, parts)| {
            let mut sheet = TermSheet { milestones: parts, ..frame };
            (sheet.open_by, sheet.judge_within, sheet.appeal_within) = windows;
            (sheet.jury_fee, sheet.relay_fee, sheet.open_fee) = fees;
            sheet.appeal_bond = match sheet.appeal_within {
                0 => Usdc::ZERO,
                // Covers the largest fees.
                _ => Usdc::from_whole(20),
            };
            fit(sheet)
        },
    )
}

/// A valid sheet that today's contracts support.
pub fn supported() -> impl Strategy<Value = TermSheet> {
    sheet().prop_map(|sheet| {
        fit(TermSheet { appeal_within: 0, appeal_bond: Usdc::ZERO, sequential: false, ..sheet })
    })
}

/// Makes deadlines and total follow from the rest.
fn fit(mut sheet: TermSheet) -> TermSheet {
    let appeal = match sheet.appeal_within {
        0 => 0,
        within => within.saturating_add(sheet.judge_within),
    };
    let step = sheet.judge_within.saturating_add(appeal).saturating_add(3_600);
    let mut earliest = sheet.open_by.saturating_add(3_600);
    for part in &mut sheet.milestones {
        // What was drawn is how long after the earliest moment.
        part.deliver_by = earliest.saturating_add(part.deliver_by.rem_euclid(DAY));
        if sheet.sequential {
            earliest = part.deliver_by.saturating_add(step);
        }
    }
    let amounts = sheet.milestones.iter().map(|part| part.amount).chain([sheet.open_fee]);
    sheet.total = Usdc::checked_sum(amounts).unwrap_or(Usdc::MAX);
    sheet
}

/// Mostly one to three of them, now and then as many as fit.
fn few<S>(item: S, most: usize) -> impl Strategy<Value = Vec<S::Value>> + Clone
where
    S: Strategy + Clone,
{
    prop_oneof![9 => vec(item.clone(), 1..=3), 1 => vec(item, 1..=most)]
}

fn frame() -> impl Strategy<Value = TermSheet> {
    let chain = 1..=crate::json::MAX_SAFE_INTEGER;
    let agents = (option::of(agent()), option::of(agent()), option::of(digest()));
    let shares = (0_u16..=10_000, 0_u16..=10_000);
    let fee = option::of((1_u16..=limits::FEE_BPS, address(0x66)));
    let flags = (any::<bool>(), any::<bool>());
    let prose = (text(60), text(300), usdc(), digest(), digest());
    (chain, (address(1), address(2), address(3), address(4)), agents, shares, fee, flags, prose)
        .prop_map(|(chain_id, contracts, agents, shares, fee, flags, prose)| TermSheet {
            chain_id,
            escrow: contracts.0,
            token: contracts.1,
            buyer: contracts.2,
            seller: contracts.3,
            buyer_agent: agents.0,
            seller_agent: agents.1,
            seller_families: agents.2.map_or(vec![], |digest| {
                vec![format!("f-{}", digest.first().map_or(0, |byte| *byte))]
            }),
            recipients: agents
                .2
                .and_then(|digest| recipients(digest.first().map_or(0, |byte| *byte))),
            template: agents.2,
            silent_seller_bps: Bps::new(shares.0),
            split_seller_bps: Bps::new(shares.1),
            fee_bps: fee.map_or(Bps::ZERO, |(bps, _)| Bps::new(bps)),
            fee_receiver: fee.map_or(Address::ZERO, |(_, receiver)| receiver),
            pay_as_credit: flags.0,
            sequential: flags.1,
            title: format!("T{}", prose.0.replace(['\n', '\t'], " ")),
            summary: prose.1,
            bond: prose.2,
            jury: prose.3,
            salt: prose.4,
            ..example()
        })
}

/// `openBy`, `judgeWithin`, `appealWithin`.
fn windows() -> impl Strategy<Value = (u64, u64, u64)> {
    let appeal = prop_oneof![Just(0), 3_600..=DAY];
    (OPEN_BY..OPEN_BY.saturating_mul(2), 3_600..=DAY.saturating_mul(7), appeal)
}

/// `juryFee`, `relayFee`, `openFee`; together at most 12 dollars.
fn fees() -> impl Strategy<Value = (Usdc, Usdc, Usdc)> {
    (0_u32..=10, 0_u32..=2, 0_u32..=3).prop_map(|(jury, relay, open)| {
        (Usdc::from_whole(jury), Usdc::from_whole(relay), Usdc::from_whole(open))
    })
}

fn milestone() -> impl Strategy<Value = MilestoneSheet> + Clone {
    // At least what the largest fees need; sixteen of them stay below 2^96.
    let amount = 12_000_000..(1_u128 << 91);
    let prose = (text(40), text(100));
    (prose, amount, 0..DAY, 1_u16..=10_000, any::<bool>(), criteria()).prop_map(
        |((title, description), amount, deliver_by, pass, pro_rata, criteria)| MilestoneSheet {
            title: format!("M{}", title.replace(['\n', '\t'], " ")),
            description,
            amount: Usdc::new(amount).unwrap_or_default(),
            deliver_by,
            pass_bps: Bps::new(pass),
            pro_rata,
            criteria,
        },
    )
}

fn criteria() -> impl Strategy<Value = Vec<Criterion>> + Clone {
    let criterion = (text(80), 1_u16..=600, any::<bool>(), any::<bool>(), kind());
    few(criterion, crate::rule::MAX_CRITERIA).prop_map(|drawn| {
        let sum: u16 = drawn.iter().map(|item| item.1).sum();
        let rest = Bps::WHOLE.get().saturating_sub(sum);
        let numbered = drawn.into_iter().enumerate();
        let made = numbered.map(|(index, (text, weight, mandatory, evidence_required, kind))| {
            // The first one takes what the others leave of the 10,000, and is never hidden.
            let weight = if index == 0 { weight.saturating_add(rest) } else { weight };
            let hidden = matches!(kind, Kind::Hidden { .. });
            let kind = if index == 0 && hidden { Kind::Llm } else { kind };
            Criterion {
                id: format!("c-{index}"),
                text: format!("Q{text}"),
                weight_bps: Bps::new(weight),
                mandatory,
                evidence_required,
                kind,
            }
        });
        made.collect()
    })
}

fn kind() -> impl Strategy<Value = Kind> + Clone {
    // Criterion 0 is hidden only when nothing is there to hide it behind; see `criteria`.
    let hidden = digest().prop_map(|digest| Kind::Hidden {
        commitment: digest | B256::with_last_byte(1),
        of: "c-0".into(),
    });
    prop_oneof![6 => Just(Kind::Llm), 4 => check().prop_map(Kind::Check), 1 => hidden]
}

fn check() -> impl Strategy<Value = Check> + Clone {
    let expect = prop_oneof![Just(Expect::Match), Just(Expect::NoMatch)];
    let size = (0..limits::CHECKED_BYTES, 0..limits::CHECKED_BYTES);
    let origin = option::of(prop_oneof![Just("https://a.example"), Just("http://8.8.8.8:81")]);
    let probe = (any::<bool>(), origin, "/[a-z0-9]{0,9}", 200_u16..=599, "[a-z]{1,5}");
    prop_oneof![
        schema().prop_map(|schema| Check::JsonSchema { schema }),
        ("[a-z]{1,9}[+*?]?", expect).prop_map(|(pattern, expect)| Check::Regex { pattern, expect }),
        digest().prop_map(|keccak256| Check::Digest { keccak256 }),
        size.prop_map(|(a, b)| Check::Size { least_bytes: a.min(b), most_bytes: a.max(b) }),
        prop::sample::select(Format::ALL.to_vec()).prop_map(|format| Check::Format { format }),
        probe.prop_map(|(get, origin, path, status, pattern)| {
            let method = if get { Method::Get } else { Method::Head };
            let origin = origin.and_then(Origin::parse);
            Check::HttpProbe(Probe {
                method,
                origin,
                path,
                status,
                pattern: get.then_some(pattern),
            })
        }),
        (vec(any::<u8>(), 0..40), 1..=limits::FUEL, 1_u32..=256).prop_map(
            |(tail, fuel, memory_pages)| {
                let module = Module::new([&b"\0asm\x01\0\0\0"[..], &tail].concat());
                Check::Wasm { module, fuel, memory_pages }
            }
        ),
    ]
}

/// A JSON Schema with keys and numbers that implementations of RFC 8785 tend to get wrong.
fn schema() -> impl Strategy<Value = Schema> + Clone {
    let number = prop_oneof![
        any::<i32>().prop_map(Value::from),
        // The largest doubles are whole numbers that no sheet holds.
        prop::num::f64::NORMAL.prop_map(|double| Value::from(if double.abs() < 1e15 {
            double
        } else {
            0.1
        })),
        (-1e3..1e3).prop_map(Value::from),
    ];
    let property = number.prop_map(|least| json!({ "type": "number", "minimum": least }));
    // Beyond the basic plane UTF-16 order differs from the order of code points.
    let key =
        "[a-zA-Z0-9_\"\\\\/\u{0}-\u{1f}\u{7f}-\u{ff}\u{e000}-\u{ffff}\u{1f300}-\u{1f6ff}]{0,6}";
    btree_map(key, property, 0..5).prop_map(|properties| {
        let schema = json!({ "type": "object", "properties": properties });
        Schema::new(schema).unwrap_or_default()
    })
}

/// Prose of all planes, without what a sheet refuses.
fn text(longest: usize) -> impl Strategy<Value = String> + Clone {
    let char = prop_oneof![
        8 => prop::char::range(' ', '~'),
        1 => prop_oneof![Just('\n'), Just('\t'), Just('\\'), Just('"')],
        1 => prop::char::range('\u{a0}', '\u{2000}'),
        1 => prop::char::range('\u{2028}', '\u{2029}'),
        1 => prop::char::range('\u{e000}', '\u{3ffff}'),
    ];
    vec(char, 0..longest).prop_map(|chars| chars.into_iter().collect())
}

/// An address of its own space, so that the roles of a sheet never collide.
fn address(role: u8) -> impl Strategy<Value = Address> {
    any::<[u8; 19]>()
        .prop_map(move |tail| Address::left_padding_from(&[&[role], &tail[..]].concat()))
}

fn agent() -> impl Strategy<Value = AgentId> {
    let id = prop_oneof![
        any::<u64>().prop_map(U256::from),
        any::<[u64; 4]>().prop_map(U256::from_limbs),
    ];
    id.prop_filter_map("the id that has no successor", AgentId::new)
}

fn usdc() -> impl Strategy<Value = Usdc> {
    (0..=Usdc::MAX.base_units()).prop_map(|units| Usdc::new(units).unwrap_or_default())
}

fn digest() -> impl Strategy<Value = B256> + Clone {
    any::<[u8; 32]>().prop_map(B256::from)
}
