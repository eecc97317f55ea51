// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Ending} from "../../src/interfaces/IReputationRegistry.sol";
import {Stages} from "../utils/Stages.sol";
import {Vm, vm} from "../utils/Vm.sol";

// the table of statuses
// ├── every stage allows exactly its acts, on both sides of its window
// ├── nothing leaves an ending: every ending with every act
// ├── at every instant either a verdict or an appeal is possible, or exactly one timed ending
// └── endings are numbered as the registry reads them
contract StatusesTest is Stages {
    enum Stage {
        Unopened,
        Pending,
        Delivered, // no appeal panel
        DeliveredBeforeTwo,
        JudgedAccepted,
        JudgedRejected,
        Round2,
        Round2Accepted,
        Round2Rejected
    }

    enum Act {
        Open,
        SettleAccepted,
        SettleRejected,
        SettleUndetermined,
        Accept,
        Concede,
        Agree,
        Reclaim,
        Expire,
        Finalize,
        Escalate,
        Deliver,
        AppealByBuyer,
        AppealBySeller,
        Revoke
    }

    uint256 internal constant STAGES = 9;
    uint256 internal constant ACTS = 15;

    function test_everyStageAllowsExactlyItsActs() public {
        for (uint256 stage; stage < STAGES; ++stage) {
            for (uint256 late; late < 2; ++late) {
                uint256 start = vm.snapshotState();
                (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) =
                    reach(Stage(stage));
                if (late == 1) vm.warp(windowEnd(state));
                for (uint256 i; i < ACTS; ++i) {
                    uint256 snapshot = vm.snapshotState();
                    (bool ok,) = perform(Act(i), t, state);
                    assertEq(ok, allowed(Stage(stage), Act(i), late == 1), label(stage, late, i));
                    vm.revertToState(snapshot);
                }
                vm.revertToState(start);
            }
        }
    }

    /// @dev The table, written down.
    function allowed(Stage stage, Act act, bool late) internal pure returns (bool) {
        bool round2 = stage >= Stage.Round2;
        bool delivered = stage == Stage.Delivered || stage == Stage.DeliveredBeforeTwo;
        bool judgedNow = stage == Stage.JudgedAccepted || stage == Stage.JudgedRejected;
        if (act == Act.Open) return stage == Stage.Unopened && !late;
        if (act == Act.Revoke) return stage == Stage.Unopened;
        if (stage == Stage.Unopened) return false;
        if (act == Act.Accept || act == Act.Concede || act == Act.Agree) return true;
        if (act == Act.Deliver) return stage == Stage.Pending && !late;
        if (act == Act.Reclaim) return stage == Stage.Pending && late;
        if (act == Act.Escalate) return stage == Stage.DeliveredBeforeTwo && late;
        if (act == Act.Expire) return (stage == Stage.Delivered || round2) && late;
        if (act == Act.Finalize) return judgedNow && late;
        if (act == Act.AppealByBuyer) return stage == Stage.JudgedAccepted && !late;
        if (act == Act.AppealBySeller) return stage == Stage.JudgedRejected && !late;
        return (stage == Stage.Pending || delivered || round2) && !late;
    }

    function test_nothingLeavesEnded() public {
        uint256 endings;
        for (uint256 stage = 1; stage < STAGES; ++stage) {
            for (uint256 first = 1; first <= uint256(Act.Finalize); ++first) {
                if (!ends(Stage(stage), Act(first))) continue;
                ++endings;
                uint256 snapshot = vm.snapshotState();
                (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) =
                    reach(Stage(stage));
                if (isTimed(Act(first))) vm.warp(windowEnd(state));
                (bool ok,) = perform(Act(first), t, state);
                assertTrue(ok, label(stage, first, 99));
                everythingReverts(t, state, label(stage, first, 0));
                vm.revertToState(snapshot);
            }
        }
        assertEq(endings, 43, "ways to end");
    }

    function everythingReverts(
        IDealEscrow.Terms memory t,
        IDealEscrow.SlowState[] memory state,
        string memory what
    ) internal {
        bytes32 id = escrow.dealIdOf(t);
        Purses memory before = purses();
        bytes memory ended =
            abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0);
        bytes memory exists = abi.encodeWithSelector(IDealEscrow.DealExists.selector, id);
        vm.warp(START);
        for (uint256 second; second < ACTS; ++second) {
            (bool ok, bytes memory answer) = perform(Act(second), t, state);
            assertTrue(!ok, what);
            bool opens = Act(second) == Act.Open || Act(second) == Act.Revoke;
            assertEq(answer, opens ? exists : ended, what);
        }
        assertEq(abi.encode(purses()), abi.encode(before), "purses");
    }

    /// forge-config: default.fuzz.runs = 64
    function test_atEveryInstantThereIsAVerdictOrOneTimedEnding(uint256 moment, uint8 which)
        public
    {
        Stage stage = Stage(bound(which, 1, STAGES - 1));
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = reach(stage);
        uint256 end = windowEnd(state);
        moment = moment % 8 < 3 ? end - 1 + moment % 8 : bound(moment, START, START + 700 days);
        vm.warp(moment);
        uint256 timed;
        uint256 judging;
        for (uint256 i = 1; i < ACTS; ++i) {
            if (i >= uint256(Act.Accept) && i <= uint256(Act.Agree)) continue;
            if (Act(i) == Act.Deliver) continue;
            uint256 snapshot = vm.snapshotState();
            (bool ok,) = perform(Act(i), t, state);
            if (ok && isTimed(Act(i))) ++timed;
            else if (ok) ++judging;
            vm.revertToState(snapshot);
        }
        assertEq(timed, moment < end ? 0 : 1, "timed endings");
        bool waits = stage == Stage.JudgedAccepted || stage == Stage.JudgedRejected;
        assertEq(judging, moment < end ? (waits ? 1 : 3) : 0, "verdicts or appeals");
    }

    function test_theEndingsAreNumberedAsTheRegistryReadsThem() public {
        endsAs(Stage.Delivered, Act.SettleAccepted, Ending.Accepted);
        endsAs(Stage.Delivered, Act.SettleRejected, Ending.Rejected);
        endsAs(Stage.Delivered, Act.SettleUndetermined, Ending.Undetermined);
        endsAs(Stage.Pending, Act.Accept, Ending.Accepted);
        endsAs(Stage.Pending, Act.Concede, Ending.Conceded);
        endsAs(Stage.Pending, Act.Agree, Ending.Agreed);
        endsAs(Stage.Pending, Act.Reclaim, Ending.Reclaimed);
        endsAs(Stage.Delivered, Act.Expire, Ending.Silent);
        endsAs(Stage.Round2, Act.Expire, Ending.Silent);
        endsAs(Stage.Round2Accepted, Act.Expire, Ending.Accepted);
        endsAs(Stage.Round2Rejected, Act.Expire, Ending.Rejected);
        endsAs(Stage.JudgedAccepted, Act.Finalize, Ending.Accepted);
        endsAs(Stage.JudgedRejected, Act.Finalize, Ending.Rejected);
        endsAs(Stage.Round2, Act.SettleUndetermined, Ending.Undetermined);
        endsAs(Stage.Round2Accepted, Act.SettleUndetermined, Ending.Accepted);
        endsAs(Stage.Round2Rejected, Act.SettleUndetermined, Ending.Rejected);
        endsAs(Stage.Round2Accepted, Act.SettleRejected, Ending.Rejected);
        endsAs(Stage.Round2Rejected, Act.SettleAccepted, Ending.Accepted);
    }

    // ---- helpers

    function endsAs(Stage stage, Act act, Ending needed) internal {
        uint256 snapshot = vm.snapshotState();
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = reach(stage);
        if (isTimed(act)) vm.warp(windowEnd(state));
        vm.recordLogs();
        (bool ok,) = perform(act, t, state);
        assertTrue(ok, "act");
        assertEq(endingLogged(), uint8(needed), label(uint256(stage), uint256(act), 0));
        vm.revertToState(snapshot);
    }

    /// @dev Which allowed acts end the milestone instead of moving it on.
    function ends(Stage stage, Act act) internal pure returns (bool) {
        if (!allowed(stage, act, isTimed(act))) return false;
        if (act > Act.SettleUndetermined) return true;
        return stage == Stage.Delivered || stage >= Stage.Round2;
    }

    function isTimed(Act act) internal pure returns (bool) {
        return act >= Act.Reclaim && act <= Act.Escalate;
    }

    function reach(Stage stage)
        internal
        returns (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state)
    {
        t = appealTerms(1);
        if (stage == Stage.Delivered) {
            (t.jury, t.appealWithin, t.appealBond) = (five, 0, 0);
        }
        state = noState();
        if (stage == Stage.Unopened) return (t, state);
        open(t);
        if (stage == Stage.Delivered || stage == Stage.DeliveredBeforeTwo) {
            state = deliver(t, 0, WORK);
        }
        if (stage == Stage.JudgedAccepted) state = judged(t, 0, ACCEPTED);
        if (stage == Stage.JudgedRejected) state = judged(t, 0, REJECTED);
        if (stage == Stage.Round2) state = judged(t, 0, UNDETERMINED);
        if (stage == Stage.Round2Accepted) state = appealed(t, 0, ACCEPTED);
        if (stage == Stage.Round2Rejected) state = appealed(t, 0, REJECTED);
    }

    function windowEnd(IDealEscrow.SlowState[] memory state) internal pure returns (uint256) {
        return state.length == 0 ? JUDGE_END : state[0].until;
    }

    function perform(Act act, IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state)
        internal
        returns (bool, bytes memory)
    {
        bytes memory data = encode(act, t, state);
        vm.prank(RELAYER);
        return address(escrow).call(data);
    }

    function encode(Act act, IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state)
        internal
        view
        returns (bytes memory)
    {
        IDealEscrow.Requested[] memory no = unasked();
        if (act == Act.Open) {
            return abi.encodeCall(escrow.open, (t, buyerAuthorization(t), sellerAuthorization(t)));
        }
        if (act == Act.Revoke) return encodeRevoke(t);
        if (act == Act.Deliver) return encodeDelivery(t);
        if (act == Act.Accept) {
            return abi.encodeCall(escrow.accept, (t, 0, state, signedAccept(t, 0, state, 0)));
        }
        if (act == Act.Concede) {
            return abi.encodeCall(escrow.concede, (t, 0, state, signedConcede(t, 0, state, 0)));
        }
        if (act == Act.Agree) return encodeAgree(t, state);
        if (act == Act.Reclaim) return abi.encodeCall(escrow.reclaim, (t, 0, no));
        if (act == Act.Expire) return abi.encodeCall(escrow.expire, (t, 0, state, no));
        if (act == Act.Escalate) return abi.encodeCall(escrow.escalate, (t, 0, state, no));
        if (act == Act.Finalize) return abi.encodeCall(escrow.finalize, (t, 0, state, no));
        if (act == Act.AppealByBuyer || act == Act.AppealBySeller) {
            uint256 key = act == Act.AppealByBuyer ? BUYER_KEY : SELLER_KEY;
            return encodeAppeal(t, state, key);
        }
        bytes memory packed = fullVote(t, 0, state, IJury.Outcome(uint256(act)));
        return abi.encodeCall(escrow.settle, (t, 0, state, WORK, packed));
    }

    function encodeRevoke(IDealEscrow.Terms memory t) internal view returns (bytes memory) {
        IDealEscrow.Revoke memory act = IDealEscrow.Revoke(escrow.dealIdOf(t), 0, FOREVER);
        bytes32 digest = digests.revokeDigest(address(escrow), act);
        return abi.encodeCall(escrow.revoke, (t, seller, signedFor(SELLER_KEY, digest, 0)));
    }

    function encodeDelivery(IDealEscrow.Terms memory t) internal view returns (bytes memory) {
        IDealEscrow.Delivery memory d = IDealEscrow.Delivery(escrow.dealIdOf(t), 0, WORK, "");
        bytes memory s = sign(SELLER_KEY, digests.deliveryDigest(address(escrow), d));
        return abi.encodeCall(escrow.deliver, (t, 0, WORK, "", s, unasked()));
    }

    function encodeAgree(IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state)
        internal
        view
        returns (bytes memory)
    {
        IDealEscrow.Consent memory b = signedAgree(BUYER_KEY, t, 0, state, usd(1), false, 0);
        IDealEscrow.Consent memory s = signedAgree(SELLER_KEY, t, 0, state, usd(1), false, 0);
        return abi.encodeCall(escrow.agree, (t, 0, state, usd(1), false, b, s));
    }

    /// @dev Even with nothing to appeal against, somebody may try.
    function encodeAppeal(
        IDealEscrow.Terms memory t,
        IDealEscrow.SlowState[] memory state,
        uint256 key
    ) internal view returns (bytes memory) {
        IDealEscrow.Appeal memory act = IDealEscrow.Appeal(
            escrow.dealIdOf(t), 0, standingIn(state), 0, FOREVER
        );
        bytes32 digest = digests.appealDigest(address(escrow), act);
        bytes memory a = byNonce(key, t.appealBond, FOREVER, digest);
        return abi.encodeCall(escrow.appeal, (t, 0, state, 0, FOREVER, a));
    }

    function endingLogged() internal returns (uint256 ending) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] == IDealEscrow.MilestoneEnded.selector) {
                (ending,,) = abi.decode(logs[i].data, (uint256, uint256, uint256));
            }
        }
    }

    function label(uint256 a, uint256 b, uint256 c) internal pure returns (string memory) {
        return string.concat(vm.toString(a), " ", vm.toString(b), " ", vm.toString(c));
    }
}
