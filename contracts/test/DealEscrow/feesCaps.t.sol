// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Stages} from "../utils/Stages.sol";
import {vm} from "../utils/Vm.sol";

// fees: what there is, what the token refuses, and what becomes of the remainders
// ├── when two rounds cost more than the milestone has
// │   └── round 1 is paid before round 2, jurors before the submitter; the bond helps in a refund
// ├── when fees do not divide
// │   └── seats, submitter and marketplace are rounded down, the rest stays
// ├── for any fees, shares and endings
// │   └── everything sums to amount, bond and appeal's bond
// └── when the token refuses the jury, a submitter or the marketplace
//     └── seats, submitter or marketplace are credited, and nobody else waits
contract FeesCapsTest is Stages {
    address internal constant RECEIVER = address(0xFEE);

    // ---- caps

    function test_aRoundMayCostTheWholeMilestone() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        (t.juryFee, t.relayFee, t.bond) = (usd(70), usd(30), usd(10));
        open(t);
        Purses memory before = purses();
        settleAs(t, 0, noState(), ACCEPTED);
        (before.seller, before.escrow) = (before.seller + usd(10), 0);
        assertEq(abi.encode(purses()), abi.encode(before), "purses");
        assertEq(usdc.balanceOf(address(jury)), usd(70), "jury");
        assertEq(usdc.balanceOf(RELAYER), usd(30), "relayer");
    }

    /// @dev Round 1 costs 70 and leaves 30 for round 2's seats, 6 for each; nothing for its
    /// submitter and the seller.
    function test_round2GetsWhatRound1Leaves_jurorsFirst() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = overturning(REJECTED);
        settleAs(t, 0, state, ACCEPTED);
        assertEq(jury.fees(ten, 1, 0), usd(10), "a seat of round 1");
        assertEq(jury.fees(ten, 2, 0), usd(6), "a seat of round 2");
        assertEq(usdc.balanceOf(RELAYER), usd(20), "relayer");
        assertEq(usdc.balanceOf(seller), usd(1_000_000), "its bonds are back");
        assertEq(usdc.balanceOf(address(escrow)), 0, "escrow");
    }

    /// @dev The bond helps: 110 in all, so 40 are left, 8 for each seat.
    function test_theBondBearsFeesToo_whenTheBuyerIsRefunded() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = overturning(ACCEPTED);
        settleAs(t, 0, state, REJECTED);
        assertEq(jury.fees(ten, 1, 0), usd(10), "a seat of round 1");
        assertEq(jury.fees(ten, 2, 0), usd(8), "a seat of round 2");
        assertEq(usdc.balanceOf(RELAYER), usd(20), "relayer");
        assertEq(usdc.balanceOf(buyer), usd(999_900), "the appeal's bond is back, nothing else");
        assertEq(usdc.balanceOf(address(escrow)), 0, "escrow");
    }

    function overturning(IJury.Outcome first)
        internal
        returns (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state)
    {
        t = appealTerms(1);
        (t.juryFee, t.relayFee, t.appealBond) = (usd(50), usd(20), usd(70));
        open(t);
        state = appealed(t, 0, first);
    }

    // ---- rounding

    function test_feesAreRoundedDown_andTheRestStaysWithTheMilestone() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        (t.juryFee, t.relayFee) = (14, 9);
        (t.feeBps, t.feeReceiver) = (333, RECEIVER);
        (t.total, t.milestones[0].amount) = (1001, 1001);
        bytes32 caseId = caseOf(open(t), 0, WORK);
        uint256 before = usdc.balanceOf(seller);
        settle(t, 0, noState(), WORK, ballots(FOUR_SEATS, caseId, 1, 0));
        // A seat 14 / 5 = 2, the submitter 9 * 4 / 5 = 7; 986 are left, of which 3.33 % are 32.
        assertEq(usdc.balanceOf(address(jury)), 8, "jury");
        assertEq(usdc.balanceOf(RELAYER), 7, "relayer");
        assertEq(usdc.balanceOf(RECEIVER), 32, "receiver");
        assertEq(usdc.balanceOf(seller) - before, 954, "seller");
    }

    function test_aMilestoneOfOneUnitEnds_whateverItsFees() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        (t.juryFee, t.feeBps, t.feeReceiver) = (1, 1000, RECEIVER);
        (t.total, t.milestones[0].amount) = (1, 1);
        open(t);
        uint256 before = usdc.balanceOf(seller);
        settleAs(t, 0, noState(), ACCEPTED);
        assertEq(usdc.balanceOf(seller) - before, 1, "a fifth of one unit is nothing");
    }

    // ---- conservation

    /// forge-config: default.fuzz.runs = 200
    function test_everythingIsPaidToTheUnit(
        uint96 amount,
        uint96[4] calldata prices,
        uint16[3] calldata bps,
        uint8 path
    ) public {
        IDealEscrow.Terms memory t = appealTerms(1);
        amount = uint96(bound(amount, 1, path % 2 == 0 ? 50 : type(uint96).max));
        (t.total, t.milestones[0].amount) = (amount, amount);
        t.juryFee = uint96(bound(prices[0], 0, amount));
        t.relayFee = uint96(bound(prices[1], 0, amount - t.juryFee));
        t.bond = uint96(bound(prices[2], 0, usd(100)));
        t.appealBond = t.juryFee + t.relayFee;
        uint256 most = type(uint96).max - uint256(t.appealBond);
        t.appealBond += uint96(bound(prices[3], 0, most < 100 ? most : 100));
        (t.feeBps, t.feeReceiver) = (uint16(bound(bps[0], 1, 1000)), RECEIVER);
        t.silentSellerBps = uint16(bound(bps[1], 0, 10_000));
        t.splitSellerBps = uint16(bound(bps[2], 0, 10_000));
        usdc.mint(buyer, type(uint96).max);
        usdc.mint(buyer, type(uint96).max);
        usdc.mint(seller, type(uint96).max);
        uint256 all = usdc.balanceOf(seller) + usdc.balanceOf(buyer);
        open(t);
        walk(t, path);
        uint256 fees =
            usdc.balanceOf(address(jury)) + usdc.balanceOf(RELAYER) + usdc.balanceOf(RECEIVER);
        assertEq(usdc.balanceOf(seller) + usdc.balanceOf(buyer) + fees, all, "sum");
        assertEq(usdc.balanceOf(address(escrow)), 0, "nothing is left");
    }

    function appeals(uint8 path) internal pure returns (bool) {
        return path & 32 == 0;
    }

    /// @dev Bit 5 clear: an appeal, of a rejection if bit 6 is set. Bits 2 to 4: how it ends.
    function walk(IDealEscrow.Terms memory t, uint8 path) internal {
        IJury.Outcome first = appeals(path) ? (path & 64 == 0 ? ACCEPTED : REJECTED) : UNDETERMINED;
        IDealEscrow.SlowState[] memory state = judged(t, 0, first);
        if (appeals(path)) state = appealed(t, 0, state);
        uint256 how = (path >> 2) % 8;
        if (how < 3) {
            settleAs(t, 0, state, IJury.Outcome(how + 1));
        } else if (how == 3) {
            vm.prank(buyer);
            escrow.accept(t, 0, state, noConsent());
        } else if (how == 4) {
            vm.prank(seller);
            escrow.concede(t, 0, state, noConsent());
        } else if (how == 5) {
            agreeOn(t, 0, state, 0);
        } else {
            vm.warp(state[0].until);
            escrow.expire(t, 0, state, unasked());
        }
    }

    // ---- refused

    function test_theSeatsAreCredited_whenTheTokenRefusesTheJury() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        withFees(t);
        bytes32 caseId = caseOf(open(t), 0, WORK);
        usdc.blacklist(address(jury));
        settle(t, 0, noState(), WORK, ballots(FOUR_SEATS, caseId, 1, 0));
        for (uint256 seat; seat < 5; ++seat) {
            uint256 needed = seat < 4 ? usd(1) : 0;
            assertEq(escrow.credits(address(usdc), juror(seat)), needed, "credit");
            assertEq(jury.fees(five, 1, uint8(seat)), 0, "pot");
        }
        escrow.withdraw(address(usdc), juror(3));
        assertEq(usdc.balanceOf(juror(3)), usd(1), "withdrawn");
        assertEq(usdc.balanceOf(address(escrow)), usd(3), "escrow");
    }

    function test_theAppealPanelsSeatsAreCredited_whenTheTokenRefusesTheJury() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        withFees(t);
        open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, ACCEPTED);
        usdc.blacklist(address(jury));
        settleAs(t, 0, state, ACCEPTED);
        for (uint256 seat; seat < 10; ++seat) {
            assertEq(escrow.credits(address(usdc), juror(seat)), usd(1), "credit");
        }
    }

    function test_submitterAndMarketplaceAreCredited_whenTheTokenRefusesThem() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        withFees(t);
        (t.feeBps, t.feeReceiver) = (1000, RECEIVER);
        open(t);
        usdc.blacklist(RELAYER);
        usdc.blacklist(RECEIVER);
        uint256 before = usdc.balanceOf(seller);
        settleAs(t, 0, noState(), ACCEPTED);
        assertEq(escrow.credits(address(usdc), RELAYER), usd(1), "relayer");
        assertEq(escrow.credits(address(usdc), RECEIVER), 9_400_000, "receiver");
        assertEq(usdc.balanceOf(seller) - before, 84_600_000, "seller");
    }

    function test_potsAreClaimedBySeats() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        withFees(t);
        open(t);
        settleAs(t, 0, noState(), REJECTED);
        jury.claimFees(five, 1, 2);
        assertEq(usdc.balanceOf(juror(2)), usd(1), "juror");
        assertEq(usdc.balanceOf(address(jury)), usd(4), "jury");
    }
}
