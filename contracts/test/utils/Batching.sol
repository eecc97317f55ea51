// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Stages} from "./Stages.sol";
import {vm} from "./Vm.sol";

/// @notice Batches of the escrow: packed items, and jurors that sign them at once.
abstract contract Batching is Stages {
    bytes5 internal constant MET = hex"0001000000";
    bytes5 internal constant FAILED = hex"0000000100";
    bytes5 internal constant ABSTAINED = hex"0000000000";
    bytes5 internal constant ABSENT = hex"ffffffff00";

    /// @dev Words of the terms, as patches count them.
    uint8 internal constant SELLER_WORD = 1;
    uint8 internal constant JURY_WORD = 7;
    uint8 internal constant SALT_WORD = 22;
    uint8 internal constant FIRST_MILESTONE = 32;

    /// @dev Terms of item `i`: the template with another salt.
    function salted(IDealEscrow.Terms memory t, uint256 i)
        internal
        pure
        returns (IDealEscrow.Terms memory copy)
    {
        copy = abi.decode(abi.encode(t), (IDealEscrow.Terms));
        copy.salt = bytes32(i);
    }

    /// @dev Opens `count` deals that differ in salt alone, and packs an item for each: milestone 0,
    /// nothing on-chain, the work delivered.
    function openMany(IDealEscrow.Terms memory t, uint256 count)
        internal
        returns (bytes32[] memory ids, bytes memory items)
    {
        ids = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            ids[i] = open(salted(t, i));
            items = bytes.concat(items, saltItem(i));
        }
    }

    function saltItem(uint256 salt) internal pure returns (bytes memory) {
        return item(0, 0, patch(SALT_WORD, bytes32(salt)), noState(), WORK);
    }

    function patch(uint8 index, bytes32 value) internal pure returns (bytes memory) {
        return abi.encodePacked(index, value);
    }

    function item(
        uint8 template,
        uint8 milestone,
        bytes memory patches,
        IDealEscrow.SlowState[] memory state,
        bytes32 deliverable
    ) internal pure returns (bytes memory packed) {
        packed = abi.encodePacked(
            template,
            milestone,
            uint8(patches.length / 33),
            uint8(state.length),
            deliverable,
            patches
        );
        if (state.length == 1) packed = bytes.concat(packed, abi.encode(state[0]));
    }

    /// @dev Cases of milestone 0 and the work.
    function casesOf(bytes32[] memory ids, uint8 round)
        internal
        view
        returns (bytes32[] memory cases)
    {
        cases = new bytes32[](ids.length);
        for (uint256 i; i < ids.length; ++i) {
            cases[i] = caseOf(ids[i], 0, round, WORK);
        }
    }

    /// @dev The same vote for each of `count` cases.
    function same(bytes5 vote, uint256 count) internal pure returns (bytes memory all) {
        for (uint256 i; i < count; ++i) {
            all = bytes.concat(all, vote);
        }
    }

    /// @dev From juror `key`.
    function batchBallot(uint256 seat, bytes32[] memory cases, bytes memory votes)
        internal
        view
        returns (bytes memory)
    {
        bytes32 transcript = keccak256(abi.encode("transcript", seat));
        bytes32 digest = jury.ballotBatchDigest(IJury.BallotBatch(cases, votes, transcript));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(jurorKey(seat), digest);
        bytes32 vs = bytes32(uint256(s) | (uint256(v - 27) << 255));
        return abi.encodePacked(transcript, r, vs, votes);
    }

    /// @dev The same votes from every seat of the mask; seat 0 is juror `first`.
    function batchBallots(uint16 seats, uint256 first, bytes32[] memory cases, bytes memory votes)
        internal
        view
        returns (bytes memory packed)
    {
        packed = abi.encodePacked(seats);
        for (uint256 seat; seat < 16; ++seat) {
            if (seats >> seat & 1 != 0) {
                packed = bytes.concat(packed, batchBallot(first + seat, cases, votes));
            }
        }
    }

    function templatesOf(IDealEscrow.Terms memory t)
        internal
        pure
        returns (IDealEscrow.Terms[] memory templates)
    {
        templates = new IDealEscrow.Terms[](1);
        templates[0] = t;
    }

    /// @dev All five seats of the panel sign, and the relayer submits.
    function settleMany(
        IDealEscrow.Terms memory t,
        bytes memory items,
        bytes32[] memory cases,
        bytes memory votes
    ) internal {
        bytes memory packed = batchBallots(ALL_SEATS, 0, cases, votes);
        vm.prank(RELAYER);
        escrow.settleBatch(1, templatesOf(t), items, packed);
    }

    function expectSkipped(bytes32 id, uint8 milestone, bytes memory reason) internal {
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.BatchItemSkipped(id, milestone, reason);
    }
}
