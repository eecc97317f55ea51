//! Everything that can go wrong between us and the chain.

use alloy::primitives::Address;
use surety_store::StoreError;

use crate::Refusal;

/// What failed, in words that hold no foreign text: a node's message or an HTTP client's error may
/// contain the endpoint, and endpoints carry keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The node did not answer, or not in time.
    #[error("{method}: the node cannot be reached")]
    Unreachable {
        /// The JSON-RPC method.
        method: &'static str,
    },
    /// The node answered with an HTTP error.
    #[error("{method}: the node answers HTTP {status}")]
    Http {
        /// The JSON-RPC method.
        method: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// The node answered with a JSON-RPC error.
    #[error("{method}: the node refuses ({code}, {refusal})")]
    Refused {
        /// The JSON-RPC method.
        method: &'static str,
        /// The JSON-RPC error code.
        code: i64,
        /// What the node meant, as far as we know its dialect.
        refusal: Refusal,
    },
    /// The node's answer is not what the method returns.
    #[error("{method}: the node's answer is malformed: {what}")]
    Malformed {
        /// The JSON-RPC method.
        method: &'static str,
        /// Which rule it breaks.
        what: &'static str,
    },
    /// Too few nodes say the same.
    #[error("{method}: the nodes contradict each other, and too few agree")]
    Disagree {
        /// The JSON-RPC method.
        method: &'static str,
    },
    /// The node follows another chain.
    #[error("the node's chain id is {got}, but the configuration says {needed}")]
    ChainId {
        /// What the node says.
        got: u64,
        /// What the configuration says.
        needed: u64,
    },
    /// There is no contract at an address.
    #[error("no code at {address}")]
    NoCode {
        /// The address that holds no code.
        address: Address,
    },
    /// The URL of the node cannot be used.
    #[error("must be an http or https URL")]
    Url,
    /// The URL of the node's subscriptions cannot be used.
    #[error("must be a ws or wss URL")]
    WsUrl,
    /// Two of the keys are one.
    #[error("the key of {address} is given twice: name each sending key once")]
    KeyTwice {
        /// Its address.
        address: Address,
    },
    /// Signing failed.
    #[error("the signer failed")]
    Signer,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row holds what this program never writes.
    #[error("the store holds a broken row: {what}")]
    Row {
        /// Which column breaks which rule.
        what: &'static str,
    },
}

impl ChainError {
    /// Whether the same call may succeed later without anybody changing anything here.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Http { .. }
            | Self::Malformed { .. }
            | Self::Disagree { .. } => true,
            Self::Refused { refusal, .. } => refusal.retryable(),
            Self::Store(error) => error.retryable(),
            Self::ChainId { .. }
            | Self::NoCode { .. }
            | Self::Url
            | Self::WsUrl
            | Self::KeyTwice { .. }
            | Self::Signer
            | Self::Row { .. } => false,
        }
    }

    /// Whether the node looked the request up and its own state forbids it.
    pub fn refusal(&self) -> Option<Refusal> {
        if let Self::Refused { refusal, .. } = self { Some(*refusal) } else { None }
    }
}

impl From<sqlx::Error> for ChainError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
