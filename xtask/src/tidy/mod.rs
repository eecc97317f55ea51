//! stub
use crate::repository::Repository;
use clap::Command;
pub(crate) fn run(_: &Repository, _: &Command) -> anyhow::Result<()> {
    Ok(())
}
