//! Amounts, shares and agent ids: newtypes whose JSON form cannot be misread.
//!
//! Amounts and ids are decimal strings, because JSON numbers lose digits beyond 2^53.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use alloy::primitives::U256;
use alloy::primitives::aliases::U96;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::Fault;

/// An amount of USDC in base units: six decimals, at most 2^96 - 1, as the contracts count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usdc(u128);

impl Usdc {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// What fits in a `uint96`.
    pub const MAX: Self = Self((1 << 96) - 1);
    /// Base units of one USDC.
    pub const UNIT: u128 = 1_000_000;

    /// An amount in base units, unless it is above [`Usdc::MAX`].
    pub const fn new(base_units: u128) -> Option<Self> {
        if base_units > Self::MAX.0 { None } else { Some(Self(base_units)) }
    }

    /// An amount in whole USDC.
    pub const fn from_whole(usdc: u32) -> Self {
        #[expect(clippy::as_conversions, reason = "widening; From is not const")]
        Self((usdc as u128).saturating_mul(Self::UNIT))
    }

    /// The base units.
    pub const fn base_units(self) -> u128 {
        self.0
    }

    /// The sum, unless it is above [`Usdc::MAX`].
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Self::new(sum),
            None => None,
        }
    }

    /// The difference, unless `other` is larger.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// The sum of all, unless it is above [`Usdc::MAX`].
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// `share` of this amount, rounded down; the remainder is the caller's to name.
    /// `None` when the share is above the whole.
    #[must_use]
    pub fn share_down(self, share: Bps) -> Option<Self> {
        let product = self.0.checked_mul(u128::from(share.0))?;
        product.checked_div(u128::from(Bps::WHOLE.0)).map(Self).filter(|part| *part <= self)
    }
}

impl fmt::Display for Usdc {
    /// "12.50 USDC": at least two decimals, as many as needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0.div_euclid(Self::UNIT), self.0.rem_euclid(Self::UNIT));
        let digits = format!("{fraction:06}");
        let kept = digits.trim_end_matches('0');
        write!(f, "{whole}.{kept:0<2} USDC")
    }
}

impl FromStr for Usdc {
    type Err = Fault;

    /// Reads base units: digits only, no sign, no leading zero.
    fn from_str(text: &str) -> Result<Self, Fault> {
        let refused = || Fault::AmountInvalid { got: crate::error::excerpt(text) };
        canonical_decimal(text)
            .then(|| text.parse().ok().and_then(Self::new))
            .flatten()
            .ok_or_else(refused)
    }
}

impl From<Usdc> for U96 {
    fn from(amount: Usdc) -> Self {
        Self::saturating_from(amount.0)
    }
}

impl From<U96> for Usdc {
    fn from(amount: U96) -> Self {
        Self(amount.to::<u128>())
    }
}

impl From<Usdc> for U256 {
    fn from(amount: Usdc) -> Self {
        Self::from(amount.0)
    }
}

/// A claimed ERC-8004 agent id. Ids begin at 0, so "none" is the absence of this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(U256);

impl AgentId {
    /// An id, unless it is 2^256 - 1: the chain stores the id plus one.
    pub fn new(id: U256) -> Option<Self> {
        (id < U256::MAX).then_some(Self(id))
    }

    /// The id as the registry knows it.
    pub const fn id(self) -> U256 {
        self.0
    }

    /// What the `Terms` struct holds: the id plus one, or 0 for none.
    pub fn encode(id: Option<Self>) -> U256 {
        id.map_or(U256::ZERO, |agent| agent.0.saturating_add(U256::ONE))
    }

    /// The reverse of [`AgentId::encode`].
    pub fn decode(word: U256) -> Option<Self> {
        word.checked_sub(U256::ONE).map(Self)
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for AgentId {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let refused = || Fault::AgentIdInvalid { got: crate::error::excerpt(text) };
        canonical_decimal(text)
            .then(|| U256::from_str_radix(text, 10).ok().and_then(Self::new))
            .flatten()
            .ok_or_else(refused)
    }
}

/// Whether `text` is a decimal number as we print it.
fn canonical_decimal(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

/// Serde, schema for a newtype that is a decimal string.
macro_rules! decimal_string {
    ($name:ident, $longest:literal, $what:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": "^(0|[1-9][0-9]*)$",
                    "maxLength": $longest,
                    "description": $what,
                })
            }
        }
    };
}

decimal_string!(Usdc, 29, "Base units of USDC (six decimals), at most 2^96 - 1.");
decimal_string!(AgentId, 78, "An ERC-8004 agent id, at most 2^256 - 2.");

/// A share in basis points. Any `u16` can be held, so that a share above the whole is reported by
/// the rule it breaks and not as a number that does not parse.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bps(u16);

