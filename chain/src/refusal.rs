//! What nodes mean by their error messages. The only table of foreign texts in the workspace.

use std::fmt;

/// What a node's JSON-RPC error means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// A log query covers too much; a narrower one works.
    TooMuch,
    /// We ask too often.
    RateLimited,
    /// The nonce is used on the chain.
    NonceTooLow,
    /// The node has exactly this transaction.
    AlreadyKnown,
    /// The node has another transaction at this nonce that pays about as much.
    Underpriced,
    /// The offered fee is below what any block takes now.
    FeeTooLow,
    /// The key cannot pay for the gas.
    InsufficientFunds,
    /// No node will ever take these bytes: too much gas, too little, too long, wrong chain.
    Unacceptable,
    /// The call reverts.
    Reverted,
    /// The node does not know the block.
    BlockUnknown,
    /// The node does not know the method.
    Unsupported,
    /// Something that we have no word for.
    Other,
}

/// Fragments of messages, lower case, first match wins. From geth, reth, nethermind, erigon,
/// anvil and the large providers.
const TABLE: &[(Refusal, &[&str])] = &[
    (Refusal::RateLimited, &["rate limit", "too many requests", "request limit", "capacity"]),
    (
        Refusal::TooMuch,
        &[
            "query returned more than",
            "too many results",
            "too many logs",
            "block range",
            "range is too",
            "range too",
            "response size",
            "response is too",
            "result too large",
            "query timeout",
            "query exceeds",
            "limit exceeded",
            "up to a",
            "exceeds max results",
        ],
    ),
    (Refusal::Underpriced, &["replacement transaction underpriced", "replacement fee too low"]),
    (Refusal::NonceTooLow, &["nonce too low", "nonce is too low", "oldnonce"]),
    (
        Refusal::AlreadyKnown,
        &[
            "already known",
            "already imported",
            "alreadyknown",
            "already exists",
            "known transaction",
        ],
    ),
    (
        Refusal::InsufficientFunds,
        &["insufficient funds", "insufficient balance", "exceeds allowance"],
    ),
    (
        Refusal::FeeTooLow,
        &[
            "max fee per gas less than block base fee",
            "less than block base fee",
            "transaction underpriced",
            "feetoolow",
            "fee too low",
        ],
    ),
    (
        Refusal::Unacceptable,
        &[
            "intrinsic gas",
            "exceeds block gas limit",
            "gas limit too high",
            "oversized data",
            "invalid chain id",
            "invalid sender",
            "exceeds the configured cap",
            "max initcode",
            "transaction type not supported",
            "greater than the cap",
            "gas limit is greater",
        ],
    ),
    (Refusal::Reverted, &["revert", "out of gas", "invalid opcode"]),
    (
        Refusal::BlockUnknown,
        &[
            "header not found",
            "unknown block",
            "block not found",
            "blockoutofrange",
            "out of range",
            "not currently canonical",
            "unknown hash",
        ],
    ),
    (Refusal::Unsupported, &["method not found", "not supported", "does not exist", "unsupported"]),
];

impl Refusal {
    /// Reads a node's error. The texts decide, since codes mean different things to different
    /// nodes; the code decides where no text is known.
    pub fn read(code: i64, message: &str) -> Self {
        let message = message.to_ascii_lowercase();
        let known = TABLE.iter().find(|(_, texts)| texts.iter().any(|t| message.contains(t)));
        match (known, code) {
            (Some((refusal, _)), _) => *refusal,
            (None, 429) => Self::RateLimited,
            (None, 3) => Self::Reverted,
            (None, -32601) => Self::Unsupported,
            (None, _) => Self::Other,
        }
    }

    /// Whether the same request may be accepted later.
    pub const fn retryable(self) -> bool {
        match self {
            Self::RateLimited
            | Self::FeeTooLow
            | Self::InsufficientFunds
            | Self::BlockUnknown
            | Self::Underpriced
            | Self::Other => true,
            Self::TooMuch
            | Self::NonceTooLow
            | Self::AlreadyKnown
            | Self::Unacceptable
            | Self::Reverted
            | Self::Unsupported => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooMuch => "the query covers too much",
            Self::RateLimited => "too many requests",
            Self::NonceTooLow => "the nonce is used",
            Self::AlreadyKnown => "the transaction is known",
            Self::Underpriced => "the replacement pays too little",
            Self::FeeTooLow => "the fee is too low",
            Self::InsufficientFunds => "the key cannot pay the gas",
            Self::Unacceptable => "the transaction is unacceptable",
            Self::Reverted => "the call reverts",
            Self::BlockUnknown => "the block is unknown",
            Self::Unsupported => "the method is not supported",
            Self::Other => "no known reason",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_real_nodes_are_understood() {
        let cases = [
            (-32005, "query returned more than 10000 results", Refusal::TooMuch),
            (-32602, "Log response size exceeded. up to a 2K block range", Refusal::TooMuch),
            (-32000, "block range is too wide", Refusal::TooMuch),
            (-32005, "daily request count exceeded, request rate limited", Refusal::RateLimited),
            (429, "slow down", Refusal::RateLimited),
            (-32000, "nonce too low: next nonce 5, tx nonce 4", Refusal::NonceTooLow),
            (-32003, "transaction already imported", Refusal::AlreadyKnown),
            (-32000, "already known", Refusal::AlreadyKnown),
            (-32000, "replacement transaction underpriced", Refusal::Underpriced),
            (-32000, "transaction underpriced", Refusal::FeeTooLow),
            (-32000, "max fee per gas less than block base fee: address 0x", Refusal::FeeTooLow),
            (-32000, "insufficient funds for gas * price + value", Refusal::InsufficientFunds),
            (-32000, "intrinsic gas too low", Refusal::Unacceptable),
            (3, "execution reverted: custom error 0x1234", Refusal::Reverted),
            (-32000, "header not found", Refusal::BlockUnknown),
            (-32601, "the method eth_x does not exist", Refusal::Unsupported),
            (-32000, "something new", Refusal::Other),
        ];
        for (code, message, needed) in cases {
            assert_eq!(Refusal::read(code, message), needed, "{message}");
        }
    }
}
