// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// deliver
// ├── when the seller calls, or anybody with its signature, before deliverBy
// │   └── it pins the digest, stores the state's digest and emits its preimage
// ├── when deliverBy is over
// │   └── it reverts
// ├── when something was delivered already
// │   └── it reverts
// ├── when the seller did not sign exactly this
// │   └── it reverts
// └── when there is no such deal or milestone, or it has ended
//     └── it reverts
contract DeliverTest is Fixture {
    string internal constant URI = "https://seller.example/work";

    function test_pinsTheDeliverable_whenTheSellerCalls() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        bytes32 id = open(t);
        vm.warp(START + 1 hours);
        IDealEscrow.SlowState memory state = deliveredState(t, WORK)[0];
        assertEq(state.until, START + 25 hours, "until");
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.MilestoneDelivered(id, 1, state, URI);
        vm.prank(seller);
        escrow.deliver(t, 1, WORK, URI, "", unasked());
        assertEq(escrow.stateDigest(id, 1), keccak256(abi.encode(state)), "state");
        assertEq(escrow.stateDigest(id, 0), bytes32(0), "the other's state");
        assertWord(id, Word(true, false, 0, 2, usd(200), 0));
    }

    function test_pinsTheDeliverable_whoeverSubmitsTheSignature(
        address submitter,
        bytes32 deliverable,
        string calldata uri
    ) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        bytes memory signature = signed(SELLER_KEY, id, 0, deliverable, uri);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.MilestoneDelivered(id, 0, deliveredState(t, deliverable)[0], uri);
        vm.prank(submitter);
        escrow.deliver(t, 0, deliverable, uri, signature, unasked());
    }

    function test_movesNoMoney() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        Purses memory before = purses();
        deliver(t, 0, WORK);
        assertPaid(before, 0, 0);
    }

    function test_deliversUntilTheLastSecondBeforeDeliverBy() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        vm.warp(DELIVER_BY - 1);
        deliver(t, 0, WORK);
    }

    function test_reverts_fromDeliverByOn(uint256 late) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        late = late % 4 < 2 ? late % 4 : bound(late, 0, 365 days);
        vm.warp(DELIVER_BY + late);
        reverts(
            t,
            0,
            "",
            abi.encodeWithSelector(
                IDealEscrow.DeadlinePassed.selector, DELIVER_BY + late, uint256(DELIVER_BY)
            )
        );
    }

    function test_reverts_whenSomethingWasDelivered() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        deliver(t, 0, OTHER_WORK);
        reverts(
            t,
            0,
            signed(SELLER_KEY, id, 0, WORK, URI),
            abi.encodeWithSelector(IDealEscrow.NotPending.selector, id, 0)
        );
    }

    function test_reverts_whenTheSellerDidNotSignExactlyThis() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        bytes32 id = open(t);
        IDealEscrow.Delivery memory d = IDealEscrow.Delivery(id, 0, WORK, URI);
        bytes memory with = abi.encodeWithSelector(
            IDealEscrow.SignatureInvalid.selector,
            seller,
            digests.deliveryDigest(address(escrow), d)
        );
        reverts(t, 0, "", with);
        reverts(t, 0, signed(BUYER_KEY, id, 0, WORK, URI), with);
        reverts(t, 0, signed(SELLER_KEY, id, 1, WORK, URI), with);
        reverts(t, 0, signed(SELLER_KEY, id, 0, OTHER_WORK, URI), with);
        reverts(t, 0, signed(SELLER_KEY, id, 0, WORK, ""), with);
        reverts(t, 0, signed(SELLER_KEY, bytes32(0), 0, WORK, URI), with);
    }

    function test_reverts_whenTheDealIsUnknown() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        reverts(t, 0, "", abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, id));
    }

    function test_reverts_whenTheMilestoneIsUnknown() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        reverts(t, 1, "", abi.encodeWithSelector(IDealEscrow.MilestoneUnknown.selector, 1, 1));
    }

    function test_reverts_whenTheMilestoneHasEnded() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        settleAs(t, 0, noState(), IJury.Outcome.Rejected);
        bytes memory s = signed(SELLER_KEY, id, 0, WORK, URI);
        reverts(t, 0, s, abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0));
    }

    function signed(
        uint256 key,
        bytes32 id,
        uint8 milestone,
        bytes32 deliverable,
        string memory uri
    ) internal view returns (bytes memory) {
        IDealEscrow.Delivery memory d = IDealEscrow.Delivery(id, milestone, deliverable, uri);
        return sign(key, digests.deliveryDigest(address(escrow), d));
    }

    function reverts(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        bytes memory signature,
        bytes memory with
    ) internal {
        vm.expectRevert(with);
        vm.prank(RELAYER);
        escrow.deliver(t, milestone, WORK, URI, signature, unasked());
    }
}
