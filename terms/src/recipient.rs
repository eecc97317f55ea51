//! To whom what is private is encrypted: X25519 recipients of the age format.

use std::fmt;
use std::str::FromStr;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::schema as spelled;

/// What a recipient begins with.
const PREFIX: Hrp = Hrp::parse_unchecked("age");

/// An `age1...` recipient: whoever holds its identity can read what is encrypted to it.
///
/// Invariant: the key is none of the few with which every secret comes out as zero. Those would
/// make an age file that anybody can read, and programs that encrypt to them fail.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Recipient([u8; 32]);

/// A text that is no recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRecipient {
    /// It is spelled in another way.
    #[error("a recipient is age1 and 58 lower-case characters, as `surety key recipient` prints")]
    Spelling,
    /// Everybody could read what is encrypted to it.
    #[error("what is encrypted to this recipient can be read by anybody: make another identity")]
    Weak,
}

/// The recipients of a private deal's parties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recipients {
    /// The buyer's.
    #[schemars(schema_with = "spelled::recipient")]
    pub buyer: Recipient,
    /// The seller's.
    #[schemars(schema_with = "spelled::recipient")]
    pub seller: Recipient,
}

impl Recipients {
    /// Both.
    pub const fn both(&self) -> [Recipient; 2] {
        [self.buyer, self.seller]
    }
}

#[cfg(any(test, feature = "arbitrary"))]
impl Recipient {
    /// The recipient of a secret that everybody knows, for tests.
    pub(crate) fn of_seed(seed: u8) -> Self {
        Self(x25519_dalek::x25519([seed; 32], x25519_dalek::X25519_BASEPOINT_BYTES))
    }
}

impl FromStr for Recipient {
    type Err = NoRecipient;

    fn from_str(text: &str) -> Result<Self, NoRecipient> {
        let spelled = CheckedHrpstring::new::<Bech32>(text).map_err(|_| NoRecipient::Spelling)?;
        let bytes: Vec<u8> = spelled.byte_iter().collect();
        let key = <[u8; 32]>::try_from(bytes).map_err(|_| NoRecipient::Spelling)?;
        // One spelling: bech32 also has one in capitals.
        if spelled.hrp() != PREFIX || Self(key).to_string() != text {
            return Err(NoRecipient::Spelling);
        }
        // Any scalar tells, since all of them are multiples of the cofactor.
        if x25519_dalek::x25519([1; 32], key) == [0; 32] {
            return Err(NoRecipient::Weak);
        }
        Ok(Self(key))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bech32::encode_lower_to_fmt::<Bech32, _>(f, PREFIX, &self.0).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Recipient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Recipient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the age format's own documentation.
    const KNOWN: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

    #[test]
    fn a_recipient_has_one_spelling() {
        let known: Recipient = KNOWN.parse().unwrap();
        assert_eq!(known.to_string(), KNOWN);
        let changed = KNOWN.replace("t7rx", "t7rq");
        let (short, loud) = (&KNOWN[..60], KNOWN.to_uppercase());
        for wrong in ["", "age1", short, &loud, &changed, &format!("{KNOWN} ")] {
            assert_eq!(wrong.parse::<Recipient>(), Err(NoRecipient::Spelling), "{wrong}");
        }
        let other = bech32::encode::<Bech32>(Hrp::parse("bge").unwrap(), &known.0).unwrap();
        assert_eq!(other.parse::<Recipient>(), Err(NoRecipient::Spelling));
    }

    #[test]
    fn a_recipient_whose_files_anybody_could_read_is_refused() {
        let order_eight: [u8; 32] = [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ];
        let mut one = [0; 32];
        one[0] = 1;
        for weak in [[0; 32], one, order_eight] {
            let text = Recipient(weak).to_string();
            assert_eq!(text.parse::<Recipient>(), Err(NoRecipient::Weak), "{text}");
        }
    }
}
