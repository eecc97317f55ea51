// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Fixture} from "./Fixture.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice Deals that can be appealed, brought to each of their stages.
abstract contract Stages is Fixture {
    IJury.Outcome internal constant ACCEPTED = IJury.Outcome.Accepted;
    IJury.Outcome internal constant REJECTED = IJury.Outcome.Rejected;
    IJury.Outcome internal constant UNDETERMINED = IJury.Outcome.Undetermined;

    uint96 internal constant APPEAL_BOND = 20e6;
    /// @dev Later than every window.
    uint40 internal constant FOREVER = uint40(START + 1000 days);

    /// @dev A panel of jurors 0 to 4, an appeal panel of jurors 5 to 9.
    bytes32 internal ten;

    function setUp() public virtual override {
        super.setUp();
        ten = createJury(5, 5);
    }

    /// @dev `makeTerms`, a bond of 10 USDC in all, a day to appeal, 20 USDC for an appeal.
    function appealTerms(uint256 count) internal view returns (IDealEscrow.Terms memory t) {
        t = makeTerms(count);
        (t.jury, t.bond) = (ten, usd(10));
        (t.appealWithin, t.appealBond) = (1 days, APPEAL_BOND);
    }

    /// @dev The same with an appeal panel that only silence or disagreement calls.
    function escalationTerms() internal view returns (IDealEscrow.Terms memory t) {
        t = appealTerms(1);
        (t.appealWithin, t.appealBond) = (0, 0);
    }

    /// @dev Five dollars per round for each panel, one for who submits.
    function withFees(IDealEscrow.Terms memory t) internal pure {
        (t.juryFee, t.relayFee) = (usd(5), usd(1));
    }

    // ---- stages

    /// @dev Round 1 says `outcome`; the milestone goes on.
    function judged(IDealEscrow.Terms memory t, uint8 milestone, IJury.Outcome outcome)
        internal
        returns (IDealEscrow.SlowState[] memory)
    {
        return settled(t, milestone, noState(), outcome);
    }

    function settled(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state,
        IJury.Outcome outcome
    ) internal returns (IDealEscrow.SlowState[] memory) {
        vm.recordLogs();
        settleAs(t, milestone, state, outcome);
        return logged();
    }

    /// @dev The loser appeals by ERC-3009, and the relayer submits it.
    function appealed(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state
    ) internal returns (IDealEscrow.SlowState[] memory) {
        bytes memory a = appealAuthorization(t, milestone, state, 0);
        vm.recordLogs();
        vm.prank(RELAYER);
        escrow.appeal(t, milestone, state, 0, FOREVER, a);
        return logged();
    }

    /// @dev Round 2 with a standing verdict.
    function appealed(IDealEscrow.Terms memory t, uint8 milestone, IJury.Outcome standing)
        internal
        returns (IDealEscrow.SlowState[] memory)
    {
        return appealed(t, milestone, judged(t, milestone, standing));
    }

    function escalated(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state
    ) internal returns (IDealEscrow.SlowState[] memory) {
        vm.recordLogs();
        escrow.escalate(t, milestone, state, unasked());
        return logged();
    }

    /// @dev The preimage in the last event that carries one.
    function logged() internal returns (IDealEscrow.SlowState[] memory states) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        states = new IDealEscrow.SlowState[](1);
        for (uint256 i; i < logs.length; ++i) {
            bytes32 topic = logs[i].topics[0];
            if (topic == IDealEscrow.MilestoneMoved.selector) {
                states[0] = abi.decode(logs[i].data, (IDealEscrow.SlowState));
            }
            if (topic == IDealEscrow.MilestoneDelivered.selector) {
                (states[0],) = abi.decode(logs[i].data, (IDealEscrow.SlowState, string));
            }
        }
    }

    // ---- signatures

    function loserKey(IDealEscrow.SlowState[] memory state) internal pure returns (uint256) {
        return state[0].standing == uint8(ACCEPTED) ? BUYER_KEY : SELLER_KEY;
    }

    function appealDigest(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state,
        uint96 fee
    ) internal view returns (bytes32) {
        return digests.appealDigest(
            address(escrow),
            IDealEscrow.Appeal(escrow.dealIdOf(t), milestone, state[0].standing, fee, FOREVER)
        );
    }

    /// @dev The loser's, by ERC-3009, for bond and fee.
    function appealAuthorization(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state,
        uint96 fee
    ) internal view returns (bytes memory) {
        bytes32 digest = appealDigest(t, milestone, state, fee);
        return byNonce(loserKey(state), uint256(t.appealBond) + fee, FOREVER, digest);
    }

    function roundOf(IDealEscrow.SlowState[] memory state) internal pure returns (uint8) {
        return state.length == 1 && state[0].status == IDealEscrow.Status.Round2 ? 2 : 1;
    }

    function standingIn(IDealEscrow.SlowState[] memory state) internal pure returns (uint8) {
        return state.length == 1 ? state[0].standing : 0;
    }

    function signedAccept(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state,
        uint96 fee
    ) internal view returns (IDealEscrow.Consent memory) {
        IDealEscrow.Accept memory act = IDealEscrow.Accept(
            escrow.dealIdOf(t), milestone, roundOf(state), standingIn(state), fee, FOREVER
        );
        return signedFor(BUYER_KEY, digests.acceptDigest(address(escrow), act), fee);
    }

    function signedConcede(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state,
        uint96 fee
    ) internal view returns (IDealEscrow.Consent memory) {
        IDealEscrow.Concede memory act = IDealEscrow.Concede(
            escrow.dealIdOf(t), milestone, roundOf(state), standingIn(state), fee, FOREVER
        );
        return signedFor(SELLER_KEY, digests.concedeDigest(address(escrow), act), fee);
    }

    function signedAgree(
        uint256 key,
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state,
        uint128 toSeller,
        bool asCredit,
        uint96 fee
    ) internal view returns (IDealEscrow.Consent memory) {
        IDealEscrow.Agree memory act = IDealEscrow.Agree(
            escrow.dealIdOf(t),
            milestone,
            roundOf(state),
            standingIn(state),
            toSeller,
            asCredit,
            fee,
            FOREVER
        );
        return signedFor(key, digests.agreeDigest(address(escrow), act), fee);
    }

    /// @dev Both sign, and the relayer submits.
    function agreeOn(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state,
        uint128 toSeller
    ) internal {
        IDealEscrow.Consent memory b =
            signedAgree(BUYER_KEY, t, milestone, state, toSeller, false, 0);
        IDealEscrow.Consent memory s =
            signedAgree(SELLER_KEY, t, milestone, state, toSeller, false, 0);
        vm.prank(RELAYER);
        escrow.agree(t, milestone, state, toSeller, false, b, s);
    }

    /// @dev A request that anybody perform `action`, for a fee.
    function requestDigest(
        bytes4 action,
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state,
        uint96 fee
    ) internal view returns (bytes32) {
        return digests.requestDigest(
            address(escrow),
            IDealEscrow.Request(
                action,
                escrow.dealIdOf(t),
                milestone,
                roundOf(state),
                standingIn(state),
                fee,
                FOREVER
            )
        );
    }

    function asked(uint256 key, bytes32 digest, uint96 fee)
        internal
        pure
        returns (IDealEscrow.Requested[] memory requested)
    {
        requested = new IDealEscrow.Requested[](1);
        requested[0] = IDealEscrow.Requested(vm.addr(key), signedFor(key, digest, fee));
    }

    function signedFor(uint256 key, bytes32 digest, uint96 fee)
        internal
        pure
        returns (IDealEscrow.Consent memory)
    {
        return IDealEscrow.Consent(fee, FOREVER, sign(key, digest), "");
    }
}
