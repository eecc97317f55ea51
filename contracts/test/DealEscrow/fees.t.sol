// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Stages} from "../utils/Stages.sol";
import {vm} from "../utils/Vm.sol";

// fees: of a milestone of 100 USDC with a bond of 10; per round 5 for five seats and 1 for whoever
// submits; 5 per cent of the seller's part for the marketplace
// ├── openFee goes to whoever opens
// ├── counted rounds are paid first, in every ending: accepted, rejected, split, accept, concede,
// │   agree, finalize, round 2, silence
// ├── what no round was counted for is owed to nobody
// ├── seats that abstain or are not handed in earn nothing; the submitter earns by counted seats
// └── an appeal's bond bears round 2 when the appeal changes nothing
contract FeesTest is Stages {
    address internal constant RECEIVER = address(0xFEE);
    address internal constant SECOND = address(0x5EC0);

    /// @dev What everybody got.
    struct Got {
        uint256 seller;
        uint256 buyer;
        uint256 receiver;
        uint256 submitter1;
        uint256 submitter2;
        uint256 panel1;
        uint256 panel2;
    }

    // ---- opening

    function test_theOpenFeeGoesToWhoeverOpens() public {
        IDealEscrow.Terms memory t = feeTerms();
        (t.openFee, t.total) = (usd(2), usd(102));
        bytes32 id = open(t);
        assertEq(usdc.balanceOf(RELAYER), usd(2), "relayer");
        assertEq(usdc.balanceOf(buyer), usd(1_000_000) - usd(102), "buyer");
        assertWord(id, Word(true, false, 0, 0, usd(100), usd(10)));
        assertEq(usdc.balanceOf(address(escrow)), usd(110), "escrow");
    }

    function test_theOpenFeeIsCredited_whenTheTokenRefusesTheOpener() public {
        IDealEscrow.Terms memory t = feeTerms();
        (t.openFee, t.total) = (usd(2), usd(102));
        usdc.blacklist(RELAYER);
        open(t);
        assertEq(escrow.credits(address(usdc), RELAYER), usd(2), "credit");
    }

    // ---- one round, ended at once

    function test_accepted() public {
        IDealEscrow.Terms memory t = finalTerms();
        bytes32 id = open(t);
        Got memory before = got();
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.FeesPaid(id, 0, usd(6), usd(94) / 20);
        settleAs(t, 0, noState(), ACCEPTED);
        assertGot(before, Got(usd(104) - 4_700_000, 0, 4_700_000, usd(1), 0, usd(5), 0));
    }

    function test_rejected() public {
        IDealEscrow.Terms memory t = finalTerms();
        open(t);
        Got memory before = got();
        settleAs(t, 0, noState(), REJECTED);
        assertGot(before, Got(0, usd(104), 0, usd(1), 0, usd(5), 0));
    }

    /// @dev Five abstentions are counted but earn their seats nothing.
    function test_splitByAbstentions() public {
        IDealEscrow.Terms memory t = finalTerms();
        open(t);
        Got memory before = got();
        settleAs(t, 0, noState(), UNDETERMINED);
        uint256 fee = usd(99) / 2 / 20;
        assertGot(before, Got(usd(99) / 2 - fee + usd(10), usd(99) / 2, fee, usd(1), 0, 0, 0));
    }

    function test_splitByDisagreement() public {
        IDealEscrow.Terms memory t = finalTerms();
        bytes32 caseId = caseOf(open(t), 0, WORK);
        bytes memory packed = abi.encodePacked(ALL_SEATS);
        for (uint256 seat; seat < 5; ++seat) {
            (uint16 met, uint16 failed) = seat < 2 ? (1, 0) : (0, 1);
            if (seat == 4) (met, failed) = (1, 0);
            packed = bytes.concat(packed, ballot(seat, caseId, met, failed));
        }
        Got memory before = got();
        settle(t, 0, noState(), WORK, packed);
        uint256 fee = usd(47) / 20;
        assertGot(before, Got(usd(57) - fee, usd(47), fee, usd(1), 0, usd(5), 0));
    }

    function test_seatsThatAreNotHandedInEarnNothing() public {
        IDealEscrow.Terms memory t = finalTerms();
        bytes32 caseId = caseOf(open(t), 0, WORK);
        Got memory before = got();
        settle(t, 0, noState(), WORK, ballots(FOUR_SEATS, caseId, 1, 0));
        uint256 fees = usd(4) + 800_000;
        uint256 market = (usd(100) - fees) / 20;
        assertGot(before, Got(usd(110) - fees - market, 0, market, 800_000, 0, usd(4), 0));
        assertEq(jury.fees(five, 1, 3), usd(1), "the fourth seat");
        assertEq(jury.fees(five, 1, 4), 0, "the fifth seat");
    }

    function test_seatsThatAbstainEarnNothing_butTheSubmitterDoes() public {
        IDealEscrow.Terms memory t = finalTerms();
        bytes32 caseId = caseOf(open(t), 0, WORK);
        bytes memory packed = abi.encodePacked(ALL_SEATS);
        for (uint256 seat; seat < 5; ++seat) {
            packed = bytes.concat(packed, ballot(seat, caseId, seat == 2 ? 0 : 1, 0));
        }
        Got memory before = got();
        settle(t, 0, noState(), WORK, packed);
        assertEq(jury.fees(five, 1, 2), 0, "the abstainer");
        assertGot(before, Got(usd(105) - 4_750_000, 0, 4_750_000, usd(1), 0, usd(4), 0));
    }

    function test_aSeatThatVotedAloneEarns_whereNoSubmitterDoes() public {
        IDealEscrow.Terms memory t = feeTerms();
        t.relayFee = 0;
        bytes32 caseId = caseOf(open(t), 0, WORK);
        bytes memory packed = abi.encodePacked(ALL_SEATS);
        for (uint256 seat; seat < 5; ++seat) {
            packed = bytes.concat(packed, ballot(seat, caseId, seat == 0 ? 1 : 0, 0));
        }
        vm.recordLogs();
        settle(t, 0, noState(), WORK, packed);
        IDealEscrow.SlowState[] memory state = logged();
        vm.warp(state[0].until);
        escrow.expire(t, 0, state, unasked());
        assertEq(jury.fees(ten, 1, 0), usd(1), "the seat that voted");
        assertEq(jury.fees(ten, 1, 1), 0, "a seat that did not");
    }

    // ---- no round was counted

    function test_nobodyIsOwedAnything_whenNoRoundWasCounted() public {
        IDealEscrow.Terms memory t = finalTerms();
        open(t);
        uint256 snapshot = vm.snapshotState();
        Got memory before = got();
        vm.prank(buyer);
        escrow.accept(t, 0, noState(), noConsent());
        assertGot(before, Got(usd(105), 0, usd(5), 0, 0, 0, 0));
        vm.revertToState(snapshot);
        vm.prank(seller);
        escrow.concede(t, 0, noState(), noConsent());
        assertGot(before, Got(0, usd(110), 0, 0, 0, 0, 0));
        vm.revertToState(snapshot);
        agreeOn(t, 0, noState(), usd(60));
        assertGot(before, Got(usd(60) - 2_500_000, usd(50), 2_500_000, 0, 0, 0, 0));
        vm.revertToState(snapshot);
        vm.warp(JUDGE_END);
        escrow.reclaim(t, 0, unasked());
        assertGot(before, Got(0, usd(110), 0, 0, 0, 0, 0));
        vm.revertToState(snapshot);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        vm.warp(JUDGE_END);
        escrow.expire(t, 0, state, unasked());
        assertGot(before, Got(usd(35) - 1_250_000, usd(75), 1_250_000, 0, 0, 0, 0));
    }

    // ---- a verdict that stood

    function test_finalized() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = stood(ACCEPTED);
        Got memory before = got();
        vm.warp(state[0].until);
        escrow.finalize(t, 0, state, unasked());
        assertGot(before, Got(usd(104) - 4_700_000, 0, 4_700_000, usd(1), 0, usd(5), 0));
        (t, state) = stood(REJECTED);
        before = got();
        vm.warp(state[0].until);
        escrow.finalize(t, 0, state, unasked());
        assertGot(before, Got(0, usd(104), 0, usd(1), 0, usd(5), 0));
    }

    function test_acceptedConcededOrAgreed_afterAVerdict() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = stood(REJECTED);
        uint256 snapshot = vm.snapshotState();
        Got memory before = got();
        vm.prank(buyer);
        escrow.accept(t, 0, state, noConsent());
        assertGot(before, Got(usd(104) - 4_700_000, 0, 4_700_000, usd(1), 0, usd(5), 0));
        vm.revertToState(snapshot);
        vm.prank(seller);
        escrow.concede(t, 0, state, noConsent());
        assertGot(before, Got(0, usd(104), 0, usd(1), 0, usd(5), 0));
        vm.revertToState(snapshot);
        agreeOn(t, 0, state, usd(60));
        assertGot(before, Got(usd(60) - 2_500_000, usd(44), 2_500_000, usd(1), 0, usd(5), 0));
        vm.revertToState(snapshot);
        // All that there is but one unit: the marketplace takes nothing of the bond.
        agreeOn(t, 0, state, usd(10));
        assertGot(before, Got(usd(10), usd(94), 0, usd(1), 0, usd(5), 0));
    }

    function test_reverts_whenTheyAgreeOnMoreThanTheFeesLeave() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = stood(REJECTED);
        uint128 most = uint128(usd(104));
        IDealEscrow.Consent memory b = signedAgree(BUYER_KEY, t, 0, state, most + 1, false, 0);
        IDealEscrow.Consent memory s = signedAgree(SELLER_KEY, t, 0, state, most + 1, false, 0);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.SplitTooLarge.selector, most + 1, most));
        escrow.agree(t, 0, state, most + 1, false, b, s);
        agreeOn(t, 0, state, most);
    }

    // ---- two rounds

    function test_bothRoundsAreTheMilestones_whenNothingStood() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = stood(UNDETERMINED);
        // Round 1's five abstained: only its submitter earned.
        uint256 snapshot = vm.snapshotState();
        Got memory before = got();
        settle2(t, state, ACCEPTED);
        uint256 fee = usd(93) / 20;
        assertGot(before, Got(usd(103) - fee, 0, fee, usd(1), usd(1), 0, usd(5)));
        vm.revertToState(snapshot);
        settle2(t, state, REJECTED);
        assertGot(before, Got(0, usd(103), 0, usd(1), usd(1), 0, usd(5)));
        vm.revertToState(snapshot);
        settle2(t, state, UNDETERMINED);
        fee = usd(49) / 20;
        assertGot(before, Got(usd(59) - fee, usd(49), fee, usd(1), usd(1), 0, 0));
        vm.revertToState(snapshot);
        vm.warp(state[0].until);
        escrow.expire(t, 0, state, unasked());
        fee = usd(99) / 4 / 20;
        uint256 part = usd(99) / 4;
        assertGot(before, Got(part - fee + usd(10), usd(99) - part, fee, usd(1), 0, 0, 0));
    }

    function test_theAppealsBondBearsRound2_whenUpheld() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = appealedOn(ACCEPTED);
        Got memory before = got();
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.AppealBondPaid(escrow.dealIdOf(t), 0, seller, usd(14), usd(6));
        settle2(t, state, ACCEPTED);
        assertGot(before, Got(usd(118) - 4_700_000, 0, 4_700_000, usd(1), usd(1), usd(5), usd(5)));
        (t, state) = appealedOn(REJECTED);
        before = got();
        settle2(t, state, REJECTED);
        assertGot(before, Got(0, usd(118), 0, usd(1), usd(1), usd(5), usd(5)));
    }

    function test_theAppealsBondBearsRound2_whenThePanelDoesNotAgree() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = appealedOn(ACCEPTED);
        Got memory before = got();
        settle2(t, state, UNDETERMINED);
        assertGot(before, Got(usd(104) - 4_700_000, usd(19), 4_700_000, usd(1), usd(1), usd(5), 0));
        (t, state) = appealedOn(REJECTED);
        before = got();
        settle2(t, state, UNDETERMINED);
        assertGot(before, Got(usd(19), usd(104), 0, usd(1), usd(1), usd(5), 0));
    }

    function test_bothRoundsAreTheMilestones_whenOverturned() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = appealedOn(ACCEPTED);
        Got memory before = got();
        settle2(t, state, REJECTED);
        assertGot(before, Got(0, usd(98 + 20), 0, usd(1), usd(1), usd(5), usd(5)));
        (t, state) = appealedOn(REJECTED);
        before = got();
        settle2(t, state, ACCEPTED);
        assertGot(before, Got(usd(118) - 4_400_000, 0, 4_400_000, usd(1), usd(1), usd(5), usd(5)));
    }

    function test_theAppealsBondGoesBackWhole_whenTheAppealPanelIsSilent() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = appealedOn(ACCEPTED);
        Got memory before = got();
        vm.warp(state[0].until);
        escrow.expire(t, 0, state, unasked());
        assertGot(before, Got(usd(104) - 4_700_000, usd(20), 4_700_000, usd(1), 0, usd(5), 0));
        (t, state) = appealedOn(REJECTED);
        before = got();
        vm.warp(state[0].until);
        escrow.expire(t, 0, state, unasked());
        assertGot(before, Got(usd(20), usd(104), 0, usd(1), 0, usd(5), 0));
    }

    function test_acceptedConcededOrAgreed_duringAnAppeal() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = appealedOn(ACCEPTED);
        uint256 snapshot = vm.snapshotState();
        Got memory before = got();
        vm.prank(buyer);
        escrow.accept(t, 0, state, noConsent());
        assertGot(before, Got(usd(124) - 4_700_000, 0, 4_700_000, usd(1), 0, usd(5), 0));
        vm.revertToState(snapshot);
        vm.prank(seller);
        escrow.concede(t, 0, state, noConsent());
        assertGot(before, Got(0, usd(124), 0, usd(1), 0, usd(5), 0));
        vm.revertToState(snapshot);
        agreeOn(t, 0, state, usd(10));
        assertGot(before, Got(usd(10), usd(94 + 20), 0, usd(1), 0, usd(5), 0));

        (t, state) = appealedOn(REJECTED);
        snapshot = vm.snapshotState();
        before = got();
        vm.prank(buyer);
        escrow.accept(t, 0, state, noConsent());
        assertGot(before, Got(usd(124) - 4_700_000, 0, 4_700_000, usd(1), 0, usd(5), 0));
        vm.revertToState(snapshot);
        vm.prank(seller);
        escrow.concede(t, 0, state, noConsent());
        assertGot(before, Got(0, usd(124), 0, usd(1), 0, usd(5), 0));
        vm.revertToState(snapshot);
        agreeOn(t, 0, state, usd(10));
        assertGot(before, Got(usd(30), usd(94), 0, usd(1), 0, usd(5), 0));
    }

    // ---- helpers

    function feeTerms() internal view returns (IDealEscrow.Terms memory t) {
        t = appealTerms(1);
        withFees(t);
        (t.feeBps, t.feeReceiver) = (500, RECEIVER);
    }

    /// @dev Without appeal.
    function finalTerms() internal view returns (IDealEscrow.Terms memory t) {
        t = feeTerms();
        (t.jury, t.appealWithin, t.appealBond) = (five, 0, 0);
    }

    function stood(IJury.Outcome outcome)
        internal
        returns (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state)
    {
        vm.warp(START);
        t = feeTerms();
        t.salt = keccak256(abi.encode(outcome, usdc.balanceOf(RELAYER)));
        open(t);
        state = judged(t, 0, outcome);
    }

    function appealedOn(IJury.Outcome outcome)
        internal
        returns (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state)
    {
        (t, state) = stood(outcome);
        state = appealed(t, 0, state);
    }

    /// @dev Another submitter hands in round 2.
    function settle2(
        IDealEscrow.Terms memory t,
        IDealEscrow.SlowState[] memory state,
        IJury.Outcome outcome
    ) internal {
        bytes memory packed = fullVote(t, 0, state, outcome);
        vm.prank(SECOND);
        escrow.settle(t, 0, state, WORK, packed);
    }

    function got() internal view returns (Got memory g) {
        g.seller = usdc.balanceOf(seller);
        g.buyer = usdc.balanceOf(buyer);
        g.receiver = usdc.balanceOf(RECEIVER);
        g.submitter1 = usdc.balanceOf(RELAYER);
        g.submitter2 = usdc.balanceOf(SECOND);
        (g.panel1, g.panel2) = (potsOf(1), potsOf(2));
        assertEq(usdc.balanceOf(address(jury)), g.panel1 + g.panel2, "all of it is in pots");
    }

    function potsOf(uint8 round) internal view returns (uint256 sum) {
        for (uint8 seat; seat < 5; ++seat) {
            sum += jury.fees(ten, round, seat) + jury.fees(five, round, seat);
        }
    }

    function assertGot(Got memory before, Got memory more) internal view {
        Got memory after_ = got();
        assertEq(after_.seller - before.seller, more.seller, "seller");
        assertEq(after_.buyer - before.buyer, more.buyer, "buyer");
        assertEq(after_.receiver - before.receiver, more.receiver, "receiver");
        assertEq(after_.submitter1 - before.submitter1, more.submitter1, "submitter 1");
        assertEq(after_.submitter2 - before.submitter2, more.submitter2, "submitter 2");
        assertEq(after_.panel1 - before.panel1, more.panel1, "panel");
        assertEq(after_.panel2 - before.panel2, more.panel2, "appeal panel");
    }
}
