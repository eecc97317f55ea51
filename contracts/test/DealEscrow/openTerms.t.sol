// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// open: what terms must be
// ├── when fees, their receiver or an appeal's bond are out of range
// │   └── it reverts with what was and what had to be
// ├── when a sequence leaves no time for a milestone's worst case
// │   └── it reverts
// ├── when parties, token, windows, shares, amounts, weights or pass marks are malformed
// │   └── it reverts with what was and what had to be
// ├── when they are at the edge of what is allowed
// │   └── it opens
// └── when a word has dirty high bits
//     └── it reverts
contract OpenTermsTest is Fixture {
    uint256 internal constant HOUR = 1 hours;
    uint256 internal constant LIFE = 730 days;

    function test_opensAtTheEdges() public {
        IDealEscrow.Terms memory t = makeTerms(16);
        t.judgeWithin = uint40(HOUR);
        t.openBy = uint40(START + 1);
        (t.silentSellerBps, t.splitSellerBps) = (10_000, 10_000);
        t.milestones[0].deliverBy = uint40(START + 1 + HOUR);
        t.milestones[15].deliverBy = uint40(START + LIFE - HOUR);
        t.milestones[1].rule = rule(10_000, 0, 0, 1, 1);
        t.milestones[2].rule = rule(3333, 3333, 3334, 7, 10_000);
        t.milestones[3].rule = sixteen();
        t.milestones[4].amount = 1;
        t.total -= usd(100) - 1;
        open(t);
    }

    // ---- fees

    function test_opensWithEveryFee_atTheirMost() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        (t.juryFee, t.relayFee, t.openFee) = (usd(60), usd(40), usd(5));
        t.total += usd(5);
        (t.feeBps, t.feeReceiver) = (1000, address(0xFEE));
        bytes32 id = open(t);
        assertWord(id, Word(true, false, 0, 0, usd(200), 0));
        assertEq(usdc.balanceOf(RELAYER), usd(5), "openFee");
    }

    function test_reverts_whenARoundsFeesExceedAMilestone(uint96 more) public {
        IDealEscrow.Terms memory t = makeTerms(2);
        more = uint96(bound(more, 1, usd(1000)));
        (t.juryFee, t.relayFee) = (usd(50), usd(50) + more);
        openReverts(
            t, abi.encodeWithSelector(IDealEscrow.FeesTooHigh.selector, usd(100) + more, usd(100))
        );
    }

    function test_reverts_whenTheMarketplacesFeeIsAboveATenth(uint16 bps) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        (t.feeBps, t.feeReceiver) = (uint16(bound(bps, 1001, type(uint16).max)), RELAYER);
        openReverts(
            t, abi.encodeWithSelector(IDealEscrow.BpsTooHigh.selector, "feeBps", t.feeBps, 1000)
        );
    }

    function test_reverts_whenAFeeHasNoReceiverOrAReceiverNoFee() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.feeBps = 1;
        openReverts(
            t, abi.encodeWithSelector(IDealEscrow.FeeReceiverInvalid.selector, address(0), 1)
        );
        (t.feeBps, t.feeReceiver) = (0, RELAYER);
        openReverts(t, abi.encodeWithSelector(IDealEscrow.FeeReceiverInvalid.selector, RELAYER, 0));
    }

    function test_reverts_whenTheTotalForgetsTheOpenFee() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.openFee = usd(1);
        openReverts(t, totalMismatch(usd(100), usd(101)));
    }

    // ---- appeals

    function test_opensWithAnAppeal_whoseBondCoversOneRound() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        (t.juryFee, t.relayFee, t.appealBond) = (usd(3), usd(2), usd(5));
        open(t);
    }

    function test_reverts_whenTheAppealsBondDoesNotCoverARound(uint96 less) public {
        IDealEscrow.Terms memory t = appealTerms(1);
        (t.juryFee, t.relayFee) = (usd(3), usd(2));
        t.appealBond = usd(5) - uint96(bound(less, 1, usd(5)));
        openReverts(t, appealBondInvalid(t.appealBond, usd(5)));
    }

    function test_reverts_whenThereIsABondButNoAppeal() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.appealBond = 1;
        openReverts(t, appealBondInvalid(1, 0));
    }

    function test_reverts_whenNoPanelCouldHearTheAppeal() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        t.jury = five;
        openReverts(t, abi.encodeWithSelector(IJury.PanelMissing.selector, five, 2));
    }

    function test_reverts_whenTheLoserHasLessThanAnHour(uint256 secs) public {
        IDealEscrow.Terms memory t = appealTerms(1);
        t.appealWithin = uint40(bound(secs, 1, HOUR - 1));
        openReverts(
            t,
            abi.encodeWithSelector(
                IDealEscrow.WindowTooShort.selector, "appealWithin", t.appealWithin, HOUR
            )
        );
    }

    function test_reverts_whenAnAppealCouldOutlastTwoYears(uint256 late) public {
        IDealEscrow.Terms memory t = appealTerms(1);
        uint256 tail = 2 * uint256(t.judgeWithin) + t.appealWithin;
        t.milestones[0].deliverBy = uint40(START + LIFE - tail);
        open(t);
        late = bound(late, 1, 100 days);
        t.milestones[0].deliverBy += uint40(late);
        openReverts(t, endsTooLate(0, START + LIFE + late));
    }

    // ---- sequences

    function test_opensASequence_whoseWorstCasesFit() public {
        IDealEscrow.Terms memory t = makeTerms(3);
        t.sequential = true;
        t.milestones[1].deliverBy = DELIVER_BY + 1 days + uint40(HOUR);
        t.milestones[2].deliverBy = DELIVER_BY + 2 days + 2 * uint40(HOUR);
        open(t);
        t.jury = createJury(5, 5);
        uint256 needed = DELIVER_BY + 2 days + HOUR;
        openReverts(t, deliverByTooEarly(1, t.milestones[1].deliverBy, needed));
        t.milestones[1].deliverBy = uint40(needed);
        t.milestones[2].deliverBy = uint40(needed + 2 days + HOUR);
        open(t);
        (t.appealWithin, t.appealBond) = (uint40(HOUR), 1);
        openReverts(t, deliverByTooEarly(1, needed, needed + HOUR));
    }

    function test_reverts_whenASequencesDeadlinesOverlap(uint256 early) public {
        IDealEscrow.Terms memory t = makeTerms(2);
        t.sequential = true;
        uint256 needed = DELIVER_BY + 1 days + HOUR;
        t.milestones[1].deliverBy = uint40(needed - bound(early, 1, 1 days + HOUR));
        openReverts(t, deliverByTooEarly(1, t.milestones[1].deliverBy, needed));
    }

    function test_opensWithProRata() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.milestones[0].rule |= 1 << 254;
        open(t);
    }

    // ---- parties, token, shares

    function test_reverts_whenAPartyIsMissingOrBothAreTheSame() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        (t.buyer, t.seller) = (address(0), seller);
        openReverts(t, partiesInvalid(t));
        (t.buyer, t.seller) = (buyer, address(0));
        openReverts(t, partiesInvalid(t));
        (t.buyer, t.seller) = (buyer, buyer);
        openReverts(t, partiesInvalid(t));
    }

    function test_reverts_onAnotherToken(address token) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        if (token == address(usdc)) token = address(0);
        t.token = token;
        openReverts(
            t, abi.encodeWithSelector(IDealEscrow.TokenNotAllowed.selector, token, address(usdc))
        );
    }

    function test_reverts_whenAShareIsAboveAll(uint16 bps) public {
        bps = uint16(bound(bps, 10_001, type(uint16).max));
        IDealEscrow.Terms memory t = makeTerms(1);
        t.silentSellerBps = bps;
        openReverts(t, bpsTooHigh("silentSellerBps", bps));
        (t.silentSellerBps, t.splitSellerBps) = (0, bps);
        openReverts(t, bpsTooHigh("splitSellerBps", bps));
    }

    // ---- windows

    function test_reverts_whenThePanelHasLessThanAnHour(uint256 secs) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.judgeWithin = uint40(bound(secs, 0, HOUR - 1));
        openReverts(
            t,
            abi.encodeWithSelector(
                IDealEscrow.WindowTooShort.selector, "judgeWithin", t.judgeWithin, HOUR
            )
        );
    }

    function test_reverts_whenADeadlineIsLessThanAnHourAfterOpenBy(uint256 early) public {
        IDealEscrow.Terms memory t = makeTerms(3);
        t.milestones[1].deliverBy = uint40(OPEN_BY + HOUR - bound(early, 1, 10 days));
        openReverts(
            t,
            abi.encodeWithSelector(
                IDealEscrow.DeliverByTooEarly.selector, 1, t.milestones[1].deliverBy, OPEN_BY + HOUR
            )
        );
    }

    function test_reverts_whenAMilestoneCouldOutlastTwoYears(uint256 late) public {
        IDealEscrow.Terms memory t = makeTerms(2);
        late = bound(late, 1, 1000 days);
        t.milestones[1].deliverBy = uint40(START + LIFE - t.judgeWithin + late);
        openReverts(t, endsTooLate(1, START + LIFE + late));
        t.milestones[1].deliverBy = uint40(START + LIFE - t.judgeWithin + 1);
        openReverts(t, endsTooLate(1, START + LIFE + 1));
        t.milestones[1].deliverBy -= 1;
        open(t);
    }

    function test_reverts_whenThePanelCouldOutlastTwoYears() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.judgeWithin = type(uint40).max;
        openReverts(t, endsTooLate(0, uint256(DELIVER_BY) + type(uint40).max));
    }

    // ---- milestones and their money

    function test_reverts_withoutMilestones() public {
        IDealEscrow.Terms memory t = makeTerms(0);
        openReverts(t, abi.encodeWithSelector(IDealEscrow.MilestoneCount.selector, 0, 16));
    }

    function test_reverts_withMoreThanSixteenMilestones(uint256 count) public {
        count = bound(count, 17, 40);
        IDealEscrow.Terms memory t = makeTerms(count);
        openReverts(t, abi.encodeWithSelector(IDealEscrow.MilestoneCount.selector, count, 16));
    }

    function test_reverts_whenAMilestoneHasNoMoney() public {
        IDealEscrow.Terms memory t = makeTerms(3);
        t.milestones[2].amount = 0;
        openReverts(t, abi.encodeWithSelector(IDealEscrow.AmountZero.selector, 2));
    }

    function test_reverts_whenTheTotalIsNotTheSum(uint96 total) public {
        IDealEscrow.Terms memory t = makeTerms(3);
        t.total = total == usd(300) ? 0 : total;
        openReverts(t, totalMismatch(t.total, usd(300)));
    }

    function test_reverts_whenTheSumOverflowsTheTotal() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        t.milestones[0].amount = type(uint96).max;
        t.milestones[1].amount = type(uint96).max;
        t.total = type(uint96).max - 1;
        openReverts(t, totalMismatch(t.total, 2 * uint256(type(uint96).max)));
    }

    // ---- rules

    function test_reverts_whenTheWeightsDoNotSumToAll(uint256 w0, uint256 w1) public {
        w0 = bound(w0, 1, 16_383);
        w1 = bound(w1, 1, 16_383);
        if (w0 + w1 == 10_000) ++w1;
        ruleReverts(rule(w0, w1, 0, 0, 1), weightsInvalid(w0 + w1));
    }

    function test_reverts_whenTheWeightsHaveAGap() public {
        ruleReverts(rule(5000, 0, 5000, 0, 1), weightsInvalid(5000));
        ruleReverts(rule(10_000, 0, 1, 0, 1), weightsInvalid(10_000));
        ruleReverts(rule(0, 10_000, 0, 0, 1), weightsInvalid(0));
        ruleReverts(rule(0, 0, 0, 0, 1), weightsInvalid(0));
    }

    function test_reverts_whenAMandatoryCriterionDoesNotExist(uint16 mandatory) public {
        mandatory = uint16(bound(mandatory, 4, type(uint16).max));
        ruleReverts(
            rule(5000, 5000, 0, mandatory, 1),
            abi.encodeWithSelector(IDealEscrow.MandatoryInvalid.selector, 0, mandatory, 3)
        );
    }

    function test_reverts_whenThePassMarkIsOutOfRange(uint256 passBps) public {
        passBps = bound(passBps, 10_001, 16_383);
        ruleReverts(rule(10_000, 0, 0, 0, passBps), passBpsInvalid(passBps));
        ruleReverts(rule(10_000, 0, 0, 0, 0), passBpsInvalid(0));
    }

    function test_reverts_whenTheRulesTopBitIsSet() public {
        uint256 word = oneCriterion() | (1 << 255);
        ruleReverts(word, abi.encodeWithSelector(IDealEscrow.RuleInvalid.selector, 0, word));
    }

    // ---- calldata that no encoder would make

    /// @dev Words of the struct that are narrower than 256 bits, and how wide they are; the last
    /// two are the first milestone's.
    function test_reverts_whenAWordIsDirty(uint256 which, uint256 dirt) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        uint8[20] memory words =
            [0, 1, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 25, 26];
        uint8[20] memory bits =
            [160, 160, 160, 96, 96, 96, 96, 96, 16, 160, 1, 40, 40, 40, 96, 16, 16, 1, 96, 40];
        which = bound(which, 0, 19);
        dirt = bound(dirt, 1, type(uint64).max) << bits[which];
        bytes memory data =
            abi.encodeCall(escrow.open, (t, buyerAuthorization(t), sellerAuthorization(t)));
        // Selector, three heads, then the struct.
        uint256 offset = 4 + 0x60 + 0x20 * uint256(words[which]);
        assembly ("memory-safe") {
            let p := add(add(data, 0x20), offset)
            mstore(p, or(mload(p), dirt))
        }
        vm.expectRevert(
            abi.encodeWithSelector(IDealEscrow.FieldTooWide.selector, dirt >> bits[which])
        );
        (bool ok,) = address(escrow).call(data);
        assertTrue(ok, "refused");
        assertWord(escrow.dealIdOf(t), Word(false, false, 0, 0, 0, 0));
    }

    // ---- helpers

    function sixteen() internal pure returns (uint256 word) {
        for (uint256 i; i < 16; ++i) {
            word |= 625 << (14 * i);
        }
        word |= (0xffff << 224) | (10_000 << 240);
    }

    function appealTerms(uint256 count) internal returns (IDealEscrow.Terms memory t) {
        t = makeTerms(count);
        (t.jury, t.appealWithin, t.appealBond) = (createJury(5, 5), 1 days, usd(20));
    }

    function appealBondInvalid(uint256 got, uint256 needed) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.AppealBondInvalid.selector, got, needed);
    }

    function deliverByTooEarly(uint256 i, uint256 got, uint256 needed)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IDealEscrow.DeliverByTooEarly.selector, i, got, needed);
    }

    function ruleReverts(uint256 word, bytes memory with) internal {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.milestones[0].rule = word;
        openReverts(t, with);
    }

    function partiesInvalid(IDealEscrow.Terms memory t) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.PartiesInvalid.selector, t.buyer, t.seller);
    }

    function bpsTooHigh(string memory field, uint256 got) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.BpsTooHigh.selector, field, got, 10_000);
    }

    function endsTooLate(uint256 i, uint256 got) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.EndsTooLate.selector, i, got, START + LIFE);
    }

    function totalMismatch(uint256 got, uint256 needed) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.TotalMismatch.selector, got, needed);
    }

    function weightsInvalid(uint256 got) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.WeightsInvalid.selector, 0, got, 10_000);
    }

    function passBpsInvalid(uint256 got) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.PassBpsInvalid.selector, 0, got, 10_000);
    }
}
