// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Ending} from "../../src/interfaces/IReputationRegistry.sol";
import {Fixture} from "../utils/Fixture.sol";
import {Vm, vm} from "../utils/Vm.sol";

// the table of statuses
// ├── Pending: deliver, settle, accept, concede, agree; reclaim from judgeEnd
// ├── Delivered: settle, accept, concede, agree; expire from judgeEnd
// ├── Ended: nothing, for every pair of endings
// └── at every instant either a verdict or a timed ending is possible, never both
contract StatusesTest is Fixture {
    enum Act {
        Deliver,
        SettleAccepted,
        SettleRejected,
        SettleUndetermined,
        Accept,
        Concede,
        Agree,
        Reclaim,
        Expire
    }

    uint256 internal constant ACTS = 9;

    function test_everyLiveStatusAllowsExactlyItsActs() public {
        for (uint256 slow; slow < 2; ++slow) {
            for (uint256 late; late < 2; ++late) {
                for (uint256 i; i < ACTS; ++i) {
                    uint256 snapshot = vm.snapshotState();
                    bool ok = tryAct(Act(i), slow == 1, late == 1);
                    assertEq(ok, allowed(Act(i), slow == 1, late == 1), label(i, slow, late));
                    vm.revertToState(snapshot);
                }
            }
        }
    }

    /// @dev The table, written down.
    function allowed(Act act, bool slow, bool late) internal pure returns (bool) {
        if (act == Act.Deliver) return !slow && !late;
        if (act == Act.Reclaim) return !slow && late;
        if (act == Act.Expire) return slow && late;
        if (act == Act.Accept || act == Act.Concede || act == Act.Agree) return true;
        return !late;
    }

    function test_nothingLeavesEnded() public {
        for (uint256 first = 1; first < ACTS; ++first) {
            bool slow = Act(first) == Act.Expire;
            bool late = slow || Act(first) == Act.Reclaim;
            uint256 snapshot = vm.snapshotState();
            assertTrue(tryAct(Act(first), slow, late), "the first ending");
            IDealEscrow.Terms memory t = makeTerms(1);
            bytes32 id = escrow.dealIdOf(t);
            Purses memory before = purses();
            for (uint256 second; second < ACTS; ++second) {
                bytes memory with =
                    abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0);
                IDealEscrow.SlowState[] memory state = slow ? slowState(t) : noState();
                (bool ok, bytes memory answer) = perform(Act(second), t, state);
                assertTrue(!ok, label(first, second, 2));
                assertEq(answer, with, label(first, second, 2));
            }
            assertEq(abi.encode(purses()), abi.encode(before), "purses");
            vm.revertToState(snapshot);
        }
    }

    /// forge-config: default.fuzz.runs = 64
    function test_atEveryInstantOneOfVerdictAndTimeIsPossible(uint256 moment, bool slow) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        uint256 judgeEnd = slow ? START + 1 days : JUDGE_END;
        IDealEscrow.SlowState[] memory state = slow ? deliver(t, 0, WORK) : noState();
        moment = moment % 8 < 3 ? judgeEnd - 1 + moment % 8 : bound(moment, START, START + 700 days);
        vm.warp(moment);
        uint256 snapshot = vm.snapshotState();
        (bool verdict,) = perform(Act.SettleAccepted, t, state);
        vm.revertToState(snapshot);
        (bool timed,) = perform(slow ? Act.Expire : Act.Reclaim, t, state);
        assertEq(verdict, moment < judgeEnd, "verdict");
        assertEq(timed, moment >= judgeEnd, "timed");
    }

    function test_theEndingsAreNumberedAsTheRegistryReadsThem() public {
        Ending[9] memory endings = [
            Ending.None,
            Ending.Accepted,
            Ending.Rejected,
            Ending.Undetermined,
            Ending.Accepted,
            Ending.Conceded,
            Ending.Agreed,
            Ending.Reclaimed,
            Ending.Silent
        ];
        for (uint256 i = 1; i < ACTS; ++i) {
            bool slow = Act(i) == Act.Expire;
            uint256 snapshot = vm.snapshotState();
            vm.recordLogs();
            assertTrue(tryAct(Act(i), slow, slow || Act(i) == Act.Reclaim), "act");
            assertEq(endingLogged(), uint8(endings[i]), label(i, 0, 0));
            vm.revertToState(snapshot);
        }
    }

    // ---- helpers

    /// @dev Opens a deal, delivers when `slow`, waits for judgeEnd when `late`, and acts.
    function tryAct(Act act, bool slow, bool late) internal returns (bool ok) {
        IDealEscrow.Terms memory t = makeTerms(1);
        vm.warp(START);
        open(t);
        IDealEscrow.SlowState[] memory state = slow ? deliver(t, 0, WORK) : noState();
        if (late) vm.warp(slow ? START + 1 days : JUDGE_END);
        (ok,) = perform(act, t, state);
    }

    function slowState(IDealEscrow.Terms memory t)
        internal
        pure
        returns (IDealEscrow.SlowState[] memory states)
    {
        states = new IDealEscrow.SlowState[](1);
        states[0].status = IDealEscrow.Status.Delivered;
        states[0].deliverable = WORK;
        states[0].until = uint40(START + t.judgeWithin);
    }

    function perform(Act act, IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state)
        internal
        returns (bool, bytes memory)
    {
        bytes memory data = encode(act, t, state);
        bool byBuyer = act == Act.Accept || act == Act.Agree;
        vm.prank(byBuyer ? buyer : seller);
        return address(escrow).call(data);
    }

    function encode(Act act, IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state)
        internal
        view
        returns (bytes memory)
    {
        if (act == Act.Deliver) {
            return abi.encodeCall(escrow.deliver, (t, 0, WORK, "", ""));
        }
        if (act == Act.Accept) return abi.encodeCall(escrow.accept, (t, 0, state, noConsent()));
        if (act == Act.Concede) return abi.encodeCall(escrow.concede, (t, 0, state, noConsent()));
        if (act == Act.Reclaim) return abi.encodeCall(escrow.reclaim, (t, 0));
        if (act == Act.Expire) return abi.encodeCall(escrow.expire, (t, 0, state));
        bytes32 id = escrow.dealIdOf(t);
        if (act == Act.Agree) {
            uint40 until = uint40(START + 1000 days);
            bytes32 digest =
                escrow.agreeDigest(IDealEscrow.Agree(id, 0, 1, 0, usd(1), false, until));
            return abi.encodeCall(
                escrow.agree,
                (t, 0, state, usd(1), false, noConsent(), consent(SELLER_KEY, digest, until))
            );
        }
        IJury.Outcome outcome = IJury.Outcome(uint256(act));
        bytes memory packed = ballotsFor(outcome, caseOf(id, 0, WORK));
        return abi.encodeCall(escrow.settle, (t, 0, state, WORK, packed));
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
