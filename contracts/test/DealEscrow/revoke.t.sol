// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Stages} from "../utils/Stages.sol";
import {vm} from "../utils/Vm.sol";

// revoke
// ├── when a party calls, or anybody with its signed revocation
// │   ├── the terms never open, by no route, for ever
// │   └── the submitter's fee comes of the party's credit or by its authorization
// ├── when the deal is open or was, or is revoked already
// │   └── it reverts
// └── when the party is none, or did not sign exactly this in time
//     └── it reverts
contract RevokeTest is Stages {
    /// forge-config: default.fuzz.runs = 4
    function test_theTermsNeverOpen_whenEitherPartyRevokes(bool which) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        address party = which ? buyer : seller;
        Purses memory before = purses();
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.DealRevoked(id, party);
        vm.prank(party);
        escrow.revoke(t, party, noConsent());
        assertWord(id, Word(false, true, 0, 0, 0, 0));
        bytes memory revoked = abi.encodeWithSelector(IDealEscrow.DealIsRevoked.selector, id);
        openReverts(t, revoked);
        vm.prank(buyer);
        usdc.approve(address(escrow), type(uint256).max);
        bytes memory a = bytes.concat(hex"01", sign(BUYER_KEY, id));
        openReverts(t, a, sellerAuthorization(t), revoked);
        assertEq(abi.encode(purses()), abi.encode(before), "purses");
    }

    function test_takesASignature_whoeverSubmitsIt(address submitter) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        IDealEscrow.Consent memory c = signed(SELLER_KEY, t, 0);
        vm.prank(submitter);
        escrow.revoke(t, seller, c);
        assertTrue(wordOf(escrow.dealIdOf(t)).revoked, "revoked");
    }

    function test_revokesEvenTermsThatCouldNotOpen() public {
        IDealEscrow.Terms memory t = makeTerms(0);
        vm.warp(FOREVER);
        vm.prank(buyer);
        escrow.revoke(t, buyer, noConsent());
        assertTrue(wordOf(escrow.dealIdOf(t)).revoked, "revoked");
    }

    function test_nothingCanBeDoneWithARevokedDeal() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        vm.prank(buyer);
        escrow.revoke(t, buyer, noConsent());
        bytes memory unknown = abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, id);
        vm.expectRevert(unknown);
        vm.prank(buyer);
        escrow.accept(t, 0, noState(), noConsent());
        vm.expectRevert(unknown);
        vm.prank(seller);
        escrow.deliver(t, 0, WORK, "", "", unasked());
        bytes memory packed = ballotsFor(ACCEPTED, caseOf(id, 0, WORK));
        vm.expectRevert(unknown);
        settle(t, 0, noState(), WORK, packed);
        vm.warp(FOREVER);
        vm.expectRevert(unknown);
        escrow.reclaim(t, 0, unasked());
    }

    function test_theFeeIsPulledByItsOwnAuthorization() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        IDealEscrow.Consent memory c = signed(SELLER_KEY, t, usd(2));
        c.authorization = byNonce(SELLER_KEY, usd(2), FOREVER, digestOf(t, usd(2)));
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.ActFeePaid(seller, RELAYER, usd(2));
        vm.prank(RELAYER);
        escrow.revoke(t, seller, c);
        assertEq(usdc.balanceOf(RELAYER), usd(2), "relayer");
        assertEq(usdc.balanceOf(seller), usd(999_998), "seller");
        assertEq(usdc.balanceOf(address(escrow)), 0, "escrow");
    }

    function test_theFeeComesOfTheCredit() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.payAsCredit = true;
        open(t);
        settleAs(t, 0, noState(), ACCEPTED);
        t.salt = keccak256("another");
        IDealEscrow.Consent memory c = signed(SELLER_KEY, t, usd(2));
        vm.prank(RELAYER);
        escrow.revoke(t, seller, c);
        assertEq(escrow.credits(address(usdc), seller), usd(98), "credit");
        assertEq(usdc.balanceOf(RELAYER), usd(2), "relayer");
    }

    function test_reverts_whenNothingCoversTheFee() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        IDealEscrow.Consent memory c = signed(SELLER_KEY, t, usd(2));
        reverts(
            t,
            seller,
            c,
            abi.encodeWithSelector(IDealEscrow.FeeUncovered.selector, 0, uint256(usd(2)))
        );
    }

    // ---- too late

    function test_reverts_whenTheDealIsOpenOrWas() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        bytes memory exists = abi.encodeWithSelector(IDealEscrow.DealExists.selector, id);
        reverts(t, seller, signed(SELLER_KEY, t, 0), exists);
        vm.prank(buyer);
        escrow.accept(t, 0, noState(), noConsent());
        reverts(t, seller, signed(SELLER_KEY, t, 0), exists);
    }

    function test_reverts_theSecondTime() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        IDealEscrow.Consent memory c = signed(SELLER_KEY, t, 0);
        escrow.revoke(t, seller, c);
        reverts(
            t,
            seller,
            c,
            abi.encodeWithSelector(IDealEscrow.DealIsRevoked.selector, escrow.dealIdOf(t))
        );
    }

    // ---- not signed

    function test_reverts_whenThePartyIsNone() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.NotAParty.selector, RELAYER));
        vm.prank(RELAYER);
        escrow.revoke(t, RELAYER, noConsent());
    }

    function test_reverts_whenTheOtherPartySigned() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes memory with =
            abi.encodeWithSelector(IDealEscrow.SignatureInvalid.selector, buyer, digestOf(t, 0));
        reverts(t, buyer, signed(SELLER_KEY, t, 0), with);
        reverts(t, buyer, unsignedConsent(FOREVER), with);
        IDealEscrow.Consent memory c = signed(BUYER_KEY, t, 0);
        c.validUntil -= 1;
        bytes32 digest = digests.revokeDigest(
            address(escrow), IDealEscrow.Revoke(escrow.dealIdOf(t), 0, FOREVER - 1)
        );
        with = abi.encodeWithSelector(IDealEscrow.SignatureInvalid.selector, buyer, digest);
        reverts(t, buyer, c, with);
    }

    function test_reverts_whenTheRevocationHasExpired() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        IDealEscrow.Consent memory c = signed(BUYER_KEY, t, 0);
        vm.warp(FOREVER);
        reverts(
            t,
            buyer,
            c,
            abi.encodeWithSelector(
                IDealEscrow.ConsentExpired.selector, uint256(FOREVER), uint256(FOREVER)
            )
        );
    }

    // ---- helpers

    function digestOf(IDealEscrow.Terms memory t, uint96 fee) internal view returns (bytes32) {
        return
            digests.revokeDigest(
                address(escrow), IDealEscrow.Revoke(escrow.dealIdOf(t), fee, FOREVER)
            );
    }

    function signed(uint256 key, IDealEscrow.Terms memory t, uint96 fee)
        internal
        view
        returns (IDealEscrow.Consent memory)
    {
        return signedFor(key, digestOf(t, fee), fee);
    }

    function reverts(
        IDealEscrow.Terms memory t,
        address party,
        IDealEscrow.Consent memory c,
        bytes memory with
    ) internal {
        vm.expectRevert(with);
        vm.prank(RELAYER);
        escrow.revoke(t, party, c);
    }
}
