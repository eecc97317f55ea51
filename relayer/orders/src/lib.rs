#![doc = include_str!("../README.md")]

mod client;

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use surety_chain::send::AttemptView;

pub use client::{Client, OrdersError};
pub use surety_chain::send::Order;

/// The socket's name in the store's folder.
pub const SOCKET: &str = "relayer.sock";

/// A stage of a case, and what of it was written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageView {
    /// The state.
    pub state: String,
    /// Whether the case has been there.
    pub reached: bool,
    /// What is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A transaction that a case had sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendingView {
    /// The sender's name for it.
    pub id: B256,
    /// Where it stands: queued, sent, mined or failed.
    pub state: String,
    /// Its nonce, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u64>,
    /// The block that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// An order that is not carried out yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// What was signed for it, oldest first.
    pub attempts: Vec<AttemptView>,
}

/// Everything that a relayer knows of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dossier<C> {
    /// The case as everybody sees it, with its ballots.
    pub case: C,
    /// Its state machine, in order.
    pub stages: Vec<StageView>,
    /// The settlement, once it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sending: Option<SendingView>,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// The case or transaction.
    pub id: B256,
    /// Its state: a case's new one, or the one in which the order found a transaction.
    pub state: String,
}

/// A sending key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyView {
    /// Its address.
    pub address: Address,
    /// What it owns, in wei.
    pub balance_wei: String,
    /// Its next nonce in the newest block.
    pub nonce: u64,
    /// Its next nonce in the block whose facts count.
    pub nonce_at_tag: u64,
    /// Requests that wait for a nonce.
    pub queued: u64,
    /// Nonces that wait for a block.
    pub waiting: Vec<u64>,
    /// Nonces below the highest waiting one that nothing holds. The sender fills them by itself.
    pub gaps: Vec<u64>,
}
