//! How the process is told to end.

use anyhow::Result;

/// Ends when the process is told to: by ctrl-c, or by SIGTERM where there is one.
///
/// Both are heard from this call on and not only once the result is awaited, so a service calls it
/// before anything that takes time. A process without it, the first of a container say, would not
/// hear SIGTERM at all.
#[cfg(unix)]
pub(crate) fn told_to_end() -> Result<impl Future<Output = ()>> {
    use anyhow::Context as _;
    use tokio::signal::unix::{SignalKind, signal};

    let deaf = "the operating system's signals cannot be heard";
    let mut interrupt = signal(SignalKind::interrupt()).context(deaf)?;
    let mut terminate = signal(SignalKind::terminate()).context(deaf)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends when the process is told to, by ctrl-c.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "where there are signals, they may not be heard")]
pub(crate) fn told_to_end() -> Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}
