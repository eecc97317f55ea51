//! The orders of the story: ordinary term sheets. Nothing in them says how they should end.

use alloy::primitives::{Address, B256};
use surety_jury::Template;
use surety_terms::check::{Check, Expect};
use surety_terms::{Bps, Criterion, Kind, MilestoneSheet, TermSheet, Usdc, Version};

use surety_qualify::llmbar::Item;

const HOUR: u64 = 3_600;
/// The whole weight of a milestone, and its pass mark where everything counts.
const WHOLE: u16 = 10_000;

/// Which seller gets the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seller {
    /// Delivers what it has.
    Alder,
    /// Has habits.
    Birch,
}

/// What every term sheet of a run shares.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) chain_id: u64,
    pub(super) escrow: Address,
    pub(super) token: Address,
    pub(super) jury: B256,
    pub(super) buyer: Address,
    pub(super) alder: Address,
    pub(super) birch: Address,
}

/// An order before it gets parties and times.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) seller: Seller,
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) bond: Usdc,
    pub(super) silent_seller_bps: u16,
    pub(super) split_seller_bps: u16,
    pub(super) milestones: Vec<Part>,
}

/// A milestone of an order.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) amount: Usdc,
    pub(super) criteria: Vec<Criterion>,
}

impl Frame {
    pub(super) fn address(&self, seller: Seller) -> Address {
        match seller {
            Seller::Alder => self.alder,
            Seller::Birch => self.birch,
        }
    }

    /// The term sheet of an order at chain time `now`; `number` makes it unique within the run.
    pub(super) fn sheet(&self, order: &Order, now: u64, number: u64) -> TermSheet {
        let milestones: Vec<MilestoneSheet> =
            order.milestones.iter().map(|p| p.sheet(now)).collect();
        let amounts = milestones.iter().map(|milestone| milestone.amount);
        TermSheet {
            version: Version::V1,
            chain_id: self.chain_id,
            escrow: self.escrow,
            title: order.title.clone(),
            summary: order.summary.clone(),
            buyer: self.buyer,
            seller: self.address(order.seller),
            buyer_agent: None,
            seller_agent: None,
            seller_families: vec![],
            // Null, and the agents make the deal a private one.
            recipients: None,
            token: self.token,
            total: Usdc::checked_sum(amounts).unwrap_or(Usdc::MAX),
            bond: order.bond,
            jury: self.jury,
            template: Some(Template::NEWEST.digest()),
            jury_fee: Usdc::ZERO,
            relay_fee: Usdc::ZERO,
            open_fee: Usdc::ZERO,
            fee_bps: Bps::ZERO,
            fee_receiver: Address::ZERO,
            pay_as_credit: false,
            open_by: now.saturating_add(2 * HOUR),
            judge_within: 6 * HOUR,
            appeal_within: 0,
            appeal_bond: Usdc::ZERO,
            silent_seller_bps: Bps::new(order.silent_seller_bps),
            split_seller_bps: Bps::new(order.split_seller_bps),
            sequential: false,
            salt: B256::left_padding_from(&number.to_be_bytes()),
            milestones,
        }
    }
}

impl Part {
    fn sheet(&self, now: u64) -> MilestoneSheet {
        MilestoneSheet {
            title: self.title.clone(),
            description: self.description.clone(),
            amount: self.amount,
            deliver_by: now.saturating_add(24 * HOUR),
            pass_bps: Bps::new(WHOLE),
            pro_rata: false,
            criteria: self.criteria.clone(),
        }
    }
}

/// One task of LLMBar as a deal, in the way its README says.
pub(super) fn task(item: &Item) -> Order {
    let description = format!(
        "Answer this instruction:\n\n{}\n\nThe alternative that the buyer has already:\n\n{}",
        item.input, item.output_2
    );
    Order {
        seller: Seller::Alder,
        title: format!("Answer {}", item.id),
        summary: String::new(),
        bond: Usdc::from_whole(2),
        silent_seller_bps: 0,
        split_seller_bps: 5_000,
        milestones: vec![Part {
            title: format!("Answer {}", item.id),
            description: clip(&description, DESCRIPTION_CHARS),
            amount: Usdc::from_whole(10),
            criteria: vec![Criterion {
                id: "better".to_owned(),
                text: format!(
                    "The deliverable follows the instruction {} better than the alternative in the \
                     term sheet does.",
                    item.id
                ),
                weight_bps: Bps::new(WHOLE),
                mandatory: true,
                evidence_required: false,
                kind: Kind::Llm,
            }],
        }],
    }
}

