// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {BatchFixture} from "../utils/BatchFixture.sol";
import {vm} from "../utils/Vm.sol";

// judgeBatch
// ├── it says of each case what judge says of the same answers
// │   ├── for any votes of some seats on cases with up to 16 criteria
// │   ├── for the appeal panel in round 2, and for the largest panel
// │   ├── as long as the missing seats could still say otherwise
// │   └── for a case that the list names twice: each place by its own votes
// ├── an absent vote, or masks that overlap, are not counted for that case alone
// ├── an abstention is counted
// ├── it counts jurors that have left
// ├── a signature that is not the seat's is skipped for every case
// │   ├── another key's, no one's, or with a high s
// │   ├── over a list in another order, cut, or longer
// │   └── over other votes, another transcript, round or consumer
// ├── no cases have no tallies
// ├── it costs little for each verdict of fifty
// ├── when the jury is unknown, or has no panel for the round
// │   └── it reverts
// ├── when the packed ballots have another length than their mask and the list say
// │   └── it reverts
// ├── when the mask names a seat beyond the panel
// │   └── it reverts
// └── when a milestone is no byte
//     └── it reverts
contract JudgeBatchTest is BatchFixture {
    // ---- equality with judge

    /// forge-config: default.fuzz.runs = 64
    function test_saysOfEachCaseWhatJudgeSays(uint256 seed) public {
        IJury.BatchCase[] memory cases = randomCases(seed);
        bytes32[] memory ids = idsOf(cases, 1);
        uint16 mask = uint16(seed >> 200) & ALL_SEATS;
        bytes[5] memory votes;
        bytes memory packed = abi.encodePacked(mask);
        for (uint256 seat; seat < 5; ++seat) {
            votes[seat] = randomVotes(seed, seat, cases.length);
            if (mask >> seat & 1 == 0) continue;
            packed = bytes.concat(packed, batchBallot(seat, ids, votes[seat]));
        }
        IJury.Tally[] memory tallies = judgeBatch(five, 1, cases, packed);
        assertEq(tallies.length, cases.length, "one tally per case");
        for (uint256 i; i < cases.length; ++i) {
            IJury.Tally memory needed = judge(cases[i], mask, votes, i);
            assertEq(abi.encode(tallies[i]), abi.encode(needed), "tally");
        }
    }

    function test_countsTheAppealPanelInRoundTwo() public {
        bytes32 both = createJury(5, 3);
        IJury.BatchCase[] memory cases = makeCases(2);
        bytes32[] memory ids = idsOf(cases, 2);
        bytes memory votes = abi.encodePacked(FAILED, MET);
        bytes memory packed = abi.encodePacked(
            uint16(7),
            batchBallot(5, ids, votes),
            batchBallot(6, ids, votes),
            batchBallot(7, ids, votes)
        );
        IJury.Tally[] memory needed = new IJury.Tally[](2);
        needed[0] = IJury.Tally(IJury.Outcome.Rejected, 0, 7, 7, 0, 1, 3, 3);
        needed[1] = IJury.Tally(IJury.Outcome.Accepted, 10_000, 7, 7, 1, 0, 3, 3);
        assertEq(abi.encode(judgeBatch(both, 2, cases, packed)), abi.encode(needed), "tallies");
    }

    function test_everySeatOfTheLargestPanelCounts() public {
        bytes32 both = createJury(15, 15);
        IJury.BatchCase[] memory cases = makeCases(3);
        bytes memory packed = batchBallots(0x7fff, idsOf(cases, 1), same(MET, 3));
        IJury.Tally[] memory tallies = judgeBatch(both, 1, cases, packed);
        for (uint256 i; i < 3; ++i) {
            IJury.Tally memory needed =
                IJury.Tally(IJury.Outcome.Accepted, 10_000, 0x7fff, 0x7fff, 1, 0, 15, 15);
            assertEq(abi.encode(tallies[i]), abi.encode(needed), "tally");
        }
    }

    /// @dev Eleven of fifteen decide; four are missing.
    function test_countsWhatTheMissingSeatsCouldStillSay() public {
        bytes32 large = createJury(15);
        IJury.BatchCase[] memory cases = makeCases(2);
        bytes32[] memory ids = idsOf(cases, 1);
        bytes memory packed = abi.encodePacked(uint16(0x7ff));
        for (uint256 seat; seat < 11; ++seat) {
            bytes memory votes =
                abi.encodePacked(seat < 7 ? MET : ABSTAINED, seat < 6 ? MET : ABSTAINED);
            packed = bytes.concat(packed, batchBallot(seat, ids, votes));
        }
        IJury.Tally[] memory tallies = judgeBatch(large, 1, cases, packed);
        assertOutcome(tallies[0], IJury.Outcome.NoVerdict, 0x7ff);
        assertOutcome(tallies[1], IJury.Outcome.Undetermined, 0x7ff);
    }

    function test_aCaseNamedTwiceIsCountedAtEachPlaceByItsOwnVotes() public {
        IJury.BatchCase[] memory cases = makeCases(2);
        cases[1] = cases[0];
        bytes memory packed =
            batchBallots(ALL_SEATS, idsOf(cases, 1), abi.encodePacked(MET, FAILED));
        IJury.Tally[] memory tallies = judgeBatch(five, 1, cases, packed);
        assertOutcome(tallies[0], IJury.Outcome.Accepted, ALL_SEATS);
        assertOutcome(tallies[1], IJury.Outcome.Rejected, ALL_SEATS);
    }

    // ---- which votes count

    function test_anAbsentVoteIsNotCountedAndAnAbstentionIs() public {
        IJury.BatchCase[] memory cases = makeCases(3);
        bytes32[] memory ids = idsOf(cases, 1);
        bytes memory packed = abi.encodePacked(
            ALL_SEATS,
            batchBallot(0, ids, abi.encodePacked(ABSENT, ABSTAINED, MET)),
            batchBallot(1, ids, same(MET, 3)),
            batchBallot(2, ids, same(MET, 3)),
            batchBallot(3, ids, same(MET, 3)),
            batchBallot(4, ids, abi.encodePacked(ABSENT, ABSTAINED, FAILED))
        );
        IJury.Tally[] memory needed = new IJury.Tally[](3);
        // Three of five, and two that may still answer.
        needed[0] = IJury.Tally(IJury.Outcome.NoVerdict, 0, 0x0e, 0x0e, 0, 0, 5, 0);
        // Three of five, and nobody left to answer.
        needed[1] = IJury.Tally(IJury.Outcome.Undetermined, 0, ALL_SEATS, 0x0e, 0, 0, 5, 0);
        needed[2] = IJury.Tally(IJury.Outcome.Accepted, 10_000, ALL_SEATS, ALL_SEATS, 1, 0, 5, 0);
        assertEq(abi.encode(judgeBatch(five, 1, cases, packed)), abi.encode(needed), "tallies");
    }

    function test_masksThatOverlapAreNotCountedForThatCaseAlone(uint16 met, uint16 failed) public {
        if (met & failed == 0) (met, failed) = (met | 0x8000, failed | 0x8000);
        IJury.BatchCase[] memory cases = makeCases(2);
        bytes32[] memory ids = idsOf(cases, 1);
        bytes memory packed = abi.encodePacked(uint16(1));
        packed =
            bytes.concat(packed, batchBallot(0, ids, abi.encodePacked(met, failed, uint8(0), MET)));
        IJury.Tally[] memory tallies = judgeBatch(five, 1, cases, packed);
        assertEq(tallies[0].seats, 0, "overlapping");
        assertEq(tallies[1].seats, 1, "the other case");
    }

    function test_countsJurorsThatHaveLeft() public {
        for (uint256 i; i < 5; ++i) {
            address key = juror(i);
            vm.prank(key);
            jury.unbond(IJury.Unbonding(key, 1, 0), "");
        }
        vm.warp(START + 30 days);
        for (uint256 i; i < 5; ++i) {
            jury.claim(juror(i));
        }
        accepts(makeCases(2), batchBallots(ALL_SEATS, idsOf(makeCases(2), 1), same(MET, 2)));
    }

    // ---- signatures

    function test_skipsForEveryCaseASeatThatAnotherSigned() public {
        IJury.BatchCase[] memory cases = makeCases(2);
        bytes32[] memory ids = idsOf(cases, 1);
        bytes memory packed = batchBallots(FOUR_SEATS, ids, same(MET, 2));
        packed[1] = bytes1(uint8(ALL_SEATS));
        // Juror 3 in seat 4 again.
        packed = bytes.concat(packed, batchBallot(3, ids, same(MET, 2)));
        IJury.Tally[] memory tallies = judgeBatch(five, 1, cases, packed);
        assertOutcome(tallies[0], IJury.Outcome.Accepted, FOUR_SEATS);
        assertOutcome(tallies[1], IJury.Outcome.Accepted, FOUR_SEATS);
    }

    function test_skipsZeroAndHighSSignatures() public {
        IJury.BatchCase[] memory cases = makeCases(1);
        bytes memory zero = abi.encodePacked(uint16(1), bytes32(0), new bytes(64), MET);
        counts(cases, zero, 0);
        bytes memory good =
            abi.encodePacked(uint16(1), batchBallot(0, idsOf(cases, 1), same(MET, 1)));
        counts(cases, good, 1);
        // The order minus s is the same key's signature for the other parity.
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        bytes32 vs;
        assembly ("memory-safe") {
            vs := mload(add(good, 0x62))
        }
        uint256 s = order - (uint256(vs) << 1 >> 1);
        uint256 parity = 1 - (uint256(vs) >> 255);
        assembly ("memory-safe") {
            mstore(add(good, 0x62), or(s, shl(255, parity)))
        }
        counts(cases, good, 0);
    }

    function test_aListInAnotherOrderDoesNotVerify(uint256 a, uint256 b) public {
        IJury.BatchCase[] memory cases = makeCases(5);
        bytes memory packed = batchBallots(ALL_SEATS, idsOf(cases, 1), same(MET, 5));
        counts(cases, packed, ALL_SEATS);
        (a, b) = (bound(a, 0, 4), bound(b, 0, 3));
        if (b >= a) ++b;
        (cases[a], cases[b]) = (cases[b], cases[a]);
        counts(cases, packed, 0);
    }

    function test_aCutOrLongerListDoesNotVerify() public {
        bytes32[] memory ids = idsOf(makeCases(3), 1);
        (bytes32 transcript, bytes memory signature) = signed(0, ids, same(MET, 3));
        bytes memory cut = abi.encodePacked(uint16(1), transcript, signature, same(MET, 2));
        counts(makeCases(2), cut, 0);
        bytes memory longer = abi.encodePacked(uint16(1), transcript, signature, same(MET, 4));
        counts(makeCases(4), longer, 0);
        bytes memory whole = abi.encodePacked(uint16(1), transcript, signature, same(MET, 3));
        counts(makeCases(3), whole, 1);
    }

    function test_otherVotesOrAnotherTranscriptDoNotVerify(uint256 at_) public {
        IJury.BatchCase[] memory cases = makeCases(3);
        bytes memory packed = batchBallots(1, idsOf(cases, 1), same(MET, 3));
        counts(cases, packed, 1);
        at_ = bound(at_, 2, packed.length - 1);
        packed[at_] ^= 0x02;
        counts(cases, packed, 0);
    }

    function test_aBallotOfAnotherRoundDoesNotVerify() public {
        IJury.BatchCase[] memory cases = makeCases(2);
        counts(cases, batchBallots(ALL_SEATS, idsOf(cases, 2), same(MET, 2)), 0);
    }

    function test_aForeignConsumerWithTheSameIdsCountsNothing(address foreign) public {
        if (foreign == CONSUMER) foreign = RELAYER;
        IJury.BatchCase[] memory cases = makeCases(2);
        bytes memory packed = batchBallots(ALL_SEATS, idsOf(cases, 1), same(MET, 2));
        vm.prank(foreign);
        IJury.Tally[] memory tallies = jury.judgeBatch(five, 1, cases, packed);
        assertEq(tallies[0].seats | tallies[1].seats, 0, "seats");
    }

    function test_aSingleBallotIsNoBatchOfOne() public {
        IJury.BatchCase[] memory cases = makeCases(1);
        IJury.Statement memory s = ballotStatement(0, idOf(cases[0], 1), MET);
        counts(cases, abi.encodePacked(uint16(1), s.transcript, s.signature, s.votes), 0);
    }

    // ---- sizes

    function test_noCasesHaveNoTallies() public {
        assertEq(judgeBatch(five, 1, makeCases(0), hex"0000").length, 0, "tallies");
    }

    /// @dev Execution alone: the caller's calldata and what it does with the tallies come on top.
    function test_costsLittleForEachVerdictOfFifty() public {
        IJury.BatchCase[] memory cases = makeCases(50);
        bytes memory packed = batchBallots(ALL_SEATS, idsOf(cases, 1), same(MET, 50));
        bytes memory call_ = abi.encodeCall(jury.judgeBatch, (five, 1, cases, packed));
        address target = address(jury);
        vm.cool(target);
        vm.prank(CONSUMER);
        uint256 before = gasleft();
        (bool ok, bytes memory answer) = target.staticcall(call_);
        uint256 used = before - gasleft();
        assertTrue(ok, "it answers");
        IJury.Tally[] memory tallies = abi.decode(answer, (IJury.Tally[]));
        assertOutcome(tallies[49], IJury.Outcome.Accepted, ALL_SEATS);
        assertAtMost(used / 50, 2750, "gas per verdict");
    }

    // ---- reverts

    function test_reverts_whenTheJuryIsUnknown() public {
        vm.expectRevert(abi.encodeWithSelector(IJury.JuryUnknown.selector, WORK));
        judgeBatch(WORK, 1, makeCases(0), hex"0000");
    }

    function test_reverts_whenTheJuryHasNoPanelForTheRound(uint8 round) public {
        if (round == 1) round = 2;
        vm.expectRevert(abi.encodeWithSelector(IJury.PanelMissing.selector, five, round));
        judgeBatch(five, round, makeCases(0), hex"0000");
    }

    function test_reverts_whenTheLengthIsNotTheMasksAndTheLists() public {
        IJury.BatchCase[] memory cases = makeCases(2);
        malformed(cases, "", 2);
        malformed(cases, hex"1f", 2);
        malformed(cases, hex"000000", 2);
        bytes memory packed = batchBallots(3, idsOf(cases, 1), same(MET, 2));
        assertEq(packed.length, 2 + 2 * (96 + 2 * 5), "length");
        malformed(cases, bytes.concat(packed, "x"), packed.length);
        malformed(makeCases(1), packed, packed.length - 10);
        assembly ("memory-safe") {
            mstore(packed, sub(mload(packed), 1))
        }
        malformed(cases, packed, packed.length + 1);
    }

    function test_reverts_whenTheMaskNamesASeatBeyondThePanel(uint256 seat) public {
        IJury.BatchCase[] memory cases = makeCases(1);
        uint16 mask = uint16(1 << bound(seat, 5, 15));
        bytes memory packed = batchBallots(mask, idsOf(cases, 1), same(MET, 1));
        vm.expectRevert(abi.encodeWithSelector(IJury.SeatUnknown.selector, mask, 5));
        judgeBatch(five, 1, cases, packed);
    }

    function test_reverts_whenAMilestoneIsNoByte() public view {
        bytes memory call_ = abi.encodeCall(jury.judgeBatch, (five, 1, makeCases(1), hex"0000"));
        (bool ok,) = address(jury).staticcall(call_);
        assertTrue(ok, "as it should be");
        // Selector, four words of head, the list's length, the deal, and the milestone's high bytes.
        call_[4 + 6 * 32 + 30] = 0x01;
        (ok,) = address(jury).staticcall(call_);
        assertTrue(!ok, "milestone 256");
    }

    // ---- helpers

    function judgeBatch(
        bytes32 id,
        uint8 round,
        IJury.BatchCase[] memory cases,
        bytes memory packed
    ) internal returns (IJury.Tally[] memory) {
        vm.prank(CONSUMER);
        return jury.judgeBatch(id, round, cases, packed);
    }

    /// @dev By single ballots of the seats that are not absent in the batch.
    function judge(IJury.BatchCase memory c, uint16 mask, bytes[5] memory votes, uint256 i)
        internal
        returns (IJury.Tally memory)
    {
        bytes memory singles;
        for (uint256 seat; seat < 5; ++seat) {
            bytes5 vote = voteAt(votes[seat], i);
            if (bytes4(vote) == bytes4(ABSENT)) mask &= ~uint16(1 << seat);
            if (mask >> seat & 1 == 0) continue;
            IJury.Statement memory s = ballotStatement(seat, idOf(c, 1), vote);
            singles = bytes.concat(singles, vote, s.transcript, s.signature);
        }
        vm.prank(CONSUMER);
        return jury.judge(
            five, 1, c.dealId, c.milestone, c.deliverable, c.rule, abi.encodePacked(mask, singles)
        );
    }

    function accepts(IJury.BatchCase[] memory cases, bytes memory packed) internal {
        IJury.Tally[] memory tallies = judgeBatch(five, 1, cases, packed);
        for (uint256 i; i < cases.length; ++i) {
            assertOutcome(tallies[i], IJury.Outcome.Accepted, ALL_SEATS);
        }
    }

    /// @dev These seats are counted, for every case alike.
    function counts(IJury.BatchCase[] memory cases, bytes memory packed, uint16 seats) internal {
        IJury.Tally[] memory tallies = judgeBatch(five, 1, cases, packed);
        for (uint256 i; i < cases.length; ++i) {
            assertEq(tallies[i].seats, seats, "seats");
        }
    }

    function malformed(IJury.BatchCase[] memory cases, bytes memory packed, uint256 needed)
        internal
    {
        vm.expectRevert(
            abi.encodeWithSelector(IJury.BallotsMalformed.selector, packed.length, needed)
        );
        judgeBatch(five, 1, cases, packed);
    }

    function assertOutcome(IJury.Tally memory t, IJury.Outcome outcome, uint16 seats)
        internal
        pure
    {
        assertEq(uint256(t.outcome), uint256(outcome), "outcome");
        assertEq(t.seats, seats, "seats");
    }

    function signed(uint256 seat, bytes32[] memory ids, bytes memory votes)
        internal
        view
        returns (bytes32 transcript, bytes memory signature)
    {
        IJury.Statement memory s = batchStatement(seat, ids, votes, 0);
        return (s.transcript, s.signature);
    }

    /// @dev One to fourteen cases with one to sixteen criteria of any weight.
    function randomCases(uint256 seed) internal pure returns (IJury.BatchCase[] memory cases) {
        cases = makeCases(1 + seed % 14);
        for (uint256 i; i < cases.length; ++i) {
            uint256 more = uint256(keccak256(abi.encode(seed, i)));
            cases[i].milestone = uint8(more);
            uint256 criteria = 1 + (more >> 8) % 16;
            uint256 pass = bound(more >> 16, 1, 10_000);
            cases[i].rule = rule(0, 0, 0, 0, pass) | (more >> 250 & 1) << 254;
            for (uint256 k; k < criteria; ++k) {
                cases[i].rule |= (1 + 9999 / criteria) << (14 * k);
            }
        }
    }

    /// @dev Mostly one opinion; some criteria left open, some cases absent, some masks overlapping.
    function randomVotes(uint256 seed, uint256 seat, uint256 count)
        internal
        pure
        returns (bytes memory votes)
    {
        for (uint256 i; i < count; ++i) {
            uint256 more = uint256(keccak256(abi.encode(seed, seat, i)));
            uint16 truth = uint16(uint256(keccak256(abi.encode(seed, i))));
            uint16 open = uint16(more) & uint16(more >> 16) & uint16(more >> 32);
            uint16 met = truth & ~open;
            uint16 failed = ~truth & ~open;
            if (more >> 252 == 0) failed |= met;
            bytes5 vote = bytes5(abi.encodePacked(met, failed, uint8(more >> 64)));
            votes = bytes.concat(votes, more >> 252 == 1 ? ABSENT : vote);
        }
    }

    function voteAt(bytes memory votes, uint256 index) internal pure returns (bytes5) {
        bytes32 word;
        assembly ("memory-safe") {
            word := mload(add(add(votes, 0x20), mul(5, index)))
        }
        return bytes5(word);
    }
}
