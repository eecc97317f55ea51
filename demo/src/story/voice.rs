//! How the story is told on stderr: with a bar on a terminal, in plain lines elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// The narrator.
#[derive(Debug)]
pub(super) struct Voice {
    bar: Option<ProgressBar>,
}

impl Voice {
    /// A bar over `total` deals on a terminal; nothing but lines elsewhere.
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar }
    }

    /// Says a line.
    pub(super) fn say(&self, line: impl AsRef<str>) {
        match &self.bar {
            Some(bar) => bar.println(line),
            // A closed stderr must not end the story.
            None => writeln!(std::io::stderr(), "{}", line.as_ref()).unwrap_or_default(),
        }
    }

    /// Shows how many of how many deals have ended.
    pub(super) fn progress(&self, ended: usize, total: usize, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_length(u64::try_from(total).unwrap_or(u64::MAX));
            bar.set_position(u64::try_from(ended).unwrap_or(u64::MAX));
            bar.set_message(what.to_owned());
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
