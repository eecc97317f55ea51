//! What the person at the terminal sees. Standard output belongs to the programs that are started.

use std::io::{self, Write as _};

/// Writes one line to standard error. A closed terminal is no reason to stop.
pub(crate) fn say(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}

/// Announces a step that takes a while.
pub(crate) fn step(what: &str) {
    say(&format!("── {what}"));
}
