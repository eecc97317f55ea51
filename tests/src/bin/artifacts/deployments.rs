//! The planned addresses of `script/deployments`: they follow from the bytecode, so whoever changes a
//! contract changes them.

use std::{fs, path::Path, str::FromStr as _};

use alloy::primitives::Bytes;
use anyhow::{Context as _, ensure};
use serde_json::Value;
use surety_bindings::deployment::{Codes, Deployment, SALT, plan_of};

use super::compile::Compiled;

/// Every deployment file with the addresses that the sources give.
///
/// A network where the contracts are deployed is left as it is: its addresses are a fact, and new
/// bytecode is a new deployment.
pub(crate) fn files(root: &Path, compiled: &Compiled) -> anyhow::Result<Vec<(String, String)>> {
    let codes = Codes {
        jury: code(compiled, "Jury")?,
        registry: code(compiled, "ReputationRegistry")?,
        escrow: code(compiled, "DealEscrow")?,
        pacts: code(compiled, "PactRegistry")?,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join("script/deployments"))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let text = fs::read_to_string(&path)?;
        let mut deployment: Deployment = serde_json::from_str(&text)
            .with_context(|| format!("script/deployments/{name} is not a deployment"))?;
        let expected = format!("{}.json", deployment.chain_id);
        ensure!(name == expected, "script/deployments/{name} should be named {expected}");
        if !deployment.deployed {
            deployment.salt = SALT;
            deployment.contracts = plan_of(&codes, deployment.token.address).addresses();
        }
        let text = serde_json::to_string_pretty(&deployment)? + "\n";
        files.push((format!("script/deployments/{name}"), text));
    }
    files.sort();
    Ok(files)
}

fn code(compiled: &Compiled, name: &str) -> anyhow::Result<Bytes> {
    let object = compiled.contract(name)?.pointer("/evm/bytecode/object").and_then(Value::as_str);
    Bytes::from_str(object.unwrap_or_default()).with_context(|| format!("{name} has no bytecode"))
}
