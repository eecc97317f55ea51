// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DealEscrow} from "../src/DealEscrow.sol";
import {IDealEscrow} from "../src/interfaces/IDealEscrow.sol";
import {IJury} from "../src/interfaces/IJury.sol";
import {Batching} from "./utils/Batching.sol";
import {vm} from "./utils/Vm.sol";

// attacks with signatures and ballots: each test is named after what was tried
// ├── replays of ballots, consents, authorizations and permits
// ├── ballots that are missing, doubled, malleable or an outsider's
// └── deliveries that are withheld, doubled or swapped
contract AttacksTest is Batching {
    uint256 internal constant ORDER =
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    // ---- replays

    function test_ballotsReplayedAcrossChainForkContractConsumerDealMilestoneRoundDigest() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        IJury.Case memory c =
            IJury.Case(block.chainid, address(jury), address(escrow), open(t), 0, 1, WORK);
        for (uint256 i; i < 7; ++i) {
            IJury.Case memory other = abi.decode(abi.encode(c), (IJury.Case));
            if (i == 0) other.chainId = 8453;
            if (i == 1) other.jury = address(escrow);
            if (i == 2) other.consumer = address(jury);
            if (i == 3) other.dealId = keccak256("another deal");
            if (i == 4) other.milestone = 1;
            if (i == 5) other.round = 2;
            if (i == 6) other.deliverable = OTHER_WORK;
            bytes memory packed = ballots(ALL_SEATS, jury.caseId(other), 1, 0);
            vm.expectRevert(abi.encodeWithSelector(IDealEscrow.NoVerdict.selector, 0));
            settle(t, 0, noState(), WORK, packed);
        }
    }

    function test_consentsReplayedOnAForkOrInAnotherEscrow() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        IDealEscrow.Consent memory c = signedAccept(t, 0, noState(), 0);
        DealEscrow first = escrow;
        escrow = newEscrow(address(usdc));
        open(t);
        vm.expectRevert(notAccepted(t, 0, 0));
        escrow.accept(t, 0, noState(), c);
        escrow = first;
        vm.chainId(8453);
        bytes32 forked = escrow.dealIdOf(t);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, forked));
        escrow.accept(t, 0, noState(), c);
        vm.chainId(31_337);
        escrow.accept(t, 0, noState(), c);
    }

    /// @dev Each consent in every state that it was not signed for.
    function test_consentsReplayedInAnotherState() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.Consent memory accepting = signedAccept(t, 0, noState(), 0);
        IDealEscrow.Consent memory conceding = signedConcede(t, 0, noState(), 0);
        IDealEscrow.SlowState[] memory state = judged(t, 0, REJECTED);
        consentsRevert(t, state, accepting, conceding);
        accepting = signedAccept(t, 0, state, 0);
        conceding = signedConcede(t, 0, state, 0);
        state = appealed(t, 0, state);
        consentsRevert(t, state, accepting, conceding);
        escrow.concede(t, 0, state, signedConcede(t, 0, state, 0));
    }

    function consentsRevert(
        IDealEscrow.Terms memory t,
        IDealEscrow.SlowState[] memory state,
        IDealEscrow.Consent memory accepting,
        IDealEscrow.Consent memory conceding
    ) internal {
        bytes32 digest = digests.acceptDigest(
            address(escrow),
            IDealEscrow.Accept(escrow.dealIdOf(t), 0, roundOf(state), standingIn(state), 0, FOREVER)
        );
        vm.expectRevert(
            abi.encodeWithSelector(IDealEscrow.SignatureInvalid.selector, buyer, digest)
        );
        escrow.accept(t, 0, state, accepting);
        digest = digests.concedeDigest(
            address(escrow),
            IDealEscrow.Concede(
                escrow.dealIdOf(t), 0, roundOf(state), standingIn(state), 0, FOREVER
            )
        );
        vm.expectRevert(
            abi.encodeWithSelector(IDealEscrow.SignatureInvalid.selector, seller, digest)
        );
        escrow.concede(t, 0, state, conceding);
    }

    function test_staleAgree() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.Consent memory b = signedAgree(BUYER_KEY, t, 0, noState(), 1, false, 0);
        IDealEscrow.Consent memory s = signedAgree(SELLER_KEY, t, 0, noState(), 1, false, 0);
        IDealEscrow.SlowState[] memory state = judged(t, 0, ACCEPTED);
        bytes32 digest = digests.agreeDigest(
            address(escrow),
            IDealEscrow.Agree(escrow.dealIdOf(t), 0, 1, standingIn(state), 1, false, 0, FOREVER)
        );
        vm.expectRevert(
            abi.encodeWithSelector(IDealEscrow.SignatureInvalid.selector, buyer, digest)
        );
        escrow.agree(t, 0, state, 1, false, b, s);
        agreeOn(t, 0, state, 1);
    }

    function test_aSecondSignatureOfOneConsentIsNoSecondConsent() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        bytes32 id = open(t);
        IDealEscrow.Consent memory c = signedAccept(t, 0, noState(), 0);
        escrow.accept(t, 0, noState(), c);
        (bytes32 r, bytes32 s, uint8 v) = split(c.signature);
        c.signature = abi.encodePacked(r, bytes32(ORDER - uint256(s)), v == 27 ? 28 : 27);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0));
        escrow.accept(t, 0, noState(), c);
        vm.expectRevert(notAccepted(t, 1, 0));
        escrow.accept(t, 1, noState(), c);
    }

    function test_zeroSignatures() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        IDealEscrow.Consent memory c = unsignedConsent(FOREVER);
        for (uint256 length = 64; length <= 65; ++length) {
            c.signature = new bytes(length);
            vm.expectRevert(notAccepted(t, 0, 0));
            escrow.accept(t, 0, noState(), c);
        }
    }

    function test_frontRunCancelledAndReplayedAuthorizations() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, ACCEPTED);
        bytes32 nonce = appealDigest(t, 0, state, 0);
        bytes memory a = authorization(BUYER_KEY, APPEAL_BOND, FOREVER, nonce, address(escrow));
        vm.expectRevert(text("FiatTokenV2: caller must be the payee"));
        usdc.receiveWithAuthorization(buyer, address(escrow), APPEAL_BOND, 0, FOREVER, nonce, a);
        // Anybody may submit the appeal itself; its bond is pulled once.
        state = appealed(t, 0, state);
        assertTrue(usdc.authorizationState(buyer, nonce), "used");
        vm.expectRevert(
            abi.encodeWithSelector(
                IDealEscrow.StatusMismatch.selector,
                IDealEscrow.Status.Round2,
                IDealEscrow.Status.Judged
            )
        );
        escrow.appeal(t, 0, state, 0, FOREVER, bytes.concat(hex"00", a));
        cancelled();
    }

    /// @dev A cancelled authorization sets the same flag as a used one, and funds nothing.
    function cancelled() internal {
        IDealEscrow.Terms memory t = appealTerms(1);
        t.salt = keccak256("cancelled");
        open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, ACCEPTED);
        bytes32 nonce = appealDigest(t, 0, state, 0);
        bytes32 structHash =
            keccak256(abi.encode(usdc.CANCEL_AUTHORIZATION_TYPEHASH(), buyer, nonce));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash));
        usdc.cancelAuthorization(buyer, nonce, sign(BUYER_KEY, digest));
        bytes memory a = appealAuthorization(t, 0, state, 0);
        vm.expectRevert(text("FiatTokenV2: authorization is used or canceled"));
        escrow.appeal(t, 0, state, 0, FOREVER, a);
    }

    function test_termsFeeOrTokenSwappedAfterSigning() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        (bytes memory b, bytes memory s) = (buyerAuthorization(t), sellerAuthorization(t));
        IDealEscrow.Terms memory other = salted(t, uint256(t.salt));
        other.openFee = usd(1);
        other.total += usd(1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDealEscrow.SignatureInvalid.selector, seller, escrow.dealIdOf(other)
            )
        );
        open(other, b, s);
        other = salted(t, uint256(t.salt));
        other.token = address(registry);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDealEscrow.TokenNotAllowed.selector, address(registry), address(usdc)
            )
        );
        open(other, b, s);
        open(t, b, s);
        IDealEscrow.Consent memory c = signedAccept(t, 0, noState(), 1);
        c.fee = usd(50);
        vm.expectRevert(notAccepted(t, 0, c.fee));
        escrow.accept(t, 0, noState(), c);
    }

    function test_aForeignConsumerWithTheSameIds() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        bytes memory packed = ballots(ALL_SEATS, caseOf(id, 0, WORK), 1, 0);
        IJury.Tally memory tally = jury.judge(five, 1, id, 0, WORK, t.milestones[0].rule, packed);
        assertEq(tally.seats, 0, "ballots for the escrow are nobody else's");
        settle(t, 0, noState(), WORK, packed);
    }

    // ---- ballots

    function test_duplicateUnorderedOutsiderMissingEmptyGarbageAndTooFewBallots() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 caseId = caseOf(open(t), 0, WORK);
        bytes memory one = ballot(0, caseId, 1, 0);
        bytes memory two = ballot(1, caseId, 1, 0);
        bytes[5] memory tries = [
            abi.encodePacked(FOUR_SEATS, one, one, one, one),
            abi.encodePacked(
                FOUR_SEATS, two, one, ballot(3, caseId, 1, 0), ballot(2, caseId, 1, 0)
            ),
            abi.encodePacked(
                    FOUR_SEATS, one, two, ballot(2, caseId, 1, 0), ballot(9, caseId, 1, 0)
                ),
            ballots(7, caseId, 1, 0),
            hex"0000"
        ];
        uint16[5] memory seats = [uint16(1), 0, 7, 7, 0];
        for (uint256 i; i < 5; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IDealEscrow.NoVerdict.selector, seats[i]));
            settle(t, 0, noState(), WORK, tries[i]);
        }
        vm.expectRevert(abi.encodeWithSelector(IJury.BallotsMalformed.selector, 0, 2));
        settle(t, 0, noState(), WORK, "");
        // Its first two bytes are zero: a mask of no seats, which needs nothing behind it.
        vm.expectRevert(abi.encodeWithSelector(IJury.BallotsMalformed.selector, 96, 2));
        settle(t, 0, noState(), WORK, abi.encode("garbage"));
    }

    function test_twoRelayersRacingWithDifferentSubsets() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        bytes32 caseId = caseOf(id, 0, WORK);
        bytes memory first = ballots(30, caseId, 1, 0);
        bytes memory second = ballots(ALL_SEATS, caseId, 1, 0);
        uint256 snapshot = vm.snapshotState();
        settle(t, 0, noState(), WORK, first);
        uint256 paid = usdc.balanceOf(seller);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0));
        settle(t, 0, noState(), WORK, second);
        vm.revertToState(snapshot);
        settle(t, 0, noState(), WORK, second);
        assertEq(usdc.balanceOf(seller), paid, "the same");
    }

    /// @dev Two jurors saw nothing on-chain yet, three saw the delivery: one case.
    function test_jurorsOnDifferentHeads() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 caseId = caseOf(open(t), 0, WORK);
        bytes memory early = bytes.concat(ballot(0, caseId, 1, 0), ballot(1, caseId, 1, 0));
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        bytes memory late = bytes.concat(ballot(2, caseId, 1, 0), ballot(3, caseId, 1, 0));
        settle(t, 0, state, WORK, bytes.concat(bytes2(FOUR_SEATS), early, late));
    }

    function test_aLeftJurorsBallot() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.judgeWithin = 60 days;
        open(t);
        IJury.Unbonding memory u = IJury.Unbonding(juror(0), 1, FOREVER);
        jury.unbond(u, sign(jurorKey(0), jury.unbondingDigest(u)));
        vm.warp(START + 31 days);
        jury.claim(juror(0));
        assertTrue(!jury.juror(juror(0)).registered, "left");
        bytes32 caseId = caseOf(escrow.dealIdOf(t), 0, WORK);
        settle(t, 0, noState(), WORK, ballots(FOUR_SEATS, caseId, 1, 0));
    }

    function test_theSameVoteWithANewTranscript() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 caseId = caseOf(open(t), 0, WORK);
        bytes32 digest = jury.ballotDigest(IJury.Ballot(caseId, 1, 0, 0, keccak256("new")));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(jurorKey(3), digest);
        bytes32 vs = bytes32(uint256(s) | (uint256(v - 27) << 255));
        bytes memory again =
            abi.encodePacked(uint16(1), uint16(0), uint8(0), keccak256("new"), r, vs);
        bytes memory packed = bytes.concat(ballots(7, caseId, 1, 0), again);
        packed[1] = bytes1(uint8(FOUR_SEATS));
        settle(t, 0, noState(), WORK, packed);
    }

    function test_aBatchWithOneBadLeafOneEndedAndOneTwice() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        (bytes32[] memory ids,) = openMany(t, 2);
        vm.prank(buyer);
        escrow.accept(salted(t, 1), 0, noState(), noConsent());
        // Good, the same again, ended, never opened.
        bytes memory items = bytes.concat(saltItem(0), saltItem(0), saltItem(1), saltItem(77));
        bytes32[] memory cases = new bytes32[](4);
        bytes32 unknown = escrow.dealIdOf(salted(t, 77));
        cases[0] = caseOf(ids[0], 0, WORK);
        cases[1] = cases[0];
        cases[2] = caseOf(ids[1], 0, WORK);
        cases[3] = caseOf(unknown, 0, WORK);
        bytes memory packed = batchBallots(ALL_SEATS, 0, cases, same(MET, 4));
        Purses memory before = purses();
        expectSkipped(ids[0], 0, alreadyEnded(ids[0]));
        expectSkipped(ids[1], 0, alreadyEnded(ids[1]));
        expectSkipped(unknown, 0, abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, unknown));
        escrow.settleBatch(1, templatesOf(t), items, packed);
        assertPaid(before, usd(100), 0);
    }

    function test_absentAndAbstentionInOneBatch() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        (bytes32[] memory ids, bytes memory items) = openMany(t, 2);
        bytes memory votes = abi.encodePacked(ABSENT, ABSTAINED);
        bytes memory packed = batchBallots(ALL_SEATS, 0, casesOf(ids, 1), votes);
        expectSkipped(ids[0], 0, abi.encodeWithSelector(IDealEscrow.NoVerdict.selector, 0));
        escrow.settleBatch(1, templatesOf(t), items, packed);
        assertWord(ids[0], Word(true, false, 0, 0, usd(100), 0));
        assertWord(ids[1], Word(true, false, 1, 0, 0, 0));
    }

    // ---- deliveries

    /// @dev What the seller withholds is failed: an empty digest does not earn the split.
    function test_aDigestThatIsWithheldOrCiphertext() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = usd(10);
        open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, bytes32(0));
        Purses memory before = purses();
        settleAs(t, 0, state, REJECTED);
        assertPaid(before, 0, usd(110));
    }

    function test_twoDigests_ballotsForTheFirstThenADeliveryOfTheSecond() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = usd(10);
        bytes32 id = open(t);
        bytes memory against = ballotsFor(REJECTED, caseOf(id, 0, WORK));
        bytes memory for_ = ballotsFor(ACCEPTED, caseOf(id, 0, WORK));
        IDealEscrow.SlowState[] memory state = deliver(t, 0, OTHER_WORK);
        vm.expectRevert(
            abi.encodeWithSelector(IDealEscrow.DeliverableMismatch.selector, WORK, OTHER_WORK)
        );
        settle(t, 0, state, WORK, for_);
        Purses memory before = purses();
        settle(t, 0, state, WORK, against);
        assertPaid(before, 0, usd(110));
    }

    // ---- helpers

    /// @dev What `accept` says when the buyer did not sign exactly this; nothing is on-chain.
    function notAccepted(IDealEscrow.Terms memory t, uint8 milestone, uint96 fee)
        internal
        view
        returns (bytes memory)
    {
        bytes32 digest = digests.acceptDigest(
            address(escrow), IDealEscrow.Accept(escrow.dealIdOf(t), milestone, 1, 0, fee, FOREVER)
        );
        return abi.encodeWithSelector(IDealEscrow.SignatureInvalid.selector, buyer, digest);
    }

    function alreadyEnded(bytes32 id) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0);
    }

    function split(bytes memory signature) internal pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
            v := byte(0, mload(add(signature, 0x60)))
        }
    }
}
