//! Asking a running relayer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy::primitives::B256;
use serde_json::Value;
use surety_terms::Problem;

use crate::{Order, SOCKET};

/// The longest that an order may take.
const WITHIN: Duration = Duration::from_secs(30);

/// Why an order was not taken.
#[derive(Debug, thiserror::Error)]
pub enum OrdersError {
    /// Nobody answers at the socket.
    #[error("{}: no relayer answers: is it running, and under this account?", path.display())]
    Nobody {
        /// The socket.
        path: PathBuf,
    },
    /// Whoever answers is no relayer.
    #[error("{}: what answers is no relayer of this version", path.display())]
    Stranger {
        /// The socket.
        path: PathBuf,
    },
    /// The relayer refuses.
    #[error("{0}")]
    Refused(Box<Problem>),
}

/// A relayer's operator.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    path: PathBuf,
}

impl Client {
    /// Of the relayer that works on the store in this folder.
    pub fn of_store(store: &Path) -> Result<Self, OrdersError> {
        let path = store.join(SOCKET);
        let builder = reqwest::Client::builder().timeout(WITHIN).no_proxy();
        #[cfg(unix)]
        let builder = builder.unix_socket(path.clone());
        let http = builder.build().map_err(|_| OrdersError::Nobody { path: path.clone() })?;
        Ok(Self { http, path })
    }

    /// Shows a case.
    pub async fn case(&self, id: B256) -> Result<Value, OrdersError> {
        self.ask(self.http.get(url(&format!("cases/{id}")))).await
    }

    /// Takes a case up again that was given up.
    pub async fn retry(&self, id: B256) -> Result<Value, OrdersError> {
        self.ask(self.http.post(url(&format!("cases/{id}/retry")))).await
    }

    /// Does something about a waiting transaction.
    pub async fn order(&self, id: B256, order: Order) -> Result<Value, OrdersError> {
        let order = match order {
            Order::Bump => "bump",
            Order::Cancel => "cancel",
        };
        self.ask(self.http.post(url(&format!("transactions/{id}/{order}")))).await
    }

    /// Shows the sending keys.
    pub async fn keys(&self) -> Result<Value, OrdersError> {
        self.ask(self.http.get(url("keys"))).await
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Value, OrdersError> {
        let nobody = |_| OrdersError::Nobody { path: self.path.clone() };
        let answer = request.send().await.map_err(nobody)?;
        let good = answer.status().is_success();
        let document: Option<Value> = answer.json().await.ok();
        let stranger = || OrdersError::Stranger { path: self.path.clone() };
        let document = document.ok_or_else(stranger)?;
        if good {
            return Ok(document);
        }
        let problem = serde_json::from_value(document).map_err(|_| stranger())?;
        Err(OrdersError::Refused(Box::new(problem)))
    }
}

/// The host is never looked up: the socket is the address.
fn url(path: &str) -> String {
    format!("http://relayer/v1/{path}")
}
