//! Tests of libraries that need no cheatcode, run in this process: they are compiled in a second, and
//! a contract with the library in it takes eight.

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use revm::context::TxEnv;
use revm::context::result::{ExecutionResult, HaltReason, Output};
use revm::primitives::TxKind;
use serde_json::Value;
use surety_tests::evm::{Evm, State};

use super::compiler::Target;

/// How often a test that takes arguments runs.
const RUNS: u64 = 64;
/// What a test may cost here. What costs more is left to forge, which is faster.
const GAS: u64 = 1 << 28;
const TEST: Address = Address::repeat_byte(0x7e);

/// The test that fails first, by its file and name.
pub(crate) fn failure(tests: &[(Target, Bytes, Value)]) -> anyhow::Result<Option<String>> {
    for (target, code, interface) in tests {
        let evm = deployed(code)?;
        let functions = interface.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut functions: Vec<_> = functions.iter().filter_map(Function::read).collect();
        // Those without arguments go through whole domains.
        functions.sort_by_key(|function| function.arguments.is_empty());
        let failed = functions.iter().find(|function| function.fails(&evm));
        if let Some(function) = failed {
            return Ok(Some(format!("{} {}", target.file, function.name)));
        }
    }
    Ok(None)
}

/// A chain with the test on it.
fn deployed(code: &Bytes) -> anyhow::Result<Evm> {
    let mut evm = Evm::new(1, State::default());
    evm.lift_code_limit();
    let created = evm.call(message(TxKind::Create, code.clone()));
    let Ok(ExecutionResult::Success { output: Output::Create(code, _), .. }) = created else {
        anyhow::bail!("a test is not created");
    };
    drop(evm.state_mut().set_code(TEST, code));
    Ok(evm)
}

fn message(kind: TxKind, data: Bytes) -> TxEnv {
    TxEnv { kind, data, gas_limit: GAS, ..TxEnv::default() }
}

/// A test.
#[derive(Debug)]
struct Function {
    name: String,
    selector: [u8; 4],
    arguments: Vec<Argument>,
}

/// A word of calldata.
#[derive(Clone, Copy, Debug)]
struct Argument {
    /// How many the type has.
    bits: usize,
    /// Whether it stands at the word's high end.
    high: bool,
}

impl Argument {
    fn read(kind: &str) -> Option<Self> {
        let number = |from: &str| kind.strip_prefix(from)?.parse::<usize>().ok();
        if let Some(bits) = number("uint") {
            return Some(Self { bits, high: false });
        }
        if let Some(bytes) = number("bytes") {
            return Some(Self { bits: 8 * bytes, high: true });
        }
        match kind {
            "bool" => Some(Self { bits: 1, high: false }),
            "address" => Some(Self { bits: 160, high: false }),
            _ => None,
        }
    }

    /// Any value, and often one at an end of what there is.
    fn draw(self, random: B256) -> U256 {
        let most = U256::MAX >> (256 - self.bits);
        let value = match random[0] % 8 {
            0 => U256::ZERO,
            1 => U256::from(1),
            2 => U256::MAX,
            3 => U256::from(random[1]),
            _ => U256::from_be_bytes(keccak256(random).0),
        };
        (value & most) << if self.high { 256 - self.bits } else { 0 }
    }
}

impl Function {
    /// A test whose arguments are single words; forge runs the others.
    fn read(entry: &Value) -> Option<Self> {
        let name = entry["name"].as_str().filter(|name| name.starts_with("test"))?;
        let kinds: Vec<_> =
            entry["inputs"].as_array()?.iter().map(|input| &input["type"]).collect();
        let kinds = kinds.iter().map(|kind| kind.as_str()).collect::<Option<Vec<_>>>()?;
        let arguments = kinds.iter().map(|kind| Argument::read(kind)).collect::<Option<_>>()?;
        let hash = keccak256(format!("{name}({})", kinds.join(",")));
        let selector = [hash[0], hash[1], hash[2], hash[3]];
        Some(Self { name: name.to_owned(), selector, arguments })
    }

    fn fails(&self, evm: &Evm) -> bool {
        let runs = if self.arguments.is_empty() { 1 } else { RUNS };
        (0..runs).any(|run| {
            let mut data = self.selector.to_vec();
            for (argument, at) in self.arguments.iter().zip(0_u64..) {
                let random = keccak256(format!("{} {run} {at}", self.name));
                data.extend(argument.draw(random).to_be_bytes::<32>());
            }
            let result = evm.call(message(TxKind::Call(TEST), data.into()));
            match result {
                Ok(ExecutionResult::Success { .. }) => false,
                Ok(ExecutionResult::Halt { reason, .. }) => {
                    !matches!(reason, HaltReason::OutOfGas(_))
                }
                Ok(ExecutionResult::Revert { .. }) | Err(_) => true,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What a test says whose code is these few bytes.
    fn said(runtime: &[u8], kinds: &[&str]) -> Option<String> {
        let size = u8::try_from(runtime.len()).unwrap();
        let code = [&[0x5f + size], runtime, &[0x5f, 0x52, 0x60, size, 0x60, 32 - size, 0xf3]];
        let inputs: Vec<_> = kinds.iter().map(|kind| json!({ "type": kind })).collect();
        let interface = json!([{ "type": "function", "name": "test_a", "inputs": inputs }]);
        let target = Target { file: "A.t.sol".to_owned(), name: "ATest".to_owned() };
        failure(&[(target, code.concat().into(), interface)]).unwrap()
    }

    #[test]
    fn a_test_that_reverts_fails() {
        let revert = [0x5f, 0x5f, 0xfd];
        assert_eq!(said(&revert, &[]).as_deref(), Some("A.t.sol test_a"));
        assert_eq!(said(&revert, &["uint8", "bool"]).as_deref(), Some("A.t.sol test_a"));
        assert_eq!(said(&[0x00], &["address"]), None);
    }

    #[test]
    fn what_costs_too_much_is_left_to_forge() {
        assert_eq!(said(&[0x5b, 0x5f, 0x56], &[]), None);
    }

    #[test]
    fn arguments_that_are_no_single_words_are_left_to_forge() {
        assert_eq!(said(&[0x5f, 0x5f, 0xfd], &["uint256[]"]), None);
    }

    #[test]
    fn an_argument_fits_its_type() {
        let random = B256::repeat_byte(2);
        assert_eq!(Argument::read("uint8").unwrap().draw(random), U256::from(255));
        let high = Argument::read("bytes1").unwrap().draw(random);
        assert_eq!(high, U256::from(255) << 248);
    }
}
