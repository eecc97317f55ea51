//! `surety key ...`.

use std::path::PathBuf;

use alloy::{primitives::Address, signers::local::PrivateKeySigner};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use surety_keys::{KeySource, Table, file, keystore};
use surety_privacy::Recipient;
use url::Url;

use crate::output::{self, Output};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a new key in a file that does not exist yet, encrypted or not, and print its address
    New(StoredArgs),
    /// Print the address of a key
    Show(SourceArgs),
    /// Make an age identity in a file that does not exist yet, and print its recipient: it reads
    /// private deals
    Identity(IdentityArgs),
    /// Print the recipient of an age identity
    Recipient(IdentityArgs),
    /// Encrypt the key of a key file into a keystore that does not exist yet
    Import(ImportArgs),
}

/// Where a key is on this disk.
#[derive(Args, Debug)]
pub(crate) struct StoredArgs {
    /// A key file: the key itself, readable by its owner only
    file: Option<PathBuf>,
    #[command(flatten)]
    keystore: KeystoreArgs,
}

#[derive(Args, Debug)]
pub(crate) struct SourceArgs {
    #[command(flatten)]
    stored: StoredArgs,
    /// The id, alias or ARN of a key in AWS KMS
    #[arg(long, value_name = "ID")]
    kms: Option<String>,
    /// Its region; by default as AWS's own tools find it
    #[arg(long, requires = "kms")]
    region: Option<String>,
    /// Where KMS answers; by default Amazon's endpoint
    #[arg(long, requires = "kms")]
    endpoint_url: Option<Url>,
}

#[derive(Args, Debug)]
pub(crate) struct IdentityArgs {
    /// The identity file, as `age-keygen` writes it, readable by its owner only
    file: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// The key file; it stays where it is
    file: PathBuf,
    #[command(flatten)]
    keystore: KeystoreArgs,
}

/// A keystore, and where its passphrase stands. An argument is no place for it: others read those.
#[derive(Args, Debug)]
pub(crate) struct KeystoreArgs {
    /// An encrypted keystore in the web3 secret storage form
    #[arg(long, value_name = "PATH")]
    keystore: Option<PathBuf>,
    /// A file with the passphrase in its first line, readable by its owner only
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// The name of the environment variable with the passphrase
    #[arg(long, value_name = "NAME")]
    passphrase_env: Option<String>,
}

/// A key's public side.
#[derive(Debug, Serialize)]
struct Key {
    address: Address,
}

/// An identity's public side.
#[derive(Debug, Serialize)]
struct Reader {
    recipient: Recipient,
}

/// Runs the command.
pub(crate) async fn run(command: KeyCommand, output: Output) -> Result<()> {
    let address = match command {
        KeyCommand::New(args) => match args.source()? {
            KeySource::File(path) => file::create(&path)?.address(),
            KeySource::Keystore { path, passphrase } => {
                let key = PrivateKeySigner::random();
                keystore::create(&path, &passphrase, &key)?;
                key.address()
            }
            KeySource::Kms { .. } => bail!("keys in KMS are made with AWS's own tools"),
        },
        KeyCommand::Show(args) => args.source()?.open().await?.address(),
        KeyCommand::Import(args) => import(&args)?,
        KeyCommand::Identity(IdentityArgs { file }) => {
            let recipient = surety_privacy::create(&file)?.recipient();
            return output.result(&Reader { recipient });
        }
        KeyCommand::Recipient(IdentityArgs { file }) => {
            let recipient = surety_privacy::read(&file)?.recipient();
            return output.result(&Reader { recipient });
        }
    };
    output.result(&Key { address })
}

fn import(args: &ImportArgs) -> Result<Address> {
    let stored = args.keystore.table(None).try_into().map_err(anyhow::Error::msg)?;
    let KeySource::Keystore { path, passphrase } = stored else {
        bail!("give --keystore, the file to write");
    };
    let key = file::read(&args.file)?;
    keystore::create(&path, &passphrase, &key)?;
    // What cannot be opened again must not replace the key file.
    if keystore::read(&path, &passphrase)?.address() != key.address() {
        bail!("{} does not open again: keep the key file", path.display());
    }
    let plain = args.file.display();
    output::say(&format!(
        "{plain} still holds the key in the open: delete it once it is not needed"
    ));
    Ok(key.address())
}

impl StoredArgs {
    fn source(self) -> Result<KeySource> {
        self.keystore.table(self.file).try_into().map_err(anyhow::Error::msg)
    }
}

impl SourceArgs {
    fn source(self) -> Result<KeySource> {
        let Self { stored, kms, region, endpoint_url } = self;
        let table = Table { kms, region, endpoint_url, ..stored.keystore.table(stored.file) };
        table.try_into().map_err(anyhow::Error::msg)
    }
}

impl KeystoreArgs {
    fn table(&self, file: Option<PathBuf>) -> Table {
        Table {
            file,
            keystore: self.keystore.clone(),
            passphrase_file: self.passphrase_file.clone(),
            passphrase_env: self.passphrase_env.clone(),
            ..Table::default()
        }
    }
}
