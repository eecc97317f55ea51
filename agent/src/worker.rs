//! The seller's program: a work order on stdin, the deliverable on stdout.

use std::{process::Stdio, time::Duration};

use serde::Serialize;
use surety_terms::TermSheet;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
};

use crate::{Error, config::Seller};

/// The exit code that says: there is nothing to deliver.
const NOTHING_TO_DELIVER: i32 = 10;
/// How much of the program's complaint is logged.
const COMPLAINT_MAX_BYTES: u64 = 4_096;

/// What the program reads.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WorkOrder<'a> {
    term_sheet: &'a TermSheet,
    milestone: u8,
}

/// Runs the program for one milestone. `None` means that there is nothing to deliver.
///
/// It is killed when it takes too long, writes too much, or when the agent stops.
pub(crate) async fn run(
    seller: &Seller,
    sheet: &TermSheet,
    milestone: u8,
) -> Result<Option<Vec<u8>>, Error> {
    let fail = |why: &str| Error::Worker(why.to_owned());
    let (program, arguments) = seller.worker.split_first().ok_or_else(|| fail("has no name"))?;
    let order = serde_json::to_vec(&WorkOrder { term_sheet: sheet, milestone })
        .map_err(|_| fail("cannot be given this sheet"))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| Error::Worker(format!("{program} does not start: {}", e.kind())))?;
    let limit = Duration::from_secs(seller.worker_timeout_secs);
    let talk = converse(&mut child, order, seller.deliverable_max_bytes);
    let (code, bytes) = tokio::time::timeout(limit, talk)
        .await
        .map_err(|_| Error::Worker(format!("took longer than {} s", limit.as_secs())))??;
    match code {
        Some(0) if bytes.is_empty() => Err(fail("ended well but wrote nothing")),
        Some(0) => Ok(Some(bytes)),
        Some(NOTHING_TO_DELIVER) => Ok(None),
        Some(code) => Err(Error::Worker(format!("ended with exit code {code}"))),
        None => Err(fail("was killed")),
    }
}

/// Writes the order, reads both outputs to their ends or limits, and waits for the exit code.
async fn converse(
    child: &mut Child,
    order: Vec<u8>,
    most: usize,
) -> Result<(Option<i32>, Vec<u8>), Error> {
    let fail = |why: &str| Error::Worker(why.to_owned());
    let (Some(mut stdin), Some(stdout), Some(mut stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(fail("has no pipes"));
    };
    let write = async move {
        // A program that does not read its order to the end may still know what to do.
        if stdin.write_all(&order).await.is_err() {
            tracing::debug!("the worker program did not read its whole order");
        }
        drop(stdin);
    };
    let most_and_one = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = async move {
        let mut bytes = Vec::new();
        stdout.take(most_and_one).read_to_end(&mut bytes).await.map(|_| bytes)
    };
    let complain = async move {
        let mut text = Vec::new();
        let kept = (&mut stderr).take(COMPLAINT_MAX_BYTES).read_to_end(&mut text).await;
        let rest = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
        kept.and(rest).map(|_| text)
    };
    let collect = async {
        let bytes = read.await.map_err(|_| fail("cannot be read"))?;
        if bytes.len() > most {
            return Err(Error::Worker(format!("wrote more than {most} bytes")));
        }
        Ok(bytes)
    };
    let ((), complaint, bytes) = tokio::join!(write, complain, collect);
    if let Ok(text) = complaint
        && !text.is_empty()
    {
        tracing::info!(worker = %String::from_utf8_lossy(&text).trim(), "worker program says");
    }
    let status = child.wait().await.map_err(|_| fail("cannot be awaited"))?;
    Ok((status.code(), bytes?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::deal;

    async fn shell(script: &str) -> Result<Option<Vec<u8>>, Error> {
        let seller: Seller = toml::from_str(&format!(
            "worker = ['sh', '-c', '{script}']\nworker_timeout_secs = 5\n\
             deliverable_max_bytes = 100000"
        ))
        .unwrap();
        run(&seller, &deal(1).sheet, 0).await
    }

    #[tokio::test]
    async fn the_program_reads_its_order_and_its_output_is_the_deliverable() {
        let bytes = shell("cat").await.unwrap().unwrap();
        let order: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(order["milestone"], 0);
        assert_eq!(order["termSheet"]["title"], "A summary");
    }

    #[tokio::test]
    async fn exit_code_ten_says_that_there_is_nothing_to_deliver() {
        assert_eq!(shell("exit 10").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_failing_silent_or_boundless_program_is_an_error() {
        for (script, needed) in [
            ("exit 3", "exit code 3"),
            ("true", "wrote nothing"),
            ("yes", "more than 100000 bytes"),
        ] {
            let error = shell(script).await.unwrap_err().to_string();
            assert!(error.contains(needed), "{script}: {error}");
        }
    }

    #[tokio::test]
    async fn a_program_that_complains_at_length_does_not_block() {
        let script = "head -c 300000 /dev/zero >&2; echo done";
        assert_eq!(shell(script).await.unwrap().unwrap(), b"done\n");
    }
}
