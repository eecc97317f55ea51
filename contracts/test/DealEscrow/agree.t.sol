// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Ending, IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// agree
// ├── when both consent, each by calling or by signature
// │   ├── it pays any split of amount and bond, to the unit
// │   ├── it credits when they, or for the seller the terms, say so
// │   └── it is a neutral fact
// ├── when the seller's part exceeds what is there
// │   └── it reverts
// ├── when a party neither calls nor signed exactly this, or its validUntil has passed
// │   └── it reverts
// ├── when the handed-in state is not the stored one
// │   └── it reverts
// └── when the milestone has ended
//     └── it reverts
contract AgreeTest is Fixture {
    uint40 internal constant UNTIL = JUDGE_END;

    function test_paysAnySplit(uint96 amount, uint96 bond, uint256 toSeller) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        amount = uint96(bound(amount, 1, usd(1_000_000)));
        (t.total, t.milestones[0].amount) = (amount, amount);
        t.bond = uint96(bound(bond, 0, usd(1_000_000)));
        bytes32 id = open(t);
        uint256 all = uint256(amount) + t.bond;
        toSeller = bound(toSeller, 0, all);
        Purses memory before = purses();
        IDealEscrow.Agree memory act = agreeing(id, uint128(toSeller));
        expectEnded(id, 0, Ending.Agreed, toSeller, all - toSeller);
        agree(t, noState(), act, signed(BUYER_KEY, act), signed(SELLER_KEY, act));
        assertPaid(before, toSeller, all - toSeller);
    }

    function test_eitherPartyMayCallItself(bool which) public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Agree memory act = agreeing(id, usd(30));
        IDealEscrow.Consent memory b = which ? noConsent() : signed(BUYER_KEY, act);
        IDealEscrow.Consent memory s = which ? signed(SELLER_KEY, act) : noConsent();
        Purses memory before = purses();
        vm.prank(which ? buyer : seller);
        escrow.agree(t, 0, noState(), usd(30), false, b, s);
        assertPaid(before, usd(30), usd(80));
    }

    function test_eachHasItsOwnValidUntil() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Agree memory act = agreeing(id, usd(30));
        IDealEscrow.Consent memory b = signed(BUYER_KEY, act);
        act.validUntil -= 1 hours;
        agree(t, noState(), act, b, signed(SELLER_KEY, act));
    }

    function test_isANeutralFact_evenForTheWholeSum() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Agree memory act = agreeing(id, usd(110));
        agree(t, noState(), act, signed(BUYER_KEY, act), signed(SELLER_KEY, act));
        IReputationRegistry.Standing memory s = standingOf(seller, IReputationRegistry.Role.Seller);
        IReputationRegistry.Standing memory b = standingOf(buyer, IReputationRegistry.Role.Buyer);
        assertEq(s.neutralCount, 1, "seller");
        assertEq(b.neutralCount, 1, "buyer");
        assertEq(uint256(s.good) + s.bad + b.good + b.bad, 0, "no weight");
    }

    function test_creditsBoth_whenTheySaySo() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Agree memory act = agreeing(id, usd(30));
        act.asCredit = true;
        Purses memory before = purses();
        agree(t, noState(), act, signed(BUYER_KEY, act), signed(SELLER_KEY, act));
        (before.buyerCredit, before.sellerCredit) = (usd(80), usd(30));
        assertPaid(before, 0, 0);
    }

    function test_creditsTheSellerOnly_whenTheTermsSaySo() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.payAsCredit = true;
        bytes32 id = open(t);
        IDealEscrow.Agree memory act = agreeing(id, usd(30));
        Purses memory before = purses();
        agree(t, noState(), act, signed(BUYER_KEY, act), signed(SELLER_KEY, act));
        before.sellerCredit = usd(30);
        assertPaid(before, 0, usd(70));
    }

    function test_paysAfterADelivery() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        IDealEscrow.Agree memory act = agreeing(id, usd(30));
        Purses memory before = purses();
        agree(t, state, act, signed(BUYER_KEY, act), signed(SELLER_KEY, act));
        assertPaid(before, usd(30), usd(80));
        assertEq(escrow.stateDigest(id, 0), bytes32(0), "state");
    }

    function test_reverts_whenTheSellersPartExceedsWhatIsThere(uint128 toSeller) public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        toSeller = uint128(bound(toSeller, usd(110) + 1, type(uint128).max));
        IDealEscrow.Agree memory act = agreeing(id, toSeller);
        IDealEscrow.Consent memory b = signed(BUYER_KEY, act);
        IDealEscrow.Consent memory s = signed(SELLER_KEY, act);
        vm.expectRevert(
            abi.encodeWithSelector(IDealEscrow.SplitTooLarge.selector, toSeller, usd(110))
        );
        agree(t, noState(), act, b, s);
    }

    function test_reverts_whenOnlyOneSigned() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Agree memory act = agreeing(id, usd(30));
        IDealEscrow.Consent memory b = signed(BUYER_KEY, act);
        IDealEscrow.Consent memory s = signed(SELLER_KEY, act);
        IDealEscrow.Consent memory none = unsignedConsent(UNTIL);
        bytes memory with = notSigned(seller, act);
        vm.expectRevert(with);
        agree(t, noState(), act, b, none);
        vm.expectRevert(with);
        agree(t, noState(), act, b, b);
        with = notSigned(buyer, act);
        vm.expectRevert(with);
        agree(t, noState(), act, none, s);
        vm.expectRevert(with);
        vm.prank(seller);
        escrow.agree(t, 0, noState(), usd(30), false, none, none);
    }

    function test_reverts_whenASignatureIsForAnotherSplit(uint256 field, bool which) public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Agree memory act = agreeing(id, usd(30));
        IDealEscrow.Agree memory other = agreeing(id, usd(30));
        field = bound(field, 0, 6);
        if (field == 0) other.dealId = keccak256("another deal");
        if (field == 1) other.milestone = 1;
        if (field == 2) other.round = 2;
        if (field == 3) other.standing = 2;
        if (field == 4) other.sellerAmount += 1;
        if (field == 5) other.asCredit = true;
        if (field == 6) other.fee = 1;
        IDealEscrow.Consent memory b = signed(BUYER_KEY, which ? other : act);
        IDealEscrow.Consent memory s = signed(SELLER_KEY, which ? act : other);
        bytes memory with = notSigned(which ? buyer : seller, act);
        vm.expectRevert(with);
        agree(t, noState(), act, b, s);
    }

    function test_reverts_whenEitherConsentHasExpired(bool which, uint256 late) public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Agree memory act = agreeing(id, usd(30));
        IDealEscrow.Agree memory longer = agreeing(id, usd(30));
        longer.validUntil = UNTIL + 400 days;
        IDealEscrow.Consent memory b = signed(BUYER_KEY, which ? act : longer);
        IDealEscrow.Consent memory s = signed(SELLER_KEY, which ? longer : act);
        late = late % 4 < 2 ? late % 4 : bound(late, 0, 365 days);
        vm.warp(UNTIL + late);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDealEscrow.ConsentExpired.selector, UNTIL + late, uint256(UNTIL)
            )
        );
        agree(t, noState(), act, b, s);
    }

    function test_reverts_whenTheStateIsNotTheStoredOne() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        IDealEscrow.Agree memory act = agreeing(id, usd(30));
        IDealEscrow.SlowState[] memory state = deliveredState(t, WORK);
        IDealEscrow.Consent memory b = signed(BUYER_KEY, act);
        IDealEscrow.Consent memory s = signed(SELLER_KEY, act);
        bytes32 got = keccak256(abi.encode(state[0]));
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.StateMismatch.selector, got, bytes32(0)));
        agree(t, state, act, b, s);
    }

    function test_reverts_whenTheMilestoneHasEnded() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        settleAs(t, 0, noState(), IJury.Outcome.Accepted);
        IDealEscrow.Agree memory act = agreeing(id, 0);
        IDealEscrow.Consent memory b = signed(BUYER_KEY, act);
        IDealEscrow.Consent memory s = signed(SELLER_KEY, act);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0));
        agree(t, noState(), act, b, s);
    }

    function opened() internal returns (IDealEscrow.Terms memory t, bytes32 id) {
        t = makeTerms(1);
        t.bond = usd(10);
        id = open(t);
    }

    function agreeing(bytes32 id, uint128 toSeller)
        internal
        pure
        returns (IDealEscrow.Agree memory)
    {
        return IDealEscrow.Agree(id, 0, 1, 0, toSeller, false, 0, UNTIL);
    }

    function signed(uint256 key, IDealEscrow.Agree memory act)
        internal
        view
        returns (IDealEscrow.Consent memory)
    {
        return consent(key, digests.agreeDigest(address(escrow), act), act.validUntil);
    }

    function notSigned(address party, IDealEscrow.Agree memory act)
        internal
        view
        returns (bytes memory)
    {
        return abi.encodeWithSelector(
            IDealEscrow.SignatureInvalid.selector, party, digests.agreeDigest(address(escrow), act)
        );
    }

    function agree(
        IDealEscrow.Terms memory t,
        IDealEscrow.SlowState[] memory state,
        IDealEscrow.Agree memory act,
        IDealEscrow.Consent memory b,
        IDealEscrow.Consent memory s
    ) internal {
        vm.prank(RELAYER);
        escrow.agree(t, 0, state, act.sellerAmount, act.asCredit, b, s);
    }
}
