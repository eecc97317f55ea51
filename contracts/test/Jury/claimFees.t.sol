// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Jury} from "../../src/Jury.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {OddToken} from "../doubles/OddToken.sol";
import {BatchFixture} from "../utils/BatchFixture.sol";
import {vm} from "../utils/Vm.sol";

// claimFees
// ├── when there is something in the pot
// │   ├── it pays the whole pot to the seat's key, whoever calls, and leaves the others
// │   ├── it pays what 48 bits have no room for
// │   ├── it pays the appeal panel's seats by their own keys
// │   └── it pays a juror that left
// ├── when there is nothing in it: never funded, paid before, or no such seat
// │   └── it reverts
// ├── when the token refuses the juror
// │   └── it reverts, can be tried again, and holds up nobody else
// └── when the token calls back before it moves
//     └── what is leaving cannot be put into a pot
contract ClaimFeesTest is BatchFixture {
    uint256 internal constant POT_MOST = (1 << 48) - 1;

    function test_paysTheWholePotToTheSeatsKey_whoeverCalls(address caller, uint8 seat) public {
        seat = seat % 5;
        fundPots(five, 1, sharesOf(5, usd(2)));
        fundPots(five, 1, sharesOf(5, usd(1)));
        vm.expectEmit(true, true, true, true, address(jury));
        emit IJury.FeesClaimed(five, 1, seat, juror(seat), usd(3));
        vm.prank(caller);
        jury.claimFees(five, 1, seat);
        assertEq(usdc.balanceOf(juror(seat)), usd(3), "juror");
        assertEq(usdc.balanceOf(address(jury)), usd(12), "jury");
        for (uint8 i; i < 5; ++i) {
            assertEq(jury.fees(five, 1, i), i == seat ? 0 : usd(3), "pot");
        }
    }

    function test_aPotFillsAgainAfterItWasPaid() public {
        fundPots(five, 1, sharesOf(5, POT_MOST + 7));
        jury.claimFees(five, 1, 2);
        fundPots(five, 1, sharesOf(5, usd(1)));
        assertEq(jury.fees(five, 1, 2), usd(1), "pot");
        assertEq(jury.fees(five, 1, 3), POT_MOST + 7 + usd(1), "another pot");
    }

    function test_paysWhat48BitsHaveNoRoomFor(uint256 share) public {
        share = share % 4 < 3 ? POT_MOST - 1 + share % 4 : bound(share, 1, 2 ** 250);
        fundPots(five, 1, sharesOf(5, share));
        for (uint8 seat; seat < 5; ++seat) {
            jury.claimFees(five, 1, seat);
            assertEq(usdc.balanceOf(juror(seat)), share, "juror");
            assertEq(jury.fees(five, 1, seat), 0, "pot");
        }
        assertEq(usdc.balanceOf(address(jury)), 0, "jury");
    }

    function test_paysTheSeatsOfTheAppealPanelByTheirOwnKeys() public {
        bytes32 both = createJury(6, 7);
        fundPots(both, 1, sharesOf(6, usd(1)));
        fundPots(both, 2, sharesOf(7, usd(2)));
        jury.claimFees(both, 1, 5);
        jury.claimFees(both, 2, 0);
        jury.claimFees(both, 2, 6);
        assertEq(usdc.balanceOf(juror(5)), usd(1), "last of the panel");
        assertEq(usdc.balanceOf(juror(6)), usd(2), "first of the appeal panel");
        assertEq(usdc.balanceOf(juror(12)), usd(2), "last of the appeal panel");
    }

    function test_paysAJurorThatLeft() public {
        fundPots(five, 1, sharesOf(5, usd(1)));
        vm.prank(juror(0));
        jury.unbond(IJury.Unbonding(juror(0), 1, 0), "");
        vm.warp(START + 30 days);
        jury.claim(juror(0));
        jury.claimFees(five, 1, 0);
        assertEq(usdc.balanceOf(juror(0)), usd(1), "juror");
    }

    // ---- reverts

    function test_reverts_whenNothingIsInThePot() public {
        feesEmpty(five, 1, 0);
        uint256[] memory shares = new uint256[](5);
        shares[1] = 1;
        fundPots(five, 1, shares);
        feesEmpty(five, 1, 0);
        feesEmpty(five, 1, 2);
        jury.claimFees(five, 1, 1);
        feesEmpty(five, 1, 1);
    }

    function test_reverts_whenThereIsNoSuchSeat(uint8 round, uint8 seat) public {
        fundPots(five, 1, sharesOf(5, usd(1)));
        if (round == 1 && seat < 5) seat += 5;
        feesEmpty(five, round, seat);
        feesEmpty(five, 0, seat);
        feesEmpty(five, 3, seat);
        feesEmpty(five, 1, 15);
        feesEmpty(WORK, 1, 0);
    }

    function test_reverts_whenTheTokenRefuses_andPaysLater() public {
        fundPots(five, 1, sharesOf(5, usd(1)));
        usdc.blacklist(juror(0));
        vm.expectRevert(
            abi.encodeWithSelector(IJury.TransferRefused.selector, address(usdc), juror(0), usd(1))
        );
        jury.claimFees(five, 1, 0);
        jury.claimFees(five, 1, 1);
        assertEq(jury.fees(five, 1, 0), usd(1), "pot");
        usdc.unBlacklist(juror(0));
        jury.claimFees(five, 1, 0);
        assertEq(usdc.balanceOf(juror(0)), usd(1), "juror");
    }

    // ---- a token that calls back

    function test_whatIsLeavingCannotBePutIntoAPot() public {
        OddToken odd = OddToken(vm.deployCode("OddToken.sol:OddToken", ""));
        jury = new Jury(address(odd));
        bytes32 three = createJury(3);
        odd.mint(address(jury), usd(3));
        jury.fund(three, 1, sharesOf(3, usd(1)));
        uint256[] memory shares = new uint256[](3);
        shares[1] = usd(1);
        odd.reenter(address(jury), abi.encodeCall(jury.fund, (three, 1, shares)));
        jury.claimFees(three, 1, 0);
        assertTrue(!odd.answered(), "refused");
        assertEq(
            odd.answer(),
            abi.encodeWithSelector(IJury.Unfunded.selector, usd(3), usd(4)),
            "because it is not free"
        );
        assertEq(odd.balanceOf(juror(0)), usd(1), "juror");
        assertEq(jury.fees(three, 1, 1), usd(1), "pot");
    }

    function test_aNestedClaimIsNotPaidTwice() public {
        OddToken odd = OddToken(vm.deployCode("OddToken.sol:OddToken", ""));
        jury = new Jury(address(odd));
        bytes32 three = createJury(3);
        odd.mint(address(jury), usd(3));
        jury.fund(three, 1, sharesOf(3, usd(1)));
        odd.reenter(address(jury), abi.encodeCall(jury.claimFees, (three, 1, 0)));
        jury.claimFees(three, 1, 0);
        assertTrue(!odd.answered(), "refused");
        assertEq(odd.balanceOf(juror(0)), usd(1), "juror");
        assertEq(odd.balanceOf(address(jury)), usd(2), "jury");
    }

    function feesEmpty(bytes32 id, uint8 round, uint8 seat) internal {
        vm.expectRevert(abi.encodeWithSelector(IJury.FeesEmpty.selector, id, round, seat));
        jury.claimFees(id, round, seat);
    }
}
