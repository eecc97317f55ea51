// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Acts} from "./escrow/Acts.sol";
import {Base} from "./escrow/Base.sol";
import {Batches} from "./escrow/Batches.sol";
import {Opening} from "./escrow/Opening.sol";
import {Timed} from "./escrow/Timed.sol";
import {IDealOperations} from "./interfaces/IDealOperations.sol";
import {DealWord} from "./libraries/DealWordLib.sol";
import {RefusalLib} from "./libraries/RefusalLib.sol";
import {TermsLib} from "./libraries/TermsLib.sol";

/// @title DealEscrow
/// @dev How a deal begins is in `Opening`, what parties do in `Acts`, what a jury does in
/// `Verdicts` and `Batches`, what time does in `Timed`; how milestones end and money leaves in
/// `Payouts`. Every operation loads and checks, writes the state, emits, and calls out last.
/// Invariant: the token balance is never less than open amounts, open bonds, appeals' bonds and
/// credits together.
contract DealEscrow is Opening, Acts, Batches, Timed {
    constructor(address jury_, address registry_, address token_) Base(jury_, registry_, token_) {}

    /// @inheritdoc IDealOperations
    function multicall(bytes[] calldata calls) external returns (bytes[] memory results) {
        results = new bytes[](calls.length);
        for (uint256 i; i < calls.length; ++i) {
            (bool ok, bytes memory result) = address(this).delegatecall(calls[i]);
            if (!ok) RefusalLib.revertWith(result);
            results[i] = result;
        }
    }

    /// @inheritdoc IDealOperations
    function deal(bytes32 dealId)
        external
        view
        returns (
            bool opened,
            bool revoked,
            uint16 ended,
            uint16 slow,
            uint96 remainingAmount,
            uint96 remainingBond
        )
    {
        DealWord word = _deals[dealId];
        opened = DealWord.unwrap(word) != 0 && !word.isRevoked();
        revoked = word.isRevoked();
        ended = word.endedMask();
        slow = word.slowMask();
        remainingAmount = word.remainingAmount();
        remainingBond = word.remainingBond();
    }

    /// @inheritdoc IDealOperations
    function stateDigest(bytes32 dealId, uint8 milestone) external view returns (bytes32) {
        return _states[dealId][milestone];
    }

    /// @inheritdoc IDealOperations
    function dealIdOf(Terms calldata terms) external view returns (bytes32) {
        return _dealId(TermsLib.load(terms)[0]);
    }
}
