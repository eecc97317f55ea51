// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../src/interfaces/IDealEscrow.sol";
import {Ending, IReputationRegistry} from "../src/interfaces/IReputationRegistry.sol";
import {Stages} from "./utils/Stages.sol";
import {vm} from "./utils/Vm.sol";

// attacks with time, states and facts: each test is named after what was tried
// ├── the last second of every window, and the second after it
// ├── parties that vanish, chains that halt
// ├── appeals by whom and when they must not be
// └── endings that should cost a bond, a fact or a milestone
contract AttacksOnTimeTest is Stages {
    // ---- windows

    function test_lastSecondDelivery_atTheWindowLessOne_theWindow_andOneMore() public {
        for (uint256 i; i < 3; ++i) {
            IDealEscrow.Terms memory t = fresh(i);
            open(t);
            vm.warp(DELIVER_BY - 1 + i);
            vm.prank(seller);
            (bool ok,) = address(escrow)
                .call(abi.encodeCall(escrow.deliver, (t, 0, WORK, "", "", unasked())));
            assertEq(ok, i == 0, "delivered");
            vm.warp(START);
        }
    }

    function test_lastSecondVerdict_atTheWindowLessOne_theWindow_andOneMore() public {
        for (uint256 i; i < 3; ++i) {
            IDealEscrow.Terms memory t = fresh(i);
            open(t);
            bytes memory packed = fullVote(t, 0, noState(), ACCEPTED);
            vm.warp(JUDGE_END - 1 + i);
            uint256 snapshot = vm.snapshotState();
            (bool verdict,) =
                address(escrow).call(abi.encodeCall(escrow.settle, (t, 0, noState(), WORK, packed)));
            vm.revertToState(snapshot);
            (bool timed,) = address(escrow).call(abi.encodeCall(escrow.reclaim, (t, 0, unasked())));
            assertEq(verdict, i == 0, "verdict");
            assertEq(timed, i != 0, "reclaim");
            vm.warp(START);
        }
    }

    function test_lastSecondAppeal_atTheWindowLessOne_theWindow_andOneMore_byBothActors() public {
        for (uint256 i; i < 6; ++i) {
            IDealEscrow.Terms memory t = fresh(i);
            open(t);
            IDealEscrow.SlowState[] memory state = judged(t, 0, i < 3 ? ACCEPTED : REJECTED);
            bytes memory a = appealAuthorization(t, 0, state, 0);
            vm.warp(state[0].until - 1 + i % 3);
            uint256 snapshot = vm.snapshotState();
            (bool asks,) =
                address(escrow).call(abi.encodeCall(escrow.appeal, (t, 0, state, 0, FOREVER, a)));
            vm.revertToState(snapshot);
            (bool ends,) =
                address(escrow).call(abi.encodeCall(escrow.finalize, (t, 0, state, unasked())));
            assertEq(asks, i % 3 == 0, "appeal");
            assertEq(ends, i % 3 != 0, "finalize");
            vm.warp(START);
        }
    }

    function test_oneSecondWindows() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        t.judgeWithin = 1;
        openReverts(
            t,
            abi.encodeWithSelector(IDealEscrow.WindowTooShort.selector, "judgeWithin", 1, 1 hours)
        );
        (t.judgeWithin, t.appealWithin) = (1 hours, 1);
        openReverts(
            t,
            abi.encodeWithSelector(IDealEscrow.WindowTooShort.selector, "appealWithin", 1, 1 hours)
        );
    }

    function test_aDealOpenedAMomentBeforeItsDeadline() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.milestones[0].deliverBy = OPEN_BY + 1 hours;
        vm.warp(OPEN_BY - 1);
        open(t);
        // The seller still has an hour.
        vm.warp(OPEN_BY + 1 hours - 1);
        deliver(t, 0, WORK);
        t.milestones[0].deliverBy -= 1;
        vm.warp(OPEN_BY - 1);
        openReverts(
            t,
            abi.encodeWithSelector(
                IDealEscrow.DeliverByTooEarly.selector,
                0,
                OPEN_BY + 1 hours - 1,
                uint256(OPEN_BY) + 1 hours
            )
        );
    }

    /// @dev The halt eats the panel's window: time takes over, as if the jury had been silent.
    function test_aTwoHourHaltAcrossAWindow() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        bytes memory packed = fullVote(t, 0, state, ACCEPTED);
        uint256 until = state[0].until;
        vm.warp(until - 1 hours + 2 hours);
        vm.expectRevert(
            abi.encodeWithSelector(IDealEscrow.DeadlinePassed.selector, until + 1 hours, until)
        );
        settle(t, 0, state, WORK, packed);
        // The appeal panel gets its whole window from here.
        state = escalated(t, 0, state);
        assertEq(state[0].until, until + 1 hours + 1 days, "until");
        settleAs(t, 0, state, ACCEPTED);
    }

    function test_tokenPausedAcrossJudgeEnd() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        withFees(t);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, REJECTED);
        usdc.pause();
        vm.warp(state[0].until);
        escrow.finalize(t, 0, state, unasked());
        assertWord(id, Word(true, false, 1, 0, 0, 0));
        assertEq(escrow.credits(address(usdc), buyer), usd(104), "buyer");
        assertEq(escrow.credits(address(usdc), RELAYER), usd(1), "relayer");
        assertEq(escrow.credits(address(usdc), juror(0)), usd(1), "juror");
        usdc.unpause();
        escrow.withdraw(address(usdc), buyer);
        assertEq(usdc.balanceOf(buyer), usd(1_000_004), "buyer");
    }

    // ---- who is gone

    function test_buyerGone() public {
        IDealEscrow.Terms memory t = appealTerms(2);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, ACCEPTED);
        IDealEscrow.SlowState[] memory other = deliver(t, 1, WORK);
        usdc.blacklist(buyer);
        vm.warp(state[0].until);
        vm.prank(seller);
        escrow.finalize(t, 0, state, unasked());
        vm.prank(seller);
        other = escalated(t, 1, other);
        settleAs(t, 1, other, ACCEPTED);
        assertWord(id, Word(true, false, 3, 0, 0, 0));
        assertEq(usdc.balanceOf(seller), usd(1_000_200), "seller");
    }

    function test_sellerGone() public {
        IDealEscrow.Terms memory t = appealTerms(2);
        bytes32 id = open(t);
        usdc.blacklist(seller);
        vm.warp(JUDGE_END);
        vm.prank(buyer);
        escrow.reclaim(t, 0, unasked());
        escrow.reclaim(t, 1, unasked());
        assertWord(id, Word(true, false, 3, 0, 0, 0));
        assertEq(usdc.balanceOf(buyer), usd(1_000_010), "buyer, with the bond");
    }

    function test_settleAfterReclaim() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        bytes memory packed = fullVote(t, 0, noState(), ACCEPTED);
        vm.warp(JUDGE_END);
        escrow.reclaim(t, 0, unasked());
        vm.warp(START);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0));
        settle(t, 0, noState(), WORK, packed);
    }

    function test_unfundedRefund() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        usdc.mint(address(escrow), usd(1000));
        bytes memory unknown =
            abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, escrow.dealIdOf(t));
        vm.warp(FOREVER);
        vm.expectRevert(unknown);
        escrow.reclaim(t, 0, unasked());
        vm.expectRevert(unknown);
        vm.prank(seller);
        escrow.concede(t, 0, noState(), noConsent());
        vm.expectRevert(unknown);
        vm.prank(buyer);
        escrow.accept(t, 0, noState(), noConsent());
    }

    function test_revokedTerms() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        vm.prank(seller);
        escrow.revoke(t, seller, noConsent());
        openReverts(
            t, abi.encodeWithSelector(IDealEscrow.DealIsRevoked.selector, escrow.dealIdOf(t))
        );
    }

    // ---- appeals

    function test_appealByTheWinner_twice_andIntoSilence() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, ACCEPTED);
        bytes32 digest = appealDigest(t, 0, state, 0);
        bytes memory winners = byNonce(SELLER_KEY, APPEAL_BOND, FOREVER, digest);
        vm.expectRevert(text("FiatTokenV2: invalid signature"));
        escrow.appeal(t, 0, state, 0, FOREVER, winners);
        state = appealed(t, 0, state);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDealEscrow.StatusMismatch.selector,
                IDealEscrow.Status.Round2,
                IDealEscrow.Status.Judged
            )
        );
        escrow.appeal(t, 0, state, 0, FOREVER, winners);
        vm.warp(state[0].until);
        Purses memory before = purses();
        escrow.expire(t, 0, state, unasked());
        assertPaid(before, usd(110), APPEAL_BOND);
    }

    function test_agreeAndCascadeDuringAnAppeal() public {
        IDealEscrow.Terms memory t = sequence();
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, REJECTED);
        // Nothing behind the appealed milestone can move, so nothing there can be cascaded over.
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.OutOfOrder.selector, 1, 0));
        vm.prank(seller);
        escrow.deliver(t, 1, WORK, "", "", unasked());
        uint256 snapshot = vm.snapshotState();
        Purses memory before = purses();
        agreeOn(t, 0, state, usd(5));
        assertPaid(before, usd(5) + APPEAL_BOND, usd(100));
        assertWord(id, Word(true, false, 1, 0, usd(100), usd(5)));
        vm.revertToState(snapshot);
        before = purses();
        vm.prank(seller);
        escrow.concede(t, 0, state, noConsent());
        assertPaid(before, usd(5), usd(205) + APPEAL_BOND);
        assertWord(id, Word(true, false, 3, 0, 0, 0));
    }

    // ---- bonds and facts

    function test_concedingToSaveABond() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, REJECTED);
        Purses memory before = purses();
        vm.prank(seller);
        escrow.concede(t, 0, state, noConsent());
        assertPaid(before, 0, usd(110));
        assertEq(standingOf(seller, IReputationRegistry.Role.Seller).badCount, 1, "bad");
    }

    function test_agreeAfterARejectionKeepsTheFact() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, REJECTED);
        expectEnded(id, 0, Ending.Agreed, usd(110), 0);
        agreeOn(t, 0, state, usd(110));
        IReputationRegistry.Standing memory s = standingOf(seller, IReputationRegistry.Role.Seller);
        assertEq(s.badCount, 1, "bad");
        assertEq(uint256(s.goodCount) + s.neutralCount, 0, "one fact");
    }

    /// @dev A seller that buys its buyer off after the rejection, by its release.
    function test_acceptAfterARejectionKeepsTheFact() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, REJECTED);
        vm.prank(buyer);
        escrow.accept(t, 0, state, noConsent());
        IReputationRegistry.Standing memory s = standingOf(seller, IReputationRegistry.Role.Seller);
        assertEq(s.badCount, 1, "bad");
        assertEq(s.appealsLost, 0, "its appeal was not lost");
    }

    function test_acceptDuringTheBuyersOwnAppealLosesIt() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, ACCEPTED);
        vm.prank(buyer);
        escrow.accept(t, 0, state, noConsent());
        IReputationRegistry.Standing memory b = standingOf(buyer, IReputationRegistry.Role.Buyer);
        assertEq(b.appealsLost, 1, "lost");
        assertEq(b.badCount, 1, "bad");
        assertEq(standingOf(seller, IReputationRegistry.Role.Seller).goodCount, 1, "seller");
    }

    function test_concedeDuringTheSellersOwnAppealLosesIt() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, REJECTED);
        vm.prank(seller);
        escrow.concede(t, 0, state, noConsent());
        IReputationRegistry.Standing memory s = standingOf(seller, IReputationRegistry.Role.Seller);
        assertEq(s.appealsLost, 1, "lost");
        assertEq(s.badCount, 1, "one bad fact");
    }

    function test_dustWritesAgainstTheRateLimit() public {
        IDealEscrow.Terms memory t = makeTerms(16);
        open(t);
        for (uint8 k; k < 16; ++k) {
            vm.prank(buyer);
            escrow.accept(t, k, noState(), noConsent());
        }
        IReputationRegistry.Standing memory s = standingOf(seller, IReputationRegistry.Role.Seller);
        assertEq(s.goodCount, 16, "counted");
        assertAtMost(s.good, 10 << 16, "but a bucket of ten");
    }

    // ---- helpers

    function fresh(uint256 salt) internal view returns (IDealEscrow.Terms memory t) {
        t = appealTerms(1);
        t.salt = bytes32(salt);
    }

    function sequence() internal view returns (IDealEscrow.Terms memory t) {
        t = appealTerms(2);
        t.sequential = true;
        t.milestones[1].deliverBy = DELIVER_BY + 4 days;
    }
}
