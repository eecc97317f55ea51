// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DealEscrow} from "../../src/DealEscrow.sol";
import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {vm} from "../utils/Vm.sol";
import {svm} from "./Svm.sol";

/// @dev Jury, registry and token in one. It agrees to everything, so that no refusal is its.
contract Agreeable {
    function token() external view returns (address) {
        return address(this);
    }

    fallback() external {
        assembly {
            mstore(0, 1)
            return(0, 0x20)
        }
    }
}

/// @notice A settled milestone never pays again, at the escrow's entry points: what `cargo x deep`
/// proves beside what it proves of the deal's word.
contract EndedSymbolic {
    DealEscrow internal escrow;

    /// @dev What an act is called with beside the terms.
    struct Act {
        uint8 milestone;
        address caller;
        uint256 moment;
        bytes32 deliverable;
        uint128 amount;
        uint40 validUntil;
        bool flag;
    }

    function setUp() external {
        address one = address(new Agreeable());
        escrow = new DealEscrow(one, one, one);
    }

    /// @notice No act on an ended milestone does anything but revert, without a state: `settle`,
    /// `accept`, `concede`, `agree`, `appeal`, `deliver`, `reclaim`, `escalate`, `expire` and
    /// `finalize`, terms of two milestones, any milestone, any stored words, any caller, any second.
    function check_anEndedMilestoneRefusesEveryAct(uint8 which, Act calldata a) external {
        refused(which, a, new IDealEscrow.SlowState[](0));
    }

    /// @notice No act on an ended milestone does anything but revert, with a state: the same that
    /// take one, any state.
    function check_anEndedMilestoneRefusesEveryState(
        uint8 which,
        Act calldata a,
        IDealEscrow.SlowState calldata state
    ) external {
        IDealEscrow.SlowState[] memory states = new IDealEscrow.SlowState[](1);
        states[0] = state;
        vm.assume(which < 8);
        refused(which, a, states);
    }

    function refused(uint8 which, Act calldata a, IDealEscrow.SlowState[] memory states) private {
        IDealEscrow.Terms memory t = terms();
        bytes32 id = escrow.dealIdOf(t);
        svm.enableSymbolicStorage(address(escrow));
        (,, uint16 ended,,,) = escrow.deal(id);
        vm.assume(a.milestone > 1 || (ended >> a.milestone) & 1 != 0);
        bytes memory call = which < 5 ? judged(which, t, a, states) : timed(which, t, a, states);
        vm.warp(a.moment);
        vm.prank(a.caller);
        (bool done,) = address(escrow).call(call);
        assert(!done);
    }

    function judged(
        uint8 which,
        IDealEscrow.Terms memory t,
        Act calldata a,
        IDealEscrow.SlowState[] memory states
    ) private returns (bytes memory) {
        bytes memory some = svm.createBytes(97, "some");
        IDealEscrow.Consent memory c =
            IDealEscrow.Consent(uint96(a.amount), a.validUntil, some, some);
        uint8 m = a.milestone;
        if (which == 0) {
            return abi.encodeCall(escrow.settle, (t, m, states, a.deliverable, some));
        }
        if (which == 1) return abi.encodeCall(escrow.accept, (t, m, states, c));
        if (which == 2) return abi.encodeCall(escrow.concede, (t, m, states, c));
        if (which == 3) {
            return abi.encodeCall(escrow.agree, (t, m, states, a.amount, a.flag, c, c));
        }
        return abi.encodeCall(escrow.appeal, (t, m, states, uint96(a.amount), a.validUntil, some));
    }

    function timed(
        uint8 which,
        IDealEscrow.Terms memory t,
        Act calldata a,
        IDealEscrow.SlowState[] memory states
    ) private returns (bytes memory) {
        IDealEscrow.Requested[] memory none = new IDealEscrow.Requested[](0);
        uint8 m = a.milestone;
        if (which == 5) return abi.encodeCall(escrow.escalate, (t, m, states, none));
        if (which == 6) return abi.encodeCall(escrow.expire, (t, m, states, none));
        if (which == 7) return abi.encodeCall(escrow.finalize, (t, m, states, none));
        if (which == 8) return abi.encodeCall(escrow.reclaim, (t, m, none));
        return abi.encodeCall(
            escrow.deliver, (t, m, a.deliverable, "", svm.createBytes(65, "signature"), none)
        );
    }

    function terms() private view returns (IDealEscrow.Terms memory t) {
        t.buyer = address(0xB0B);
        t.seller = address(0x5E11);
        t.token = escrow.token();
        t.total = 200e6;
        t.bond = 20e6;
        t.openBy = 1_795_400_000;
        t.judgeWithin = 1 days;
        t.appealWithin = 1 days;
        t.appealBond = 10e6;
        t.silentSellerBps = 2500;
        t.splitSellerBps = 5000;
        t.milestones = new IDealEscrow.Milestone[](2);
        uint256 rule = 10_000 | (1 << 224) | (10_000 << 240);
        t.milestones[0] = IDealEscrow.Milestone(100e6, 1_795_500_000, "criteria", rule);
        t.milestones[1] = IDealEscrow.Milestone(100e6, 1_795_500_000, "criteria", rule);
    }
}
