//! How the process is told to end.

use anyhow::Result;

/// Ends when the process is told to: by ctrl-c, or by SIGTERM where there is one.
///
/// Both are heard from this call on and not only once the result is awaited, so a service calls it
/// before anything that takes time. A process without it, the first of a container say, would not
/// hear SIGTERM at all.
pub(crate) fn told_to_end() -> Result<impl Future<Output = ()>> {
    let mut signals = Signals::new()?;
    Ok(async move { signals.next().await })
}

/// Two futures: that the process is told to end, and that it is told so again.
///
/// Whoever waits for the first may take its time; the second is for people who will not wait.
pub(crate) fn told_twice()
-> Result<(impl Future<Output = ()> + use<>, impl Future<Output = ()> + use<>)> {
    let times = tokio::sync::watch::Sender::new(0_u8);
    let (mut first, mut second) = (times.subscribe(), times.subscribe());
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        loop {
            signals.next().await;
            times.send_modify(|n| *n = n.saturating_add(1));
        }
    });
    let end = async move { drop(first.wait_for(|n| *n >= 1).await) };
    Ok((end, async move { drop(second.wait_for(|n| *n >= 2).await) }))
}

/// The signals that tell a process to end.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Result<Self> {
        use anyhow::Context as _;
        use tokio::signal::unix::{SignalKind, signal};

        let deaf = "the operating system's signals cannot be heard";
        let interrupt = signal(SignalKind::interrupt()).context(deaf)?;
        let terminate = signal(SignalKind::terminate()).context(deaf)?;
        Ok(Self { interrupt, terminate })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ctrl-c.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "where there are signals, they may not be heard")]
    fn new() -> Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
