//! What the node refuses, in geth's words and codes: services match on them.

use std::borrow::Cow;

use alloy::primitives::{Bytes, U256};
use alloy::rpc::json_rpc::ErrorPayload;
use revm::context::result::InvalidTransaction;
use serde_json::value::to_raw_value;

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the method {0} does not exist/is not available")]
    MethodUnknown(String),
    #[error("{0}")]
    ParamsInvalid(String),
    #[error("header not found")]
    BlockUnknown,
    #[error("unknown block")]
    LogBlockUnknown,
    #[error("already known")]
    AlreadyKnown,
    #[error("nonce too low: next nonce {needed}, tx nonce {got}")]
    NonceTooLow { got: u64, needed: u64 },
    #[error("replacement transaction underpriced")]
    Underpriced,
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, \
         overshot {}", .cost.saturating_sub(*.balance)
    )]
    FundsTooLow { balance: U256, cost: U256 },
    #[error("{0}")]
    Refused(String),
    #[error("execution reverted")]
    Reverted(Bytes),
    #[error("{0}")]
    Halted(String),
    #[error("gas required exceeds allowance ({0})")]
    GasAllowance(u64),
}

impl Fault {
    /// The error object of the answer.
    pub(crate) fn payload(&self) -> ErrorPayload {
        let code = match self {
            Self::MethodUnknown(_) => -32601,
            Self::ParamsInvalid(_) => -32602,
            Self::Reverted(_) => 3,
            Self::BlockUnknown
            | Self::LogBlockUnknown
            | Self::AlreadyKnown
            | Self::NonceTooLow { .. }
            | Self::Underpriced
            | Self::FundsTooLow { .. }
            | Self::Refused(_)
            | Self::Halted(_)
            | Self::GasAllowance(_) => -32000,
        };
        let data = match self {
            Self::Reverted(data) => to_raw_value(data).ok(),
            _ => None,
        };
        ErrorPayload { code, message: Cow::Owned(self.to_string()), data }
    }
}

impl From<InvalidTransaction> for Fault {
    fn from(invalid: InvalidTransaction) -> Self {
        match invalid {
            InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
                Self::FundsTooLow { balance: *balance, cost: *fee }
            }
            InvalidTransaction::NonceTooLow { tx, state } => {
                Self::NonceTooLow { got: tx, needed: state }
            }
            InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
                Self::Refused(format!(
                    "intrinsic gas too low: have {gas_limit}, want {initial_gas}"
                ))
            }
            InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
                Self::Refused(format!(
                    "insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}"
                ))
            }
            InvalidTransaction::TxGasLimitGreaterThanCap { gas_limit, cap } => Self::Refused(
                format!("transaction gas limit too high (cap: {cap}, tx: {gas_limit})"),
            ),
            InvalidTransaction::PriorityFeeGreaterThanMaxFee => {
                Self::Refused("max priority fee per gas higher than max fee per gas".into())
            }
            InvalidTransaction::GasPriceLessThanBasefee => {
                Self::Refused("max fee per gas less than block base fee".into())
            }
            InvalidTransaction::CallerGasLimitMoreThanBlock => {
                Self::Refused("exceeds block gas limit".into())
            }
            InvalidTransaction::InvalidChainId => {
                Self::Refused("invalid chain id for signer".into())
            }
            other => Self::Refused(other.to_string()),
        }
    }
}
