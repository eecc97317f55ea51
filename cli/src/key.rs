//! `surety key ...`.

use std::path::PathBuf;

use alloy::primitives::Address;
use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a new key in a file that does not exist yet, and print its address
    New(FileArgs),
    /// Print the address of a key file
    Show(FileArgs),
}

#[derive(Args, Debug)]
pub(crate) struct FileArgs {
    /// The key file
    file: PathBuf,
}

/// A key's public side.
#[derive(Debug, Serialize)]
struct Key {
    address: Address,
}

/// Runs the command.
pub(crate) fn run(command: KeyCommand, output: Output) -> Result<()> {
    let signer = match command {
        KeyCommand::New(args) => surety_agent::key::create(&args.file)?,
        KeyCommand::Show(args) => surety_agent::key::read(&args.file)?,
    };
    output.result(&Key { address: signer.address() })
}
