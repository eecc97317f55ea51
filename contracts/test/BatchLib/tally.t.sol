// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {BatchLib} from "../../src/libraries/BatchLib.sol";
import {TallyLib} from "../../src/libraries/TallyLib.sol";
import {Assert} from "../utils/Assert.sol";

// tally
// └── it says of each case what `TallyLib` says of the votes that count
//     ├── for every number of equal answers among every number of ballots of every panel
//     └── for any votes on up to 13 cases with up to 16 criteria
contract TallyBatchTest is Assert {
    uint8 internal constant APPEAL_SEATS = 7;

    /// @dev Three cases: of `equal` seats in the first and the last lane of each mask.
    function test_everyNumberOfEqualAnswers() public view {
        uint256[] memory rules = new uint256[](3);
        (rules[0], rules[1], rules[2]) = (evenRule(1), evenRule(1), evenRule(16));
        for (uint256 seats = 3; seats <= 15; ++seats) {
            for (uint256 present = TallyLib.quorum(seats); present <= seats; ++present) {
                for (uint256 equal; equal <= present; ++equal) {
                    bytes[] memory votes = new bytes[](present);
                    for (uint256 seat; seat < present; ++seat) {
                        votes[seat] = seat < equal
                            ? bytes(hex"000100000000000001008001000003")
                            : bytes(hex"000000000000000000000000800100");
                    }
                    assertSame(seats, rules, votes);
                }
            }
        }
    }

    function test_anyVotes(uint256 seed, uint256 seats, uint256 missing) public view {
        seats = bound(seats, 3, 15);
        missing = bound(missing, 0, seats - TallyLib.quorum(seats));
        uint256[] memory rules = new uint256[](1 + seed % 13);
        for (uint256 i; i < rules.length; ++i) {
            rules[i] = evenRule(1 + random(seed, i) % 16);
            if (random(seed, i) >> 255 != 0) rules[i] |= 1 << 254;
        }
        bytes[] memory votes = new bytes[](seats - missing);
        for (uint256 seat; seat < votes.length; ++seat) {
            for (uint256 i; i < rules.length; ++i) {
                votes[seat] = bytes.concat(votes[seat], randomVote(seed, seat, i));
            }
        }
        assertSame(seats, rules, votes);
    }

    // ---- helpers

    /// @dev The library reads calldata, so this is called from outside.
    function tally(
        IJury.BatchCase[] calldata cases,
        bytes calldata votes,
        uint256 present,
        uint256 seats
    ) external pure returns (bytes memory) {
        uint256 at_;
        assembly ("memory-safe") {
            at_ := votes.offset
        }
        uint256[] memory signed = new uint256[](present);
        for (uint256 seat; seat < present; ++seat) {
            signed[seat] = (1 << (64 + seat)) | (at_ + seat * 5 * cases.length);
        }
        return BatchLib.tally(cases, signed, seats, APPEAL_SEATS);
    }

    function assertSame(uint256 seats, uint256[] memory rules, bytes[] memory votes) internal view {
        IJury.BatchCase[] memory cases = new IJury.BatchCase[](rules.length);
        for (uint256 i; i < cases.length; ++i) {
            cases[i].rule = rules[i];
        }
        bytes memory all;
        for (uint256 seat; seat < votes.length; ++seat) {
            all = bytes.concat(all, votes[seat]);
        }
        bytes memory answer = this.tally(cases, all, votes.length, seats);
        IJury.Tally[] memory tallies = abi.decode(answer, (IJury.Tally[]));
        assertEq(tallies.length, cases.length, "one tally per case");
        for (uint256 i; i < cases.length; ++i) {
            bytes memory needed = abi.encode(single(seats, rules[i], votes, i));
            assertEq(abi.encode(tallies[i]), needed, "tally");
        }
    }

    /// @dev What the case at `i` comes to, counted alone.
    function single(uint256 seats, uint256 rule, bytes[] memory votes, uint256 i)
        internal
        pure
        returns (IJury.Tally memory t)
    {
        uint256[] memory counted = new uint256[](votes.length);
        uint256 n;
        for (uint256 seat; seat < votes.length; ++seat) {
            uint256 vote;
            bytes memory its = votes[seat];
            assembly ("memory-safe") {
                vote := shr(224, mload(add(add(its, 0x20), mul(5, i))))
            }
            (uint256 met, uint256 failed) = (vote >> 16, vote & 0xffff);
            if (met & failed != 0) continue;
            counted[n++] = met | (failed << 16);
            t.seats |= uint16(1 << seat);
            if (vote != 0) t.voted |= uint16(1 << seat);
        }
        assembly ("memory-safe") {
            mstore(counted, n)
        }
        uint256 met_;
        uint256 failed_;
        uint256 bps;
        (t.outcome, met_, failed_, bps) = TallyLib.tally(rule, seats, counted);
        (t.met, t.failed, t.metBps) = (uint16(met_), uint16(failed_), uint16(bps));
        (t.panelSeats, t.appealSeats) = (uint8(seats), APPEAL_SEATS);
    }

    /// @dev Equal weights but for the last; passed by six in ten.
    function evenRule(uint256 k) internal pure returns (uint256 rule) {
        for (uint256 i; i < k; ++i) {
            uint256 w = i + 1 == k ? 10_000 - (10_000 / k) * i : 10_000 / k;
            rule |= w << (14 * i);
        }
        rule |= uint256(6000) << 240;
    }

    /// @dev Mostly one opinion; some criteria open, some votes absent, some masks overlapping.
    function randomVote(uint256 seed, uint256 seat, uint256 i) internal pure returns (bytes5) {
        uint256 more = random(seed, 1000 + 16 * i + seat);
        uint16 truth = uint16(random(seed, 100 + i));
        uint16 open = uint16(more) & uint16(more >> 16);
        uint16 met = truth & ~open;
        uint16 failed = ~truth & ~open;
        if (more >> 251 == 0) failed |= met;
        if (more >> 251 == 1) (met, failed) = (0xffff, 0xffff);
        return bytes5(abi.encodePacked(met, failed, uint8(more >> 64)));
    }

    function random(uint256 seed, uint256 i) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, i)));
    }
}
