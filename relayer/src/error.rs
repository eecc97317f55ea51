//! What stops a relayer, and what one of its stages may meet.

use std::net::SocketAddr;
use std::path::PathBuf;

use surety_acts::ActError;
use surety_chain::ChainError;
use surety_keys::KeyError;
use surety_record::RecordError;
use surety_store::StoreError;

/// Everything that can go wrong in a relayer. What a client sees of it is a problem document, see
/// `http::problem`; nothing here holds an endpoint or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayerError {
    /// The configuration is wrong.
    #[error("configuration: {0}")]
    Config(String),
    /// The chain, the sender or their tables.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The socket cannot be listened on.
    #[error("cannot listen on {listen}: {source}")]
    Listen {
        /// The socket.
        listen: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client,
    /// The operator's socket cannot be made.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A row holds what this program never writes.
    #[error("the store holds a broken row: {what}")]
    Row {
        /// Which column.
        what: &'static str,
    },
    /// What was read from the chain contradicts what must hold there.
    #[error("the chain contradicts itself: {what}")]
    Contradiction {
        /// What.
        what: &'static str,
    },
}

impl RelayerError {
    /// Whether the same stage may succeed when it is run again.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Chain(error) => error.retryable(),
            Self::File { .. } | Self::Contradiction { .. } => true,
            Self::Config(_)
            | Self::Key(_)
            | Self::Listen { .. }
            | Self::Client
            | Self::Row { .. } => false,
        }
    }
}

impl RelayerError {
    /// Whether another instance has taken over what was worked on.
    pub(crate) const fn is_lease_lost(&self) -> bool {
        matches!(self, Self::Chain(ChainError::Store(StoreError::LeaseLost { .. })))
    }
}

impl From<RecordError> for RelayerError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) => error.into(),
            RecordError::Row { what } => Self::Row { what },
        }
    }
}

impl From<ActError> for RelayerError {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Store(error) => error.into(),
            ActError::Row { what } => Self::Row { what },
        }
    }
}

impl From<sqlx::Error> for RelayerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Chain(error.into())
    }
}

impl From<StoreError> for RelayerError {
    fn from(error: StoreError) -> Self {
        Self::Chain(error.into())
    }
}
