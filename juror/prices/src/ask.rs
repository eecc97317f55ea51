//! Asking a juror for its list.

use std::time::Duration;

use surety_fetch::Bounds;

use crate::{MOST_BYTES, PricesError, SignedPrices};

/// How long a juror has to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The list at a juror's registered URL; [`SignedPrices::verify`] says whether it counts. Anybody can
/// register any URL, so the address is a stranger's.
pub async fn ask(url: &str, allow_private_hosts: bool) -> Result<SignedPrices, PricesError> {
    let url = format!("{}/v1/prices", url.trim_end_matches('/'));
    let bounds = Bounds { allow_private_hosts, most_bytes: MOST_BYTES, within: ANSWER_WITHIN };
    let answer = surety_fetch::get(&url, &bounds).await?;
    if answer.status != 200 {
        return Err(PricesError::Status { got: answer.status });
    }
    SignedPrices::parse(&answer.body)
}
