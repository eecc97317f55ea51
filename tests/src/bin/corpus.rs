//! `cargo x corpus`: records the frozen cases of tests/corpus with this build, in the place of those
//! that are there.
//!
//! Only where a format changes on purpose: the test that replays them is what tells a change that
//! nobody meant.

use std::io::{self, Write as _};

use surety_tests::recorded::corpus;

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let count = runtime.block_on(Box::pin(corpus::freeze()))?;
    writeln!(io::stdout(), "{count} cases are frozen in {}", corpus::FOLDER)
}
