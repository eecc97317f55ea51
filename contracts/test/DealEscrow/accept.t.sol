// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Ending, IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Wallet} from "../doubles/Wallet.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// accept
// ├── when the buyer calls, or anybody with its consent, in any live state, at any time
// │   └── it pays the seller amount and bond, and both have a good fact
// ├── when the consent's validUntil has passed
// │   └── it reverts
// ├── when the consent is another's, or for another deal, milestone, round or verdict
// │   └── it reverts
// ├── when the handed-in state is not the stored one
// │   └── it reverts
// └── when there is no such deal or milestone, or it has ended
//     └── it reverts
contract AcceptTest is Fixture {
    uint40 internal constant UNTIL = JUDGE_END;

    function test_paysTheSeller_whenTheBuyerCalls() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        Purses memory before = purses();
        expectEnded(id, 0, Ending.Accepted, usd(110), 0);
        vm.prank(buyer);
        escrow.accept(t, 0, noState(), noConsent());
        assertPaid(before, usd(110), 0);
        assertWord(id, Word(true, false, 1, 0, 0, 0));
        assertEq(standingOf(buyer, IReputationRegistry.Role.Buyer).goodCount, 1, "buyer");
        assertEq(standingOf(seller, IReputationRegistry.Role.Seller).goodCount, 1, "seller");
    }

    function test_paysTheSeller_whoeverSubmitsTheConsent(address submitter) public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        Purses memory before = purses();
        IDealEscrow.Consent memory c = signed(BUYER_KEY, accepting(id));
        vm.prank(submitter);
        escrow.accept(t, 0, noState(), c);
        assertPaid(before, usd(110), 0);
    }

    function test_paysTheSeller_afterADelivery() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        IDealEscrow.Consent memory c = signed(BUYER_KEY, accepting(id));
        Purses memory before = purses();
        escrow.accept(t, 0, state, c);
        assertPaid(before, usd(110), 0);
        assertEq(escrow.stateDigest(id, 0), bytes32(0), "state");
    }

    function test_paysTheSeller_evenWhenTheBuyerCouldReclaim() public {
        (IDealEscrow.Terms memory t,) = opened();
        Purses memory before = purses();
        vm.warp(JUDGE_END + 10 days);
        vm.prank(buyer);
        escrow.accept(t, 0, noState(), noConsent());
        assertPaid(before, usd(110), 0);
    }

    function test_asksTheBuyersWallet() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        // The buyer moves its account behind a delegate that knows only its own envelope.
        address to = vm.deployCode(
            "Wallet.sol:Wallet", abi.encode(address(0), Wallet.Mode.SaysNo, address(0))
        );
        vm.etch(buyer, abi.encodePacked(hex"ef0100", to));
        escrow.accept(t, 0, noState(), signed(BUYER_KEY, accepting(id)));
        assertEq(usdc.balanceOf(seller), usd(1_000_100), "seller");
    }

    function test_creditsTheSeller_whenTheTermsSaySo() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.payAsCredit = true;
        open(t);
        vm.prank(buyer);
        escrow.accept(t, 0, noState(), noConsent());
        assertEq(escrow.credits(address(usdc), seller), usd(100), "credit");
    }

    function test_takesConsentUntilTheLastSecond() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Consent memory c = signed(BUYER_KEY, accepting(id));
        vm.warp(UNTIL - 1);
        escrow.accept(t, 0, noState(), c);
    }

    function test_reverts_whenTheConsentHasExpired(uint256 late) public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Consent memory c = signed(BUYER_KEY, accepting(id));
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
        IDealEscrow.Accept memory act = accepting(id);
        reverts(t, noState(), signed(SELLER_KEY, act), notSigned(act));
        reverts(t, noState(), unsignedConsent(UNTIL), notSigned(act));
    }

    function test_reverts_whenTheConsentIsForAnother(uint256 field) public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Accept memory act = accepting(id);
        field = bound(field, 0, 5);
        if (field == 0) act.dealId = keccak256("another deal");
        if (field == 1) act.milestone = 1;
        if (field == 2) act.round = 2;
        if (field == 3) act.standing = 1;
        if (field == 5) act.fee = 1;
        IDealEscrow.Consent memory c = signed(BUYER_KEY, act);
        if (field == 4) c.validUntil += 1;
        IDealEscrow.Accept memory needed = accepting(id);
        needed.validUntil = c.validUntil;
        reverts(t, noState(), c, notSigned(needed));
    }

    function test_aConcessionIsNoAcceptance() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        bytes32 digest =
            digests.concedeDigest(address(escrow), IDealEscrow.Concede(id, 0, 1, 0, 0, UNTIL));
        reverts(t, noState(), consent(BUYER_KEY, digest, UNTIL), notSigned(accepting(id)));
    }

    function test_reverts_whenTheStateIsNotTheStoredOne() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        deliver(t, 0, WORK);
        bytes32 needed = escrow.stateDigest(id, 0);
        bytes memory with =
            abi.encodeWithSelector(IDealEscrow.StateMismatch.selector, bytes32(0), needed);
        reverts(t, noState(), signed(BUYER_KEY, accepting(id)), with);
    }

    function test_reverts_whenTheDealIsUnknown() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        bytes memory with = abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, id);
        reverts(t, noState(), noConsent(), with);
    }

    function test_reverts_whenTheMilestoneHasEnded() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Consent memory c = signed(BUYER_KEY, accepting(id));
        escrow.accept(t, 0, noState(), c);
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

    function accepting(bytes32 id) internal pure returns (IDealEscrow.Accept memory) {
        return IDealEscrow.Accept(id, 0, 1, 0, 0, UNTIL);
    }

    function signed(uint256 key, IDealEscrow.Accept memory act)
        internal
        view
        returns (IDealEscrow.Consent memory)
    {
        return consent(key, digests.acceptDigest(address(escrow), act), act.validUntil);
    }

    function notSigned(IDealEscrow.Accept memory act) internal view returns (bytes memory) {
        return abi.encodeWithSelector(
            IDealEscrow.SignatureInvalid.selector, buyer, digests.acceptDigest(address(escrow), act)
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
        escrow.accept(t, 0, state, c);
    }
}
