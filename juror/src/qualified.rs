//! The certificate that this juror shows, as `surety juror qualify` left it beside the store.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use surety_jury::wire::JurorInfo;
use surety_qualify::{Certificate, certificate::MOST_BYTES};
use surety_terms::Problem;
use tokio::io::AsyncReadExt as _;

use crate::Config;

impl Config {
    /// Where the certificate stands that a running juror shows.
    pub fn certificate(&self) -> PathBuf {
        self.store.join("qualification.json")
    }
}

/// The certificate, if there is one of this juror's own. It is read anew each time, so that a juror
/// shows a new one without a restart.
pub(crate) async fn certificate(path: &Path, info: &JurorInfo) -> Result<Certificate, Problem> {
    let unqualified = |detail: &str| {
        Problem::new("unqualified", 404, "There is no certificate", detail.to_owned())
    };
    let bytes = read(path).await.map_err(|kind| {
        unqualified(if kind == ErrorKind::NotFound {
            "this juror's seat was not measured"
        } else {
            "this juror's certificate cannot be read"
        })
    })?;
    let certificate = Certificate::parse(&bytes).map_err(|err| {
        tracing::warn!(%err, path = %path.display(), "the certificate is not shown");
        unqualified("this juror's certificate does not hold")
    })?;
    let plan = &certificate.measured.plan;
    if (plan.juror, plan.chain_id, plan.jury) != (info.juror, info.chain_id, info.jury) {
        return Err(unqualified("the certificate beside this juror's store is another juror's"));
    }
    Ok(certificate)
}

async fn read(path: &Path) -> Result<Vec<u8>, ErrorKind> {
    let kind = |err: std::io::Error| err.kind();
    let file = tokio::fs::File::open(path).await.map_err(kind)?;
    let one_more = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(one_more).read_to_end(&mut bytes).await.map_err(kind)?;
    Ok(bytes)
}
