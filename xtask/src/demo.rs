//! `cargo x demo`: a local chain, and `surety demo` on it.

use crate::chain::LocalChain;
use crate::output::{say, step};
use crate::repository::{Repository, answers, run};
use crate::{programs, setup};

/// Runs the demo. The chain ends with it, whatever happens.
pub(crate) fn demo(repository: &Repository, flags: &[String]) -> anyhow::Result<()> {
    let surety = programs::build(repository, &["surety", "surety-node"])?;
    if flags.iter().any(|flag| flag == "--help" || flag == "-h") {
        return run(repository.command(surety).arg("demo").arg("--help"));
    }
    if !answers("anvil", &["--version"])
        && let Err(error) = setup::setup(repository)
    {
        say(&format!("{error:#}. Without it the demo runs on our own in-process chain."));
    }
    let node = surety.with_file_name(format!("surety-node{}", std::env::consts::EXE_SUFFIX));
    let chain = LocalChain::start(repository, &node)?;
    step("surety demo");
    run(repository.command(surety).args(["demo", "--rpc", &chain.url()]).args(flags))
}
