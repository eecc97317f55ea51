// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// settle: ballots that should not count
// ├── when fewer than a quorum verify
// │   └── it reverts with the mask of those that did
// ├── when the packed ballots are empty, truncated, too long, or name a seat beyond the panel
// │   └── it reverts as malformed
// ├── when a ballot is garbage, unsigned, an outsider's, malleable or contradicts itself
// │   └── it is skipped; the others decide
// ├── when a ballot is for another case
// │   └── it is skipped
// └── when ballots are left out
//     └── the verdict is the same or there is none: every profile and subset of five seats
contract SettleBallotsTest is Fixture {
    uint256 internal constant OUTSIDER_KEY = 0x0075;
    uint256 internal constant ORDER =
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    // ---- too few

    /// forge-config: default.fuzz.runs = 16
    function test_reverts_whenBallotsBelowQuorum(uint256 which) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 caseId = caseOf(open(t), 0, WORK);
        uint16[10] memory threes = [uint16(7), 11, 13, 14, 19, 21, 22, 25, 26, 28];
        uint16 seats = threes[bound(which, 0, 9)];
        noVerdict(t, ballots(seats, caseId, 1, 0), seats);
        noVerdict(t, ballots(seats, caseId, 0, 1), seats);
        noVerdict(t, ballots(seats, caseId, 0, 0), seats);
    }

    function test_reverts_whenNobodyVoted() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        noVerdict(t, hex"0000", 0);
    }

    function test_reverts_whenAQuorumAnsweredWithoutDeciding() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 caseId = caseOf(open(t), 0, WORK);
        bytes memory packed = abi.encodePacked(
            uint16(15),
            ballot(0, caseId, 1, 0),
            ballot(1, caseId, 1, 0),
            ballot(2, caseId, 1, 0),
            ballot(3, caseId, 0, 1)
        );
        noVerdict(t, packed, 15);
    }

    // ---- malformed

    function test_reverts_whenThereAreNoBytes() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        malformed(t, "", 0, 2);
        malformed(t, hex"1f", 1, 2);
    }

    function test_reverts_whenTheLengthIsNotTheMasks(uint256 length) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes memory packed = ballots(ALL_SEATS, caseOf(open(t), 0, WORK), 1, 0);
        length = bound(length, 2, 800);
        if (length == packed.length) ++length;
        bytes memory cut = new bytes(length);
        for (uint256 i; i < length && i < packed.length; ++i) {
            cut[i] = packed[i];
        }
        malformed(t, cut, length, packed.length);
    }

    /// forge-config: default.fuzz.runs = 16
    function test_reverts_whenASeatIsBeyondThePanel(uint256 seat) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 caseId = caseOf(open(t), 0, WORK);
        uint16 mask = uint16(15 | (1 << bound(seat, 5, 15)));
        bytes memory packed = ballots(mask, caseId, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IJury.SeatUnknown.selector, mask, 5));
        settle(t, 0, noState(), WORK, packed);
    }

    // ---- skipped

    function test_skipsGarbage(uint256 seed) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        bytes memory packed = hex"001f";
        for (uint256 i; i < 16; ++i) {
            packed = bytes.concat(packed, keccak256(abi.encode(seed, i)));
        }
        assembly ("memory-safe") {
            mstore(packed, 507)
        }
        noVerdict(t, packed, 0);
    }

    function test_skipsOneBadBallot(uint256 seat, uint256 position, uint8 flip) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 caseId = caseOf(open(t), 0, WORK);
        bytes memory packed = ballots(ALL_SEATS, caseId, 1, 0);
        seat = bound(seat, 0, 4);
        position = 2 + 101 * seat + bound(position, 0, 100);
        packed[position] = bytes1(uint8(packed[position]) ^ uint8(bound(flip, 1, 255)));
        (uint16 seats, IJury.Outcome outcome) = count(packed, t);
        assertEq(seats, ALL_SEATS & ~(1 << seat), "seats");
        assertTrue(outcome == IJury.Outcome.Accepted, "outcome");
        settle(t, 0, noState(), WORK, packed);
    }

    function test_skipsAnOutsidersBallot() public {
        (IDealEscrow.Terms memory t, bytes32 caseId) = opened();
        bytes memory outsiders = signedBallot(OUTSIDER_KEY, caseId, 1, 0);
        noVerdict(t, with3(caseId, outsiders), 7);
    }

    function test_skipsAJurorsBallotInAnotherSeat() public {
        (IDealEscrow.Terms memory t, bytes32 caseId) = opened();
        noVerdict(t, with3(caseId, ballot(4, caseId, 1, 0)), 7);
    }

    function test_skipsAJurorsSecondBallotInAnotherSeat() public {
        (IDealEscrow.Terms memory t, bytes32 caseId) = opened();
        noVerdict(t, with3(caseId, ballot(0, caseId, 1, 0)), 7);
    }

    function test_skipsAZeroSignature() public {
        (IDealEscrow.Terms memory t, bytes32 caseId) = opened();
        bytes memory unsigned =
            abi.encodePacked(uint16(1), uint16(0), uint8(0), bytes32(0), bytes32(0), bytes32(0));
        noVerdict(t, with3(caseId, unsigned), 7);
    }

    function test_skipsAHighS() public {
        (IDealEscrow.Terms memory t, bytes32 caseId) = opened();
        bytes32 digest = jury.ballotDigest(IJury.Ballot(caseId, 1, 0, 0, 0));
        for (uint256 parity; parity < 2; ++parity) {
            (, bytes32 r, bytes32 s) = vm.sign(jurorKey(3), digest);
            // Its top bit carries the parity, so a high s loses that bit.
            uint256 high = (ORDER - uint256(s)) & (type(uint256).max >> 1);
            bytes32 vs = bytes32(high | (parity << 255));
            bytes memory malleable =
                abi.encodePacked(uint16(1), uint16(0), uint8(0), bytes32(0), r, vs);
            noVerdict(t, with3(caseId, malleable), 7);
        }
    }

    /// forge-config: default.fuzz.runs = 32
    function test_skipsABallotThatSaysBoth(uint16 both) public {
        (IDealEscrow.Terms memory t, bytes32 caseId) = opened();
        both = uint16(bound(both, 1, type(uint16).max));
        noVerdict(t, with3(caseId, ballot(3, caseId, both, both)), 7);
        noVerdict(t, with3(caseId, ballot(3, caseId, type(uint16).max, both)), 7);
    }

    /// forge-config: default.fuzz.runs = 64
    function test_answersToCriteriaThatDoNotExistChangeNothing(uint16 met, uint16 failed) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 caseId = caseOf(open(t), 0, WORK);
        (met, failed) = (met | 1, failed & ~(met | 1));
        Purses memory before = purses();
        settle(t, 0, noState(), WORK, ballots(ALL_SEATS, caseId, met, failed));
        assertPaid(before, usd(100), 0);
    }

    // ---- another case

    function test_skipsBallotsForAnotherDeal() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.salt = keccak256("another deal");
        bytes32 there = caseOf(open(t), 0, WORK);
        t.salt = keccak256("this deal");
        open(t);
        noVerdict(t, ballots(ALL_SEATS, there, 1, 0), 0);
    }

    function test_skipsBallotsForAnotherMilestoneOrDeliverable() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        bytes32 id = open(t);
        noVerdict(t, ballots(ALL_SEATS, caseOf(id, 1, WORK), 1, 0), 0);
        noVerdict(t, ballots(ALL_SEATS, caseOf(id, 0, OTHER_WORK), 1, 0), 0);
    }

    function test_skipsBallotsForAnotherRoundConsumerChainOrJury() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        IJury.Case memory c =
            IJury.Case(31_337, address(jury), address(escrow), open(t), 0, 1, WORK);
        c.round = 2;
        noVerdict(t, ballots(ALL_SEATS, jury.caseId(c), 1, 0), 0);
        (c.round, c.consumer) = (1, RELAYER);
        noVerdict(t, ballots(ALL_SEATS, jury.caseId(c), 1, 0), 0);
        (c.consumer, c.chainId) = (address(escrow), 8453);
        noVerdict(t, ballots(ALL_SEATS, jury.caseId(c), 1, 0), 0);
        (c.chainId, c.jury) = (31_337, RELAYER);
        noVerdict(t, ballots(ALL_SEATS, jury.caseId(c), 1, 0), 0);
        c.jury = address(jury);
        settle(t, 0, noState(), WORK, ballots(ALL_SEATS, jury.caseId(c), 1, 0));
    }

    function test_skipsBallotsOfAForkedChain() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        bytes memory packed = ballots(ALL_SEATS, caseOf(id, 0, WORK), 1, 0);
        vm.chainId(8453);
        bytes32 forked = escrow.dealIdOf(t);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, forked));
        settle(t, 0, noState(), WORK, packed);
    }

    // ---- every subset

    /// @dev All 243 profiles of five seats (abstain, met, failed), and all 32 subsets of each.
    function test_everySubsetOfBallotsGivesOneVerdict() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 caseId = caseOf(open(t), 0, WORK);
        bytes[3][5] memory answers;
        for (uint256 seat; seat < 5; ++seat) {
            answers[seat][0] = ballot(seat, caseId, 0, 0);
            answers[seat][1] = ballot(seat, caseId, 1, 0);
            answers[seat][2] = ballot(seat, caseId, 0, 1);
        }
        uint256 free = freePointer();
        for (uint256 profile; profile < 243; ++profile) {
            IJury.Outcome decided;
            for (uint256 subset; subset < 32; ++subset) {
                bytes memory packed = pick(answers, profile, subset);
                (uint16 seats, IJury.Outcome outcome) = count(packed, t);
                assertEq(seats, subset, "seats");
                if (outcome == IJury.Outcome.NoVerdict) {
                    assertTrue(subset != 31, "the full panel always decides");
                } else {
                    if (decided == IJury.Outcome.NoVerdict) decided = outcome;
                    assertTrue(outcome == decided, "one verdict");
                }
                freePointerTo(free);
            }
        }
    }

    // ---- helpers

    function opened() internal returns (IDealEscrow.Terms memory t, bytes32 caseId) {
        t = makeTerms(1);
        caseId = caseOf(open(t), 0, WORK);
    }

    /// @dev Three good ballots and a fourth in seat 3.
    function with3(bytes32 caseId, bytes memory fourth) internal view returns (bytes memory) {
        bytes memory packed = ballots(7, caseId, 1, 0);
        packed[1] = bytes1(uint8(15));
        return bytes.concat(packed, fourth);
    }

    function signedBallot(uint256 key, bytes32 caseId, uint16 met, uint16 failed)
        internal
        view
        returns (bytes memory)
    {
        bytes32 digest = jury.ballotDigest(IJury.Ballot(caseId, met, failed, 0, 0));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        bytes32 vs = bytes32(uint256(s) | (uint256(v - 27) << 255));
        return abi.encodePacked(met, failed, uint8(0), bytes32(0), r, vs);
    }

    function count(bytes memory packed, IDealEscrow.Terms memory t)
        internal
        returns (uint16 seats, IJury.Outcome outcome)
    {
        bytes32 id = escrow.dealIdOf(t);
        uint256 word = t.milestones[0].rule;
        vm.prank(address(escrow));
        IJury.Tally memory tally = jury.judge(t.jury, 1, id, 0, WORK, word, packed);
        return (tally.seats, tally.outcome);
    }

    function pick(bytes[3][5] memory answers, uint256 profile, uint256 subset)
        internal
        pure
        returns (bytes memory packed)
    {
        packed = abi.encodePacked(uint16(subset));
        for (uint256 seat; seat < 5; ++seat) {
            if ((subset >> seat) & 1 != 0) {
                packed = bytes.concat(packed, answers[seat][(profile / 3 ** seat) % 3]);
            }
        }
    }

    function freePointer() internal pure returns (uint256 free) {
        assembly ("memory-safe") {
            free := mload(0x40)
        }
    }

    function freePointerTo(uint256 free) internal pure {
        assembly ("memory-safe") {
            mstore(0x40, free)
        }
    }

    function noVerdict(IDealEscrow.Terms memory t, bytes memory packed, uint16 seats) internal {
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.NoVerdict.selector, seats));
        settle(t, 0, noState(), WORK, packed);
    }

    function malformed(IDealEscrow.Terms memory t, bytes memory packed, uint256 got, uint256 needed)
        internal
    {
        vm.expectRevert(abi.encodeWithSelector(IJury.BallotsMalformed.selector, got, needed));
        settle(t, 0, noState(), WORK, packed);
    }
}
