// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Stages} from "../utils/Stages.sol";
import {vm} from "../utils/Vm.sol";

// appeal
// ├── when the loser of the standing verdict asks in the window
// │   ├── it pulls the bond, opens round 2 and emits its preimage; nobody is paid
// │   ├── it pulls the submitter's fee with it
// │   └── it takes every route of funding, and no signature from a loser that calls itself
// ├── when the winner asks, or the signature is for another appeal
// │   └── it reverts
// ├── when the window is over, or validUntil
// │   └── it reverts
// ├── when no verdict stands, or it was appealed already
// │   └── it reverts
// ├── when the money does not come
// │   └── it reverts
// └── when the handed-in state is not the stored one, or deal or milestone are not live
//     └── it reverts
contract AppealTest is Stages {
    function test_opensRound2_whenTheBuyerAppealsAnAcceptance() public {
        opensRound2(uint8(ACCEPTED));
    }

    function test_opensRound2_whenTheSellerAppealsARejection() public {
        opensRound2(uint8(REJECTED));
    }

    function opensRound2(uint8 verdict) internal {
        IDealEscrow.Terms memory t = appealTerms(2);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state =
            judged(t, 1, verdict == uint8(ACCEPTED) ? ACCEPTED : REJECTED);
        vm.warp(START + 6 hours);
        bytes memory a = appealAuthorization(t, 1, state, 0);
        Purses memory before = purses();
        IDealEscrow.SlowState memory next = copyOf(state)[0];
        next.status = IDealEscrow.Status.Round2;
        next.until = uint40(START + 6 hours + 1 days);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.MilestoneMoved(id, 1, next);
        vm.prank(RELAYER);
        escrow.appeal(t, 1, state, 0, FOREVER, a);
        assertEq(escrow.stateDigest(id, 1), keccak256(abi.encode(next)), "state");
        assertWord(id, Word(true, false, 0, 2, usd(200), usd(10)));
        if (verdict == uint8(ACCEPTED)) before.buyer -= APPEAL_BOND;
        else before.seller -= APPEAL_BOND;
        before.escrow += APPEAL_BOND;
        assertEq(abi.encode(purses()), abi.encode(before), "purses");
    }

    /// forge-config: default.fuzz.runs = 16
    function test_paysTheFeeToWhoeverSubmits(address submitter, uint96 fee, bool which) public {
        if (uint160(submitter) < 1000 || submitter.code.length != 0) submitter = RELAYER;
        fee = uint96(bound(fee, 1, usd(100)));
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, which ? ACCEPTED : REJECTED);
        bytes memory a = appealAuthorization(t, 0, state, fee);
        address loser = which ? buyer : seller;
        uint256 balance = usdc.balanceOf(loser);
        uint256 escrowed = usdc.balanceOf(address(escrow));
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.ActFeePaid(loser, submitter, fee);
        vm.prank(submitter);
        escrow.appeal(t, 0, state, fee, FOREVER, a);
        assertEq(usdc.balanceOf(submitter), fee, "submitter");
        assertEq(balance - usdc.balanceOf(loser), APPEAL_BOND + fee, "loser");
        assertEq(usdc.balanceOf(address(escrow)) - escrowed, APPEAL_BOND, "escrow");
    }

    function test_takesAnAllowanceAndASignature() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = rejected();
        vm.prank(seller);
        usdc.approve(address(escrow), APPEAL_BOND);
        bytes memory s = sign(SELLER_KEY, appealDigest(t, 0, state, 0));
        appealBy(RELAYER, t, state, 0, FOREVER, bytes.concat(hex"01", s));
        assertEq(usdc.balanceOf(address(escrow)), usd(110) + APPEAL_BOND, "escrow");
    }

    function test_takesNoSignatureFromALoserThatCallsItself() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = rejected();
        vm.prank(seller);
        usdc.approve(address(escrow), APPEAL_BOND);
        appealBy(seller, t, state, 0, FOREVER, hex"01");
        assertEq(usdc.balanceOf(address(escrow)), usd(110) + APPEAL_BOND, "escrow");
    }

    function test_costsNothing_whenTheTermsSaySo() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        t.appealBond = 0;
        open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, ACCEPTED);
        Purses memory before = purses();
        settleAs(t, 0, state, REJECTED);
        assertPaid(before, 0, usd(110));
    }

    // ---- the wrong party, or another appeal

    function test_reverts_whenTheWinnerAppeals() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = rejected();
        bytes32 digest = appealDigest(t, 0, state, 0);
        reverts(t, state, byNonce(BUYER_KEY, APPEAL_BOND, FOREVER, digest), invalidAuthorization());
        vm.prank(buyer);
        usdc.approve(address(escrow), APPEAL_BOND);
        vm.prank(seller);
        usdc.approve(address(escrow), APPEAL_BOND);
        bytes memory with =
            abi.encodeWithSelector(IDealEscrow.SignatureInvalid.selector, seller, digest);
        reverts(t, state, bytes.concat(hex"01", sign(BUYER_KEY, digest)), with);
        vm.expectRevert(with);
        appealBy(buyer, t, state, 0, FOREVER, hex"01");
    }

    function test_reverts_whenTheSignatureIsForAnotherAppeal(uint256 field) public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = rejected();
        IDealEscrow.Appeal memory act =
            IDealEscrow.Appeal(escrow.dealIdOf(t), 0, uint8(REJECTED), 0, FOREVER);
        field = bound(field, 0, 4);
        if (field == 0) act.dealId = keccak256("another deal");
        if (field == 1) act.milestone = 1;
        if (field == 2) act.standing = uint8(ACCEPTED);
        if (field == 3) act.fee = 1;
        if (field == 4) act.validUntil -= 1;
        bytes32 digest = digests.appealDigest(address(escrow), act);
        reverts(t, state, byNonce(SELLER_KEY, APPEAL_BOND, FOREVER, digest), invalidAuthorization());
    }

    // ---- windows

    /// forge-config: default.fuzz.runs = 16
    function test_appealsUntilTheLastSecondOfTheWindow(bool which) public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, which ? ACCEPTED : REJECTED);
        vm.warp(state[0].until - 1);
        state = appealed(t, 0, state);
        assertEq(state[0].until, START + 2 days - 1, "until");
    }

    /// forge-config: default.fuzz.runs = 32
    function test_reverts_whenTheWindowIsOver(bool which, uint256 late) public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, which ? ACCEPTED : REJECTED);
        bytes memory a = appealAuthorization(t, 0, state, 0);
        late = late % 4 < 2 ? late % 4 : bound(late, 0, 365 days);
        uint256 until = state[0].until;
        vm.warp(until + late);
        reverts(
            t,
            state,
            a,
            abi.encodeWithSelector(IDealEscrow.DeadlinePassed.selector, until + late, until)
        );
    }

    function test_reverts_whenValidUntilHasPassed() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = rejected();
        bytes memory a = appealAuthorization(t, 0, state, 0);
        vm.warp(START + 2 hours);
        uint256 until = START + 2 hours;
        vm.expectRevert(
            abi.encodeWithSelector(IDealEscrow.ConsentExpired.selector, START + 2 hours, until)
        );
        appealBy(seller, t, state, 0, uint40(until), a);
    }

    // ---- the wrong state

    function test_reverts_whenItWasAppealedAlready() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, REJECTED);
        statusReverts(t, state, IDealEscrow.Status.Round2);
    }

    function test_reverts_whenNothingIsJudged() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        statusReverts(t, noState(), IDealEscrow.Status.Pending);
        statusReverts(t, deliver(t, 0, WORK), IDealEscrow.Status.Delivered);
    }

    function test_reverts_whenThePanelDidNotAgree() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        statusReverts(t, judged(t, 0, UNDETERMINED), IDealEscrow.Status.Round2);
    }

    function test_reverts_whenTheStateIsInvented() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = rejected();
        bytes32 needed = keccak256(abi.encode(state[0]));
        bytes memory a = appealAuthorization(t, 0, state, 0);
        state[0].standing = uint8(ACCEPTED);
        bytes32 got = keccak256(abi.encode(state[0]));
        reverts(
            t, state, a, abi.encodeWithSelector(IDealEscrow.StateMismatch.selector, got, needed)
        );
    }

    function test_reverts_whenTheMilestoneHasEnded() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = rejected();
        bytes memory a = appealAuthorization(t, 0, state, 0);
        vm.prank(buyer);
        escrow.accept(t, 0, state, noConsent());
        bytes32 id = escrow.dealIdOf(t);
        reverts(
            t, state, a, abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0)
        );
    }

    function test_reverts_whenDealOrMilestoneAreUnknown() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = rejected();
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.MilestoneUnknown.selector, 1, 1));
        escrow.appeal(t, 1, state, 0, FOREVER, "");
        t.salt = 0;
        bytes32 id = escrow.dealIdOf(t);
        reverts(t, state, "", abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, id));
    }

    // ---- the wrong money

    function test_reverts_whenTheAuthorizationIsForLess() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = rejected();
        bytes32 digest = appealDigest(t, 0, state, 0);
        bytes memory a = byNonce(SELLER_KEY, APPEAL_BOND - 1, FOREVER, digest);
        reverts(t, state, a, invalidAuthorization());
    }

    function test_reverts_whenTheAuthorizationIsMalformed() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = rejected();
        reverts(
            t, state, "", abi.encodeWithSelector(IDealEscrow.AuthorizationMalformed.selector, 0, 1)
        );
        reverts(t, state, hex"03", abi.encodeWithSelector(IDealEscrow.RouteUnknown.selector, 3, 2));
    }

    function test_reverts_whenTheLoserIsBlacklisted() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = rejected();
        bytes memory a = appealAuthorization(t, 0, state, 0);
        usdc.blacklist(seller);
        reverts(t, state, a, text("Blacklistable: account is blacklisted"));
    }

    // ---- helpers

    function rejected()
        internal
        returns (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state)
    {
        t = appealTerms(1);
        open(t);
        state = judged(t, 0, REJECTED);
    }

    function copyOf(IDealEscrow.SlowState[] memory state)
        internal
        pure
        returns (IDealEscrow.SlowState[] memory)
    {
        return abi.decode(abi.encode(state), (IDealEscrow.SlowState[]));
    }

    function statusReverts(
        IDealEscrow.Terms memory t,
        IDealEscrow.SlowState[] memory state,
        IDealEscrow.Status got
    ) internal {
        reverts(
            t,
            state,
            "",
            abi.encodeWithSelector(
                IDealEscrow.StatusMismatch.selector, got, IDealEscrow.Status.Judged
            )
        );
    }

    function reverts(
        IDealEscrow.Terms memory t,
        IDealEscrow.SlowState[] memory state,
        bytes memory a,
        bytes memory with
    ) internal {
        vm.expectRevert(with);
        appealBy(RELAYER, t, state, 0, FOREVER, a);
    }

    function appealBy(
        address submitter,
        IDealEscrow.Terms memory t,
        IDealEscrow.SlowState[] memory state,
        uint96 fee,
        uint40 until,
        bytes memory a
    ) internal {
        vm.prank(submitter);
        escrow.appeal(t, 0, state, fee, until, a);
    }

    function invalidAuthorization() internal pure returns (bytes memory) {
        return text("FiatTokenV2: invalid signature");
    }
}
