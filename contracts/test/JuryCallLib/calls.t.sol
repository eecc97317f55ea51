// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {JuryCallLib} from "../../src/libraries/JuryCallLib.sol";
import {Assert} from "../utils/Assert.sol";
import {vm} from "../utils/Vm.sol";

// judge, judgeBatch
// ├── the jury gets what the compiler would have encoded
// ├── its answer is read as the compiler would have decoded it
// ├── its error is passed on
// └── an answer that is too short is refused
contract JuryCallTest is Assert {
    /// @dev What the jury answers: this contract is it.
    bytes internal answer;
    bool internal refuses;

    fallback(bytes calldata data) external returns (bytes memory) {
        if (refuses) revert IJury.BallotsMalformed(data.length, 7);
        if (msg.sig == IJury.judge.selector) {
            (
                bytes32 panels,
                uint8 round,
                bytes32 dealId,
                uint8 milestone,
                bytes32 deliverable,
                uint256 rule,
                bytes memory ballots
            ) = abi.decode(data[4:], (bytes32, uint8, bytes32, uint8, bytes32, uint256, bytes));
            bytes memory again = abi.encodeCall(
                IJury.judge, (panels, round, dealId, milestone, deliverable, rule, ballots)
            );
            assertEq(data, again, "judge");
        } else {
            (bytes32 panels, uint8 round, IJury.BatchCase[] memory cases, bytes memory ballots) =
                abi.decode(data[4:], (bytes32, uint8, IJury.BatchCase[], bytes));
            bytes memory again = abi.encodeCall(IJury.judgeBatch, (panels, round, cases, ballots));
            assertEq(data, again, "judgeBatch");
        }
        return answer;
    }

    function test_judge(bytes calldata ballots, uint256 seed) public {
        IJury.Tally memory needed = tally(seed);
        answer = abi.encode(needed);
        IJury.Tally[] memory got = this.judge(ballots);
        assertEq(got.length, 1, "one");
        assertEq(abi.encode(got[0]), abi.encode(needed), "tally");
    }

    function test_judgeBatch(bytes calldata ballots, uint256 seed, uint8 count) public {
        IJury.Tally[] memory needed = new IJury.Tally[](count % 20);
        for (uint256 i; i < needed.length; ++i) {
            needed[i] = tally(uint256(keccak256(abi.encode(seed, i))));
        }
        answer = abi.encode(needed);
        assertEq(
            abi.encode(this.judgeBatch(ballots, needed.length, seed)), abi.encode(needed), "tallies"
        );
    }

    function test_passesErrorsOn(bytes calldata ballots) public {
        refuses = true;
        uint256 padded = (ballots.length + 31) / 32 * 32;
        vm.expectRevert(
            abi.encodeWithSelector(IJury.BallotsMalformed.selector, 4 + 8 * 32 + padded, 7)
        );
        this.judge(ballots);
        vm.expectRevert(
            abi.encodeWithSelector(IJury.BallotsMalformed.selector, 4 + 6 * 32 + 128 + padded, 7)
        );
        this.judgeBatch(ballots, 1, 0);
    }

    function test_refusesShortAnswers_withoutData() public {
        answer = new bytes(0xff);
        vm.expectRevert(bytes(""));
        this.judge("");
        answer = new bytes(0x40 + 3 * 0x100 - 1);
        vm.expectRevert(bytes(""));
        this.judgeBatch("", 3, 0);
    }

    function judge(bytes calldata ballots) external view returns (IJury.Tally[] memory) {
        return JuryCallLib.judge(address(this), "panels", 2, "deal", 3, "work", 4, ballots);
    }

    function judgeBatch(bytes calldata ballots, uint256 count, uint256 seed)
        external
        view
        returns (IJury.Tally[] memory)
    {
        IJury.BatchCase[] memory cases = JuryCallLib.makeCases(count);
        for (uint256 i; i < count; ++i) {
            IJury.BatchCase memory c = cases[i];
            assertEq(
                uint256(c.dealId | c.deliverable) | c.milestone | c.rule, 0, "a new case is zero"
            );
            (c.dealId, c.milestone) = (keccak256(abi.encode(seed, i)), uint8(i));
            (c.deliverable, c.rule) = (bytes32(seed), i);
        }
        return JuryCallLib.judgeBatch(address(this), "panels", 1, cases, ballots);
    }

    function tally(uint256 random) internal pure returns (IJury.Tally memory) {
        return IJury.Tally({
            outcome: IJury.Outcome(random % 4),
            metBps: uint16(random >> 8),
            seats: uint16(random >> 24),
            voted: uint16(random >> 40),
            met: uint16(random >> 56),
            failed: uint16(random >> 72),
            panelSeats: uint8(random >> 88),
            appealSeats: uint8(random >> 96)
        });
    }
}
