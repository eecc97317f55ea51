//! Where a transaction's gas goes: by contract and by kind of instruction.

use std::collections::BTreeMap;

use alloy::primitives::Address;
use revm::Inspector;
use revm::bytecode::opcode;
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::interpreter_types::Jumps as _;
use revm::interpreter::{CallInputs, CallOutcome, Interpreter};

/// A kind of instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `SSTORE`.
    Write,
    /// `SLOAD`.
    Read,
    /// `LOG0` to `LOG4`.
    Log,
    /// Calls without what the callee used, and reading other accounts' code: mostly the first touch
    /// of an account.
    Touch,
    /// `KECCAK256`.
    Hash,
    /// Loads, stores and copies of memory and calldata, with what growing the memory costs.
    Memory,
    /// `JUMP`, `JUMPI`, `JUMPDEST`.
    Jump,
    /// `PUSH`, `DUP`, `SWAP`, `POP`.
    Stack,
    /// Everything else: arithmetic, comparisons, the environment, transient storage.
    Compute,
    /// A precompiled contract, whole.
    Precompile,
}

impl Kind {
    const fn of(code: u8) -> Self {
        match code {
            opcode::SSTORE => Self::Write,
            opcode::SLOAD => Self::Read,
            opcode::LOG0..=opcode::LOG4 => Self::Log,
            opcode::CALL
            | opcode::CALLCODE
            | opcode::DELEGATECALL
            | opcode::STATICCALL
            | opcode::BALANCE
            | opcode::EXTCODESIZE
            | opcode::EXTCODECOPY
            | opcode::EXTCODEHASH => Self::Touch,
            opcode::KECCAK256 => Self::Hash,
            opcode::MLOAD
            | opcode::MSTORE
            | opcode::MSTORE8
            | opcode::MCOPY
            | opcode::CALLDATALOAD
            | opcode::CALLDATACOPY
            | opcode::CODECOPY
            | opcode::RETURNDATACOPY => Self::Memory,
            opcode::JUMP | opcode::JUMPI | opcode::JUMPDEST => Self::Jump,
            opcode::POP | opcode::PUSH0..=opcode::SWAP16 => Self::Stack,
            _ => Self::Compute,
        }
    }
}

/// Gas by contract and kind, refunds left out.
pub type Spent = BTreeMap<(Address, Kind), u64>;

/// Sums what every executed instruction used.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    spent: Spent,
    frames: Vec<Frame>,
}

/// A call that is being executed.
#[derive(Debug)]
struct Frame {
    code: Address,
    /// The last instruction and the gas that was left before it.
    last: Option<(Kind, u64)>,
    /// What calls used that the last instruction made.
    callees: u64,
}

impl Meter {
    pub(crate) fn spent(self) -> Spent {
        self.spent
    }

    fn add(&mut self, code: Address, kind: Kind, gas: u64) {
        *self.spent.entry((code, kind)).or_default() += gas;
    }
}

impl<CTX> Inspector<CTX> for Meter {
    /// What an instruction used shows when the next one begins. A frame's last instruction ends it,
    /// which costs nothing.
    fn step(&mut self, interpreter: &mut Interpreter<EthInterpreter>, _: &mut CTX) {
        let left = interpreter.gas.remaining();
        let kind = Kind::of(interpreter.bytecode.opcode());
        let Some(frame) = self.frames.last_mut() else { return };
        let callees = std::mem::take(&mut frame.callees);
        let (code, last) = (frame.code, frame.last.replace((kind, left)));
        if let Some((kind, before)) = last {
            self.add(code, kind, before.saturating_sub(left).saturating_sub(callees));
        }
    }

    fn call(&mut self, _: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.frames.push(Frame { code: inputs.bytecode_address, last: None, callees: 0 });
        None
    }

    fn call_end(&mut self, _: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        let used = inputs.gas_limit.saturating_sub(outcome.gas().remaining());
        let Some(frame) = self.frames.pop() else { return };
        if frame.last.is_none() {
            self.add(frame.code, Kind::Precompile, used);
        }
        if let Some(caller) = self.frames.last_mut() {
            caller.callees += used;
        }
    }
}
