//! What an agent checks before it signs: the sheet, the chain, and its principal's mandate.

use alloy::primitives::{B256, U256};
use surety_chain::Header;
use surety_criteria::lint::{self, Lint, Prose};
use surety_jury::Template;
use surety_terms::{Bps, Usdc};

use crate::{Deal, Error, Role, Session};

/// What a principal allows its agent to sign.
#[derive(Clone, Debug, Default)]
pub struct Mandate {
    /// The smallest total worth signing for.
    pub minimum_total: Usdc,
    /// The largest total.
    pub max_total: Option<Usdc>,
    /// The largest bond.
    pub max_bond: Option<Usdc>,
    /// The only juries; any registered one when absent.
    pub accepted_juries: Option<Vec<B256>>,
    /// The shortest time for judging, in seconds.
    pub min_judge_within_secs: u64,
    /// The largest part of any milestone that hidden criteria may weigh; whatever they do when absent.
    pub max_hidden: Option<Bps>,
}

impl Mandate {
    /// Refuses what the principal does not allow.
    pub fn check(&self, deal: &Deal) -> Result<(), Error> {
        let (total, bond) = (Usdc::from(deal.terms.total), Usdc::from(deal.terms.bond));
        if total < self.minimum_total {
            let why = format!("is {total}, the mandate needs at least {}", self.minimum_total);
            return Err(Error::refused("total", why));
        }
        if let Some(most) = self.max_total
            && total > most
        {
            return Err(Error::refused("total", format!("is {total}, the mandate allows {most}")));
        }
        if let Some(most) = self.max_bond
            && bond > most
        {
            return Err(Error::refused("bond", format!("is {bond}, the mandate allows {most}")));
        }
        if let Some(juries) = &self.accepted_juries
            && !juries.contains(&deal.terms.jury)
        {
            return Err(Error::refused("jury", "is not one that the mandate lists"));
        }
        let within: u64 = deal.terms.judgeWithin.to();
        if within < self.min_judge_within_secs {
            let least = self.min_judge_within_secs;
            let why = format!("is {within} s, the mandate needs at least {least} s");
            return Err(Error::refused("judgeWithin", why));
        }
        if let Some(most) = self.max_hidden {
            check_hidden(deal, most)?;
        }
        Ok(())
    }
}

/// Refuses a milestone that depends too much on what its party cannot read yet.
fn check_hidden(deal: &Deal, most: Bps) -> Result<(), Error> {
    for (index, part) in deal.sheet.milestones.iter().enumerate() {
        let hidden = part.criteria.iter().filter(|item| item.is_hidden());
        let (mut weight, mut mandatory) = (0_u16, false);
        for item in hidden {
            weight = weight.saturating_add(item.weight_bps.get());
            mandatory |= item.mandatory;
        }
        if weight > most.get() || (mandatory && most < Bps::WHOLE) {
            let kind = if mandatory { ", one of them mandatory" } else { "" };
            let why = format!(
                "hold hidden ones of {weight} basis points{kind}; the mandate allows {most} optional \
                 ones",
                most = most.get()
            );
            return Err(Error::refused(format!("milestones[{index}].criteria"), why));
        }
    }
    Ok(())
}

/// Refuses criteria that no jury can judge, and a pinned prompt template that is unknown here.
async fn check_criteria(deal: &Deal) -> Result<(), Error> {
    let template = Template::pinned(deal.sheet.template)
        .map_err(|unknown| Error::refused("template", format!("cannot be used: {unknown}")))?;
    let prose = if template.shows_prose() { Prose::Shown } else { Prose::Unseen };
    let sheet = deal.sheet.clone();
    // A stranger's sheet may hold programs that run for a second.
    let lints = tokio::task::spawn_blocking(move || lint::sheet(&sheet, prose)).await;
    let lints = lints.map_err(|_| Error::refused("milestones", "cannot be linted"))?;
    refuse(&lints)
}

/// Refuses the first finding with which nobody should sign.
fn refuse(lints: &[Lint]) -> Result<(), Error> {
    match lint::refusal(lints) {
        Some(Lint { field, found, advice, .. }) => {
            Err(Error::refused(field.clone(), format!("holds {found:?}: {advice}")))
        }
        None => Ok(()),
    }
}

/// Checks everything but the counterparty's signature. `promised` is what the owner signed for in
/// other deals that are not open yet.
pub async fn before_signing(
    session: &Session,
    deal: &Deal,
    role: Role,
    mandate: &Mandate,
    promised: U256,
) -> Result<(), Error> {
    session.check_place(&deal.sheet)?;
    if deal.role(session.owner()) != Some(role) {
        let field = if role == Role::Buyer { "buyer" } else { "seller" };
        let why = format!("has to be {}, the owner of this agent", session.owner());
        return Err(Error::refused(field, why));
    }
    if let Some(field) = deal.sheet.unsupported() {
        return Err(Error::refused(
            field,
            "has to be zero or false; agents and relayers do not carry it yet",
        ));
    }
    mandate.check(deal)?;
    check_criteria(deal).await?;
    let token = session.chain.token.address;
    if deal.terms.token != token {
        let why = format!("is {}, the escrow takes {token}", deal.terms.token);
        return Err(Error::refused("token", why));
    }
    let head = session.chain.head().await?;
    check_time(deal, head)?;
    check_jury(session, deal).await?;
    if session.chain.word(deal.id).await?.opened {
        return Err(Error::refused(
            "salt",
            "this very deal was opened before; choose another salt",
        ));
    }
    check_money(session, deal, role, promised).await
}

