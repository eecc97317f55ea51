// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Ending, IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// concede
// ├── when the seller calls, or anybody with its consent, in any live state, at any time
// │   └── it gives the buyer amount and bond, and the seller has a bad fact
// ├── when the consent's validUntil has passed
// │   └── it reverts
// ├── when the consent is another's, or for another deal, milestone, round or verdict
// │   └── it reverts
// ├── when the handed-in state is not the stored one
// │   └── it reverts
// └── when there is no such deal or milestone, or it has ended
//     └── it reverts
contract ConcedeTest is Fixture {
    uint40 internal constant UNTIL = JUDGE_END;

    function test_refundsTheBuyer_whenTheSellerCalls() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        Purses memory before = purses();
        expectEnded(id, 0, Ending.Conceded, 0, usd(110));
        vm.prank(seller);
        escrow.concede(t, 0, noState(), noConsent());
        assertPaid(before, 0, usd(110));
        assertWord(id, Word(true, false, 1, 0, 0, 0));
        assertEq(standingOf(buyer, IReputationRegistry.Role.Buyer).neutralCount, 1, "buyer");
        assertEq(standingOf(seller, IReputationRegistry.Role.Seller).badCount, 1, "seller");
    }

    function test_refundsTheBuyer_whoeverSubmitsTheConsent(address submitter) public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        Purses memory before = purses();
        IDealEscrow.Consent memory c = signed(SELLER_KEY, conceding(id));
        vm.prank(submitter);
        escrow.concede(t, 0, noState(), c);
        assertPaid(before, 0, usd(110));
    }

    function test_refundsTheBuyer_afterADelivery() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        IDealEscrow.Consent memory c = signed(SELLER_KEY, conceding(id));
        Purses memory before = purses();
        escrow.concede(t, 0, state, c);
        assertPaid(before, 0, usd(110));
        assertEq(escrow.stateDigest(id, 0), bytes32(0), "state");
    }

    function test_refundsTheBuyer_evenWhenAnybodyCouldReclaim() public {
        (IDealEscrow.Terms memory t,) = opened();
        Purses memory before = purses();
        vm.warp(JUDGE_END + 10 days);
        vm.prank(seller);
        escrow.concede(t, 0, noState(), noConsent());
        assertPaid(before, 0, usd(110));
    }

    function test_takesConsentUntilTheLastSecond() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Consent memory c = signed(SELLER_KEY, conceding(id));
        vm.warp(UNTIL - 1);
        escrow.concede(t, 0, noState(), c);
    }

    function test_reverts_whenTheConsentHasExpired(uint256 late) public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Consent memory c = signed(SELLER_KEY, conceding(id));
        late = late % 4 < 2 ? late % 4 : bound(late, 0, 365 days);
        vm.warp(UNTIL + late);
        reverts(
            t,
            noState(),
            c,
            abi.encodeWithSelector(
                IDealEscrow.ConsentExpired.selector, UNTIL + late, uint256(UNTIL)
            )
        );
    }

    function test_reverts_whenAnotherSigned() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Concede memory act = conceding(id);
        reverts(t, noState(), signed(BUYER_KEY, act), notSigned(act));
        reverts(t, noState(), unsignedConsent(UNTIL), notSigned(act));
    }

    function test_reverts_whenTheConsentIsForAnother(uint256 field) public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Concede memory act = conceding(id);
        field = bound(field, 0, 5);
        if (field == 0) act.dealId = keccak256("another deal");
        if (field == 1) act.milestone = 1;
        if (field == 2) act.round = 2;
        if (field == 3) act.standing = 1;
        if (field == 5) act.fee = 1;
        IDealEscrow.Consent memory c = signed(SELLER_KEY, act);
        if (field == 4) c.validUntil += 1;
        IDealEscrow.Concede memory needed = conceding(id);
        needed.validUntil = c.validUntil;
        reverts(t, noState(), c, notSigned(needed));
    }

    function test_reverts_whenTheStateIsNotTheStoredOne() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        deliver(t, 0, WORK);
        bytes32 needed = escrow.stateDigest(id, 0);
        bytes memory with =
            abi.encodeWithSelector(IDealEscrow.StateMismatch.selector, bytes32(0), needed);
        reverts(t, noState(), signed(SELLER_KEY, conceding(id)), with);
    }

    function test_reverts_whenTheDealIsUnknown() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        bytes memory with = abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, id);
        reverts(t, noState(), noConsent(), with);
    }

    function test_reverts_whenTheMilestoneHasEnded() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Consent memory c = signed(SELLER_KEY, conceding(id));
        escrow.concede(t, 0, noState(), c);
        reverts(
            t,
            noState(),
            c,
            abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0)
        );
    }

    function opened() internal returns (IDealEscrow.Terms memory t, bytes32 id) {
        t = makeTerms(1);
        t.bond = usd(10);
        id = open(t);
    }

    function conceding(bytes32 id) internal pure returns (IDealEscrow.Concede memory) {
        return IDealEscrow.Concede(id, 0, 1, 0, 0, UNTIL);
    }

    function signed(uint256 key, IDealEscrow.Concede memory act)
        internal
        view
        returns (IDealEscrow.Consent memory)
    {
        return consent(key, digests.concedeDigest(address(escrow), act), act.validUntil);
    }

    function notSigned(IDealEscrow.Concede memory act) internal view returns (bytes memory) {
        return abi.encodeWithSelector(
            IDealEscrow.SignatureInvalid.selector,
            seller,
            digests.concedeDigest(address(escrow), act)
        );
    }

    function reverts(
        IDealEscrow.Terms memory t,
        IDealEscrow.SlowState[] memory state,
        IDealEscrow.Consent memory c,
        bytes memory with
    ) internal {
        vm.expectRevert(with);
        vm.prank(RELAYER);
        escrow.concede(t, 0, state, c);
    }
}