impl Bps {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Everything.
    pub const WHOLE: Self = Self(10_000);

    /// A share.
    pub const fn new(bps: u16) -> Self {
        Self(bps)
    }

    /// The basis points.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Bps {
    /// "75 %" or "12.34 %".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0.div_euclid(100), self.0.rem_euclid(100));
        if rest == 0 { write!(f, "{whole} %") } else { write!(f, "{whole}.{rest:02} %") }
    }
}

impl JsonSchema for Bps {
    fn schema_name() -> Cow<'static, str> {
        "Bps".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer",
            "minimum": 0,
            "maximum": Self::WHOLE.0,
            "description": "A share in basis points.",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn usdc(text: &str) -> Option<Usdc> {
        let from_json = serde_json::from_value::<Usdc>(json!(text)).ok();
        assert_eq!(text.parse::<Usdc>().ok(), from_json, "both readers agree on {text:?}");
        from_json
    }

    #[test]
    fn an_amount_is_digits_and_nothing_else() {
        for text in
            ["", "-1", "+1", "01", "00", "1.0", "1e3", " 1", "1 ", "1_000", "0x1", "١", "\u{ff11}"]
        {
            assert_eq!(usdc(text), None, "{text:?}");
        }
        for number in [json!(1), json!(1.5), json!(null), json!(["1"])] {
            assert!(serde_json::from_value::<Usdc>(number).is_err());
        }
        assert_eq!(usdc("0"), Some(Usdc::ZERO));
    }

    #[test]
    fn an_amount_fits_ninety_six_bits() {
        assert_eq!(usdc("79228162514264337593543950335"), Some(Usdc::MAX));
        assert_eq!(usdc("79228162514264337593543950336"), None);
        assert_eq!(usdc("340282366920938463463374607431768211456"), None);
        assert_eq!(Usdc::MAX.checked_add(Usdc::new(1).unwrap()), None);
        assert_eq!(Usdc::ZERO.checked_sub(Usdc::new(1).unwrap()), None);
        assert_eq!(Usdc::from(U96::MAX), Usdc::MAX);
        let most: U96 = Usdc::MAX.into();
        assert_eq!(most, U96::MAX);
    }

    #[test]
    fn an_amount_shows_cents_and_what_is_below_them() {
        let shown = |units| Usdc::new(units).unwrap().to_string();
        assert_eq!(shown(12_500_000), "12.50 USDC");
        assert_eq!(shown(1), "0.000001 USDC");
        assert_eq!(shown(0), "0.00 USDC");
        assert_eq!(shown(1_234_560_000), "1234.56 USDC");
        assert_eq!(Bps::new(1_234).to_string(), "12.34 %");
        assert_eq!(Bps::new(7_500).to_string(), "75 %");
    }

    #[test]
    fn an_agent_id_begins_at_zero_and_none_is_not_zero() {
        assert_eq!(AgentId::encode(None), U256::ZERO);
        assert_eq!(AgentId::encode(AgentId::new(U256::ZERO)), U256::ONE);
        assert_eq!(AgentId::new(U256::MAX), None);
        assert!(U256::MAX.to_string().parse::<AgentId>().is_err());
        let last = (U256::MAX - U256::ONE).to_string();
        assert_eq!(AgentId::encode(last.parse().ok()), U256::MAX);
    }

    proptest! {
        #[test]
        fn amounts_survive_json(units in 0..=Usdc::MAX.base_units()) {
            let amount = Usdc::new(units).unwrap();
            prop_assert_eq!(serde_json::to_value(amount).unwrap(), json!(units.to_string()));
            prop_assert_eq!(usdc(&units.to_string()), Some(amount));
        }

        #[test]
        fn no_other_text_is_an_amount(text in "\\PC{0,40}") {
            let canonical = text.parse::<u128>().ok().filter(|units| units.to_string() == text);
            prop_assert_eq!(usdc(&text), canonical.and_then(Usdc::new));
        }

        #[test]
        fn agent_ids_survive_encoding(id in any::<[u64; 4]>().prop_map(U256::from_limbs)) {
            let agent = AgentId::new(id);
            prop_assert_eq!(AgentId::decode(AgentId::encode(agent)), agent);
            if let Some(agent) = agent {
                prop_assert_eq!(agent.to_string().parse::<AgentId>().ok(), Some(agent));
            }
        }

        #[test]
        fn a_share_and_the_rest_are_the_whole(
            units in 0..=Usdc::MAX.base_units(), bps in 0_u16..=10_000,
        ) {
            let whole = Usdc::new(units).unwrap();
            let part = whole.share_down(Bps::new(bps)).unwrap();
            prop_assert!(part <= whole);
            prop_assert_eq!(part.base_units(), units * u128::from(bps) / 10_000);
        }
    }
}
