// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Batching} from "../utils/Batching.sol";
import {vm} from "../utils/Vm.sol";

// settleBatch: what it leaves out, and refuses
// ├── when settle would refuse an item
// │   └── it is skipped and reported with settle's own error; the others are paid
// ├── when an item is there twice
// │   └── it applies once, whether it ends or moves on
// ├── when jurors marked a case absent
// │   └── they are not counted for it
// ├── when a juror signed another list, or other votes
// │   └── it is not counted at all
// └── when items, templates or ballots are malformed
//     └── it reverts
contract SettleBatchSkipsTest is Batching {
    /// @dev Two good items around a bad one, whose case and reason the tests say.
    function skips(
        IDealEscrow.Terms memory t,
        bytes memory bad,
        bytes32 badId,
        uint8 badMilestone,
        bytes32 badWork,
        bytes memory reason
    ) internal {
        bytes32[] memory cases = new bytes32[](3);
        IDealEscrow.Terms[] memory templates = new IDealEscrow.Terms[](2);
        (templates[0], templates[1]) = (makeTerms(1), t);
        bytes32 first = open(salted(templates[0], 101));
        bytes32 last = open(salted(templates[0], 102));
        cases[0] = caseOf(first, 0, WORK);
        cases[1] = caseOf(badId, badMilestone, badWork);
        cases[2] = caseOf(last, 0, WORK);
        bytes memory items = bytes.concat(saltItem(101), bad, saltItem(102));
        bytes memory packed = batchBallots(ALL_SEATS, 0, cases, same(MET, 3));
        Word memory word = wordOf(badId);
        uint256 before = usdc.balanceOf(seller);
        expectSkipped(badId, badMilestone, reason);
        vm.prank(RELAYER);
        escrow.settleBatch(1, templates, items, packed);
        assertEq(usdc.balanceOf(seller) - before, usd(200), "the others are paid");
        assertWord(badId, word);
    }

    function test_skipsADealThatIsNotOpen() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        bytes memory reason = abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, id);
        skips(t, item(1, 0, "", noState(), WORK), id, 0, WORK, reason);
    }

    function test_skipsARevokedDeal() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        vm.prank(buyer);
        escrow.revoke(t, buyer, noConsent());
        bytes memory reason = abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, id);
        skips(t, item(1, 0, "", noState(), WORK), id, 0, WORK, reason);
    }

    /// forge-config: default.fuzz.runs = 16
    function test_skipsAMilestoneThatIsNotThere(uint8 milestone) public {
        IDealEscrow.Terms memory t = makeTerms(2);
        bytes32 id = open(t);
        milestone = uint8(bound(milestone, 2, 255));
        bytes memory reason =
            abi.encodeWithSelector(IDealEscrow.MilestoneUnknown.selector, milestone, 2);
        skips(t, item(1, milestone, "", noState(), WORK), id, milestone, WORK, reason);
    }

    function test_skipsAMilestoneThatHasEnded() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        bytes32 id = open(t);
        vm.prank(buyer);
        escrow.accept(t, 1, noState(), noConsent());
        bytes memory reason =
            abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 1);
        skips(t, item(1, 1, "", noState(), WORK), id, 1, WORK, reason);
    }

    function test_skipsAMilestoneThatIsOutOfOrder() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        (t.sequential, t.milestones[1].deliverBy) = (true, DELIVER_BY + 2 days);
        bytes32 id = open(t);
        bytes memory reason = abi.encodeWithSelector(IDealEscrow.OutOfOrder.selector, 1, 0);
        skips(t, item(1, 1, "", noState(), WORK), id, 1, WORK, reason);
    }

    /// @dev A seller that delivers on-chain while the batch is on its way holds up only itself.
    function test_skipsAnItemWhoseStateHasMoved() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        bytes32 needed = keccak256(abi.encode(deliver(t, 0, WORK)[0]));
        bytes memory reason =
            abi.encodeWithSelector(IDealEscrow.StateMismatch.selector, bytes32(0), needed);
        skips(t, item(1, 0, "", noState(), WORK), id, 0, WORK, reason);
    }

    /// @dev Bytes that no state encodes are never decoded.
    /// forge-config: default.fuzz.runs = 16
    function test_skipsAnItemWhoseStateIsGarbage(bytes32[9] calldata garbage) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        bytes memory state = abi.encode(garbage);
        bytes memory bad = bytes.concat(hex"01000001", WORK, state);
        bytes memory reason = abi.encodeWithSelector(
            IDealEscrow.StateMismatch.selector, keccak256(state), bytes32(0)
        );
        skips(t, bad, id, 0, WORK, reason);
    }

    function test_skipsAVerdictThatWaits() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        skipsStatus(t, judged(t, 0, ACCEPTED), IDealEscrow.Status.Judged);
    }

    /// @dev Such a deal has another jury than the batch, which is said first; so this batch is one
    /// of `ten`.
    function skipsStatus(
        IDealEscrow.Terms memory t,
        IDealEscrow.SlowState[] memory state,
        IDealEscrow.Status got
    ) internal {
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = escrow.dealIdOf(t);
        bytes memory packed = batchBallots(ALL_SEATS, 0, casesOf(ids, 1), same(MET, 1));
        expectSkipped(
            ids[0],
            0,
            abi.encodeWithSelector(
                IDealEscrow.StatusMismatch.selector, got, IDealEscrow.Status.Delivered
            )
        );
        escrow.settleBatch(1, templatesOf(t), item(0, 0, "", state, WORK), packed);
    }

    function test_skipsAnItemOfRound2_inABatchOfRound1() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        skipsStatus(t, appealed(t, 0, ACCEPTED), IDealEscrow.Status.Round2);
    }

    function test_skipsAnItemOfRound1_inABatchOfRound2() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32[] memory ids = new bytes32[](1);
        ids[0] = open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        bytes memory packed = batchBallots(ALL_SEATS, 5, casesOf(ids, 2), same(MET, 1));
        expectSkipped(
            ids[0],
            0,
            abi.encodeWithSelector(
                IDealEscrow.StatusMismatch.selector,
                IDealEscrow.Status.Delivered,
                IDealEscrow.Status.Round2
            )
        );
        escrow.settleBatch(2, templatesOf(t), item(0, 0, "", state, WORK), packed);
    }

    function test_skipsAnItemOfAnotherJury() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.jury = createJury(7);
        bytes32 id = open(t);
        bytes memory reason =
            abi.encodeWithSelector(IDealEscrow.JuryMismatch.selector, t.jury, five);
        skips(t, item(1, 0, "", noState(), WORK), id, 0, WORK, reason);
    }

    function test_skipsAnItemWhosePanelsTimeIsOver() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.milestones[0].deliverBy = OPEN_BY + 1 hours;
        t.judgeWithin = 1 hours;
        bytes32 id = open(t);
        IDealEscrow.Terms memory later = makeTerms(1);
        bytes32[] memory cases = new bytes32[](2);
        cases[0] = caseOf(open(later), 0, WORK);
        cases[1] = caseOf(id, 0, WORK);
        IDealEscrow.Terms[] memory templates = new IDealEscrow.Terms[](2);
        (templates[0], templates[1]) = (later, t);
        bytes memory items =
            bytes.concat(item(0, 0, "", noState(), WORK), item(1, 0, "", noState(), WORK));
        bytes memory packed = batchBallots(ALL_SEATS, 0, cases, same(MET, 2));
        uint256 end = OPEN_BY + 2 hours;
        vm.warp(end);
        expectSkipped(id, 0, abi.encodeWithSelector(IDealEscrow.DeadlinePassed.selector, end, end));
        escrow.settleBatch(1, templates, items, packed);
        assertWord(id, Word(true, false, 0, 0, usd(100), 0));
    }

    function test_skipsAnotherThanThePinnedDeliverable() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        bytes memory reason =
            abi.encodeWithSelector(IDealEscrow.DeliverableMismatch.selector, OTHER_WORK, WORK);
        skips(t, item(1, 0, "", state, OTHER_WORK), id, 0, OTHER_WORK, reason);
    }

    // ---- twice

    function test_anItemThatIsThereTwiceEndsOnce() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32[] memory ids = new bytes32[](2);
        ids[0] = open(t);
        ids[1] = ids[0];
        bytes memory one = item(0, 0, "", noState(), WORK);
        bytes memory packed = batchBallots(ALL_SEATS, 0, casesOf(ids, 1), same(MET, 2));
        Purses memory before = purses();
        expectSkipped(
            ids[0], 0, abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, ids[0], 0)
        );
        escrow.settleBatch(1, templatesOf(t), bytes.concat(one, one), packed);
        assertPaid(before, usd(100), 0);
    }

    function test_anItemThatIsThereTwiceMovesOnOnce() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32[] memory ids = new bytes32[](2);
        ids[0] = open(t);
        ids[1] = ids[0];
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        bytes memory one = item(0, 0, "", state, WORK);
        vm.recordLogs();
        settleMany(t, bytes.concat(one, one), casesOf(ids, 1), abi.encodePacked(MET, FAILED));
        state = logged();
        assertEq(uint256(state[0].standing), uint8(ACCEPTED), "the first");
        assertEq(escrow.stateDigest(ids[0], 0), keccak256(abi.encode(state[0])), "state");
    }

    // ---- votes

    /// @dev Two of five are absent for the second case: three decide nothing. One is absent for the
    /// first: four do.
    function test_absentSeatsAreNotCounted_andAbstentionsAre() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        withFees(t);
        (bytes32[] memory ids, bytes memory items) = openMany(t, 3);
        bytes32[] memory cases = casesOf(ids, 1);
        bytes memory packed = abi.encodePacked(ALL_SEATS);
        for (uint256 seat; seat < 5; ++seat) {
            bytes5 first = seat == 0 ? ABSENT : MET;
            bytes5 second = seat < 2 ? ABSENT : MET;
            bytes5 third = seat == 0 ? ABSTAINED : MET;
            bytes memory votes = abi.encodePacked(first, second, third);
            packed = bytes.concat(packed, batchBallot(seat, cases, votes));
        }
        expectSkipped(ids[1], 0, abi.encodeWithSelector(IDealEscrow.NoVerdict.selector, 28));
        vm.prank(RELAYER);
        escrow.settleBatch(1, templatesOf(t), items, packed);
        assertEq(jury.fees(five, 1, 0), 0, "absent and abstained");
        assertEq(jury.fees(five, 1, 1), usd(2), "twice");
        // Four of five seats, then five of five.
        assertEq(usdc.balanceOf(RELAYER), 1_800_000, "relayer");
        assertWord(ids[1], Word(true, false, 0, 0, usd(100), 0));
    }

    function test_aJurorThatSignedAnotherListIsNotCounted() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        (bytes32[] memory ids, bytes memory items) = openMany(t, 2);
        bytes32[] memory cases = casesOf(ids, 1);
        bytes32[] memory turned = new bytes32[](2);
        (turned[0], turned[1]) = (cases[1], cases[0]);
        bytes memory packed = abi.encodePacked(ALL_SEATS);
        for (uint256 seat; seat < 5; ++seat) {
            packed =
                bytes.concat(packed, batchBallot(seat, seat < 2 ? turned : cases, same(MET, 2)));
        }
        bytes memory reason = abi.encodeWithSelector(IDealEscrow.NoVerdict.selector, 28);
        expectSkipped(ids[0], 0, reason);
        expectSkipped(ids[1], 0, reason);
        escrow.settleBatch(1, templatesOf(t), items, packed);
    }

    // ---- malformed

    function test_reverts_withoutItems() public {
        reverts("", "", abi.encodeWithSelector(IDealEscrow.BatchMalformed.selector, 0, 36));
    }

    /// forge-config: default.fuzz.runs = 32
    function test_reverts_whenAnItemEndsTooEarly(uint256 length) public {
        IDealEscrow.SlowState[] memory state = new IDealEscrow.SlowState[](1);
        bytes memory whole = item(0, 0, patch(SALT_WORD, 0), state, WORK);
        assertEq(whole.length, 357, "whole");
        length = bound(length, 1, 356);
        assembly ("memory-safe") {
            mstore(whole, length)
        }
        reverts(
            whole,
            "",
            abi.encodeWithSelector(
                IDealEscrow.BatchMalformed.selector, length, length < 36 ? 36 : 357
            )
        );
    }

    function test_reverts_whenAnItemNamesNoTemplate() public {
        reverts(
            item(1, 0, "", noState(), WORK),
            "",
            abi.encodeWithSelector(IDealEscrow.TemplateUnknown.selector, 0, 1, 1)
        );
    }

    function test_reverts_whenTheBallotsAreMalformed() public {
        open(makeTerms(1));
        bytes memory items = item(0, 0, "", noState(), WORK);
        reverts(items, "", abi.encodeWithSelector(IJury.BallotsMalformed.selector, 0, 2));
        reverts(items, hex"0001", abi.encodeWithSelector(IJury.BallotsMalformed.selector, 2, 103));
    }

    /// forge-config: default.fuzz.runs = 16
    function test_reverts_whenThereIsNoSuchRound(uint8 round) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        if (round == 1) round = 2;
        vm.expectRevert(abi.encodeWithSelector(IJury.PanelMissing.selector, five, round));
        escrow.settleBatch(round, templatesOf(t), item(0, 0, "", noState(), WORK), hex"0000");
    }

    function reverts(bytes memory items, bytes memory packed, bytes memory with) internal {
        IDealEscrow.Terms[] memory templates = templatesOf(makeTerms(1));
        vm.expectRevert(with);
        escrow.settleBatch(1, templates, items, packed);
    }
}
