// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {Fixture} from "./Fixture.sol";
import {vm} from "./Vm.sol";

/// @notice Lists of cases, jurors that sign them at once, and what a reporter makes of that.
abstract contract BatchFixture is Fixture {
    address internal constant CONSUMER = address(0xC0);

    bytes5 internal constant MET = hex"0001000000";
    bytes5 internal constant FAILED = hex"0000000100";
    bytes5 internal constant ABSTAINED = hex"0000000000";
    bytes5 internal constant ABSENT = hex"ffffffff00";

    /// @dev `count` deals of one milestone with one criterion, all delivered.
    function makeCases(uint256 count) internal pure returns (IJury.BatchCase[] memory cases) {
        cases = new IJury.BatchCase[](count);
        for (uint256 i; i < count; ++i) {
            cases[i] = IJury.BatchCase(keccak256(abi.encode("deal", i)), 0, WORK, oneCriterion());
        }
    }

    function idOf(IJury.BatchCase memory c, uint8 round) internal view returns (bytes32) {
        return jury.caseId(
            IJury.Case(
                block.chainid, address(jury), CONSUMER, c.dealId, c.milestone, round, c.deliverable
            )
        );
    }

    function idsOf(IJury.BatchCase[] memory cases, uint8 round)
        internal
        view
        returns (bytes32[] memory ids)
    {
        ids = new bytes32[](cases.length);
        for (uint256 i; i < cases.length; ++i) {
            ids[i] = idOf(cases[i], round);
        }
    }

    /// @dev The same vote for each of `count` cases.
    function same(bytes5 vote, uint256 count) internal pure returns (bytes memory votes) {
        for (uint256 i; i < count; ++i) {
            votes = bytes.concat(votes, vote);
        }
    }

    function transcriptOf(uint256 seat) internal pure returns (bytes32) {
        return keccak256(abi.encode("transcript", seat));
    }

    /// @dev 64 bytes.
    function compact(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
    }

    /// @dev One juror's part of packed batch ballots.
    function batchBallot(uint256 seat, bytes32[] memory ids, bytes memory votes)
        internal
        view
        returns (bytes memory)
    {
        bytes32 transcript = transcriptOf(seat);
        bytes32 digest = jury.ballotBatchDigest(IJury.BallotBatch(ids, votes, transcript));
        return abi.encodePacked(transcript, compact(jurorKey(seat), digest), votes);
    }

    /// @dev The same votes from every seat of the mask.
    function batchBallots(uint16 seats, bytes32[] memory ids, bytes memory votes)
        internal
        view
        returns (bytes memory packed)
    {
        packed = abi.encodePacked(seats);
        for (uint256 seat; seat < 16; ++seat) {
            if (seats >> seat & 1 != 0) {
                packed = bytes.concat(packed, batchBallot(seat, ids, votes));
            }
        }
    }

    // ---- statements

    /// @dev A single ballot of juror `seat`.
    function ballotStatement(uint256 seat, bytes32 caseId, bytes5 vote)
        internal
        view
        returns (IJury.Statement memory s)
    {
        s.votes = abi.encodePacked(vote);
        s.transcript = transcriptOf(seat);
        bytes32 digest = jury.ballotDigest(
            IJury.Ballot(
                caseId,
                uint16(bytes2(vote)),
                uint16(bytes2(vote << 16)),
                uint8(vote[4]),
                s.transcript
            )
        );
        s.signature = compact(jurorKey(seat), digest);
    }

    /// @dev A batch of juror `seat`, of which the vote at `index` is meant.
    function batchStatement(uint256 seat, bytes32[] memory ids, bytes memory votes, uint256 index)
        internal
        view
        returns (IJury.Statement memory)
    {
        bytes32 transcript = transcriptOf(seat);
        bytes32 digest = jury.ballotBatchDigest(IJury.BallotBatch(ids, votes, transcript));
        return IJury.Statement(ids, index, votes, transcript, compact(jurorKey(seat), digest));
    }

    /// @dev Registers juror `seat` with a stake.
    function stake(uint256 seat, uint96 amount) internal {
        IJury.Registration memory r = registration(seat);
        r.stake = amount;
        usdc.mint(r.juror, amount);
        bytes32 digest = jury.registrationDigest(r);
        jury.register(r, authorization(jurorKey(seat), amount, r.validUntil, digest, address(jury)));
    }

    /// @dev Mints the sum of the shares to the jury and puts them into the pots.
    function fundPots(bytes32 id, uint8 round, uint256[] memory shares) internal {
        uint256 sum;
        for (uint256 i; i < shares.length; ++i) {
            sum += shares[i];
        }
        usdc.mint(address(jury), sum);
        jury.fund(id, round, shares);
    }

    function sharesOf(uint256 count, uint256 each) internal pure returns (uint256[] memory shares) {
        shares = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            shares[i] = each;
        }
    }
}
