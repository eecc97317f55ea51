//! Revert bytes to a named error with its operands and a remedy.
//!
//! The names and operands come from the artifacts' ABI, notice and remedy from the comment beside
//! each error's declaration (`artifacts/errors.json`, written by `cargo x artifacts`). A revert that
//! is not ours (a token's string, a panic) is named as what it is; bytes that fit nothing give None.

use std::{collections::HashMap, fmt, sync::LazyLock};

use alloy::{
    dyn_abi::{DynSolValue, JsonAbiExt},
    hex,
    json_abi::{Error as AbiError, JsonAbi},
    primitives::Selector,
    sol_types::{Panic, Revert as RevertString, SolError},
};
use serde::{Deserialize, Serialize};

/// A decoded revert. `Display` gives one line: name, operands, what it means, what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Revert {
    /// The error's name, `DeadlinePassed`.
    pub name: String,
    /// Its operands in order, as (name, value) in decimal or 0x-hex.
    pub operands: Vec<(String, String)>,
    /// Why it happens, in one sentence.
    pub notice: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        for (i, (name, value)) in self.operands.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{name}: {value}")?;
        }
        write!(f, "): {} {}", self.notice, self.remedy)
    }
}

/// What `errors.json` says of one error.
#[derive(Clone, Debug, Deserialize)]
struct Hint {
    name: String,
    notice: String,
    remedy: String,
}

static ERRORS: LazyLock<HashMap<Selector, (AbiError, String, String)>> = LazyLock::new(|| {
    let hints: Vec<Hint> =
        serde_json::from_str(include_str!("../artifacts/errors.json")).unwrap_or_default();
    let artifacts = [
        include_str!("../artifacts/DealEscrow.json"),
        include_str!("../artifacts/Jury.json"),
        include_str!("../artifacts/PactRegistry.json"),
        include_str!("../artifacts/ReputationRegistry.json"),
    ];
    let mut errors = HashMap::new();
    for artifact in artifacts {
        let Ok(artifact) = serde_json::from_str::<Artifact>(artifact) else { continue };
        for error in artifact.abi.errors.into_values().flatten() {
            let hint = hints.iter().find(|hint| hint.name == error.name);
            let (notice, remedy) =
                hint.map(|h| (h.notice.clone(), h.remedy.clone())).unwrap_or_default();
            errors.insert(error.selector(), (error, notice, remedy));
        }
    }
    errors
});

#[derive(Debug, Deserialize)]
struct Artifact {
    abi: JsonAbi,
}

/// Names the error that `data` encodes, or None when it is empty or unknown.
#[must_use]
pub fn decode(data: &[u8]) -> Option<Revert> {
    let selector = Selector::from(<[u8; 4]>::try_from(data.get(..4)?).ok()?);
    if let Some((error, notice, remedy)) = ERRORS.get(&selector) {
        let values = error.abi_decode_input(data.get(4..)?).ok()?;
        let operands =
            error.inputs.iter().zip(&values).map(|(p, v)| (p.name.clone(), show(v))).collect();
        let (notice, remedy) = (notice.clone(), remedy.clone());
        return Some(Revert { name: error.name.clone(), operands, notice, remedy });
    }
    if let Ok(text) = RevertString::abi_decode(data) {
        return Some(Revert {
            name: "Error".to_owned(),
            operands: vec![("message".to_owned(), text.reason)],
            notice: "The token or a wallet refused.".to_owned(),
            remedy: "Read its message; a token's refusal is between it and the account.".to_owned(),
        });
    }
    let panic = Panic::abi_decode(data).ok()?;
    Some(Revert {
        name: "Panic".to_owned(),
        operands: vec![("code".to_owned(), panic.code.to_string())],
        notice: "Arithmetic or an index went out of range.".to_owned(),
        remedy: "Check the amounts; if they are right, report this as a bug.".to_owned(),
    })
}

fn show(value: &DynSolValue) -> String {
    match value {
        DynSolValue::Uint(n, _) => n.to_string(),
        DynSolValue::Int(n, _) => n.to_string(),
        DynSolValue::Bool(b) => b.to_string(),
        DynSolValue::Address(a) => a.to_string(),
        DynSolValue::String(s) => s.clone(),
        DynSolValue::FixedBytes(word, size) => hex::encode_prefixed(&word[..(*size).min(32)]),
        other @ (DynSolValue::Function(_)
        | DynSolValue::Bytes(_)
        | DynSolValue::Array(_)
        | DynSolValue::FixedArray(_)
        | DynSolValue::Tuple(_)
        | DynSolValue::CustomStruct { .. }) => {
            other.as_bytes().map_or_else(|| format!("{other:?}"), hex::encode_prefixed)
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{B256, U256};

    use super::*;
    use crate::escrow::DealEscrow;

    #[test]
    fn an_error_is_named_with_both_operands_and_a_remedy() {
        let error = DealEscrow::DeadlinePassed { nowAt: U256::from(20), deadline: U256::from(10) };
        let revert = decode(&error.abi_encode()).unwrap();
        assert_eq!(revert.name, "DeadlinePassed");
        assert_eq!(
            revert.operands,
            [("nowAt".to_owned(), "20".to_owned()), ("deadline".to_owned(), "10".to_owned())]
        );
        assert!(!revert.notice.is_empty() && !revert.remedy.is_empty(), "{revert:?}");
    }

    #[test]
    fn every_error_of_every_contract_has_a_notice_and_a_remedy() {
        for (error, notice, remedy) in ERRORS.values() {
            assert!(!notice.is_empty() && !remedy.is_empty(), "{} has no hint", error.name);
        }
        assert!(ERRORS.len() > 40);
    }

    #[test]
    fn a_token_string_is_shown_and_garbage_is_none() {
        let text = RevertString::from("Pausable: paused").abi_encode();
        assert_eq!(decode(&text).unwrap().operands[0].1, "Pausable: paused");
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[1, 2, 3]), None);
        assert_eq!(decode(B256::repeat_byte(7).as_slice()), None);
    }

    #[test]
    fn truncated_operands_are_none_and_never_a_panic() {
        let error = DealEscrow::DealUnknown { dealId: B256::ZERO }.abi_encode();
        for end in 4..error.len() {
            assert_eq!(decode(&error[..end]), None);
        }
    }
}
