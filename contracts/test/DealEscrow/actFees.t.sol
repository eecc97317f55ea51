// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Stages} from "../utils/Stages.sol";
import {vm} from "../utils/Vm.sol";

// submitters' fees on what a party signs
// ├── the fee comes from what the act pays the signer
// ├── else of the signer's credit; neither, unless the token would pay the signer
// ├── else by an authorization whose nonce is the act's digest, or beside an allowance
// ├── uncovered, it reverts
// ├── a party that calls itself needs no signature
// ├── deliver, reclaim, escalate, expire and finalize take a party's request
// │   └── once, from a party, for exactly this milestone, round and verdict
// └── a fee that the token refuses is the submitter's credit
contract ActFeesTest is Stages {
    uint96 internal constant FEE = 3e6;

    // ---- from what the act pays

    function test_anAgreementsFeesComeFromBothParts() public {
        IDealEscrow.Terms memory t = opened();
        IDealEscrow.Consent memory b = signedAgree(BUYER_KEY, t, 0, noState(), usd(60), false, 1);
        IDealEscrow.Consent memory s = signedAgree(SELLER_KEY, t, 0, noState(), usd(60), false, FEE);
        (uint256 sellers, uint256 buyers) = (usdc.balanceOf(seller), usdc.balanceOf(buyer));
        expectFee(buyer, 1);
        expectFee(seller, FEE);
        vm.prank(RELAYER);
        escrow.agree(t, 0, noState(), usd(60), false, b, s);
        assertEq(usdc.balanceOf(seller) - sellers, usd(60) - FEE, "seller");
        assertEq(usdc.balanceOf(buyer) - buyers, usd(50) - 1, "buyer");
        assertEq(usdc.balanceOf(RELAYER), FEE + 1, "relayer");
    }

    function test_itMayComeFromWhatIsCredited() public {
        IDealEscrow.Terms memory t = opened();
        IDealEscrow.Consent memory b = signedAgree(BUYER_KEY, t, 0, noState(), usd(60), true, 0);
        IDealEscrow.Consent memory s = signedAgree(SELLER_KEY, t, 0, noState(), usd(60), true, FEE);
        vm.prank(RELAYER);
        escrow.agree(t, 0, noState(), usd(60), true, b, s);
        assertEq(escrow.credits(address(usdc), seller), usd(60) - FEE, "seller");
        assertEq(usdc.balanceOf(RELAYER), FEE, "relayer");
    }

    function test_itMayTakeAllThatTheActPays() public {
        IDealEscrow.Terms memory t = opened();
        IDealEscrow.Consent memory b = signedAgree(BUYER_KEY, t, 0, noState(), 5, false, 0);
        IDealEscrow.Consent memory s = signedAgree(SELLER_KEY, t, 0, noState(), 5, false, 5);
        uint256 before = usdc.balanceOf(seller);
        vm.prank(RELAYER);
        escrow.agree(t, 0, noState(), 5, false, b, s);
        assertEq(usdc.balanceOf(seller), before, "seller");
        assertEq(usdc.balanceOf(RELAYER), 5, "relayer");
    }

    // ---- of credit

    function test_aConcessionsFeeComesOfTheSellersCredit() public {
        credit(SELLER_KEY, usd(10));
        IDealEscrow.Terms memory t = opened();
        IDealEscrow.Consent memory c = signedConcede(t, 0, noState(), FEE);
        Purses memory before = purses();
        expectFee(seller, FEE);
        vm.prank(RELAYER);
        escrow.concede(t, 0, noState(), c);
        before.sellerCredit -= FEE;
        before.buyer += usd(110);
        before.escrow -= usd(110) + FEE;
        assertEq(abi.encode(purses()), abi.encode(before), "purses");
        assertEq(usdc.balanceOf(RELAYER), FEE, "relayer");
    }

    /// @dev Frozen money must not leave by another door.
    function test_reverts_whenTheTokenWouldNotPayTheCreditsOwner() public {
        credit(SELLER_KEY, usd(10));
        IDealEscrow.Terms memory t = opened();
        IDealEscrow.Consent memory c = signedConcede(t, 0, noState(), FEE);
        usdc.blacklist(seller);
        concedeReverts(t, c, uncovered(0, FEE));
        usdc.unBlacklist(seller);
        vm.prank(RELAYER);
        escrow.concede(t, 0, noState(), c);
    }

    function test_reverts_whenTheTokenWouldNotPayTheSignerItsPart() public {
        IDealEscrow.Terms memory t = opened();
        IDealEscrow.Consent memory b = signedAgree(BUYER_KEY, t, 0, noState(), usd(60), false, 0);
        IDealEscrow.Consent memory s = signedAgree(SELLER_KEY, t, 0, noState(), usd(60), false, FEE);
        usdc.blacklist(seller);
        vm.expectRevert(uncovered(0, FEE));
        vm.prank(RELAYER);
        escrow.agree(t, 0, noState(), usd(60), false, b, s);
        usdc.unBlacklist(seller);
        vm.prank(RELAYER);
        escrow.agree(t, 0, noState(), usd(60), false, b, s);
    }

    // ---- by authorization

    function test_anAcceptancesFeeIsPulledByItsOwnAuthorization() public {
        IDealEscrow.Terms memory t = opened();
        IDealEscrow.Consent memory c = signedAccept(t, 0, noState(), FEE);
        c.authorization = byNonce(BUYER_KEY, FEE, FOREVER, acceptDigest(t, FEE));
        Purses memory before = purses();
        expectFee(buyer, FEE);
        vm.prank(RELAYER);
        escrow.accept(t, 0, noState(), c);
        before.buyer -= FEE;
        assertPaid(before, usd(110), 0);
        assertEq(usdc.balanceOf(RELAYER), FEE, "relayer");
    }

    function test_anAcceptancesFeeIsPulledBesideAnAllowance() public {
        IDealEscrow.Terms memory t = opened();
        vm.prank(buyer);
        usdc.approve(address(escrow), FEE);
        IDealEscrow.Consent memory c = signedAccept(t, 0, noState(), FEE);
        c.authorization = bytes.concat(hex"01", c.signature);
        Purses memory before = purses();
        vm.prank(RELAYER);
        escrow.accept(t, 0, noState(), c);
        before.buyer -= FEE;
        assertPaid(before, usd(110), 0);
    }

    function test_aCreditThatDoesNotSufficeIsNotTouched() public {
        credit(BUYER_KEY, FEE - 1);
        IDealEscrow.Terms memory t = opened();
        IDealEscrow.Consent memory c = signedAccept(t, 0, noState(), FEE);
        acceptReverts(t, c, uncovered(FEE - 1, FEE));
        c.authorization = byNonce(BUYER_KEY, FEE, FOREVER, acceptDigest(t, FEE));
        vm.prank(RELAYER);
        escrow.accept(t, 0, noState(), c);
        assertEq(escrow.credits(address(usdc), buyer), FEE - 1, "credit");
    }

    // ---- uncovered

    function test_reverts_whenNothingCoversTheFee() public {
        IDealEscrow.Terms memory t = opened();
        acceptReverts(t, signedAccept(t, 0, noState(), FEE), uncovered(0, FEE));
        concedeReverts(t, signedConcede(t, 0, noState(), FEE), uncovered(0, FEE));
        IDealEscrow.Consent memory b = signedAgree(BUYER_KEY, t, 0, noState(), 2, false, 0);
        IDealEscrow.Consent memory s = signedAgree(SELLER_KEY, t, 0, noState(), 2, false, FEE);
        vm.expectRevert(uncovered(0, FEE));
        escrow.agree(t, 0, noState(), 2, false, b, s);
    }

    function test_reverts_whenTheAuthorizationIsMalformedOrForAnotherAct() public {
        IDealEscrow.Terms memory t = opened();
        IDealEscrow.Consent memory c = signedAccept(t, 0, noState(), FEE);
        c.authorization = hex"07";
        acceptReverts(t, c, abi.encodeWithSelector(IDealEscrow.RouteUnknown.selector, 7, 2));
        c.authorization = hex"0200";
        acceptReverts(
            t, c, abi.encodeWithSelector(IDealEscrow.AuthorizationMalformed.selector, 2, 98)
        );
        c.authorization = byNonce(BUYER_KEY, FEE, FOREVER, acceptDigest(t, FEE - 1));
        acceptReverts(t, c, text("FiatTokenV2: invalid signature"));
        c.authorization = byNonce(BUYER_KEY, FEE - 1, FOREVER, acceptDigest(t, FEE));
        acceptReverts(t, c, text("FiatTokenV2: invalid signature"));
    }

    function test_reverts_whenTheFeeWasNotSigned() public {
        IDealEscrow.Terms memory t = opened();
        IDealEscrow.Consent memory c = signedConcede(t, 0, noState(), 0);
        c.fee = 1;
        bytes32 digest = digests.concedeDigest(
            address(escrow), IDealEscrow.Concede(escrow.dealIdOf(t), 0, 1, 0, 1, FOREVER)
        );
        concedeReverts(
            t, c, abi.encodeWithSelector(IDealEscrow.SignatureInvalid.selector, seller, digest)
        );
    }

    // ---- requests

    function test_aDeliverysFeeComesOfTheSellersCredit() public {
        credit(SELLER_KEY, usd(10));
        IDealEscrow.Terms memory t = opened();
        bytes32 id = escrow.dealIdOf(t);
        bytes memory s = sign(
            SELLER_KEY,
            digests.deliveryDigest(address(escrow), IDealEscrow.Delivery(id, 0, WORK, "uri"))
        );
        IDealEscrow.Requested[] memory r = asks(SELLER_KEY, escrow.deliver.selector, t, noState());
        expectFee(seller, FEE);
        vm.prank(RELAYER);
        escrow.deliver(t, 0, WORK, "uri", s, r);
        assertEq(escrow.credits(address(usdc), seller), usd(10) - FEE, "credit");
        assertEq(usdc.balanceOf(RELAYER), FEE, "relayer");
        assertEq(uint256(wordOf(id).slow), 1, "delivered");
    }

    function test_aReclaimsFeeComesFromTheRefund() public {
        IDealEscrow.Terms memory t = opened();
        vm.warp(JUDGE_END);
        IDealEscrow.Requested[] memory r = asks(BUYER_KEY, escrow.reclaim.selector, t, noState());
        Purses memory before = purses();
        expectFee(buyer, FEE);
        vm.prank(RELAYER);
        escrow.reclaim(t, 0, r);
        assertPaidAndFee(before, 0, usd(110) - FEE);
    }

    function test_aFinalizationsFeeComesFromTheSellersPart() public {
        IDealEscrow.Terms memory t = opened();
        IDealEscrow.SlowState[] memory state = judged(t, 0, ACCEPTED);
        vm.warp(state[0].until);
        IDealEscrow.Requested[] memory r = asks(SELLER_KEY, escrow.finalize.selector, t, state);
        Purses memory before = purses();
        vm.prank(RELAYER);
        escrow.finalize(t, 0, state, r);
        assertPaidAndFee(before, usd(110) - FEE, 0);
    }

    function test_anExpirysFeeComesFromEitherPart() public {
        for (uint256 i; i < 2; ++i) {
            vm.warp(START);
            IDealEscrow.Terms memory t = makeTerms(1);
            (t.bond, t.salt) = (usd(10), bytes32(i));
            open(t);
            IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
            vm.warp(state[0].until);
            uint256 key = i == 0 ? SELLER_KEY : BUYER_KEY;
            IDealEscrow.Requested[] memory r = asks(key, escrow.expire.selector, t, state);
            Purses memory before = purses();
            uint256 relayers = usdc.balanceOf(RELAYER);
            vm.prank(RELAYER);
            escrow.expire(t, 0, state, r);
            before.escrow -= FEE;
            assertPaid(before, usd(35) - (i == 0 ? FEE : 0), usd(75) - (i == 0 ? 0 : FEE));
            assertEq(usdc.balanceOf(RELAYER) - relayers, FEE, "relayer");
        }
    }

    function test_anEscalationsFeeIsPulledByItsOwnAuthorization() public {
        IDealEscrow.Terms memory t = opened();
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        vm.warp(state[0].until);
        bytes32 digest = requestDigest(escrow.escalate.selector, t, 0, state, FEE);
        IDealEscrow.Requested[] memory r = asked(SELLER_KEY, digest, FEE);
        r[0].consent.authorization = byNonce(SELLER_KEY, FEE, FOREVER, digest);
        Purses memory before = purses();
        vm.prank(RELAYER);
        escrow.escalate(t, 0, state, r);
        before.seller -= FEE;
        assertPaid(before, 0, 0);
        assertEq(usdc.balanceOf(RELAYER), FEE, "relayer");
    }

    /// @dev An expiry of round 2 is asked for by round and standing verdict.
    function test_aRequestNamesRoundAndVerdict() public {
        IDealEscrow.Terms memory t = opened();
        IDealEscrow.SlowState[] memory state = appealed(t, 0, ACCEPTED);
        vm.warp(state[0].until);
        bytes32 needed = requestDigest(escrow.expire.selector, t, 0, state, FEE);
        bytes memory with =
            abi.encodeWithSelector(IDealEscrow.SignatureInvalid.selector, buyer, needed);
        bytes4[3] memory actions =
            [escrow.expire.selector, escrow.finalize.selector, escrow.expire.selector];
        for (uint256 i; i < 3; ++i) {
            IDealEscrow.SlowState[] memory other =
                abi.decode(abi.encode(state), (IDealEscrow.SlowState[]));
            if (i == 0) other[0].standing = 0;
            if (i == 2) other[0].status = IDealEscrow.Status.Delivered;
            IDealEscrow.Requested[] memory r = asks(BUYER_KEY, actions[i], t, other);
            vm.expectRevert(with);
            vm.prank(RELAYER);
            escrow.expire(t, 0, state, r);
        }
        vm.prank(RELAYER);
        escrow.expire(t, 0, state, asked(BUYER_KEY, needed, FEE));
        assertEq(usdc.balanceOf(RELAYER), FEE, "relayer");
    }

    function test_reverts_whenSomebodyElseAsks() public {
        IDealEscrow.Terms memory t = opened();
        vm.warp(JUDGE_END);
        IDealEscrow.Requested[] memory r = asks(0xE15E, escrow.reclaim.selector, t, noState());
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.NotAParty.selector, vm.addr(0xE15E)));
        vm.prank(RELAYER);
        escrow.reclaim(t, 0, r);
    }

    function test_reverts_whenTheRequestHasExpired() public {
        IDealEscrow.Terms memory t = opened();
        IDealEscrow.Requested[] memory r = asks(BUYER_KEY, escrow.reclaim.selector, t, noState());
        vm.warp(FOREVER);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDealEscrow.ConsentExpired.selector, uint256(FOREVER), uint256(FOREVER)
            )
        );
        vm.prank(RELAYER);
        escrow.reclaim(t, 0, r);
    }

    /// @dev Without the rule, a submitter could list one request until the refund is its own.
    function test_reverts_whenARequestIsListedTwice() public {
        IDealEscrow.Terms memory t = opened();
        vm.warp(JUDGE_END);
        IDealEscrow.Requested[] memory r = asks(BUYER_KEY, escrow.reclaim.selector, t, noState());
        IDealEscrow.Requested[] memory twice = new IDealEscrow.Requested[](2);
        (twice[0], twice[1]) = (r[0], r[0]);
        vm.expectRevert(
            abi.encodeWithSelector(IDealEscrow.RequestCount.selector, uint256(2), uint256(1))
        );
        vm.prank(RELAYER);
        escrow.reclaim(t, 0, twice);
    }

    function test_aPartyThatCallsItselfNeedsNoSignature() public {
        IDealEscrow.Terms memory t = opened();
        vm.warp(JUDGE_END);
        IDealEscrow.Requested[] memory r = new IDealEscrow.Requested[](1);
        r[0] = IDealEscrow.Requested(buyer, noConsent());
        Purses memory before = purses();
        vm.prank(buyer);
        escrow.reclaim(t, 0, r);
        assertPaid(before, 0, usd(110));
    }

    // ---- refused

    function test_aRefusedFeeIsTheSubmittersCredit() public {
        IDealEscrow.Terms memory t = opened();
        vm.warp(JUDGE_END);
        IDealEscrow.Requested[] memory r = asks(BUYER_KEY, escrow.reclaim.selector, t, noState());
        usdc.blacklist(RELAYER);
        vm.prank(RELAYER);
        escrow.reclaim(t, 0, r);
        assertEq(escrow.credits(address(usdc), RELAYER), FEE, "credit");
    }

    // ---- helpers

    /// @dev 100 USDC and a bond of 10, with an appeal.
    function opened() internal returns (IDealEscrow.Terms memory t) {
        t = appealTerms(1);
        open(t);
    }

    /// @dev Gives a party a credit by another deal, which both end at once.
    function credit(uint256 key, uint96 amount) internal {
        IDealEscrow.Terms memory t = makeTerms(1);
        (t.total, t.milestones[0].amount) = (amount, amount);
        open(t);
        uint128 toSeller = key == SELLER_KEY ? amount : 0;
        IDealEscrow.Consent memory b = signedAgree(BUYER_KEY, t, 0, noState(), toSeller, true, 0);
        IDealEscrow.Consent memory s = signedAgree(SELLER_KEY, t, 0, noState(), toSeller, true, 0);
        escrow.agree(t, 0, noState(), toSeller, true, b, s);
        assertEq(escrow.credits(address(usdc), vm.addr(key)), amount, "credit");
    }

    function asks(
        uint256 key,
        bytes4 action,
        IDealEscrow.Terms memory t,
        IDealEscrow.SlowState[] memory state
    ) internal view returns (IDealEscrow.Requested[] memory) {
        return asked(key, requestDigest(action, t, 0, state, FEE), FEE);
    }

    function acceptDigest(IDealEscrow.Terms memory t, uint96 fee) internal view returns (bytes32) {
        return digests.acceptDigest(
            address(escrow), IDealEscrow.Accept(escrow.dealIdOf(t), 0, 1, 0, fee, FOREVER)
        );
    }

    function expectFee(address party, uint256 fee) internal {
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.ActFeePaid(party, RELAYER, fee);
    }

    function assertPaidAndFee(Purses memory before, uint256 toSeller, uint256 toBuyer)
        internal
        view
    {
        before.escrow -= FEE;
        assertPaid(before, toSeller, toBuyer);
        assertEq(usdc.balanceOf(RELAYER), FEE, "relayer");
    }

    function uncovered(uint256 got, uint256 needed) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.FeeUncovered.selector, got, needed);
    }

    function acceptReverts(
        IDealEscrow.Terms memory t,
        IDealEscrow.Consent memory c,
        bytes memory with
    ) internal {
        vm.expectRevert(with);
        vm.prank(RELAYER);
        escrow.accept(t, 0, noState(), c);
    }

    function concedeReverts(
        IDealEscrow.Terms memory t,
        IDealEscrow.Consent memory c,
        bytes memory with
    ) internal {
        vm.expectRevert(with);
        vm.prank(RELAYER);
        escrow.concede(t, 0, noState(), c);
    }
}