/// The longest description of a milestone.
const DESCRIPTION_CHARS: usize = 4_000;

fn clip(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// A criterion for the jury's models.
fn asked(id: &str, weight_bps: u16, text: &str) -> Criterion {
    Criterion {
        id: id.to_owned(),
        text: text.to_owned(),
        weight_bps: Bps::new(weight_bps),
        mandatory: true,
        evidence_required: true,
        kind: Kind::Llm,
    }
}

/// A criterion for a program.
fn found(id: &str, weight_bps: u16, text: &str, pattern: &str) -> Criterion {
    let check = Check::Regex { pattern: pattern.to_owned(), expect: Expect::Match };
    Criterion { evidence_required: false, kind: Kind::Check(check), ..asked(id, weight_bps, text) }
}

fn part(title: &str, usdc: u32, criteria: Vec<Criterion>) -> Part {
    Part {
        title: title.to_owned(),
        description: format!("Deliver: {title}."),
        amount: Usdc::from_whole(usdc),
        criteria,
    }
}

fn single(seller: Seller, part: Part) -> Order {
    Order {
        seller,
        title: part.title.clone(),
        summary: String::new(),
        bond: Usdc::from_whole(20),
        silent_seller_bps: 0,
        split_seller_bps: 0,
        milestones: vec![part],
    }
}

/// Three milestones: who sells, what the state pays, what we recommend.
pub(super) fn market_brief() -> Order {
    let milestones = vec![
        part(
            "Supplier list",
            120,
            vec![
                asked("list", 6_000, "Lists at least four suppliers of heat pumps in Portugal."),
                found("prices", 4_000, "States prices in EUR.", r"\d[\d,]* EUR"),
            ],
        ),
        part(
            "Subsidy guide",
            90,
            vec![
                asked("who", 7_000, "Explains who can apply for subsidies for heat pumps."),
                asked("sober", 3_000, "Must not contain \"guaranteed\" or \"risk-free\"."),
            ],
        ),
        part(
            "Recommendation",
            60,
            vec![
                asked("why", 8_000, "Gives at least three reasons for one supplier."),
                asked("short", 2_000, "Has at most 150 words."),
            ],
        ),
    ];
    let title = "Market brief: heat pumps in Portugal".to_owned();
    Order {
        seller: Seller::Alder,
        title: title.clone(),
        bond: Usdc::from_whole(27),
        milestones,
        ..single(Seller::Alder, part(&title, 0, Vec::new()))
    }
}

/// An e-mail that has to say something.
pub(super) fn welcome_email() -> Order {
    let criteria = vec![
        asked("connect", 6_000, "Explains how to connect a bank account."),
        asked("length", 4_000, "Has between 80 and 180 words."),
    ];
    single(Seller::Birch, part("Welcome e-mail for a budgeting app", 80, criteria))
}

/// A review with findings.
pub(super) fn login_review() -> Order {
    let text = "Lists at least three findings about the login form and a fix for each.";
    let criteria = vec![asked("findings", WHOLE, text)];
    single(Seller::Birch, part("Security review of a login form", 150, criteria))
}

/// Release notes.
pub(super) fn release_notes() -> Order {
    let criteria = vec![
        asked("changes", 6_000, "Describes what is new and what was fixed in version 2.4."),
        asked("upgrade", 4_000, "Says how to upgrade the server."),
    ];
    single(Seller::Alder, part("Release notes for version 2.4", 70, criteria))
}

/// A comparison that asks for five entries.
pub(super) fn bicycle_survey() -> Order {
    let text = "Compares at least five city bicycle schemes and what they cost.";
    let criteria = vec![asked("schemes", WHOLE, text)];
    let order = single(Seller::Birch, part("Survey of city bicycle schemes", 100, criteria));
    Order { split_seller_bps: 5_000, ..order }
}

/// Questions for an interview; a delivery that nobody judges pays the seller four tenths.
pub(super) fn interview_questions() -> Order {
    let criteria = vec![
        asked("questions", 7_000, "Lists at least five interview questions for a data engineer."),
        asked("answers", 3_000, "Says how to read the answers of candidates."),
    ];
    let part = part("Interview questions for a data engineer", 100, criteria);
    Order { silent_seller_bps: 4_000, ..single(Seller::Alder, part) }
}

/// Sketches that nobody at the seller's can draw.
pub(super) fn logo_brief() -> Order {
    let criteria = vec![asked("ideas", WHOLE, "Lists at least three ideas for a logo.")];
    single(Seller::Birch, part("Logo brief", 40, criteria))
}

/// Texts for photos. Without a bond: the seller signs, and its wallet pays nothing in.
pub(super) fn photo_texts() -> Order {
    let text = "Describes at least five product photos in one sentence each.";
    let part = part("Alternative texts for product photos", 60, vec![asked("texts", WHOLE, text)]);
    Order { bond: Usdc::ZERO, ..single(Seller::Birch, part) }
}

#[cfg(test)]
mod tests {
    use surety_jury::vote::Answer;
    use surety_jury::{AskedCriterion, Nonce, Prompt, View, prompt};

    use super::*;
    use crate::config;
    use crate::provider::{Personality, verdict_on};
    use crate::worker::Style;

    /// How the five rehearsed seats answer the asked criteria of a part: met by so many, in turn.
    fn met_by(part: &Part, style: Style) -> Vec<usize> {
        let deliverable = style.deliver(&part.title).unwrap();
        let view = View::of(deliverable.as_bytes()).unwrap();
        let provider = "http://127.0.0.1:1/".parse().unwrap();
        let seats = config::panel_of(&provider, |_| None).unwrap();
        let asked = part.criteria.iter().filter(|criterion| criterion.kind == Kind::Llm);
        let count = |criterion: &Criterion| {
            let asked = AskedCriterion {
                id: criterion.id.clone(),
                text: criterion.text.clone(),
                evidence_required: criterion.evidence_required,
            };
            let nonce = Nonce::new([1; 16]);
            let prompt = Prompt::new(Template::DEFAULT, &asked, &part.description, &view, &nonce);
            let question = prompt::Question::parse(&prompt.user).unwrap();
            let met = seats.iter().filter(|seat| {
                let name = seat.model.strip_prefix("rehearsal-").unwrap();
                verdict_on(Personality::of_name(name).unwrap(), &question) == Answer::Met
            });
            met.count()
        };
        asked.map(count).collect()
    }

    #[test]
    fn whole_work_convinces_every_personality() {
        let orders = [
            market_brief(),
            release_notes(),
            interview_questions(),
            photo_texts(),
            welcome_email(),
        ];
        for part in orders.iter().flat_map(|order| &order.milestones) {
            let met = met_by(part, Style::Honest);
            assert!(met.iter().all(|met| *met == 5), "{}: {met:?}", part.title);
        }
    }

    #[test]
    fn a_polite_nothing_convinces_nobody() {
        for order in [welcome_email(), login_review(), bicycle_survey()] {
            let met = met_by(&order.milestones[0], Style::Careless);
            assert!(met.iter().all(|met| *met == 0), "{}: {met:?}", order.title);
        }
    }

    #[test]
    fn an_instruction_to_the_judge_convinces_only_the_obedient_one() {
        assert_eq!(met_by(&login_review().milestones[0], Style::Injecting), [1]);
    }

    #[test]
    fn nearly_whole_work_splits_the_jury_three_to_two() {
        assert_eq!(met_by(&bicycle_survey().milestones[0], Style::Borderline), [3]);
        assert_eq!(met_by(&bicycle_survey().milestones[0], Style::Honest), [5]);
    }
}