/// Refuses an offer that has expired, by the chain's clock.
fn check_time(deal: &Deal, head: Header) -> Result<(), Error> {
    let open_by: u64 = deal.terms.openBy.to();
    if head.timestamp < open_by {
        return Ok(());
    }
    let why = format!("was {open_by}, the chain's clock says {}", head.timestamp);
    Err(Error::refused("openBy", why))
}

/// Refuses a jury that does not exist, or in which a party sits or the seller's own family, on the
/// appeal panel too.
async fn check_jury(session: &Session, deal: &Deal) -> Result<(), Error> {
    let terms = &deal.terms;
    match session.chain.check_jury(terms.jury, terms.buyer, terms.seller).await {
        Err(Error::Reverted(why)) => return Err(Error::refused("jury", why)),
        other => other?,
    }
    if deal.sheet.seller_families.is_empty() {
        return Ok(());
    }
    let seats = session.chain.seats(terms.jury).await?;
    let families: Vec<String> = seats.into_iter().map(|seat| seat.family).collect();
    refuse(&lint::panel(&deal.sheet, &families))
}

/// Refuses what one of the two could not pay.
async fn check_money(
    session: &Session,
    deal: &Deal,
    role: Role,
    promised: U256,
) -> Result<(), Error> {
    let (total, bond) = (U256::from(deal.terms.total), U256::from(deal.terms.bond));
    let (buyer_promised, seller_promised) = match role {
        Role::Buyer => (promised, U256::ZERO),
        Role::Seller => (U256::ZERO, promised),
    };
    let sides = [
        ("buyer", deal.terms.buyer, total, buyer_promised),
        ("seller", deal.terms.seller, bond, seller_promised),
    ];
    for (field, wallet, needed, elsewhere) in sides {
        let needed = needed.saturating_add(elsewhere);
        let got = session.chain.balance(wallet).await?;
        if !needed.is_zero() && got < needed {
            let why = format!("holds {got} base units of the token, needs {needed}");
            return Err(Error::refused(field, why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use surety_terms::Kind;

    use super::*;
    use crate::fixture::deal;

    fn field(mandate: &Mandate) -> Option<String> {
        match mandate.check(&deal(1)) {
            Ok(()) => None,
            Err(Error::Refused { field, .. }) => Some(field.into_owned()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_mandate_says_how_much_may_be_hidden() {
        let weight = |weight: u16, mandatory: bool, most: u16| {
            let mut deal = deal(1);
            let part = &mut deal.sheet.milestones[0];
            let public = part.criteria[0].clone();
            let kind = Kind::Hidden { commitment: B256::repeat_byte(1), of: public.id.clone() };
            let weight_bps = Bps::new(weight);
            part.criteria.push(surety_terms::Criterion { kind, mandatory, weight_bps, ..public });
            check_hidden(&deal, Bps::new(most)).is_ok()
        };
        assert!(weight(2_000, false, 2_000));
        assert!(!weight(2_001, false, 2_000));
        assert!(!weight(100, true, 9_999));
        assert!(weight(10_000, true, 10_000));
        assert!(!weight(1, false, 0));
        assert!(check_hidden(&deal(1), Bps::ZERO).is_ok());
    }

    #[tokio::test]
    async fn nobody_signs_what_no_jury_can_judge() {
        let field = |error: Error| {
            let Error::Refused { field, .. } = error else { panic!("{error}") };
            field.into_owned()
        };
        assert!(check_criteria(&deal(1)).await.is_ok());
        let mut vague = deal(1);
        vague.sheet.milestones[0].criteria[0].text = "The text is of high quality.".to_owned();
        let refused = check_criteria(&vague).await.unwrap_err();
        assert!(refused.to_string().contains("counted"), "{refused}");
        assert_eq!(field(refused), "milestones[0].criteria[0].text");
        let mut pinned = deal(1);
        for template in Template::ALL {
            pinned.sheet.template = Some(template.digest());
            assert!(check_criteria(&pinned).await.is_ok(), "{template:?}");
        }
        pinned.sheet.template = Some(B256::ZERO);
        assert_eq!(field(check_criteria(&pinned).await.unwrap_err()), "template");
    }

    #[test]
    fn a_mandate_names_the_field_that_it_does_not_allow() {
        let open = Mandate::default();
        assert_eq!(field(&open), None);
        let (exact, less) = (Usdc::from_whole(100), Usdc::from_whole(99));
        let more = Usdc::from_whole(101);
        for (mandate, refused) in [
            (Mandate { minimum_total: exact, ..open.clone() }, None),
            (Mandate { minimum_total: more, ..open.clone() }, Some("total")),
            (Mandate { max_total: Some(exact), ..open.clone() }, None),
            (Mandate { max_total: Some(less), ..open.clone() }, Some("total")),
            (Mandate { max_bond: Some(Usdc::from_whole(9)), ..open.clone() }, Some("bond")),
            (Mandate { accepted_juries: Some(vec![]), ..open.clone() }, Some("jury")),
            (Mandate { min_judge_within_secs: 7_201, ..open }, Some("judgeWithin")),
        ] {
            assert_eq!(field(&mandate).as_deref(), refused, "{mandate:?}");
        }
    }
}
