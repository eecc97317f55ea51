// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../interfaces/IJury.sol";

/// @title Calls of the jury
/// @notice What `IJury` describes, without the compiler's copies: a batch's cases are sent as they
/// lie in memory, and tallies are read where the answer was put.
/// @dev Only for the jury that the escrow was made with: of its answer only the size is checked.
library JuryCallLib {
    uint256 private constant CASE_BYTES = 0x80;
    uint256 private constant TALLY_BYTES = 0x100;

    /// @notice Zeros, each case behind the other.
    function makeCases(uint256 count) internal pure returns (IJury.BatchCase[] memory cases) {
        assembly ("memory-safe") {
            cases := mload(0x40)
            mstore(cases, count)
            let at_ := add(cases, 0x20)
            let end := add(at_, shl(5, count))
            let c := end
            calldatacopy(c, calldatasize(), mul(count, CASE_BYTES))
            for {} lt(at_, end) { at_ := add(at_, 0x20) } {
                mstore(at_, c)
                c := add(c, CASE_BYTES)
            }
            mstore(0x40, c)
        }
    }

    /// @notice `IJury.judge`, as a list of one.
    function judge(
        address jury,
        bytes32 panels,
        uint8 round,
        bytes32 dealId,
        uint8 milestone,
        bytes32 deliverable,
        uint256 rule,
        bytes calldata ballots
    ) internal view returns (IJury.Tally[] memory one) {
        bytes memory data = abi.encodeCall(
            IJury.judge, (panels, round, dealId, milestone, deliverable, rule, ballots)
        );
        uint256 input;
        uint256 size = data.length;
        assembly ("memory-safe") {
            input := add(data, 0x20)
        }
        return _ask(jury, input, size, 0, 1);
    }

    /// @notice `IJury.judgeBatch`.
    /// @param cases As `makeCases` laid them out
    function judgeBatch(
        address jury,
        bytes32 panels,
        uint8 round,
        IJury.BatchCase[] memory cases,
        bytes calldata ballots
    ) internal view returns (IJury.Tally[] memory tallies) {
        uint256 selector = uint32(IJury.judgeBatch.selector);
        uint256 input;
        uint256 size;
        assembly ("memory-safe") {
            // Not allocated: nothing is, until the answer is here.
            let data := mload(0x40)
            let count := mload(cases)
            let casesBytes := mul(count, CASE_BYTES)
            mstore(data, selector)
            mstore(add(data, 0x20), panels)
            mstore(add(data, 0x40), round)
            mstore(add(data, 0x60), 0x80)
            mstore(add(data, 0x80), add(0xa0, casesBytes))
            mstore(add(data, 0xa0), count)
            mcopy(add(data, 0xc0), add(cases, shl(5, add(count, 1))), casesBytes)
            let tail := add(add(data, 0xc0), casesBytes)
            mstore(tail, ballots.length)
            calldatacopy(add(tail, 0x20), ballots.offset, ballots.length)
            // Padded, as the ABI has it.
            mstore(add(add(tail, 0x20), ballots.length), 0)
            input := add(data, 0x1c)
            size := sub(add(tail, and(add(ballots.length, 0x3f), not(0x1f))), input)
        }
        return _ask(jury, input, size, 0x40, cases.length);
    }

    /// @param head Bytes of the answer before the first tally
    function _ask(address jury, uint256 input, uint256 size, uint256 head, uint256 count)
        private
        view
        returns (IJury.Tally[] memory tallies)
    {
        assembly ("memory-safe") {
            tallies := mload(0x40)
            if iszero(staticcall(gas(), jury, input, size, 0, 0)) {
                returndatacopy(tallies, 0, returndatasize())
                revert(tallies, returndatasize())
            }
            let bytes_ := mul(count, TALLY_BYTES)
            if lt(returndatasize(), add(head, bytes_)) { revert(0, 0) }
            mstore(tallies, count)
            let at_ := add(tallies, 0x20)
            let end := add(at_, shl(5, count))
            let t := end
            returndatacopy(t, head, bytes_)
            for {} lt(at_, end) { at_ := add(at_, 0x20) } {
                mstore(at_, t)
                t := add(t, TALLY_BYTES)
            }
            mstore(0x40, t)
        }
    }
}
