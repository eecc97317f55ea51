//! What an agent checks before it signs: the sheet, the chain, and its principal's mandate.

use alloy::primitives::{B256, U256};
use surety_chain::Header;
use surety_terms::Usdc;

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
        Ok(())
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

/// Refuses a jury that does not exist or in which a party sits; and one with an appeal panel, to
/// which a silent delivery goes: agents and relayers do not carry it there yet.
async fn check_jury(session: &Session, deal: &Deal) -> Result<(), Error> {
    let terms = &deal.terms;
    match session.chain.check_jury(terms.jury, terms.buyer, terms.seller).await {
        Err(Error::Reverted(why)) => return Err(Error::refused("jury", why)),
        other => other?,
    }
    if session.chain.has_appeal_panel(terms.jury).await? {
        let why = "has an appeal panel; agents and relayers do not carry a case there yet";
        return Err(Error::refused("jury", why));
    }
    Ok(())
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
